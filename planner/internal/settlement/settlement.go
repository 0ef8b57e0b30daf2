// Package settlement owns what an apply records before its first step: what
// the plan found out. Objects get their new addresses, what killed runs left
// behind is recorded or written off, and the records of unchanged objects
// become how these are now.
//
// Invariants: no step changes the world before all of this is durable; an
// unfinished creation is written off only after its type's Finder has found
// nothing, just now; to settle what is settled changes nothing. Start at
// Settle.
package settlement

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/planner/internal/moves"
	"hostler/planner/internal/operation"
	"hostler/providers"
	"hostler/state"
)

// Recorder is where it is recorded.
type Recorder interface {
	Snapshot() *state.Snapshot
	Put(addr.Addr, *state.Resource) error
	Move(from, to addr.Addr) error
}

// StaleError means that the plan does not know what stands at Addr.
type StaleError struct{ Addr addr.Addr }

func (e *StaleError) Error() string {
	return fmt.Sprintf("a run was interrupted that had begun to create %s", e.Addr)
}

// LookError means that it can't be told what stands at Addr.
type LookError struct {
	Addr addr.Addr
	Err  error
}

func (e *LookError) Error() string { return e.Err.Error() }
func (e *LookError) Unwrap() error { return e.Err }

// settlement is one call of Settle.
type settlement struct {
	rec  Recorder
	have map[addr.Addr]*state.Resource // as recorded, moves followed
	open map[addr.Addr]bool            // an operation on it is unfinished
}

// Settle records what a plan found out; narrowed is a plan that is not about
// all objects. With an error it says which object it was at. The error is a
// StaleError or a LookError before anything was recorded, else one of the
// record.
func Settle(ctx context.Context, types providers.Registry, plan []*operation.Operation, narrowed bool, rec Recorder) (addr.Addr, error) {
	now := rec.Snapshot()
	for _, u := range writtenOff(plan, narrowed, now) {
		if err := lookAgain(ctx, types[u.Addr.Type], u); err != nil {
			return u.Addr, err
		}
	}
	s := &settlement{rec: rec, have: maps.Clone(now.Resources), open: map[addr.Addr]bool{}}
	for _, u := range now.Unfinished {
		s.open[u.Addr] = true
	}
	if at, err := s.move(plan); err != nil {
		return at, err
	}
	for _, o := range plan {
		if err := s.settle(o); err != nil {
			return o.Addr, err
		}
	}
	if narrowed {
		return addr.Addr{}, nil
	}
	for _, a := range slices.SortedFunc(maps.Keys(s.open), addr.Compare) {
		if err := rec.Put(a, s.have[a]); err != nil {
			return a, err
		}
	}
	return addr.Addr{}, nil
}

// writtenOff are the unfinished creations of which the plan knows no object.
func writtenOff(plan []*operation.Operation, narrowed bool, now *state.Snapshot) (out []state.Unfinished) {
	if len(now.Unfinished) == 0 {
		return nil
	}
	planned, stands := map[addr.Addr]bool{}, map[addr.Addr]bool{}
	for _, o := range plan {
		for _, a := range []addr.Addr{o.Addr, o.MovedFrom} {
			planned[a], stands[a] = true, stands[a] || !o.Before.IsNull()
		}
	}
	for _, u := range now.Unfinished {
		if u.Op == state.Create && !stands[u.Addr] && now.Resources[u.Addr] == nil && (planned[u.Addr] || !narrowed) {
			out = append(out, u)
		}
	}
	return out
}

// lookAgain refuses to write off a creation that left something behind. The
// plan has looked, but a saved one may be older than the run that was killed,
// and an intent leaves the state's serial as it is.
func lookAgain(ctx context.Context, t *providers.Type, u state.Unfinished) error {
	if t == nil || u.Resource == nil {
		return &StaleError{u.Addr}
	}
	want, err := t.Decode(u.Resource.Attributes, u.Resource.SchemaVersion)
	if err != nil {
		return &LookError{u.Addr, err}
	}
	found, ok, err := t.Find(ctx, want)
	switch {
	case err != nil:
		return &LookError{u.Addr, err}
	case !ok || !found.IsNull():
		return &StaleError{u.Addr}
	}
	return nil
}

// move records the new addresses of objects.
func (s *settlement) move(plan []*operation.Operation) (addr.Addr, error) {
	var m moves.Moves
	for _, o := range plan {
		from := o.MovedFrom
		if from.IsZero() {
			continue
		}
		if s.have[from] == nil {
			if !s.open[from] || o.Before.IsNull() {
				continue
			}
			// A killed run made it under its old address.
			if err := s.put(o, from, o.Before); err != nil {
				return o.Addr, err
			}
		}
		if err := s.rec.Move(from, o.Addr); err != nil {
			return o.Addr, err
		}
		m.Add(from, o.Addr)
		s.have[o.Addr] = s.have[from]
		delete(s.have, from)
		if s.open[from] {
			delete(s.open, from)
			s.open[o.Addr] = true
		}
	}
	if m.None() {
		return addr.Addr{}, nil
	}
	for a, r := range s.have {
		moved := *r
		moved.Deps = m.Deps(r.Deps)
		s.have[a] = &moved
	}
	return addr.Addr{}, nil
}

// settle records the object of one operation as it is now, unless a step will.
// An import is a step of its own; what is to be changed is recorded only if an
// operation on it was left unfinished.
func (s *settlement) settle(o *operation.Operation) error {
	if o.Import || o.Kind != operation.None && !s.open[o.Addr] {
		return nil
	}
	if o.Kind == operation.None {
		return s.put(o, o.Addr, o.After)
	}
	return s.put(o, o.Addr, o.Before)
}

// put records v as the object of o at a, unless the record says so already.
func (s *settlement) put(o *operation.Operation, a addr.Addr, v cty.Value) error {
	var r *state.Resource
	if v.IsNull() {
		if s.have[a] == nil && !s.open[a] {
			return nil
		}
	} else {
		deps := o.PriorDeps
		if o.Kind == operation.None {
			deps = o.Deps
		}
		var err error
		if r, err = o.Record(v, deps, o.Tainted); err != nil {
			return err
		}
		if !s.open[a] && operation.Same(s.have[a], r) {
			return nil
		}
	}
	if err := s.rec.Put(a, r); err != nil {
		return err
	}
	delete(s.open, a)
	s.have[a] = r
	if r == nil {
		delete(s.have, a)
	}
	return nil
}
