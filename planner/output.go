package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/hcl"
	"hostler/state"
)

// compareOutputs finds which output values differ from the recorded ones.
func (r *run) compareOutputs(prior *state.Snapshot) {
	if len(r.opt.Targets) > 0 {
		return
	}
	before := r.recordedOutputs(prior)
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

// recordedOutputs are the values as state has them.
func (r *run) recordedOutputs(prior *state.Snapshot) map[string]cty.Value {
	before := map[string]cty.Value{}
	for _, name := range slices.Sorted(maps.Keys(prior.Outputs)) {
		o := prior.Outputs[name]
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
	return before
}

// recordOutputs records the outputs, unless something was left undone.
func (e *execution) recordOutputs() error {
	if e.diags.HasErrors() || e.result.Interrupted && len(e.result.Skipped) > 0 || len(e.plan.Targets) > 0 {
		return nil
	}
	outputs := map[string]state.Output{}
	changed := false
	var now []OutputChange
	for _, o := range e.plan.Outputs {
		changed = changed || o.Action != NoOp
		if o.Action == Delete {
			continue
		}
		now = append(now, o)
		rec, err := outputRecord(o)
		if err != nil {
			return err
		}
		outputs[o.Name] = rec
	}
	if changed {
		if err := e.rec.SetOutputs(outputs); err != nil {
			return err
		}
	}
	e.result.Outputs = now
	return nil
}

// outputRecord is what state keeps of an output: of a sensitive one only that
// it exists.
func outputRecord(o OutputChange) (state.Output, error) {
	if o.Sensitive {
		return state.Output{Type: json.RawMessage(`"dynamic"`), Value: json.RawMessage("null"), Sensitive: true}, nil
	}
	typ, err := ctyjson.MarshalType(o.After.Type())
	if err != nil {
		return state.Output{}, err
	}
	value, err := ctyjson.Marshal(o.After, o.After.Type())
	return state.Output{Type: typ, Value: value}, err
}
