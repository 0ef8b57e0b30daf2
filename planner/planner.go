// Package planner thinks: it compares what is wanted, what was applied and
// what is real, and orders the steps that make them agree. It knows no
// provider by name and writes nothing itself; the world is changed through
// providers.Type, the record through Recorder.
//
// Plan's duties, in the order in which build.go has them done:
//
//  0. Show every type the configuration (configure.go).
//  1. Take stock: decode the state, find what operations of a killed run left
//     behind, follow moved blocks, refresh, read what is to be imported
//     (internal/inventory, internal/moves).
//  2. Resolve and compare each block, dependencies first (compare.go).
//  3. Plan the end of what left the files.
//
// Apply's duties, in the order in which apply.go has them done; it decides
// nothing:
//
//  1. Settle: record what the plan found out (settle.go).
//  2. Order the steps (steps.go), and walk them (internal/walk).
//  3. Do each between its records (internal/operation).
//
// Invariants: equal inputs give equal plans; a plan is data without unknowns;
// every change of the world stands between a durable Begin and a durable Put;
// nothing that state does not record is changed, except through import or
// Finder. The time for a plan or an apply grows with the resources, their
// dependencies and the moved blocks, never with a product of them.
package planner

import (
	"time"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner/internal/inventory"
	"hostler/providers"
	"hostler/state"
)

// Planner plans and applies.
type Planner struct {
	Types       providers.Registry // required
	Parallelism int                // steps at a time; less than 1 means DefaultParallelism
	Now         func() time.Time   // required
}

// DefaultParallelism is Terraform's.
const DefaultParallelism = 10

// Options narrow or widen one plan.
type Options struct {
	Mode        Mode
	Targets     []addr.Addr // with what they depend on; none means everything
	Replace     []addr.Addr // to be made anew though nothing asks for it
	SkipRefresh bool        // believe the state, but for what a killed run was at
	Upgrade     bool        // let what objects are pinned to, such as a tag's digest, move to what it is now
	On          func(Event) // told of Refreshing; may be nil
}

// Recorder is where Apply records what it does. *state.Lock is one.
type Recorder interface {
	Snapshot() *state.Snapshot
	Begin(addr.Addr, state.Intent) error
	Put(addr.Addr, *state.Resource) error
	Move(from, to addr.Addr) error
	SetOutputs(map[string]state.Output) error
}

// Validate runs every type's own checks that look at no Mac.
func (p *Planner) Validate(cfg *hcl.Config) hcl.Diagnostics {
	var diags hcl.Diagnostics
	config := inventory.Lookup{Config: cfg}
	for _, b := range cfg.Blocks {
		if t := p.Types[b.Addr.Type]; t != nil {
			if err := t.Validate(b.Addr, b.Value, config); err != nil {
				diags = append(diags, diagnose(problem{doing: "Invalid configuration", addr: b.Addr, err: err}, &b.Source)...)
			}
		}
	}
	return diags
}
