// Package walk owns the order of steps: a graph that says what comes before
// what, and the walk over it. It knows steps by number alone.
//
// Invariants:
//
//  1. A graph has no circle, whatever it is told: a rule gives way to those
//     that were added before it.
//  2. A step starts when all that it comes after are done, no other step of
//     its lane runs, and fewer steps run than the limit. While there is such a
//     step and nobody has asked to stop, one starts; the one that has been
//     ready the longest comes first.
//  3. What comes after a failed step, directly or not, is never started.
//     After a fatal one nothing is.
//  4. Every step either ran once or is reported as skipped, with what it was
//     skipped for.
//
// Building a graph and walking it takes time in proportion to its steps and
// edges, but for a logarithm. Start at Graph, then Graph.Walk.
package walk

// Graph is steps and their order. The zero Graph has none.
type Graph struct{ nodes []node }

type node struct {
	lane  string
	joint bool
	after []int
}

// Edge says that First is done before Then begins.
type Edge struct{ First, Then int }

// Step adds a step and returns its number. Steps of one lane never run at the
// same time; "" is no lane.
func (g *Graph) Step(lane string) int { return g.add(node{lane: lane}) }

// Joint adds a step at which there is nothing to do: it hands on order and
// failure, and is neither started nor reported.
func (g *Graph) Joint() int { return g.add(node{joint: true}) }

func (g *Graph) add(n node) int {
	g.nodes = append(g.nodes, n)
	return len(g.nodes) - 1
}

// Order adds a rule, which is any number of edges. Those that lie on a circle,
// made with each other or with earlier rules, are left out.
func (g *Graph) Order(rule []Edge) {
	before := make([]int, len(g.nodes))
	for i := range g.nodes {
		before[i] = len(g.nodes[i].after)
	}
	for _, e := range rule {
		g.nodes[e.Then].after = append(g.nodes[e.Then].after, e.First)
	}
	// Two steps are on a circle exactly when each comes after the other.
	circle := g.circles()
	for i := range g.nodes {
		n := &g.nodes[i]
		kept := n.after[:before[i]]
		for _, j := range n.after[before[i]:] {
			if circle[i] != circle[j] {
				kept = append(kept, j)
			}
		}
		n.after = kept
	}
}

// circles gives steps the same number if each comes after the other; it is
// Tarjan's algorithm for strongly connected components.
func (g *Graph) circles() []int {
	const unseen = 0
	circle, seen, low := make([]int, len(g.nodes)), make([]int, len(g.nodes)), make([]int, len(g.nodes))
	var stack []int
	count, circles := 0, 0
	var visit func(i int)
	visit = func(i int) {
		count++
		seen[i], low[i] = count, count
		stack = append(stack, i)
		for _, j := range g.nodes[i].after {
			if seen[j] == unseen {
				visit(j)
				low[i] = min(low[i], low[j])
			} else if circle[j] == 0 {
				low[i] = min(low[i], seen[j])
			}
		}
		if low[i] != seen[i] {
			return
		}
		circles++
		for {
			j := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			circle[j] = circles
			if j == i {
				return
			}
		}
	}
	for i := range g.nodes {
		if seen[i] == unseen {
			visit(i)
		}
	}
	return circle
}
