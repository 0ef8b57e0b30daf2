package inventory

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// Differing are the names of the attributes in which two objects differ,
// sorted.
func Differing(a, b cty.Value) []string {
	var names []string
	other := b.AsValueMap()
	for name, v := range a.AsValueMap() {
		if !v.RawEquals(other[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Ignore is want with the attributes that the block ignores as they really
// are.
func (o *Object) Ignore(want cty.Value) cty.Value {
	if len(o.Block.IgnoreChanges) == 0 || o.Real.IsNull() {
		return want
	}
	attrs, real := want.AsValueMap(), o.Real.AsValueMap()
	for name := range attrs {
		if o.Block.IgnoreChanges[0] == "*" || slices.Contains(o.Block.IgnoreChanges, name) {
			attrs[name] = real[name]
		}
	}
	return cty.ObjectVal(attrs)
}
