package inventory

import (
	"context"
	"fmt"

	"hostler/hcl/addr"
	"hostler/planner/internal/operation"
	"hostler/state"
)

// Unfinished is an operation that a killed run began and did not finish.
type Unfinished struct {
	Addr addr.Addr
	Op   state.Operation
	// Found says that the object stands, and is ours. Of an update or a
	// delete it is known once the objects have been read.
	Found bool

	object *Object // as recorded; nil when it was not
}

// recover finds out what became of unfinished operations. An update or a
// delete leaves the object under its record, to be read like others, but its
// dependencies may be the new ones already. A creation may have made an object
// that state does not know; its type's Finder tells.
func (inv *Inventory) recover(ctx context.Context, prior *state.Snapshot) {
	for _, u := range prior.Unfinished {
		if u.Resource == nil {
			u.Resource = &state.Resource{}
		}
		if u.Op != state.Create {
			o := inv.objects[u.Addr]
			if o != nil {
				o.inDoubt, o.Deps = true, operation.Union(o.Deps, u.Resource.Deps)
			}
			inv.killed = append(inv.killed, Unfinished{Addr: u.Addr, Op: u.Op, object: o})
			continue
		}
		if found, ok := inv.find(ctx, u); ok {
			inv.killed = append(inv.killed, Unfinished{Addr: u.Addr, Op: u.Op, Found: found})
		}
	}
}

// find looks for what an unfinished creation made, and adds it.
func (inv *Inventory) find(ctx context.Context, u state.Unfinished) (found, ok bool) {
	o := &Object{Addr: u.Addr, Deps: u.Resource.Deps, Protected: u.Resource.PreventDestroy}
	want, ok := inv.read(o, u.Resource)
	if !ok {
		return false, false
	}
	v, can, err := o.Type.Find(ctx, want)
	if err == nil && !can {
		err = fmt.Errorf("a run was killed while it created %s, and objects of type %q can't be looked for; see whether it is there, then import it, or `hostler state rm '%s'` to forget the attempt", o.Addr, o.Addr.Type, o.Addr)
	}
	if err != nil {
		inv.fail(o, "Unfinished creation of "+o.Addr.String(), err)
		inv.objects[o.Addr] = o
		return false, false
	}
	if v.IsNull() {
		return false, true
	}
	o.Recorded, o.Real = v, v
	inv.objects[o.Addr] = o
	return true, true
}

// Unfinished lists the unfinished operations and what was found, in the order
// in which they were begun. One about an object that was left out by Narrow is
// not among them: nobody has looked.
func (inv *Inventory) Unfinished() []Unfinished {
	var out []Unfinished
	for _, u := range inv.killed {
		o := u.object
		if o == nil && u.Op != state.Create {
			o = inv.objects[u.Addr] // it was being imported
		}
		if o != nil {
			if inv.left[o.Addr] != nil {
				continue
			}
			u.Found = !o.Real.IsNull()
		}
		out = append(out, u)
	}
	return out
}
