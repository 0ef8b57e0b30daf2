package planner

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/state"
)

// recover finds out what became of operations that a killed run began and did
// not finish. An unfinished update or delete needs nothing: the refresh sees
// the object as it is. An unfinished create may have made an object that
// state does not know; its type's Finder tells.
func (r *run) recover(prior *state.Snapshot) {
	for _, u := range prior.Unfinished {
		if u.Op != state.Create {
			r.plan.Recovered = append(r.plan.Recovered, Recovery{Addr: u.Addr, Op: u.Op, Found: prior.Resources[u.Addr] != nil})
			continue
		}
		o := &object{addr: u.Addr, deps: u.Resource.Deps, protected: u.Resource.PreventDestroy}
		var want cty.Value
		if !r.typed(o) || !r.read(o, u.Resource, &want) {
			continue
		}
		found, ok, err := o.typ.Find(r.ctx, want)
		if err == nil && !ok {
			err = fmt.Errorf("a run was killed while it created %s, and objects of type %q can't be looked for; see whether it is there, then import it, or `hostler state rm '%s'` to forget the attempt", o.addr, o.addr.Type, o.addr)
		}
		if err != nil {
			r.fail(o, "Unfinished creation of "+o.addr.String(), err)
			r.objects[o.addr] = o
			continue
		}
		r.plan.Recovered = append(r.plan.Recovered, Recovery{Addr: u.Addr, Op: u.Op, Found: !found.IsNull()})
		if !found.IsNull() {
			o.recorded, o.real = found, found
			r.objects[o.addr] = o
		}
	}
}

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
		other.deps = renamed(other.deps, o.addr, to)
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
