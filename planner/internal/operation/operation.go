// Package operation owns what is done about one object, and the record of it:
// a plan's change without what only people read.
//
// Invariants:
//
//  1. The provider is called after a durable Begin and before a durable Put.
//  2. What is recorded is what stands, also after a failure. Only when nobody
//     can tell does the Begin stay open, and the next plan looks.
//  3. Until an object is known to have let go of another, the record says that
//     it depends on it.
//
// Start at Operation.
package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/state"
)

// cleanupTime is how long a failed creation may look for what it left behind.
const cleanupTime = 30 * time.Second

// Recorder is where operations are recorded.
type Recorder interface {
	Begin(addr.Addr, state.Intent) error
	Put(addr.Addr, *state.Resource) error
}

// Kind is what is done.
type Kind string

const (
	None    Kind = "no-op" // nothing, or the mere record of an imported object
	Create  Kind = "create"
	Update  Kind = "update"
	Replace Kind = "replace" // a Delete and a Create
	Delete  Kind = "delete"
	Forget  Kind = "forget" // drops the record and leaves the object alone
)

// Operation is what is done about the object at Addr. Before and After are
// null where there is no object.
type Operation struct {
	Addr            addr.Addr
	Type            *providers.Type
	Kind            Kind
	Before, After   cty.Value
	Deps, PriorDeps []addr.Addr // of After, and of Before
	PreventDestroy  bool
	Tainted         bool      // Before was created but not finished
	MovedFrom       addr.Addr // where it is still recorded; zero when it did not move
	Import          bool      // Before stands, and is not recorded yet
}

// Outcome is how an operation ended. Unrecorded means that the record can't be
// written: nothing more may be done.
type Outcome struct{ Err, Unrecorded error }

// outcome makes an operation that was not recorded one that failed.
func outcome(err, unrecorded error) Outcome {
	if err == nil && unrecorded != nil {
		err = fmt.Errorf("its result could not be recorded: %w", unrecorded)
	}
	return Outcome{err, unrecorded}
}

// Do does what kind says: the operation's own, or one half of a Replace.
func (o *Operation) Do(ctx context.Context, kind Kind, rec Recorder) Outcome {
	switch kind {
	case Create:
		return o.create(ctx, rec)
	case Update:
		return o.update(ctx, rec)
	case Delete:
		return o.delete(ctx, rec)
	case Forget:
		return outcome(nil, rec.Put(o.Addr, nil))
	}
	return outcome(nil, o.put(rec, o.After, o.Deps, false))
}

// create makes After where nothing stands. What it made and could not finish
// is recorded as tainted.
func (o *Operation) create(ctx context.Context, rec Recorder) Outcome {
	if err := o.begin(rec, state.Create, o.After, o.Deps); err != nil {
		return Outcome{err, err}
	}
	made, err := o.Type.Create(ctx, o.After)
	if err == nil {
		return outcome(nil, o.put(rec, made, o.Deps, false))
	}
	var exists *providers.ExistsError
	switch {
	case errors.As(err, &exists):
		return outcome(err, rec.Put(o.Addr, nil))
	case !made.IsNull():
		return outcome(err, o.put(rec, made, o.Deps, true))
	}
	// The provider does not know of anything that it made; the Finder has the
	// last word, also when the run is being cut short.
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	found, ok, findErr := o.Type.Find(look, o.After)
	switch {
	case ok && findErr != nil:
		return Outcome{Err: fmt.Errorf("%w; whether something was made can't be told now (%v), the next plan looks again", err, findErr)}
	case ok && !found.IsNull():
		return outcome(err, o.put(rec, found, o.Deps, !found.RawEquals(o.After)))
	}
	return outcome(err, rec.Put(o.Addr, nil))
}

// update changes Before into After.
func (o *Operation) update(ctx context.Context, rec Recorder) Outcome {
	if err := o.begin(rec, state.Update, o.After, o.Deps); err != nil {
		return Outcome{err, err}
	}
	made, err := o.Type.Update(ctx, o.Before, o.After)
	deps := o.Deps
	if err != nil {
		deps = Union(o.Deps, o.PriorDeps)
		if made.IsNull() {
			made = o.Before
		}
	}
	return outcome(err, o.put(rec, made, deps, false))
}

// delete removes Before.
func (o *Operation) delete(ctx context.Context, rec Recorder) Outcome {
	if err := o.begin(rec, state.Delete, o.Before, o.PriorDeps); err != nil {
		return Outcome{err, err}
	}
	if err := o.Type.Delete(ctx, o.Before); err != nil {
		return outcome(err, o.put(rec, o.Before, o.PriorDeps, o.Tainted))
	}
	return outcome(nil, rec.Put(o.Addr, nil))
}

func (o *Operation) begin(rec Recorder, op state.Operation, v cty.Value, deps []addr.Addr) error {
	r, err := o.Record(v, deps, false)
	if err != nil {
		return err
	}
	return rec.Begin(o.Addr, state.Intent{Op: op, Resource: r})
}

func (o *Operation) put(rec Recorder, v cty.Value, deps []addr.Addr, tainted bool) error {
	r, err := o.Record(v, deps, tainted)
	if err != nil {
		return err
	}
	return rec.Put(o.Addr, r)
}

// Record is what state keeps of v as the object at Addr.
func (o *Operation) Record(v cty.Value, deps []addr.Addr, tainted bool) (*state.Resource, error) {
	raw, err := o.Type.Encode(v)
	if err != nil {
		return nil, err
	}
	return &state.Resource{
		SchemaVersion: o.Type.Schema.Version, Attributes: raw, Deps: deps,
		Tainted: tainted, PreventDestroy: o.PreventDestroy,
	}, nil
}

// Union is all addresses of both lists, sorted.
func Union(a, b []addr.Addr) []addr.Addr {
	both := slices.Concat(a, b)
	slices.SortFunc(both, addr.Compare)
	return slices.Compact(both)
}
