package planner

import (
	"context"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/providers"
)

// compareAll plans each object's change: blocks dependencies first, so that
// each sees the resolved values of what it depends on, then what left the
// files.
func (r *run) compareAll() {
	switch r.opt.Mode {
	case RefreshOnly:
		r.refreshOnly()
		return
	case Destroy:
		for _, a := range r.addresses() {
			r.end(r.objects[a])
		}
		return
	}
	lookup := configured{cfg: r.cfg, resolved: r.objects}
	owners := map[string]addr.Addr{}
	for _, o := range r.inOrder() {
		if o.failed {
			continue
		}
		if o.block == nil {
			r.end(o)
			continue
		}
		if r.compare(o, lookup) {
			r.claim(o, owners)
		}
	}
	r.markRelevant()
}

// inOrder lists the objects, each after its dependencies, ties by address.
// The language has made sure that blocks have no cycle.
func (r *run) inOrder() []*object {
	seen := make(map[addr.Addr]bool, len(r.objects))
	out := make([]*object, 0, len(r.objects))
	var visit func(addr.Addr)
	visit = func(a addr.Addr) {
		o := r.objects[a]
		if o == nil || seen[a] {
			return
		}
		seen[a] = true
		if o.block != nil {
			for _, d := range o.block.Deps {
				visit(d)
			}
		}
		out = append(out, o)
	}
	for _, a := range r.addresses() {
		visit(a)
	}
	return out
}

// compare plans one block's change and reports whether it could.
func (r *run) compare(o *object, lookup configured) bool {
	if err := o.typ.Validate(o.block.Value, lookup); err != nil {
		r.fail(o, "Invalid configuration", err)
		return false
	}
	reason := ReasonNone
	switch {
	case o.real.IsNull():
	case o.tainted:
		reason = ReasonTainted
	case slices.ContainsFunc(r.opt.Replace, func(a addr.Addr) bool { return a.Covers(o.addr) }):
		reason = ReasonRequested
	}
	if !r.resolve(o, lookup, reason != ReasonNone) {
		return false
	}
	c := r.change(o)
	c.Reason = reason
	changed := []string(nil)
	if !o.real.IsNull() {
		changed = differing(o.real, o.resolved)
		for _, name := range changed {
			if a := o.typ.Schema.Attr(name); a != nil && a.Replace && reason == ReasonNone {
				c.Replacing = append(c.Replacing, name)
			}
		}
		if len(c.Replacing) > 0 {
			c.Reason = ReasonCannotUpdate
			if !r.resolve(o, lookup, true) {
				return false
			}
		}
	}
	c.After = o.resolved
	switch {
	case o.real.IsNull():
		c.Action = Create
	case c.Reason != ReasonNone:
		c.Action = Replace
	case len(changed) > 0:
		c.Action = Update
	}
	c.ID = o.typ.ID(c.After)
	if c.Action == Replace && o.block.PreventDestroy {
		r.fail(o, "Instance cannot be destroyed", fmt.Errorf("%s has prevent_destroy set, but this plan would destroy and create it anew; set prevent_destroy = false if that is meant, or undo the change that forces it", o.addr))
	}
	return true
}

// resolve fills in o.resolved.
func (r *run) resolve(o *object, lookup configured, replacing bool) bool {
	res := providers.Resolution{
		Addr: o.addr, Want: ignore(o, o.block.Value), Have: o.real, Replacing: replacing, Config: lookup,
		Warn: func(attr, text string) { r.diags = append(r.diags, warning(o, attr, text)) },
	}
	v, err := o.typ.Resolve(r.ctx, res)
	if err != nil {
		r.fail(o, "Invalid configuration", err)
		return false
	}
	o.resolved = ignore(o, v)
	return true
}

// ignore is want with the ignored attributes as they really are.
func ignore(o *object, want cty.Value) cty.Value {
	if len(o.block.IgnoreChanges) == 0 || o.real.IsNull() {
		return want
	}
	attrs, real := want.AsValueMap(), o.real.AsValueMap()
	for name := range attrs {
		if o.block.IgnoreChanges[0] == "*" || slices.Contains(o.block.IgnoreChanges, name) {
			attrs[name] = real[name]
		}
	}
	return cty.ObjectVal(attrs)
}

// change is what is common to all of o's changes, and appends it to the plan.
func (r *run) change(o *object) *Change {
	c := &Change{
		Addr: o.addr, Action: NoOp, Before: o.real, After: o.typ.Null(),
		PriorDeps: o.deps, MovedFrom: o.movedFrom, ImportID: o.importID,
		Tainted: o.tainted && !o.real.IsNull(), PreventDestroy: o.protected, Source: o.source(),
	}
	if o.block != nil {
		c.Deps, c.PreventDestroy = o.block.Deps, o.block.PreventDestroy
	}
	r.plan.Changes = append(r.plan.Changes, c)
	return c
}

// end plans the end of an object that nothing wants any more.
func (r *run) end(o *object) {
	if o.failed || o.recorded.IsNull() {
		return
	}
	c := r.change(o)
	c.ID = o.typ.ID(o.recorded)
	forget := slices.ContainsFunc(r.cfg.Removed, func(m hcl.Removed) bool { return m.From.Covers(o.addr) })
	switch {
	case forget && o.block == nil, o.real.IsNull():
		// What is gone already needs no more than to be forgotten.
		c.Action = Forget
		if o.real.IsNull() {
			c.Before, c.Action = o.typ.Null(), NoOp
		}
	default:
		c.Action = Delete
	}
	c.Reason = r.whyGone(o)
	if c.Action == Delete && c.PreventDestroy {
		r.fail(o, "Instance cannot be destroyed", fmt.Errorf("%s has prevent_destroy set, but this plan would destroy it; %s", o.addr, unprotect(o)))
	}
}

func unprotect(o *object) string {
	if o.block != nil {
		return "set prevent_destroy = false and apply first, if that is meant"
	}
	return fmt.Sprintf("its block left the files, and the protection outlives it. Put the block back with prevent_destroy = false and apply, or write removed { from = %s } to forget it and leave the object alone", o.addr)
}

func (r *run) whyGone(o *object) Reason {
	if o.block != nil {
		return ReasonNone
	}
	for _, b := range r.cfg.Blocks {
		if b.Addr.Block() == o.addr.Block() {
			if b.Addr.HasKey && o.addr.HasKey {
				return ReasonEachKey
			}
			return ReasonRepetition
		}
	}
	return ReasonNoConfig
}

// claim refuses two blocks that mean one object.
func (r *run) claim(o *object, owners map[string]addr.Addr) {
	id := o.typ.ID(o.resolved)
	if id == "" {
		return
	}
	key := o.addr.Type + "\x00" + id
	if other, taken := owners[key]; taken {
		r.fail(o, "Two blocks for one object", fmt.Errorf("%s and %s both mean %q; give one of them another name or place, or remove it", other, o.addr, id))
		return
	}
	owners[key] = o.addr
}

// refreshOnly plans to record what is real and nothing else.
func (r *run) refreshOnly() {
	for _, o := range r.inOrder() {
		if o.failed || o.recorded.IsNull() {
			continue
		}
		c := r.change(o)
		c.After, c.ID = o.real, o.typ.ID(o.recorded)
		// The files have no say here, so what they would change stays.
		c.Deps, c.PreventDestroy = o.deps, o.protected
	}
	for i := range r.plan.Drift {
		r.plan.Drift[i].Relevant = true
	}
}

// markRelevant tells drift that led to a change from drift that matters to
// nobody, which a normal plan does not show.
func (r *run) markRelevant() {
	changes := make(map[addr.Addr]*Change, len(r.plan.Changes))
	for _, c := range r.plan.Changes {
		changes[c.Addr] = c
	}
	for i := range r.plan.Drift {
		d := &r.plan.Drift[i]
		c := changes[d.Addr]
		switch {
		case c == nil:
		case d.Action == Delete:
			d.Relevant = c.Action == Create
		case c.Action == Update || c.Action == Replace:
			undone := differing(c.Before, c.After)
			d.Relevant = slices.ContainsFunc(differing(d.Before, d.After), func(n string) bool { return slices.Contains(undone, n) })
		}
	}
}

// Verify reads the objects that a saved plan would change once more and
// refuses the plan if one of them is no longer as the plan saw it.
func (p *Planner) Verify(ctx context.Context, plan *Plan) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, c := range plan.Changes {
		if c.Action == NoOp || c.Action == Create || c.Before.IsNull() {
			continue
		}
		t := p.Types[c.Addr.Type]
		got, err := t.Read(ctx, []cty.Value{c.Before})
		if err == nil {
			err = got[0].Err
		}
		switch {
		case err != nil:
			diags = append(diags, diagnose(problem{doing: "Reading " + c.Addr.String(), addr: c.Addr, err: err}, c.Source)...)
		case !got[0].Object.RawEquals(c.Before):
			diags = append(diags, stale(fmt.Sprintf("%s changed outside of hostler after the plan was made. Make a new plan, so that you see what would happen now.", c.Addr)))
		}
	}
	return diags
}
