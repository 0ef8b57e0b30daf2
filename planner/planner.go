// Package planner thinks: it compares what is wanted, what was applied and
// what is real, and orders the steps that make them agree. It knows no
// provider by name and writes nothing itself; the world is changed through
// providers.Type, the record through Recorder.
//
// Plan's duties, in the order in which plan.go calls them:
//
//  1. Decode the state.
//  2. Find what operations of a killed run left behind (recover.go).
//  3. Follow moved blocks (moves.go).
//  4. Refresh: read every object, batched by type (refresh.go).
//  5. Read objects to import.
//  6. Resolve and compare each block, dependencies first (compare.go).
//  7. Plan the end of what left the files.
//
// Apply (apply.go) walks the steps (steps.go) of that plan and decides
// nothing.
//
// Invariants: equal inputs give equal plans; a plan is data without unknowns;
// every change of the world stands between a durable Begin and a durable Put;
// nothing that state does not record is changed, except through import or
// Finder.
package planner

import (
	"context"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
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
	SkipRefresh bool        // believe the state
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

// object is one resource on its way through a plan.
type object struct {
	addr      addr.Addr
	typ       *providers.Type
	recorded  cty.Value // as state has it; null when it does not
	real      cty.Value // as it is; null when there is none
	deps      []addr.Addr
	tainted   bool
	protected bool // prevent_destroy, as recorded
	movedFrom addr.Addr
	importID  string
	resolved  cty.Value // as it shall be; NilVal until known
	block     *hcl.Block
	failed    bool // an error was reported; plan nothing about it
}

// source is where the object's block stands, or nil.
func (o *object) source() *hcl.Source {
	if o.block == nil {
		return nil
	}
	return &o.block.Source
}

// run is one call of Plan.
type run struct {
	*Planner
	ctx     context.Context
	opt     Options
	cfg     *hcl.Config
	plan    *Plan
	objects map[addr.Addr]*object
	diags   hcl.Diagnostics
}

func (r *run) emit(e Event) {
	if r.opt.On != nil {
		r.opt.On(e)
	}
}

// Validate runs every type's own checks that need no I/O.
func (p *Planner) Validate(cfg *hcl.Config) hcl.Diagnostics {
	var diags hcl.Diagnostics
	config := configured{cfg: cfg}
	for _, b := range cfg.Blocks {
		if t := p.Types[b.Addr.Type]; t != nil {
			if err := t.Validate(b.Value, config); err != nil {
				diags = append(diags, diagnose(problem{doing: "Invalid configuration", addr: b.Addr, err: err}, &b.Source)...)
			}
		}
	}
	return diags
}

// configured is a Lookup of blocks as written.
type configured struct {
	cfg      *hcl.Config
	resolved map[addr.Addr]*object // may be nil
}

// Get prefers the resolved value: blocks are resolved dependencies first.
func (c configured) Get(a addr.Addr) (cty.Value, bool) {
	if o := c.resolved[a]; o != nil && o.resolved != cty.NilVal {
		return o.resolved, true
	}
	if b := c.cfg.Block(a); b != nil {
		return b.Value, true
	}
	return cty.NilVal, false
}

func (c configured) All(blockType string) []addr.Addr {
	var out []addr.Addr
	for _, b := range c.cfg.Blocks {
		if b.Addr.Type == blockType {
			out = append(out, b.Addr)
		}
	}
	return out
}
