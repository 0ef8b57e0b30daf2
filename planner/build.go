package planner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner/internal/inventory"
	"hostler/state"
)

// run is one call of Plan.
type run struct {
	*Planner
	opt   Options
	cfg   *hcl.Config
	inv   *inventory.Inventory
	plan  *Plan
	diags hcl.Diagnostics
}

// Plan compares cfg, prior and the real world. It changes nothing, but that
// half-made remains of killed creations are cleared away: a prior that has
// unfinished operations must have been read under the lock, since those may
// otherwise belong to a run that is at work. With errors the plan holds what
// could be planned, to be shown but not applied.
func (p *Planner) Plan(ctx context.Context, cfg *hcl.Config, prior *state.Snapshot, opt Options) (*Plan, hcl.Diagnostics) {
	if opt.Mode == "" {
		opt.Mode = Normal
	}
	p.configure(inventory.Lookup{Config: cfg})
	r := &run{
		Planner: p, opt: opt, cfg: cfg,
		inv:  inventory.Take(ctx, p.Types, cfg, prior),
		plan: &Plan{Lineage: prior.Lineage, Serial: prior.Serial, Mode: opt.Mode, Targets: opt.Targets},
	}
	r.report()
	if r.checkOptions(); r.diags.HasErrors() {
		r.noteUnfinished()
		return r.plan, r.diags
	}
	r.inv.Narrow(opt.Targets, opt.Mode == Destroy)
	r.inv.Refresh(ctx, opt.SkipRefresh, func(o *inventory.Object) {
		r.emit(Event{Kind: Refreshing, Addr: o.Addr, Action: NoOp, ID: o.Type.ID(o.Recorded)})
	})
	r.noteDrift()
	if opt.Mode == Normal {
		r.inv.Import(ctx)
	}
	r.report()
	r.noteUnfinished()
	r.compareAll(ctx)
	r.compareOutputs(prior)
	r.sort()
	if len(opt.Targets) > 0 {
		r.warn("Resource targeting is in effect", "This plan covers only the targets and what they depend on. Apply without --target afterwards, so that the rest matches the files again.")
	}
	return r.plan, r.diags
}

func (r *run) emit(e Event) {
	if r.opt.On != nil {
		r.opt.On(e)
	}
}

func (r *run) warn(summary, detail string) {
	r.diags = append(r.diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: detail})
}

// fail reports an error about one object, once, and plans nothing about it.
func (r *run) fail(o *inventory.Object, doing string, err error) {
	o.Failed = true
	r.diags = append(r.diags, diagnose(problem{doing: doing, addr: o.Addr, err: err}, o.Source())...)
}

// report takes over the problems that the inventory has met.
func (r *run) report() {
	for _, p := range r.inv.Problems() {
		r.diags = append(r.diags, found(p)...)
	}
}

// checkOptions makes an address that matches nothing an error: with Terraform
// it means "No changes".
func (r *run) checkOptions() {
	check := func(flag string, list []addr.Addr) {
		for _, want := range r.inv.Unknown(list) {
			r.diags = append(r.diags, noMatch(flag, want, r.inv.Addresses()))
		}
	}
	check("--target", r.opt.Targets)
	check("--replace", r.opt.Replace)
}

func (r *run) noteUnfinished() {
	for _, u := range r.inv.Unfinished() {
		r.plan.Recovered = append(r.plan.Recovered, Recovery{Addr: u.Addr, Op: u.Op, Found: u.Found})
	}
}

// noteDrift lists the objects that differ from their record.
func (r *run) noteDrift() {
	for _, a := range r.inv.Addresses() {
		o := r.inv.Get(a)
		if o.Recorded.IsNull() {
			continue
		}
		d := Drift{Change: Change{
			Addr: a, Action: Update, Before: o.Recorded, After: o.Real,
			ID: o.Type.ID(o.Recorded), MovedFrom: o.MovedFrom, Source: o.Source(),
		}}
		if o.Real.IsNull() {
			d.Action = Delete
		} else if len(inventory.Differing(o.Recorded, o.Real)) == 0 {
			continue
		}
		r.plan.Drift = append(r.plan.Drift, d)
	}
}

// sort puts everything in the order of addresses, so that equal inputs give
// equal plans whatever order maps and goroutines had.
func (r *run) sort() {
	p := r.plan
	slices.SortFunc(p.Changes, func(a, b *Change) int { return addr.Compare(a.Addr, b.Addr) })
	slices.SortFunc(p.Outputs, func(a, b OutputChange) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(r.diags, func(a, b *hcl.Diagnostic) int { return cmp.Compare(place(a), place(b)) })
}

// place orders diagnostics by file and position.
func place(d *hcl.Diagnostic) string {
	if d.Subject == nil {
		return ""
	}
	return fmt.Sprintf("%s\x00%09d", d.Subject.Filename, d.Subject.Start.Byte)
}
