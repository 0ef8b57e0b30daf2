package planner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// begin leaves an operation on a note unfinished, as a killed run does.
func (b *bench) begin(op state.Operation, name, attributes string) {
	b.t.Helper()
	b.locked(func(lock *state.Lock) {
		intent := state.Intent{Op: op, Resource: &state.Resource{Attributes: json.RawMessage(attributes)}}
		if err := lock.Begin(addr.New("note", name), intent); err != nil {
			b.t.Fatal(err)
		}
	})
}

// TestUnfinishedChange: the run died before or after it changed or destroyed
// an object. The plan tells what it finds, also when it is to believe the
// state otherwise.
func TestUnfinishedChange(t *testing.T) {
	for _, op := range []state.Operation{state.Update, state.Delete} {
		for _, gone := range []bool{false, true} {
			for _, skip := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s gone=%v skip=%v", op, gone, skip), func(t *testing.T) {
					b := newBench(t)
					b.mustApply(three, planner.Options{})
					b.begin(op, "c", `{"name":"c"}`)
					want := ""
					if gone {
						want = "create note.c"
						if err := os.Remove(b.notes.path("c")); err != nil {
							t.Fatal(err)
						}
					}
					plan, diags := b.plan(three, planner.Options{SkipRefresh: skip})
					if diags.HasErrors() {
						t.Fatal(diags)
					}
					b.want(actions(plan), want)
					if len(plan.Recovered) != 1 || plan.Recovered[0].Op != op || plan.Recovered[0].Found == gone {
						t.Errorf("recovered %+v", plan.Recovered)
					}
					b.mustApply(three, planner.Options{SkipRefresh: skip})
					if n := len(b.snapshot().Unfinished); n != 0 {
						t.Errorf("%d intents are still open", n)
					}
					b.want(b.mustPlan(three, planner.Options{}), "")
				})
			}
		}
	}
}

// TestUnfinishedAndMoved: the block moved on before the run that came after
// the killed one.
func TestUnfinishedAndMoved(t *testing.T) {
	src := "note \"z\" {}\nmoved {\n from = note.a\n to = note.z\n}"
	for _, op := range []state.Operation{state.Create, state.Update} {
		t.Run(string(op), func(t *testing.T) {
			b := newBench(t)
			if op == state.Update {
				b.mustApply(`note "a" {}`, planner.Options{})
			}
			b.begin(op, "a", `{"name":"a"}`)
			if err := b.notes.write(&note{Name: "a"}); err != nil {
				t.Fatal(err)
			}
			b.want(b.mustPlan(src, planner.Options{}), "")
			b.mustApply(src, planner.Options{})
			b.want(b.recorded(), "note.z")
			if open := b.snapshot().Unfinished; len(open) != 0 {
				t.Errorf("still open: %+v", open)
			}
		})
	}
}

// TestSavedPlanAfterAKill: a saved plan is applied, the run is killed, and the
// plan is applied once more. The serial is as it was, so the plan looks fresh.
func TestSavedPlanAfterAKill(t *testing.T) {
	const src = `note "a" {}`
	for name, c := range map[string]struct {
		planned string // the files that the plan was made from
		before  bool   // an attempt was unfinished when the plan was made
	}{
		"first attempt":  {src, false},
		"second attempt": {src, true},
		"other plan":     {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.mustApply(`note "other" {}`, planner.Options{})
			if c.before {
				b.begin(state.Create, "a", `{"name":"a"}`)
			}
			saved, diags := b.plan(c.planned+"\nnote \"other\" {}", planner.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if c.before {
				b.locked(func(lock *state.Lock) {
					if err := lock.Put(addr.New("note", "a"), nil); err != nil {
						t.Fatal(err)
					}
				})
			}
			b.begin(state.Create, "a", `{"name":"a"}`)
			if err := b.notes.write(&note{Name: "a"}); err != nil {
				t.Fatal(err)
			}
			b.locked(func(lock *state.Lock) {
				if diags := saved.Check(lock.Snapshot()); diags.HasErrors() {
					return
				}
				r, diags := b.p.Apply(context.Background(), saved, lock, nil, nil)
				if !strings.Contains(fmt.Sprint(diags), "stale") {
					t.Errorf("%+v %v", r, diags)
				}
			})
			b.mustApply(src+"\nnote \"other\" {}", planner.Options{})
			b.want(b.recorded(), "note.a\nnote.other")
		})
	}
}

// TestUnfinishedAndUnwanted: the run died before it had made anything, and the
// block left the files. A plan with a target is not about it.
func TestUnfinishedAndUnwanted(t *testing.T) {
	b := newBench(t)
	b.begin(state.Create, "a", `{"name":"a"}`)
	b.mustApply(`note "b" {}`, planner.Options{Targets: []addr.Addr{addr.New("note", "b")}})
	if n := len(b.snapshot().Unfinished); n != 1 {
		t.Errorf("%d intents are open after an apply with a target", n)
	}
	b.mustApply(`note "b" {}`, planner.Options{})
	if n := len(b.snapshot().Unfinished); n != 0 {
		t.Errorf("%d intents are still open", n)
	}
	b.want(b.recorded(), "note.b")
}

// TestFindFailsBeforeTheFirstStep: it can't be told whether something stands,
// so nothing is written off and nothing begins.
func TestFindFailsBeforeTheFirstStep(t *testing.T) {
	b := newBench(t)
	b.begin(state.Create, "a", `{"name":"a"}`)
	saved, _ := b.plan("note \"a\" {}\nnote \"b\" {}", planner.Options{})
	b.notes.fail["find a"] = errors.New("cable is out")
	b.locked(func(lock *state.Lock) {
		r, diags := b.p.Apply(context.Background(), saved, lock, nil, nil)
		if len(diags) != 1 || diags[0].Summary != "Unfinished creation of note.a" || len(r.Skipped) != 2 {
			t.Errorf("%+v %v", r, diags)
		}
	})
	b.want(strings.Join(b.notes.log, "\n"), "")
	if n := len(b.snapshot().Unfinished); n != 1 {
		t.Errorf("%d intents are open", n)
	}
}

// TestUnfinishedImport: the run died while it changed an object that it was
// importing, which state did not record yet.
func TestUnfinishedImport(t *testing.T) {
	b := newBench(t)
	b.begin(state.Update, "n", `{"name":"found","text":"2"}`)
	if err := b.notes.write(&note{Name: "found", Text: "1"}); err != nil {
		t.Fatal(err)
	}
	src := "note \"n\" {\n text = \"2\"\n}\nimport {\n to = note.n\n id = \"found\"\n}"
	plan, diags := b.plan(src, planner.Options{})
	if diags.HasErrors() || len(plan.Recovered) != 1 || !plan.Recovered[0].Found {
		t.Fatalf("%+v %v", plan.Recovered, diags)
	}
	b.want(actions(plan), "update note.n")
	b.mustApply(src, planner.Options{})
	if n := len(b.snapshot().Unfinished); n != 0 {
		t.Errorf("%d intents are still open", n)
	}
	b.want(b.mustPlan(src, planner.Options{}), "")
}

// TestUnreadableRecordsComeInOrder: equal inputs give equal plans, and equal
// errors.
func TestUnreadableRecordsComeInOrder(t *testing.T) {
	b := newBench(t)
	b.locked(func(lock *state.Lock) {
		for i := range 20 {
			if err := lock.Put(addr.New("strange", fmt.Sprint("n", i)), &state.Resource{Attributes: json.RawMessage(`{}`)}); err != nil {
				t.Fatal(err)
			}
		}
	})
	var first string
	for i := range 5 {
		_, diags := b.plan("", planner.Options{})
		var lines []string
		for _, d := range diags {
			lines = append(lines, d.Detail)
		}
		if text := strings.Join(lines, "\n"); i == 0 {
			first = text
		} else if text != first {
			t.Fatalf("first:\n%s\nthen:\n%s", first, text)
		}
	}
}
