package main

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view"
	"hostler/cmd/internal/view/capacity"
	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers/runtime"
	"hostler/providers/tart"
)

// weigh adds to what stands below a plan what fits on the Macs once it is
// applied, and what its builds need of their disks. Of a plan that is not whole
// nothing can be told, and of one that does not touch it nothing need be.
func (p *project) weigh(plan *planner.Plan, diags hcl.Diagnostics, end *view.Ending) error {
	touched := slices.ContainsFunc(plan.Changes, func(c *planner.Change) bool {
		return c.Action != planner.NoOp && slices.Contains([]string{"host", "image", "profile"}, c.Addr.Type)
	})
	if diags.HasErrors() || plan.Mode != planner.Normal || len(plan.Targets) > 0 || !touched {
		return nil
	}
	var err error
	if end.Capacity, err = runtime.Capacities(p.env, planned{plan}); err != nil {
		return err
	}
	end.Disk, err = p.disk(plan)
	return err
}

// disk is what a plan's builds need, or nil when it pulls nothing.
func (p *project) disk(plan *planner.Plan) (*capacity.Disk, error) {
	var builds []cty.Value
	var known []string
	host := ""
	for _, c := range plan.Changes {
		if c.Addr.Type != "image" {
			continue
		}
		for _, v := range []cty.Value{c.Before, c.After} {
			if !v.IsNull() {
				known = append(known, v.GetAttr("vm").AsString())
			}
		}
		if !c.After.IsNull() && (c.Before.IsNull() || c.Action == planner.Replace || !c.Before.GetAttr("content").RawEquals(c.After.GetAttr("content"))) {
			builds, host = append(builds, c.After), c.After.GetAttr("host").AsString()
		}
	}
	if len(builds) == 0 {
		return nil, nil
	}
	ctx, cancel := p.cancellable()
	defer cancel()
	budget, err := tart.Budget(ctx, p.env, builds, known)
	if err != nil || len(budget.Pulls) == 0 {
		return nil, err
	}
	d := &capacity.Disk{Host: host, Free: budget.Free, Garbage: budget.Garbage}
	for _, pull := range budget.Pulls {
		d.Pulls = append(d.Pulls, capacity.Pull(pull))
	}
	if a, err := addr.Parse(host); err == nil {
		if v, ok := (planned{plan}).Get(a); ok {
			reserve, _ := schema.ParseSize(v.GetAttr("reserve").GetAttr("disk").AsString())
			d.Reserve = uint64(reserve)
		}
	}
	return d, nil
}

// planned is a providers.Lookup of objects as they will be.
type planned struct{ *planner.Plan }

func (p planned) Get(a addr.Addr) (cty.Value, bool) {
	i, ok := slices.BinarySearchFunc(p.Changes, a, func(c *planner.Change, a addr.Addr) int { return addr.Compare(c.Addr, a) })
	if !ok || p.Changes[i].After.IsNull() {
		return cty.NilVal, false
	}
	return p.Changes[i].After, true
}

func (p planned) All(blockType string) []addr.Addr {
	var all []addr.Addr
	for _, c := range p.Changes {
		if c.Addr.Type == blockType && !c.After.IsNull() {
			all = append(all, c.Addr)
		}
	}
	return all
}
