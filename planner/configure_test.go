package planner_test

import (
	"fmt"
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// In a plan providers see the files, in an apply what was planned.
func TestProvidersAreShownTheConfigurationFirst(t *testing.T) {
	b := newBench(t)
	shows := func(want ...string) {
		t.Helper()
		var got []string
		for _, a := range b.notes.config.All("note") {
			v, ok := b.notes.config.Get(a)
			if !ok {
				t.Errorf("%s is listed and not shown", a)
				continue
			}
			got = append(got, a.String()+" "+v.GetAttr("text").AsString())
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("shown: %v, want %v", got, want)
		}
	}
	const src = "note \"a\" {\n  text = \"one\"\n}\nnote \"b\" {\n  text = \"two\"\n}"
	plan, diags := b.plan(src, planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	shows("note.a one", "note.b two")
	b.notes.config = nil
	b.locked(func(lock *state.Lock) {
		if _, diags := b.p.Apply(t.Context(), plan, lock, nil, nil); diags.HasErrors() {
			t.Error(diags)
		}
	})
	shows("note.a one", "note.b two")

	b.mustApply("note \"a\" {\n  text = \"one\"\n}", planner.Options{})
	shows("note.a one") // b ended
	if _, ok := b.notes.config.Get(addr.New("note", "b")); ok {
		t.Error("what ends is still shown")
	}
}
