package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner/internal/inventory"
	"hostler/planner/internal/operation"
	"hostler/providers"
	"hostler/state"
)

// Import reads the object called id into the record of the block at a, as
// `hostler import` does: the next plan shows how the two differ.
func (p *Planner) Import(ctx context.Context, cfg *hcl.Config, a addr.Addr, id string, rec Recorder) hcl.Diagnostics {
	b := cfg.Block(a)
	if b == nil {
		d := importWithoutBlock(hcl.Import{To: a, ID: id})
		d.Subject = nil
		return hcl.Diagnostics{d}
	}
	fail := func(err error) hcl.Diagnostics {
		return diagnose(problem{doing: "Import of " + a.String(), addr: a, err: err}, &b.Source)
	}
	have := rec.Snapshot().Resources
	if have[a] != nil {
		return fail(fmt.Errorf("state records an object at %s already; `hostler state rm '%s'` forgets that one", a, a))
	}
	o := &operation.Operation{Addr: a, Type: p.Types[a.Type], Kind: operation.None, Import: true, Deps: b.Deps, PreventDestroy: b.PreventDestroy}
	var err error
	if o.After, err = inventory.ReadByID(ctx, o.Type, id); err != nil {
		return fail(err)
	}
	owner, err := ownerOf(inventory.Identity(o.Type, o.After), o.Type, have)
	if err != nil {
		return fail(err)
	}
	if !owner.IsZero() {
		return fail(inventory.Owned(a, owner))
	}
	if out := o.Do(ctx, o.Kind, rec); out.Err != nil {
		return fail(out.Err)
	}
	return nil
}

// ownerOf is the address at which an object of that identity is recorded, or
// zero.
func ownerOf(id string, t *providers.Type, have map[addr.Addr]*state.Resource) (addr.Addr, error) {
	if id == "" {
		return addr.Addr{}, nil
	}
	for _, a := range slices.SortedFunc(maps.Keys(have), addr.Compare) {
		if a.Type != t.Schema.Type {
			continue
		}
		v, err := t.Decode(have[a].Attributes, have[a].SchemaVersion)
		if err != nil {
			return addr.Addr{}, fmt.Errorf("the record of %s: %w", a, err)
		}
		if inventory.Identity(t, v) == id {
			return a, nil
		}
	}
	return addr.Addr{}, nil
}
