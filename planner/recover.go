package planner

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

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
