package planner_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// TestOrderGoesThroughWhatStays: c needs b and b needs a. That nothing is to
// be done about b takes away none of the order.
func TestOrderGoesThroughWhatStays(t *testing.T) {
	t.Run("destroy", func(t *testing.T) {
		b := newBench(t)
		b.mustApply(three, planner.Options{})
		if err := os.Remove(b.notes.path("b")); err != nil {
			t.Fatal(err)
		}
		b.ordered(b.trace(three, planner.Options{Mode: planner.Destroy}), "complete delete note.c", "start delete note.a")
	})
	t.Run("create", func(t *testing.T) {
		b := newBench(t)
		b.mustApply(three, planner.Options{})
		for _, name := range []string{"a", "c"} {
			if err := os.Remove(b.notes.path(name)); err != nil {
				t.Fatal(err)
			}
		}
		b.ordered(b.trace(three, planner.Options{}), "complete create note.a", "start create note.c")
		b.notes.fail["create a"] = errors.New("disk on fire")
		for _, name := range []string{"a", "c"} {
			if err := os.Remove(b.notes.path(name)); err != nil {
				t.Fatal(err)
			}
		}
		r, _ := b.apply(three, planner.Options{})
		if len(r.Skipped) != 1 || r.Skipped[0].Because != addr.New("note", "a") {
			t.Errorf("skipped %+v", r.Skipped)
		}
	})
}

// TestDependentsGoBeforeTheChange: what depends on an object is destroyed
// before the object is changed, and made anew after that.
func TestDependentsGoBeforeTheChange(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	changed := strings.Replace(three, `"1"`, `"one"`, 1)
	changed = changed[:strings.Index(changed, `note "c"`)]
	replaced := strings.Replace(changed, `text = "2"`, "text = \"2\"\n kind = \"k\"", 1)
	b.ordered(b.trace(replaced, planner.Options{}),
		"complete delete note.c", "start delete note.b", "complete delete note.b",
		"start update note.a", "complete update note.a", "start create note.b")
}

// TestFailedEndSparesWhatStays: c can't be destroyed. b and a, which it needs,
// stay as they are, so nothing that needs them has to wait; a change of b has.
func TestFailedEndSparesWhatStays(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	rest := three[:strings.Index(three, `note "c"`)] + "note \"d\" {\n near = note.b\n}\n"
	b.notes.fail["delete c"] = errors.New("disk on fire")
	r, _ := b.apply(rest, planner.Options{})
	if r.Added != 1 || len(r.Failed) != 1 || len(r.Skipped) != 0 {
		t.Errorf("%+v", r)
	}
	r, _ = b.apply(strings.Replace(rest, `"2"`, `"two"`, 1), planner.Options{})
	if r.Changed != 0 || len(r.Failed) != 1 || len(r.Skipped) != 1 || r.Skipped[0].Because != addr.New("note", "c") {
		t.Errorf("%+v", r)
	}
}

// TestSameIdentity: the new object can only stand where the old one stood once
// that is gone.
func TestSameIdentity(t *testing.T) {
	b := newBench(t)
	b.mustApply(`note "z-x" {}`, planner.Options{})
	each := "note \"z\" {\n for_each = toset([\"x\"])\n}"
	b.ordered(b.trace(each, planner.Options{}), "complete delete note.z-x", `start create note.z["x"]`)
	b.want(b.recorded(), `note.z["x"]`)
}

// TestCircleInState: runs that were cut short can leave records that depend on
// each other. They have no order, but they must go all the same.
func TestCircleInState(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	b.locked(func(lock *state.Lock) {
		r := *lock.Snapshot().Resources[addr.New("note", "a")]
		r.Deps = []addr.Addr{addr.New("note", "b")}
		if err := lock.Put(addr.New("note", "a"), &r); err != nil {
			t.Fatal(err)
		}
	})
	r := b.mustApply(three, planner.Options{Mode: planner.Destroy})
	if r.Removed != 3 {
		t.Errorf("%+v", r)
	}
}

// TestFailedStepsKeepTheOldDependencies: until an object has let go of
// another, the record says so, and the next run keeps to the order.
func TestFailedStepsKeepTheOldDependencies(t *testing.T) {
	before := "note \"x\" {}\nnote \"z\" {}\nnote \"y\" {\n near = note.x\n}"
	for name, c := range map[string]struct{ fail, after string }{
		"update":  {"update y", "note \"z\" {}\nnote \"y\" {\n text = \"new\"\n near = note.z\n}"},
		"replace": {"delete y", "note \"z\" {}\nnote \"y\" {\n kind = \"new\"\n near = note.z\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.mustApply(before, planner.Options{})
			b.notes.fail[c.fail] = errors.New("disk on fire")
			if _, diags := b.apply(c.after, planner.Options{}); !diags.HasErrors() {
				t.Fatal("no error")
			}
			clear(b.notes.fail)
			done := strings.Replace("complete ACTION note.y", "ACTION", strings.Fields(c.fail)[0], 1)
			b.ordered(b.trace(c.after, planner.Options{}), done, "start delete note.x")
			b.want(b.recorded(), "note.y\nnote.z")
			if deps := b.snapshot().Resources[addr.New("note", "y")].Deps; len(deps) != 1 || deps[0] != addr.New("note", "z") {
				t.Errorf("dependencies at the end: %v", deps)
			}
		})
	}
}
