package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// move renames objects as the moved blocks say, until no block applies.
func (r *run) move() {
	for range len(r.cfg.Moved) + 1 {
		again := false
		for _, m := range r.cfg.Moved {
			for _, from := range r.addresses() {
				o := r.objects[from]
				if o == nil || o.failed || !m.From.Covers(from) {
					continue
				}
				to := m.To
				if !m.From.HasKey && from.HasKey && !to.HasKey {
					to = to.Instance(from.Key)
				}
				if to == from {
					continue
				}
				if to.Type != from.Type {
					r.fail(o, "Invalid move", fmt.Errorf("%s can't become %s: an object keeps its type", from, to))
					continue
				}
				if r.cfg.Block(from) != nil {
					r.fail(o, "Moved object still exists", fmt.Errorf("%s has moved to %s, and yet a block %s stands in the files; remove that block, or the moved block", from, to, from))
					continue
				}
				if r.objects[to] != nil {
					r.fail(o, "Invalid move", fmt.Errorf("both %s and %s are in state; destroy or forget one of them first", from, to))
					continue
				}
				r.rename(o, to)
				again = true
			}
		}
		if !again {
			return
		}
	}
}

func (r *run) rename(o *object, to addr.Addr) {
	delete(r.objects, o.addr)
	if o.movedFrom.IsZero() {
		o.movedFrom = o.addr
	}
	for _, other := range r.objects {
		if slices.Contains(other.deps, o.addr) {
			other.deps = renamed(other.deps, o.addr, to)
			other.recorded = retarget(other.typ.Schema, other.recorded, o.addr, to)
			other.real = retarget(other.typ.Schema, other.real, o.addr, to)
		}
	}
	o.addr = to
	r.objects[to] = o
}

// renamed is deps with from replaced by to; the slice given is kept as it is.
func renamed(deps []addr.Addr, from, to addr.Addr) []addr.Addr {
	out := make([]addr.Addr, len(deps))
	for i, d := range deps {
		if out[i] = d; d == from {
			out[i] = to
		}
	}
	return out
}

// retarget is v with its references to from turned to to: an object that
// refers to a moved one has not changed.
func retarget(s *schema.Block, v cty.Value, from, to addr.Addr) cty.Value {
	if v.IsNull() {
		return v
	}
	attrs := v.AsValueMap()
	for _, a := range s.Attrs {
		text := attrs[a.Name]
		if a.Type.Kind == schema.KindRef && !text.IsNull() && text.AsString() == from.String() {
			attrs[a.Name] = cty.StringVal(to.String())
		}
	}
	return cty.ObjectVal(attrs)
}

// Move gives recorded resources other addresses, as `hostler state mv` does;
// those that refer to them follow.
func (p *Planner) Move(rec Recorder, moves map[addr.Addr]addr.Addr) error {
	have := rec.Snapshot().Resources
	order := slices.SortedFunc(maps.Keys(moves), addr.Compare)
	for _, from := range order {
		if err := rec.Move(from, moves[from]); err != nil {
			return err
		}
	}
	for a, r := range have {
		moved := *r
		for _, from := range order {
			moved.Deps = renamed(moved.Deps, from, moves[from])
		}
		if slices.Equal(moved.Deps, r.Deps) {
			continue
		}
		t := p.Types[a.Type]
		if t == nil {
			continue
		}
		v, err := t.Decode(r.Attributes, r.SchemaVersion)
		if err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		for _, from := range order {
			v = retarget(t.Schema, v, from, moves[from])
		}
		moved.SchemaVersion = t.Schema.Version
		if moved.Attributes, err = t.Encode(v); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		if to, ok := moves[a]; ok {
			a = to
		}
		if err := rec.Put(a, &moved); err != nil {
			return err
		}
	}
	return nil
}
