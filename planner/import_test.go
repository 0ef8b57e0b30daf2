package planner_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// TestImportOfWhatIsRecorded: the object would have two records, and the end
// of one of them would destroy what the other stands for.
func TestImportOfWhatIsRecorded(t *testing.T) {
	b := newBench(t)
	b.mustApply(`note "a" {}`, planner.Options{})
	src := "note \"n\" {}\nimport {\n to = note.n\n id = \"a\"\n}"
	if plan, diags := b.plan(src, planner.Options{}); !strings.Contains(fmt.Sprint(diags), "note.a") {
		t.Errorf("%v\n%s", diags, actions(plan))
	}
	to := addr.New("note", "n")
	if plan, diags := b.plan(src, planner.Options{Targets: []addr.Addr{to}}); !strings.Contains(fmt.Sprint(diags), "note.a") {
		t.Errorf("with a target: %v\n%s", diags, actions(plan))
	}
	b.locked(func(lock *state.Lock) {
		diags := b.p.Import(context.Background(), b.config(`note "n" {}`), to, "a", lock)
		if !strings.Contains(fmt.Sprint(diags), "note.a") {
			t.Errorf("by command: %v", diags)
		}
	})
	b.want(b.recorded(), "note.a")

	b.mustApply("removed {\n from = note.a\n}", planner.Options{})
	b.mustApply(src, planner.Options{})
	b.want(b.recorded(), "note.n")
}

func TestImportByCommand(t *testing.T) {
	b := newBench(t)
	b.mustApply(`note "a" {}`, planner.Options{})
	if err := b.notes.write(&note{Name: "found", Text: "1"}); err != nil {
		t.Fatal(err)
	}
	src := "note \"a\" {}\nnote \"n\" {\n text = \"2\"\n near = note.a\n prevent_destroy = true\n}"
	n := addr.New("note", "n")
	take := func(to addr.Addr, id string) (said string) {
		b.locked(func(lock *state.Lock) {
			if diags := b.p.Import(context.Background(), b.config(src), to, id, lock); diags.HasErrors() {
				said = diags[0].Detail
			}
		})
		return said
	}
	for _, c := range []struct {
		to       addr.Addr
		id, want string
	}{
		{addr.New("note", "m"), "found", "There is no block note.m"},
		{addr.New("note", "a"), "found", "State records an object at note.a already"},
		{n, "nowhere", `There is no object with the id "nowhere"`},
		{n, "found", ""},
	} {
		if said := take(c.to, c.id); !strings.Contains(said, c.want) || (said == "") != (c.want == "") {
			t.Errorf("%s as %s: %s", c.id, c.to, said)
		}
	}
	r := b.snapshot().Resources[n]
	if r == nil || !r.PreventDestroy || len(r.Deps) != 1 {
		t.Fatalf("%+v", r)
	}
	b.want(b.mustPlan(src, planner.Options{}), "update note.n")
}

// TestImportOutsideOfTheTargets is left for another time.
func TestImportOutsideOfTheTargets(t *testing.T) {
	b := newBench(t)
	src := "note \"a\" {}\nnote \"n\" {}\nimport {\n to = note.n\n id = \"nowhere\"\n}"
	b.want(b.mustPlan(src, planner.Options{Targets: []addr.Addr{addr.New("note", "a")}}), "create note.a")
	if said := b.said(src, planner.Options{}); !strings.Contains(said, "Import of note.n") {
		t.Error(said)
	}
}

// TestVerifyReadsInBatches: the objects of a saved plan are read again, those
// of a type in one call, and one that changed makes the plan stale.
func TestVerifyReadsInBatches(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	saved, _ := b.plan("", planner.Options{})
	b.notes.read = 0
	if diags := b.p.Verify(context.Background(), saved); diags.HasErrors() || b.notes.read != 1 {
		t.Errorf("%d calls, %v", b.notes.read, diags)
	}
	if err := b.notes.write(&note{Name: "b", Text: "edited"}); err != nil {
		t.Fatal(err)
	}
	diags := b.p.Verify(context.Background(), saved)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "note.b changed outside of hostler") {
		t.Error(diags)
	}
}
