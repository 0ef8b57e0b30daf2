package planner_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// TestMovedToOneInstance: a block gets for_each, and the object that was there
// becomes one of its instances. The other instances have never moved.
func TestMovedToOneInstance(t *testing.T) {
	b := newBench(t)
	b.mustApply("note \"a\" {}\nnote \"b\" {\n near = note.a\n}", planner.Options{})
	each := func(near string) string {
		return "note \"a\" {\n for_each = toset([\"x\", \"y\"])\n}\nnote \"b\" {\n near = " + near + "\n}\n" +
			"moved {\n from = note.a\n to = note.a[\"x\"]\n}"
	}
	b.want(b.mustPlan(each(`note.a["x"]`), planner.Options{}), `create note.a["y"]`)
	all := each("note.a") // of them, from now on
	b.want(b.mustPlan(all, planner.Options{}), "create note.a[\"y\"]\nupdate note.b")
	b.mustApply(all, planner.Options{})
	b.want(b.recorded(), "note.a[\"x\"]\nnote.a[\"y\"]\nnote.b")
	b.want(b.mustPlan(all, planner.Options{}), "")
}

func TestMovedChain(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	moved := strings.ReplaceAll(strings.ReplaceAll(three, `"a"`, `"n"`), "note.a", "note.n") +
		"moved {\n from = note.a\n to = note.z\n}\nmoved {\n from = note.z\n to = note.m\n}\nmoved {\n from = note.m\n to = note.n\n}"
	plan, diags := b.plan(moved, planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	b.want(actions(plan), "")
	if c := plan.Changes[2]; c.Addr != addr.New("note", "n") || c.MovedFrom != addr.New("note", "a") {
		t.Errorf("%+v", c)
	}
	b.mustApply(moved, planner.Options{})
	b.want(b.recorded(), "note.b\nnote.c\nnote.n")
	b.want(b.mustPlan(moved, planner.Options{}), "")
}

func TestMoveRefused(t *testing.T) {
	b := newBench(t)
	b.mustApply("note \"a\" {}\nnote \"b\" {}\nnote \"c\" {}", planner.Options{})
	for moved, want := range map[string]string{
		"note \"b\" {}\nmoved {\n from = note.a\n to = note.b\n}":                            "Both note.a and note.b are in state, and both would be note.b",
		"moved {\n from = note.a\n to = note.b\n}\nmoved {\n from = note.b\n to = note.z\n}": "Both note.b and note.a are in state, and both would be note.z",
	} {
		if _, diags := b.plan(moved, planner.Options{}); !strings.Contains(fmt.Sprint(diags), want) {
			t.Errorf("%s: %v, want %q", moved, diags, want)
		}
	}
	a, z := addr.New("note", "a"), addr.New("note", "z")
	cfg := b.config("")
	cfg.Moved = []hcl.Moved{{From: a, To: z}, {From: z, To: a}}
	if _, diags := b.p.Plan(context.Background(), cfg, b.snapshot(), planner.Options{}); !strings.Contains(fmt.Sprint(diags), "in a circle") {
		t.Error(diags)
	}
	cfg.Moved = []hcl.Moved{{From: a, To: addr.New("letter", "a")}}
	if _, diags := b.p.Plan(context.Background(), cfg, b.snapshot(), planner.Options{}); !strings.Contains(fmt.Sprint(diags), "keeps its type") {
		t.Error(diags)
	}
	cfg = b.config(`note "a" {}`)
	cfg.Moved = []hcl.Moved{{From: a, To: z}}
	if _, diags := b.p.Plan(context.Background(), cfg, b.snapshot(), planner.Options{}); !strings.Contains(fmt.Sprint(diags), "Moved object still exists") {
		t.Error(diags)
	}
}

// TestReferenceToAMovedBlock: a reference may mean all instances of a block.
func TestReferenceToAMovedBlock(t *testing.T) {
	b := newBench(t)
	src := "note \"a\" {\n for_each = toset([\"x\", \"y\"])\n}\nnote \"b\" {\n near = note.a\n}\n"
	b.mustApply(src, planner.Options{})
	b.want(b.mustPlan(src, planner.Options{}), "")
	moved := strings.ReplaceAll(strings.ReplaceAll(src, `"a"`, `"z"`), "note.a", "note.z") + "moved {\n from = note.a\n to = note.z\n}"
	b.want(b.mustPlan(moved, planner.Options{}), "")
	b.mustApply(moved, planner.Options{})
	b.want(b.recorded(), "note.b\nnote.z[\"x\"]\nnote.z[\"y\"]")
	b.want(b.mustPlan(moved, planner.Options{}), "")
}

// TestMoveByHandTakesTheReferencesAlong: `hostler state mv`, of all instances
// of a block and of one.
func TestMoveByHand(t *testing.T) {
	b := newBench(t)
	src := "note \"a\" {\n for_each = toset([\"x\", \"y\"])\n}\nnote \"b\" {\n near = note.a\n}\nnote \"c\" {\n near = note.a[\"x\"]\n}"
	b.mustApply(src, planner.Options{})
	a, z := addr.New("note", "a"), addr.New("note", "z")
	b.locked(func(lock *state.Lock) {
		if err := b.p.Move(lock, map[addr.Addr]addr.Addr{a.Instance("x"): z.Instance("x"), a.Instance("y"): z.Instance("y")}); err != nil {
			t.Fatal(err)
		}
	})
	b.want(b.mustPlan(strings.ReplaceAll(strings.ReplaceAll(src, `"a"`, `"z"`), "note.a", "note.z"), planner.Options{}), "")
	b.want(fmt.Sprint(b.snapshot().Resources[addr.New("note", "c")].Deps), `[note.z["x"]]`)
}

// TestMoveCutShort: the run was killed when it had recorded the move, and
// before it recorded the references.
func TestMoveCutShort(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	b.locked(func(lock *state.Lock) {
		if err := lock.Move(addr.New("note", "a"), addr.New("note", "z")); err != nil {
			t.Fatal(err)
		}
	})
	moved := strings.ReplaceAll(strings.ReplaceAll(three, `"a"`, `"z"`), "note.a", "note.z") + "moved {\n from = note.a\n to = note.z\n}"
	b.want(b.mustPlan(moved, planner.Options{}), "")
}

// TestMoveOntoAnUnfinishedCreation would lose one of the two objects.
func TestMoveOntoAnUnfinishedCreation(t *testing.T) {
	b := newBench(t)
	b.mustApply(`note "a" {}`, planner.Options{})
	b.begin(state.Create, "z", `{"name":"z"}`)
	b.locked(func(lock *state.Lock) {
		err := b.p.Move(lock, map[addr.Addr]addr.Addr{addr.New("note", "a"): addr.New("note", "z")})
		if err == nil || !strings.Contains(err.Error(), "unfinished") {
			t.Error(err)
		}
	})
	b.want(b.recorded(), "note.a")
}
