// Package schedule owns the order of a plan's steps.
//
// Each operation has its turn among what is destroyed, and one among what is
// made or changed, after the former if it makes or changes anything. Where it
// has nothing to do the turn is a joint, so that order goes through what stays
// as it is. The rules, the strongest first;
// where they contradict each other, the later gives way:
//
//  1. What makes or changes an object comes after what does so to its
//     dependencies.
//  2. An object's turn to be destroyed, and so to be changed, comes after that
//     of those that state recorded as depending on it.
//  3. An object comes to be after the end of another that has the same natural
//     key.
//  4. An object that goes waits until those that let go of it have been
//     changed.
//
// Rules 1 to 3 contradict each other only if state has a circle, which runs
// that were cut short can leave. Start at Of.
package schedule

import (
	"hostler/hcl/addr"
	"hostler/planner/internal/operation"
	"hostler/planner/internal/walk"
)

// Schedule is steps and their order.
type Schedule struct {
	Graph walk.Graph
	Steps map[int]Step // by number in Graph

	operations      []*operation.Operation
	destroys, makes map[addr.Addr]int
	vacates         map[key]int // what destroys the object of a natural key
}

// Step is one thing to do: all of an operation, or one half of a Replace.
type Step struct {
	Operation int // by index
	Kind      operation.Kind
}

type key struct{ typ, id string }

// Of orders the steps of operations, of which each has an address of its own.
func Of(operations []*operation.Operation) *Schedule {
	s := &Schedule{
		Steps: map[int]Step{}, operations: operations,
		destroys: map[addr.Addr]int{}, makes: map[addr.Addr]int{}, vacates: map[key]int{},
	}
	for i := range operations {
		s.add(i)
	}
	for _, rule := range []func(*operation.Operation) []walk.Edge{s.dependenciesFirst, s.dependentsGoFirst, s.placeIsFree, s.lettingGoFirst} {
		var edges []walk.Edge
		for _, o := range operations {
			edges = append(edges, rule(o)...)
		}
		s.Graph.Order(edges)
	}
	return s
}

func (s *Schedule) add(i int) {
	o := s.operations[i]
	switch o.Kind {
	case operation.Delete, operation.Forget:
		s.destroys[o.Addr] = s.step(i, o.Kind)
	case operation.Replace:
		s.destroys[o.Addr], s.makes[o.Addr] = s.step(i, operation.Delete), s.step(i, operation.Create)
	case operation.Create, operation.Update:
		s.destroys[o.Addr], s.makes[o.Addr] = s.Graph.Joint(), s.step(i, o.Kind)
	default:
		s.destroys[o.Addr] = s.Graph.Joint()
		if o.Import {
			s.makes[o.Addr] = s.step(i, o.Kind)
		} else {
			s.makes[o.Addr] = s.Graph.Joint()
		}
	}
}

func (s *Schedule) step(i int, kind operation.Kind) int {
	o := s.operations[i]
	lane := ""
	switch kind {
	case operation.Create, operation.Update:
		lane = o.Type.Lane(o.After)
	case operation.Delete:
		lane = o.Type.Lane(o.Before)
	}
	n := s.Graph.Step(lane)
	s.Steps[n] = Step{i, kind}
	if kind == operation.Delete {
		s.vacates[key{o.Addr.Type, o.Type.ID(o.Before)}] = n
	}
	return n
}

func (s *Schedule) dependenciesFirst(o *operation.Operation) (rule []walk.Edge) {
	makes, ok := s.makes[o.Addr]
	if !ok {
		return nil
	}
	// What stays as it is waits for no end: a failed one must not hold back
	// what depends on it.
	if _, step := s.Steps[makes]; step {
		rule = append(rule, walk.Edge{First: s.destroys[o.Addr], Then: makes})
	}
	for _, d := range o.Deps {
		if first, ok := s.makes[d]; ok {
			rule = append(rule, walk.Edge{First: first, Then: makes})
		}
	}
	return rule
}

func (s *Schedule) dependentsGoFirst(o *operation.Operation) (rule []walk.Edge) {
	for _, d := range o.PriorDeps {
		if then, ok := s.destroys[d]; ok {
			rule = append(rule, walk.Edge{First: s.destroys[o.Addr], Then: then})
		}
	}
	return rule
}

func (s *Schedule) placeIsFree(o *operation.Operation) []walk.Edge {
	makes, ok := s.makes[o.Addr]
	if _, step := s.Steps[makes]; !ok || !step {
		return nil
	}
	id := o.Type.ID(o.After)
	first, ok := s.vacates[key{o.Addr.Type, id}]
	if !ok || id == "" {
		return nil
	}
	return []walk.Edge{{First: first, Then: makes}}
}

func (s *Schedule) lettingGoFirst(o *operation.Operation) (rule []walk.Edge) {
	if o.Kind != operation.Update {
		return nil
	}
	kept := make(map[addr.Addr]bool, len(o.Deps))
	for _, d := range o.Deps {
		kept[d] = true
	}
	for _, d := range o.PriorDeps {
		then, ok := s.destroys[d]
		if _, step := s.Steps[then]; ok && step && !kept[d] {
			rule = append(rule, walk.Edge{First: s.makes[o.Addr], Then: then})
		}
	}
	return rule
}
