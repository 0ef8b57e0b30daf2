package planner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/state"
)

// Plan compares cfg, prior and the real world. It changes nothing. With
// errors the plan holds what could be planned, to be shown but not applied.
func (p *Planner) Plan(ctx context.Context, cfg *hcl.Config, prior *state.Snapshot, opt Options) (*Plan, hcl.Diagnostics) {
	if opt.Mode == "" {
		opt.Mode = Normal
	}
	r := &run{
		Planner: p, ctx: ctx, opt: opt, cfg: cfg,
		objects: make(map[addr.Addr]*object, len(prior.Resources)+len(cfg.Blocks)),
		plan:    &Plan{Lineage: prior.Lineage, Serial: prior.Serial, Mode: opt.Mode, Targets: opt.Targets},
	}
	r.decode(prior)
	r.recover(prior)
	r.move()
	r.join()
	if r.checkOptions(); r.diags.HasErrors() {
		return r.plan, r.diags
	}
	r.restrict()
	r.refresh()
	r.importObjects()
	r.compareAll()
	r.compareOutputs(prior)
	r.sort()
	if len(opt.Targets) > 0 {
		r.warn("Resource targeting is in effect", "This plan covers only the targets and what they depend on. Apply without --target afterwards, so that the rest matches the files again.")
	}
	return r.plan, r.diags
}

func (r *run) warn(summary, detail string) {
	r.diags = append(r.diags, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: detail})
}

// fail reports an error about one object, once, and plans nothing about it.
func (r *run) fail(o *object, doing string, err error) {
	o.failed = true
	r.diags = append(r.diags, diagnose(problem{doing: doing, addr: o.addr, err: err}, o.source())...)
}

// decode turns the state's records into objects. A record that can't be read
// is an error, never "not there".
func (r *run) decode(prior *state.Snapshot) {
	for a, rec := range prior.Resources {
		o := &object{addr: a, deps: rec.Deps, tainted: rec.Tainted, protected: rec.PreventDestroy}
		if r.typed(o) && r.read(o, rec, &o.recorded) {
			o.real = o.recorded
			r.objects[a] = o
		}
	}
}

// typed finds the object's type.
func (r *run) typed(o *object) bool {
	o.typ = r.Types[o.addr.Type]
	if o.typ == nil {
		r.fail(o, "Unknown type in state", fmt.Errorf("state records %s, but this hostler has no block type %q; use the version that applied it", o.addr, o.addr.Type))
		return false
	}
	o.recorded, o.real = o.typ.Null(), o.typ.Null()
	return true
}

func (r *run) read(o *object, rec *state.Resource, into *cty.Value) bool {
	v, err := o.typ.Decode(rec.Attributes, rec.SchemaVersion)
	if err != nil {
		r.fail(o, "Unreadable state", fmt.Errorf("the record of %s: %w", o.addr, err))
		return false
	}
	*into = v
	return true
}

// join adds the configured blocks to the objects.
func (r *run) join() {
	for _, b := range r.cfg.Blocks {
		o := r.objects[b.Addr]
		if o == nil {
			o = &object{addr: b.Addr}
			if !r.typed(o) {
				continue
			}
			r.objects[b.Addr] = o
		}
		o.block = b
	}
}

// checkOptions makes an address that matches nothing an error: with Terraform
// it means "No changes".
func (r *run) checkOptions() {
	check := func(flag string, list []addr.Addr) {
		for _, want := range list {
			matches := func(a addr.Addr) bool { return want.Covers(a) }
			if !slices.ContainsFunc(r.addresses(), matches) {
				r.diags = append(r.diags, noMatch(flag, want, r.addresses()))
			}
		}
	}
	check("--target", r.opt.Targets)
	check("--replace", r.opt.Replace)
}

func (r *run) addresses() []addr.Addr {
	out := make([]addr.Addr, 0, len(r.objects))
	for a := range r.objects {
		out = append(out, a)
	}
	slices.SortFunc(out, addr.Compare)
	return out
}

// restrict drops what targets leave out: a target brings along what it
// depends on, or when it is to be destroyed, what depends on it.
func (r *run) restrict() {
	if len(r.opt.Targets) == 0 {
		return
	}
	next := map[addr.Addr][]addr.Addr{}
	for a, o := range r.objects {
		if r.opt.Mode != Destroy && o.block != nil {
			next[a] = append(next[a], o.block.Deps...)
			continue
		}
		for _, d := range o.deps {
			next[d] = append(next[d], a)
		}
	}
	keep := map[addr.Addr]bool{}
	var visit func(addr.Addr)
	visit = func(a addr.Addr) {
		if !keep[a] {
			keep[a] = true
			for _, b := range next[a] {
				visit(b)
			}
		}
	}
	for a := range r.objects {
		if slices.ContainsFunc(r.opt.Targets, func(t addr.Addr) bool { return t.Covers(a) }) {
			visit(a)
		}
	}
	for a := range r.objects {
		if !keep[a] {
			delete(r.objects, a)
		}
	}
}

// compareOutputs finds which output values differ from the recorded ones.
func (r *run) compareOutputs(prior *state.Snapshot) {
	if len(r.opt.Targets) > 0 {
		return
	}
	before := map[string]cty.Value{}
	for name, o := range prior.Outputs {
		before[name] = cty.NullVal(cty.DynamicPseudoType)
		if o.Sensitive {
			before[name] = before[name].Mark(hcl.Sensitive)
			continue
		}
		typ, err := ctyjson.UnmarshalType(o.Type)
		if err == nil {
			var v cty.Value
			if v, err = ctyjson.Unmarshal(o.Value, typ); err == nil {
				before[name] = v
			}
		}
		if err != nil {
			r.warn("Unreadable output in state", fmt.Sprintf("The recorded value of output %q can't be read (%v); it is recorded anew.", name, err))
		}
	}
	if r.opt.Mode != Destroy {
		for _, o := range r.cfg.Outputs {
			c := OutputChange{Name: o.Name, Action: Create, After: o.Value, Sensitive: o.Sensitive, Before: cty.NullVal(cty.DynamicPseudoType)}
			if b, ok := before[o.Name]; ok {
				c.Before, c.Action = b, Update
				// A sensitive value is not recorded, so it can't be compared.
				if was := prior.Outputs[o.Name].Sensitive; was && o.Sensitive || !was && !o.Sensitive && b.RawEquals(o.Value) {
					c.Action = NoOp
				}
				delete(before, o.Name)
			}
			r.plan.Outputs = append(r.plan.Outputs, c)
		}
	}
	for name, b := range before {
		r.plan.Outputs = append(r.plan.Outputs, OutputChange{Name: name, Action: Delete, Before: b, After: cty.NullVal(cty.DynamicPseudoType), Sensitive: prior.Outputs[name].Sensitive})
	}
}

// sort puts everything in the order of addresses, so that equal inputs give
// equal plans whatever order maps and goroutines had.
func (r *run) sort() {
	p := r.plan
	slices.SortFunc(p.Changes, func(a, b *Change) int { return addr.Compare(a.Addr, b.Addr) })
	slices.SortFunc(p.Drift, func(a, b Drift) int { return addr.Compare(a.Addr, b.Addr) })
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
