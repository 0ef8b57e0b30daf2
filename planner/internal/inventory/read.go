package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

// UnreadableError is one error that kept several objects of a type from being
// read.
type UnreadableError struct {
	Addrs []addr.Addr
	Err   error
}

func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// Refresh reads the recorded objects. With believe the state is believed,
// except where a killed run was at work. reading is told of each before.
func (inv *Inventory) Refresh(ctx context.Context, believe bool, reading func(*Object)) {
	var objects []*Object
	for _, a := range inv.Addresses() {
		if o := inv.objects[a]; !o.Recorded.IsNull() && !o.Failed && (o.inDoubt || !believe) {
			reading(o)
			objects = append(objects, o)
		}
	}
	inv.problems = append(inv.problems, Read(ctx, objects)...)
}

// Read reads objects as they are recorded, those of a type in one call and the
// types side by side, and fills in how they really are.
func Read(ctx context.Context, objects []*Object) (problems []Problem) {
	type batch struct {
		objects []*Object
		results []providers.Result
		err     error
	}
	batches := map[string]*batch{}
	for _, o := range objects {
		b := batches[o.Addr.Type]
		if b == nil {
			b = &batch{}
			batches[o.Addr.Type] = b
		}
		b.objects = append(b.objects, o)
	}
	var wg sync.WaitGroup
	for _, b := range batches {
		have := make([]cty.Value, len(b.objects))
		for i, o := range b.objects {
			have[i] = o.Recorded
		}
		wg.Go(func() { b.results, b.err = b.objects[0].Type.Read(ctx, have) })
	}
	wg.Wait()
	for _, name := range slices.Sorted(maps.Keys(batches)) {
		b := batches[name]
		if b.err != nil {
			e := &UnreadableError{Err: b.err}
			for _, o := range b.objects {
				o.Failed = true
				e.Addrs = append(e.Addrs, o.Addr)
			}
			problems = append(problems, Problem{Doing: fmt.Sprintf("Reading objects of type %q", name), Err: e})
			continue
		}
		for i, o := range b.objects {
			if err := b.results[i].Err; err != nil {
				o.Failed = true
				problems = append(problems, Problem{"Reading " + o.Addr.String(), o, err})
				continue
			}
			o.Real = b.results[i].Object
		}
	}
	return problems
}
