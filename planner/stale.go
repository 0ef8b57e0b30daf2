package planner

import (
	"context"
	"fmt"

	"hostler/hcl"
	"hostler/planner/internal/inventory"
	"hostler/state"
)

// Check refuses a saved plan that was made from another state than this, or
// from an earlier serial of it.
func (plan *Plan) Check(now *state.Snapshot) hcl.Diagnostics {
	fresh := plan.Lineage == "" && plan.Serial == 0 && now.Serial == 0
	switch {
	case fresh:
		return nil
	case plan.Lineage != now.Lineage && plan.Lineage != "":
		return hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Saved plan does not match the given state",
			Detail: "The given plan file can not be applied because it was created from a different state lineage. Make a new plan in this folder.",
		}}
	case plan.Serial != now.Serial:
		return hcl.Diagnostics{stale("The given plan file can no longer be applied because the state was changed by another operation after the plan was created. Make a new plan.")}
	}
	return nil
}

// Verify reads the objects that a saved plan would change once more, batched
// by type, and refuses the plan if one of them is no longer as the plan saw
// it.
func (p *Planner) Verify(ctx context.Context, plan *Plan) hcl.Diagnostics {
	var objects []*inventory.Object
	for _, c := range plan.Changes {
		if c.Action != NoOp && c.Action != Create && !c.Before.IsNull() {
			objects = append(objects, &inventory.Object{Addr: c.Addr, Type: p.Types[c.Addr.Type], Recorded: c.Before})
		}
	}
	var diags hcl.Diagnostics
	for _, problem := range inventory.Read(ctx, objects) {
		diags = append(diags, found(problem)...)
	}
	for _, o := range objects {
		if !o.Failed && !o.Real.RawEquals(o.Recorded) {
			diags = append(diags, stale(fmt.Sprintf("%s changed outside of hostler after the plan was made. Make a new plan, so that you see what would happen now.", o.Addr)))
		}
	}
	return diags
}
