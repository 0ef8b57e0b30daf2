package planner_test

import (
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
)

// TestTargetsOfLeftovers: what the files no longer have is brought along by a
// target that is to be destroyed, and by no other.
func TestTargetsOfLeftovers(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	target := func(name string) planner.Options {
		return planner.Options{Targets: []addr.Addr{addr.New("note", name)}}
	}
	b.want(b.mustPlan("note \"a\" {\n text = \"1\"\n}", target("a")), "")
	b.want(b.mustPlan("note \"a\" {\n text = \"1\"\n}", target("b")), "delete note.b\ndelete note.c")
	// c lets go of b in the same plan.
	b.want(b.mustPlan("note \"a\" {\n text = \"1\"\n}\nnote \"c\" {\n text = \"3\"\n}", target("b")), "delete note.b\nupdate note.c")
}
