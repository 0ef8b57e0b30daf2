// Package moves owns what becomes of addresses that objects have moved away
// from: of the objects themselves, and of what refers to them.
//
// Invariants:
//
//  1. An object moves as far as the moves lead, at once. Where it arrives,
//     nothing leads away from.
//  2. A move of a whole block moves all its instances, and the references that
//     mean them all. A move to one instance is about the one object that the
//     block was, never about instances that it has by now.
//  3. An object that refers to a moved one has not changed: its references
//     follow, wherever its schema has them, whenever the move was made.
//
// Start at Moves.Follow.
package moves

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// Moves say where addresses have moved to. The zero Moves has none.
type Moves struct {
	exact map[addr.Addr]addr.Addr
	whole map[addr.Addr]addr.Addr // blocks with whatever instances they have
}

// Of are the moves of moved blocks.
func Of(blocks []hcl.Moved) Moves {
	var m Moves
	for _, b := range blocks {
		m.Add(b.From, b.To)
		if !b.From.HasKey && !b.To.HasKey {
			m.whole[b.From] = b.To
		}
	}
	return m
}

// Add adds the move of one object.
func (m *Moves) Add(from, to addr.Addr) {
	if m.exact == nil {
		m.exact, m.whole = map[addr.Addr]addr.Addr{}, map[addr.Addr]addr.Addr{}
	}
	m.exact[from] = to
}

// None reports whether nothing has moved.
func (m Moves) None() bool { return len(m.exact) == 0 }

// Follow is where a has moved to, or a itself. It is not ok if the moves lead
// in a circle.
func (m Moves) Follow(a addr.Addr) (to addr.Addr, ok bool) {
	at := a
	for range len(m.exact) + 1 {
		next, moved := m.exact[at]
		if !moved && at.HasKey {
			if next, moved = m.whole[at.Block()]; moved {
				next = next.Instance(at.Key)
			}
		}
		if !moved {
			return at, true
		}
		at = next
	}
	return a, false
}

// Deps are the addresses followed; the slice given stays as it is.
func (m Moves) Deps(list []addr.Addr) []addr.Addr {
	if m.None() || list == nil {
		return list
	}
	out := make([]addr.Addr, len(list))
	for i, a := range list {
		out[i], _ = m.Follow(a)
	}
	return out
}

// Object is an object of that schema with its references followed; deps are
// the recorded dependencies of the object.
func (m Moves) Object(s *schema.Block, v cty.Value, deps []addr.Addr) cty.Value {
	if m.None() || v.IsNull() {
		return v
	}
	return references{m, deps}.object(s, v)
}

// references follows those of one object.
type references struct {
	Moves
	deps []addr.Addr
}

// follow tells a block that was moved to one of its own instances from all of
// its instances together: both are written the same, but only the former is a
// dependency under that name.
func (r references) follow(a addr.Addr) addr.Addr {
	if to := r.exact[a]; to.HasKey && to.Block() == a && !slices.Contains(r.deps, a) {
		return a
	}
	to, _ := r.Follow(a)
	return to
}

func (r references) object(s *schema.Block, v cty.Value) cty.Value {
	if v.IsNull() {
		return v
	}
	attrs := v.AsValueMap()
	for _, a := range s.Attrs {
		attrs[a.Name] = r.value(a.Type, attrs[a.Name])
	}
	for i := range s.Blocks {
		n := &s.Blocks[i]
		each := func(v cty.Value) cty.Value { return r.object(&n.Block, v) }
		if n.Mode == schema.List {
			attrs[n.Type] = elements(attrs[n.Type], each)
		} else {
			attrs[n.Type] = each(attrs[n.Type])
		}
	}
	return cty.ObjectVal(attrs)
}

func (r references) value(t schema.Type, v cty.Value) cty.Value {
	if v.IsNull() {
		return v
	}
	switch t.Kind {
	case schema.KindRef:
		if a, err := addr.Parse(v.AsString()); err == nil {
			return cty.StringVal(r.follow(a).String())
		}
	case schema.KindList, schema.KindMap:
		return elements(v, func(v cty.Value) cty.Value { return r.value(*t.Elem, v) })
	case schema.KindObject:
		return r.object(&schema.Block{Attrs: t.Of}, v)
	}
	return v
}

// elements is a list or a map with each of its elements changed.
func elements(v cty.Value, each func(cty.Value) cty.Value) cty.Value {
	if v.IsNull() || v.LengthInt() == 0 {
		return v
	}
	if v.Type().IsMapType() {
		elems := v.AsValueMap()
		for key, elem := range elems {
			elems[key] = each(elem)
		}
		return cty.MapVal(elems)
	}
	elems := v.AsValueSlice()
	for i, elem := range elems {
		elems[i] = each(elem)
	}
	return cty.ListVal(elems)
}
