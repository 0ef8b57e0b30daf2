// Package marks owns what values carry along through expressions: that they
// are sensitive, and which blocks they come from.
package marks

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/ctymarks"

	"hostler/hcl/addr"
)

// Sensitive marks values that come from a sensitive variable.
const Sensitive = sensitivity("sensitive")

type sensitivity string

// Origin marks a value with the block instance that it comes from. Marks flow
// through every expression, so what a block depends on is found where its
// attributes end up, through locals, functions and each.value alike, and at a
// cost of what is used, not of what could be.
type Origin addr.Addr

// InstancesOf marks the map of a for_each block's instances. Values below it
// carry it too, so it identifies only what is still a map.
type InstancesOf addr.Addr

// WithoutOrigin takes off all marks but Sensitive.
func WithoutOrigin(v cty.Value) cty.Value {
	v, _ = v.WrangleMarksDeep(func(mark any, _ cty.Path) (ctymarks.WrangleAction, error) {
		if mark == Sensitive {
			return ctymarks.WrangleKeep, nil
		}
		return ctymarks.WrangleDrop, nil
	})
	return v
}

// ContainsSensitive reports whether any part of v is sensitive.
func ContainsSensitive(v cty.Value) bool {
	found := false
	v.WrangleMarksDeep(func(mark any, _ cty.Path) (ctymarks.WrangleAction, error) {
		found = found || mark == Sensitive
		return ctymarks.WrangleKeep, nil
	})
	return found
}

// Has reports whether mark is among marks.
func Has(marks cty.ValueMarks, mark any) bool {
	_, ok := marks[mark]
	return ok
}

// Origins are the instances that marks name.
func Origins(marks cty.ValueMarks) (out []addr.Addr) {
	for mark := range marks {
		if from, ok := mark.(Origin); ok {
			out = append(out, addr.Addr(from))
		}
	}
	return out
}
