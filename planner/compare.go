package planner

import (
	"context"
	"fmt"
	"slices"

	"hostler/hcl/addr"
	"hostler/planner/internal/inventory"
	"hostler/providers"
)

// comparison is what planning the changes needs to know of all objects.
type comparison struct {
	*run
	lookup  inventory.Lookup
	replace inventory.Set
	removed inventory.Set
	// owners tells which block means an object, by identity.
	owners map[string]addr.Addr
	// blocks are those that the files have; true with for_each.
	blocks map[addr.Addr]bool
}

// compareAll plans each object's change: blocks dependencies first, so that
// each sees the resolved values of what it depends on, then what left the
// files.
func (r *run) compareAll(ctx context.Context) {
	if r.opt.Mode == RefreshOnly {
		r.refreshOnly()
		return
	}
	c := &comparison{
		run: r, lookup: inventory.Lookup{Config: r.cfg, Objects: r.inv}, replace: inventory.SetOf(r.opt.Replace),
		removed: inventory.Set{}, owners: map[string]addr.Addr{}, blocks: map[addr.Addr]bool{},
	}
	for _, m := range r.cfg.Removed {
		c.removed[m.From] = true
	}
	for _, b := range r.cfg.Blocks {
		c.blocks[b.Addr.Block()] = b.Addr.HasKey
	}
	for _, o := range r.inv.InOrder() {
		switch {
		case o.Failed:
		case o.Block == nil || r.opt.Mode == Destroy:
			c.end(o)
		case c.compare(ctx, o):
			c.claim(o)
		}
	}
	if r.opt.Mode == Normal {
		r.markRelevant()
	}
}

// compare plans one block's change and reports whether it could.
func (r *comparison) compare(ctx context.Context, o *inventory.Object) bool {
	if err := o.Type.Validate(o.Addr, o.Block.Value, r.lookup); err != nil {
		r.fail(o, "Invalid configuration", err)
		return false
	}
	reason := ReasonNone
	switch {
	case o.Real.IsNull():
	case o.Tainted:
		reason = ReasonTainted
	case r.replace.Covers(o.Addr):
		reason = ReasonRequested
	}
	if !r.resolve(ctx, o, reason != ReasonNone) {
		return false
	}
	c := r.change(o)
	c.Reason = reason
	changed := []string(nil)
	if !o.Real.IsNull() {
		changed = inventory.Differing(o.Real, o.Resolved)
		for _, name := range changed {
			if a := o.Type.Schema.Attr(name); a != nil && a.Replace && reason == ReasonNone {
				c.Replacing = append(c.Replacing, name)
			}
		}
		if len(c.Replacing) > 0 {
			c.Reason = ReasonCannotUpdate
			if !r.resolve(ctx, o, true) {
				return false
			}
		}
	}
	c.After = o.Resolved
	switch {
	case o.Real.IsNull():
		c.Action = Create
	case c.Reason != ReasonNone:
		c.Action = Replace
	case len(changed) > 0:
		c.Action = Update
	}
	c.ID = o.Type.ID(c.After)
	if c.Action == Replace && o.Block.PreventDestroy {
		r.fail(o, "Instance cannot be destroyed", fmt.Errorf("%s has prevent_destroy set, but this plan would destroy and create it anew; set prevent_destroy = false if that is meant, or undo the change that forces it", o.Addr))
	}
	return true
}

// resolve fills in o.Resolved.
func (r *comparison) resolve(ctx context.Context, o *inventory.Object, replacing bool) bool {
	res := providers.Resolution{
		Addr: o.Addr, Want: o.Ignore(o.Block.Value), Have: o.Real, Replacing: replacing, Upgrade: r.opt.Upgrade, Config: r.lookup,
		Warn: func(attr, text string) { r.diags = append(r.diags, warning(o, attr, text)) },
	}
	v, err := o.Type.Resolve(ctx, res)
	if err != nil {
		r.fail(o, "Invalid configuration", err)
		return false
	}
	o.Resolved = o.Ignore(v)
	return true
}

// change is what is common to all of o's changes, and appends it to the plan.
func (r *run) change(o *inventory.Object) *Change {
	c := &Change{
		Addr: o.Addr, Action: NoOp, Before: o.Real, After: o.Type.Null(),
		PriorDeps: o.Deps, MovedFrom: o.MovedFrom, ImportID: o.ImportID,
		Tainted: o.Tainted && !o.Real.IsNull(), PreventDestroy: o.Protected, Source: o.Source(),
	}
	if o.Block != nil {
		c.Deps, c.PreventDestroy = o.Block.Deps, o.Block.PreventDestroy
	}
	r.plan.Changes = append(r.plan.Changes, c)
	return c
}

// end plans the end of an object that nothing wants any more.
func (r *comparison) end(o *inventory.Object) {
	if o.Recorded.IsNull() {
		return
	}
	c := r.change(o)
	c.ID = o.Type.ID(o.Recorded)
	switch {
	case o.Real.IsNull():
		// What is gone already needs no more than to be forgotten.
	case o.Block == nil && r.removed.Covers(o.Addr):
		c.Action = Forget
	default:
		c.Action = Delete
	}
	c.Reason = r.whyGone(o)
	if c.Action == Delete && c.PreventDestroy {
		r.fail(o, "Instance cannot be destroyed", fmt.Errorf("%s has prevent_destroy set, but this plan would destroy it; %s", o.Addr, unprotect(o)))
	}
}

func unprotect(o *inventory.Object) string {
	if o.Block != nil {
		return "set prevent_destroy = false and apply first, if that is meant"
	}
	return fmt.Sprintf("its block left the files, and the protection outlives it. Put the block back with prevent_destroy = false and apply, or write removed { from = %s } to forget it and leave the object alone", o.Addr)
}

func (r *comparison) whyGone(o *inventory.Object) Reason {
	if o.Block != nil {
		return ReasonNone
	}
	keyed, stands := r.blocks[o.Addr.Block()]
	switch {
	case !stands:
		return ReasonNoConfig
	case keyed && o.Addr.HasKey:
		return ReasonEachKey
	}
	return ReasonRepetition
}

// claim refuses two blocks that mean one object.
func (r *comparison) claim(o *inventory.Object) {
	id := inventory.Identity(o.Type, o.Resolved)
	if id == "" {
		return
	}
	if other, taken := r.owners[id]; taken {
		r.fail(o, "Two blocks for one object", fmt.Errorf("%s and %s both mean %q; give one of them another name or place, or remove it", other, o.Addr, o.Type.ID(o.Resolved)))
		return
	}
	r.owners[id] = o.Addr
}

// refreshOnly plans to record what is real and nothing else.
func (r *run) refreshOnly() {
	for _, o := range r.inv.InOrder() {
		if o.Failed || o.Recorded.IsNull() {
			continue
		}
		c := r.change(o)
		c.After, c.ID = o.Real, o.Type.ID(o.Recorded)
		// The files have no say here, so what they would change stays.
		c.Deps, c.PreventDestroy = o.Deps, o.Protected
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
			undone := inventory.Differing(c.Before, c.After)
			d.Relevant = slices.ContainsFunc(inventory.Differing(d.Before, d.After), func(n string) bool { return slices.Contains(undone, n) })
		}
	}
}
