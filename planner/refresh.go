package planner

import (
	"maps"
	"slices"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

// refresh reads every recorded object, one batch for each type, and notes how
// it differs from the record.
func (r *run) refresh() {
	if r.opt.SkipRefresh {
		return
	}
	batches := map[string][]*object{}
	for _, a := range r.addresses() {
		if o := r.objects[a]; !o.recorded.IsNull() && !o.failed {
			r.emit(Event{Kind: Refreshing, Addr: a, Action: NoOp, ID: o.typ.ID(o.recorded)})
			batches[a.Type] = append(batches[a.Type], o)
		}
	}
	type outcome struct {
		results []providers.Result
		err     error
	}
	outcomes := make(map[string]outcome, len(batches))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, batch := range batches {
		typ := batch[0].typ
		have := make([]cty.Value, len(batch))
		for i, o := range batch {
			have[i] = o.recorded
		}
		wg.Go(func() {
			results, err := typ.Read(r.ctx, have)
			mu.Lock()
			defer mu.Unlock()
			outcomes[name] = outcome{results, err}
		})
	}
	wg.Wait()
	for _, name := range slices.Sorted(maps.Keys(batches)) {
		batch, got := batches[name], outcomes[name]
		if got.err != nil {
			addrs := make([]addr.Addr, len(batch))
			for i, o := range batch {
				o.failed, addrs[i] = true, o.addr
			}
			r.diags = append(r.diags, unreadable(addrs, got.err))
			continue
		}
		for i, o := range batch {
			if err := got.results[i].Err; err != nil {
				r.fail(o, "Reading "+o.addr.String(), err)
				continue
			}
			o.real = got.results[i].Object
			r.noteDrift(o)
		}
	}
}

func (r *run) noteDrift(o *object) {
	d := Drift{Change: Change{
		Addr: o.addr, Action: Update, Before: o.recorded, After: o.real,
		ID: o.typ.ID(o.recorded), MovedFrom: o.movedFrom, Source: o.source(),
	}}
	switch {
	case o.real.IsNull():
		d.Action = Delete
	case len(differing(o.recorded, o.real)) == 0:
		return
	}
	r.plan.Drift = append(r.plan.Drift, d)
}

// differing are the names of the attributes in which two objects differ,
// sorted.
func differing(a, b cty.Value) []string {
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
