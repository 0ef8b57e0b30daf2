package hcl

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/ctymarks"

	"hostler/hcl/addr"
)

// origin marks a value with the block instance that it comes from. Marks flow
// through every expression, so what a block depends on is found where its
// attributes end up, through locals, functions and each.value alike, and at a
// cost of what is used, not of what could be.
type origin addr.Addr

// instancesOf marks the map of a for_each block's instances. Values below it
// carry it too, so it identifies only what is still a map.
type instancesOf addr.Addr

// withoutOrigin takes off all marks but Sensitive.
func withoutOrigin(v cty.Value) cty.Value {
	v, _ = v.WrangleMarksDeep(func(mark any, _ cty.Path) (ctymarks.WrangleAction, error) {
		if mark == Sensitive {
			return ctymarks.WrangleKeep, nil
		}
		return ctymarks.WrangleDrop, nil
	})
	return v
}

// containsSensitive reports whether any part of v is sensitive.
func containsSensitive(v cty.Value) bool {
	found := false
	v.WrangleMarksDeep(func(mark any, _ cty.Path) (ctymarks.WrangleAction, error) {
		found = found || mark == Sensitive
		return ctymarks.WrangleKeep, nil
	})
	return found
}

func hasMark(marks cty.ValueMarks, mark any) bool {
	_, ok := marks[mark]
	return ok
}

// origins are the instances that marks name.
func origins(marks cty.ValueMarks) (out []addr.Addr) {
	for mark := range marks {
		if from, ok := mark.(origin); ok {
			out = append(out, addr.Addr(from))
		}
	}
	return out
}
