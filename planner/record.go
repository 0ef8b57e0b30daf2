package planner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/state"
)

// cleanupTime is how long a failed step may look for what it left behind.
const cleanupTime = 30 * time.Second

// run does one step: Begin, the provider's call, Put.
func (e *execution) run(ctx context.Context, i int) {
	started := e.Now()
	o := outcome{step: i}
	s := &e.steps[i]
	t := e.Types[s.change.Addr.Type]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx = e.report(ctx, i, started)
	switch s.action {
	case Create:
		o.err, o.unrecorded = e.create(ctx, t, s.change)
	case Update:
		o.err, o.unrecorded = e.update(ctx, t, s.change)
	case Delete:
		o.err, o.unrecorded = e.delete(ctx, t, s.change)
	case Forget:
		o.unrecorded = e.rec.Put(s.change.Addr, nil)
	case NoOp:
		o.unrecorded = e.put(t, s.change, s.change.After, false)
	}
	if o.err == nil && o.unrecorded != nil {
		o.err = fmt.Errorf("its result could not be recorded: %w", o.unrecorded)
	}
	o.took = e.Now().Sub(started)
	e.done <- o
}

func (e *execution) create(ctx context.Context, t *providers.Type, c *Change) (err, unrecorded error) {
	if err := e.begin(t, c, state.Create, c.After); err != nil {
		return err, err
	}
	made, err := t.Create(ctx, c.After)
	if err == nil {
		return nil, e.put(t, c, made, false)
	}
	var exists *providers.ExistsError
	switch {
	case errors.As(err, &exists):
		return err, e.rec.Put(c.Addr, nil)
	case !made.IsNull():
		return err, e.put(t, c, made, true)
	}
	// The provider does not know of anything that it made; the Finder has the
	// last word, also when the run is being cut short.
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	found, ok, findErr := t.Find(look, c.After)
	switch {
	case ok && findErr != nil:
		return fmt.Errorf("%w; whether something was made can't be told now (%v), the next plan looks again", err, findErr), nil
	case ok && !found.IsNull():
		return err, e.put(t, c, found, !found.RawEquals(c.After))
	}
	return err, e.rec.Put(c.Addr, nil)
}

func (e *execution) update(ctx context.Context, t *providers.Type, c *Change) (err, unrecorded error) {
	if err := e.begin(t, c, state.Update, c.After); err != nil {
		return err, err
	}
	made, err := t.Update(ctx, c.Before, c.After)
	if err != nil && made.IsNull() {
		made = c.Before
	}
	return err, e.put(t, c, made, false)
}

func (e *execution) delete(ctx context.Context, t *providers.Type, c *Change) (err, unrecorded error) {
	if err := e.begin(t, c, state.Delete, c.Before); err != nil {
		return err, err
	}
	if err := t.Delete(ctx, c.Before); err != nil {
		return err, e.put(t, c, c.Before, c.Tainted)
	}
	return nil, e.rec.Put(c.Addr, nil)
}

func (e *execution) begin(t *providers.Type, c *Change, op state.Operation, v cty.Value) error {
	r, err := resource(t, c, v, false)
	if err != nil {
		return err
	}
	return e.rec.Begin(c.Addr, state.Intent{Op: op, Resource: r})
}

func (e *execution) put(t *providers.Type, c *Change, v cty.Value, tainted bool) error {
	r, err := resource(t, c, v, tainted)
	if err != nil {
		return err
	}
	return e.rec.Put(c.Addr, r)
}

// resource is what state keeps of an object.
func resource(t *providers.Type, c *Change, v cty.Value, tainted bool) (*state.Resource, error) {
	raw, err := t.Encode(v)
	if err != nil {
		return nil, err
	}
	deps := c.Deps
	if c.Action == Delete {
		deps = c.PriorDeps
	}
	return &state.Resource{
		SchemaVersion: t.Schema.Version, Attributes: raw, Deps: deps,
		Tainted: tainted, PreventDestroy: c.PreventDestroy,
	}, nil
}

// settle records what the plan found out before anything is changed: moves,
// what killed runs left behind, and how unchanged objects are now.
func (e *execution) settle() error {
	start := e.rec.Snapshot()
	have := maps.Clone(start.Resources)
	for _, c := range e.plan.Changes {
		if c.MovedFrom.IsZero() || have[c.MovedFrom] == nil {
			continue
		}
		if err := e.rec.Move(c.MovedFrom, c.Addr); err != nil {
			return err
		}
		have[c.Addr] = have[c.MovedFrom]
		delete(have, c.MovedFrom)
		for a, r := range have {
			if slices.Contains(r.Deps, c.MovedFrom) {
				moved := *r
				moved.Deps = renamed(r.Deps, c.MovedFrom, c.Addr)
				have[a] = &moved
			}
		}
	}
	open := map[addr.Addr]bool{}
	for _, u := range start.Unfinished {
		open[u.Addr] = true
	}
	for _, c := range e.plan.Changes {
		// An import is a step of its own; nothing else is recorded unseen.
		if c.ImportID != "" || c.Action != NoOp && !open[c.Addr] {
			continue
		}
		now := c.After
		if c.Action != NoOp {
			now = c.Before
		}
		if err := e.settleOne(c, now, have[c.Addr], open[c.Addr]); err != nil {
			return err
		}
		delete(open, c.Addr)
	}
	for a := range open {
		// Nothing came of it, and nothing is planned for it.
		if len(e.plan.Targets) == 0 {
			if err := e.rec.Put(a, have[a]); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleOne records the object as it is now, unless the record says so
// already and no intent is open.
func (e *execution) settleOne(c *Change, now cty.Value, was *state.Resource, open bool) error {
	if now.IsNull() {
		if was == nil && !open {
			return nil
		}
		return e.rec.Put(c.Addr, nil)
	}
	r, err := resource(e.Types[c.Addr.Type], c, now, c.Tainted)
	if err != nil || !open && sameRecord(was, r) {
		return err
	}
	return e.rec.Put(c.Addr, r)
}

func sameRecord(a, b *state.Resource) bool {
	return a != nil && a.SchemaVersion == b.SchemaVersion && a.Tainted == b.Tainted && a.PreventDestroy == b.PreventDestroy &&
		slices.Equal(a.Deps, b.Deps) && sameJSON(a.Attributes, b.Attributes)
}

// sameJSON ignores how the file is indented.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

// finish records the outputs, unless something was left undone.
func (e *execution) finish() error {
	if e.broken != nil || e.diags.HasErrors() || e.result.Interrupted && len(e.result.Skipped) > 0 || len(e.plan.Targets) > 0 {
		return nil
	}
	outputs := map[string]state.Output{}
	changed := false
	for _, o := range e.plan.Outputs {
		changed = changed || o.Action != NoOp
		if o.Action == Delete {
			continue
		}
		e.result.Outputs = append(e.result.Outputs, o)
		rec, err := outputRecord(o)
		if err != nil {
			return err
		}
		outputs[o.Name] = rec
	}
	if !changed {
		return nil
	}
	return e.rec.SetOutputs(outputs)
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
