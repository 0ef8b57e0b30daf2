package planner

import (
	"slices"

	"hostler/hcl/addr"
)

// step is one thing to do to one resource. A replacement is two: its Delete
// and its Create.
type step struct {
	change *Change
	action Action // Create, Update, Delete, Forget, or NoOp for a mere import
	// after are the steps that must be done before this one, by index.
	after []int
	lane  string
}

// stepsOf turns a plan's changes into steps and their order:
//
//   - what makes or changes an object comes after what does so to its
//     dependencies;
//   - what destroys an object comes after what destroys those that state
//     recorded as depending on it;
//   - an object that goes for good also waits until those that let go of it
//     are updated, unless that contradicts the rules above.
//
// The rules alone can't contradict each other as long as neither the files
// nor the state have a cycle.
func (p *Planner) stepsOf(plan *Plan) []step {
	var steps []step
	makes, destroys := map[addr.Addr]int{}, map[addr.Addr]int{}
	add := func(c *Change, a Action, index map[addr.Addr]int) {
		index[c.Addr] = len(steps)
		v := c.After
		if a == Delete {
			v = c.Before
		}
		s := step{change: c, action: a}
		if a != NoOp && a != Forget {
			s.lane = p.Types[c.Addr.Type].Lane(v)
		}
		steps = append(steps, s)
	}
	for _, c := range plan.Changes {
		switch c.Action {
		case Create, Update:
			add(c, c.Action, makes)
		case Delete:
			add(c, Delete, destroys)
		case Replace:
			add(c, Delete, destroys)
			add(c, Create, makes)
			steps[makes[c.Addr]].after = []int{destroys[c.Addr]}
		case Forget:
			add(c, Forget, destroys)
		case NoOp:
			if c.ImportID != "" {
				add(c, NoOp, makes)
			}
		}
	}
	for _, c := range plan.Changes {
		if i, ok := makes[c.Addr]; ok {
			for _, d := range c.Deps {
				if j, ok := makes[d]; ok {
					steps[i].after = append(steps[i].after, j)
				}
			}
		}
		if j, ok := destroys[c.Addr]; ok {
			for _, d := range c.PriorDeps {
				if i, ok := destroys[d]; ok {
					steps[i].after = append(steps[i].after, j)
				}
			}
		}
	}
	for _, c := range plan.Changes {
		j, ok := makes[c.Addr]
		if !ok || c.Action != Update {
			continue
		}
		for _, d := range c.PriorDeps {
			i, ok := destroys[d]
			if ok && !slices.Contains(c.Deps, d) && !reaches(steps, j, i) {
				steps[i].after = append(steps[i].after, j)
			}
		}
	}
	return steps
}

// reaches reports whether from has to wait for to.
func reaches(steps []step, from, to int) bool {
	seen := map[int]bool{}
	var visit func(int) bool
	visit = func(i int) bool {
		if i == to {
			return true
		}
		if seen[i] {
			return false
		}
		seen[i] = true
		return slices.ContainsFunc(steps[i].after, visit)
	}
	return visit(from)
}
