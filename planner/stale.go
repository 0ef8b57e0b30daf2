package planner

import (
	"hostler/hcl"
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
