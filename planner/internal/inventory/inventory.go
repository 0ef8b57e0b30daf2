// Package inventory owns what is known about every object of one plan: what
// state records of it, how it really is, and which block wants it. It decides
// nothing about any of them.
//
// Its duties, in the order in which a plan has them done:
//
//  1. Take: decode the state, find what operations of a killed run left
//     behind (recover.go), follow moved blocks (move.go), add the configured
//     blocks.
//  2. Narrow: leave out what targets do not cover (narrow.go).
//  3. Refresh: read the recorded objects, batched by type (read.go).
//  4. Import: read what import blocks name (import.go).
//
// Invariants: an object has one address; a record that can't be read is a
// problem, never "not there"; nothing is changed but partial remains of killed
// creations, which their type's Finder clears away. What goes wrong is kept as
// problems, each once, in an order that the same inputs give again.
//
// Start at Take.
package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner/internal/moves"
	"hostler/providers"
	"hostler/state"
)

// Object is one resource on its way through a plan.
type Object struct {
	Addr      addr.Addr
	Type      *providers.Type
	Recorded  cty.Value   // as state has it; null when it does not
	Real      cty.Value   // as it is; null when there is none
	Deps      []addr.Addr // as recorded
	Tainted   bool
	Protected bool // prevent_destroy, as recorded
	MovedFrom addr.Addr
	ImportID  string
	Block     *hcl.Block // nil when nothing wants it
	Resolved  cty.Value  // as it shall be; NilVal until the plan says so
	Failed    bool       // there is a problem about it: plan nothing

	inDoubt bool // a killed run was at it, so the state alone can't be believed
}

// Source is where the object's block stands, or nil.
func (o *Object) Source() *hcl.Source {
	if o.Block == nil {
		return nil
	}
	return &o.Block.Source
}

// Problem is an error met while doing something about one object. Errors
// about none or several are an *UnreadableError or a *NoBlockError.
type Problem struct {
	Doing  string // "Reading note.a"
	Object *Object
	Err    error
}

// Inventory is the objects of one plan.
type Inventory struct {
	types    providers.Registry
	cfg      *hcl.Config
	objects  map[addr.Addr]*Object
	left     map[addr.Addr]*Object // out by Narrow
	sorted   []addr.Addr           // nil: not known
	killed   []Unfinished
	problems []Problem
}

// Take takes stock of what state and configuration have.
func Take(ctx context.Context, types providers.Registry, cfg *hcl.Config, prior *state.Snapshot) *Inventory {
	inv := &Inventory{
		types: types, cfg: cfg,
		objects: make(map[addr.Addr]*Object, len(prior.Resources)+len(cfg.Blocks)),
	}
	inv.decode(prior)
	inv.recover(ctx, prior)
	inv.move(moves.Of(cfg.Moved))
	inv.join(cfg.Blocks)
	inv.sorted = nil
	return inv
}

// Problems are those met since the last call.
func (inv *Inventory) Problems() []Problem {
	met := inv.problems
	inv.problems = nil
	return met
}

func (inv *Inventory) fail(o *Object, doing string, err error) {
	o.Failed = true
	inv.problems = append(inv.problems, Problem{doing, o, err})
}

func (inv *Inventory) decode(prior *state.Snapshot) {
	for _, a := range slices.SortedFunc(maps.Keys(prior.Resources), addr.Compare) {
		rec := prior.Resources[a]
		o := &Object{Addr: a, Deps: rec.Deps, Tainted: rec.Tainted, Protected: rec.PreventDestroy}
		if v, ok := inv.read(o, rec); ok {
			o.Recorded, o.Real = v, v
			inv.objects[a] = o
		}
	}
}

// typed finds the object's type.
func (inv *Inventory) typed(o *Object) bool {
	o.Type = inv.types[o.Addr.Type]
	if o.Type == nil {
		inv.fail(o, "Unknown type in state", fmt.Errorf("state records %s, but this hostler has no block type %q; use the version that applied it", o.Addr, o.Addr.Type))
		return false
	}
	o.Recorded, o.Real = o.Type.Null(), o.Type.Null()
	return true
}

// read decodes a record of the object.
func (inv *Inventory) read(o *Object, rec *state.Resource) (cty.Value, bool) {
	if !inv.typed(o) {
		return cty.NilVal, false
	}
	v, err := o.Type.Decode(rec.Attributes, rec.SchemaVersion)
	if err != nil {
		inv.fail(o, "Unreadable state", fmt.Errorf("the record of %s: %w", o.Addr, err))
	}
	return v, err == nil
}

func (inv *Inventory) join(blocks []*hcl.Block) {
	for _, b := range blocks {
		o := inv.objects[b.Addr]
		if o == nil {
			o = &Object{Addr: b.Addr}
			if !inv.typed(o) {
				continue
			}
			inv.objects[b.Addr] = o
		}
		o.Block = b
	}
}

// Get is the object at a, or nil.
func (inv *Inventory) Get(a addr.Addr) *Object { return inv.objects[a] }

// Addresses are those of all objects, sorted.
func (inv *Inventory) Addresses() []addr.Addr {
	if inv.sorted == nil {
		inv.sorted = slices.SortedFunc(maps.Keys(inv.objects), addr.Compare)
	}
	return inv.sorted
}

// InOrder lists the objects, each after what its block depends on, ties by
// address. The language has made sure that blocks have no circle.
func (inv *Inventory) InOrder() []*Object {
	seen := make(map[addr.Addr]bool, len(inv.objects))
	out := make([]*Object, 0, len(inv.objects))
	var visit func(addr.Addr)
	visit = func(a addr.Addr) {
		o := inv.objects[a]
		if o == nil || seen[a] {
			return
		}
		seen[a] = true
		if o.Block != nil {
			for _, d := range o.Block.Deps {
				visit(d)
			}
		}
		out = append(out, o)
	}
	for _, a := range inv.Addresses() {
		visit(a)
	}
	return out
}
