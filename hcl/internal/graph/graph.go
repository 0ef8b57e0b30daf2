// Package graph owns the order in which the parts of a configuration get
// their values: those referred to first, each once, and none that needs its
// own value.
//
// Invariants:
//
//  1. What is wrong has an unknown value, so that whatever refers to it is
//     still evaluated and stays silent.
//  2. A node sees the values that it refers to and no others: its cost does
//     not grow with the configuration.
//  3. A circle is reported once, with every reference that is part of it.
//
// Start at Evaluate.
package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"hostler/hcl/internal/report"
)

// Node is a part of the configuration that has a value: a variable, a local
// value, a managed block with all its instances, an output.
type Node struct {
	Name      string // as in references, but for output.x and import.n
	At        hcl.Range
	Functions map[string]function.Function // that Eval may call

	Uses []hcl.Traversal // every reference that Eval evaluates
	Refs []Ref           // what they mean
	// Eval is called once, when the nodes of Refs have their values. It may
	// be nil.
	Eval func(*hcl.EvalContext) (cty.Value, hcl.Diagnostics)

	Block  bool // a managed block: of its value, only what is wrong is unknown
	Group  bool // stands for other nodes: circles go through it unnamed
	Broken bool // something is wrong with it
	Read   bool // others refer to it; where none does, Eval may give no value
	// Value is unknown until Eval has been called, and so is what it found
	// wrong: whatever uses that has nothing to complain about.
	Value cty.Value

	index, low int // of the search for circles; 0 before it
	onPath     bool
	circle     int // the refused circle that it is part of, or 0
}

// Ref is one reference from a node to another.
type Ref struct {
	To *Node // nil when there is none, or the reference is wrong
	// Root and Name are how expressions write it. Without a Root nobody wrote
	// it, and it only makes one node wait for another.
	Root, Name string
	Bare       bool      // the value stands at the root, as for github.owner
	Key        cty.Value // literal key of the instance, or null
	At         hcl.Range
}

// Evaluate gives every node its value, those referred to first. It is
// Tarjan's search for strongly connected components, which come out in that
// very order. Sources are the files, to quote from.
func Evaluate(nodes []*Node, sources map[string]*hcl.File) hcl.Diagnostics {
	e := evaluation{sources: sources}
	for _, n := range nodes {
		if n.index == 0 {
			e.visit(n)
		}
	}
	return e.diags
}

type evaluation struct {
	sources map[string]*hcl.File
	path    []*Node
	count   int
	diags   hcl.Diagnostics
}

func (e *evaluation) visit(n *Node) {
	e.count++
	n.index, n.low, n.onPath = e.count, e.count, true
	e.path = append(e.path, n)
	for _, r := range n.Refs {
		switch to := r.To; {
		case to == nil:
		case to.index == 0:
			e.visit(to)
			n.low = min(n.low, to.low)
		case to.onPath:
			n.low = min(n.low, to.index)
		}
	}
	if n.low != n.index {
		return
	}
	at := len(e.path) - 1
	for e.path[at] != n {
		at--
	}
	circle := slices.Clone(e.path[at:])
	e.path = e.path[:at]
	for _, m := range circle {
		m.onPath = false
	}
	if len(circle) > 1 || slices.ContainsFunc(n.Refs, func(r Ref) bool { return r.To == n }) {
		e.refuseCircle(circle)
	}
	for _, m := range circle {
		e.evaluate(m)
	}
}

// refuseCircle reports nodes that refer to each other, with every reference.
// A variable's own validations may refer to it.
func (e *evaluation) refuseCircle(nodes []*Node) {
	type edge struct {
		from *Node
		Ref
	}
	var edges []edge
	members := map[*Node]bool{}
	for _, n := range nodes {
		members[n] = true
	}
	for _, n := range nodes {
		for _, r := range n.Refs {
			if members[r.To] && (r.To != n || !strings.HasPrefix(n.Name, "var.")) {
				edges = append(edges, edge{n, r})
			}
		}
	}
	if len(edges) == 0 {
		return
	}
	for _, n := range nodes {
		n.circle = nodes[0].index
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(strings.Compare(a.At.Filename, b.At.Filename), cmp.Compare(a.At.Start.Byte, b.At.Start.Byte))
	})
	var names, lines []string
	for _, edge := range edges {
		edge.from.Broken = true
		if !edge.from.Group {
			names = append(names, edge.from.Name)
		}
		at := report.Place(edge.At, e.sources)
		lines = append(lines, fmt.Sprintf("  - %s refers to %s at %s:%d,%d: %s", edge.from.Name, edge.To.Name, at.Filename, at.Start.Line, at.Start.Column, e.quote(at)))
	}
	slices.Sort(names)
	e.diags = append(e.diags, report.At(edges[0].At, "Cycle: "+report.List(slices.Compact(names)),
		"Each of these needs the value of the next, so none can be worked out:\n%s\nRemove one of these references.", strings.Join(lines, "\n")))
}

// quote is what stands at rng.
func (e *evaluation) quote(rng hcl.Range) string {
	if f := e.sources[rng.Filename]; f != nil && rng.CanSliceBytes(f.Bytes) {
		return string(rng.SliceBytes(f.Bytes))
	}
	return ""
}

func (e *evaluation) evaluate(n *Node) {
	if n.Eval == nil {
		return
	}
	v, diags := n.Eval(e.scope(n))
	e.diags = append(e.diags, diags...)
	n.Broken = n.Broken || diags.HasErrors()
	if n.Broken && !n.Block {
		v = cty.DynamicVal
	}
	n.Value = v
}

// scope holds the values that n refers to.
func (e *evaluation) scope(n *Node) *hcl.EvalContext {
	vars := map[string]cty.Value{}
	byRoot := map[string]map[string]cty.Value{}
	for _, r := range n.Refs {
		if r.Root == "" {
			continue
		}
		v := cty.DynamicVal
		if r.To != nil && (r.To.circle == 0 || r.To.circle != n.circle) {
			v = r.To.Value
		}
		if r.Bare {
			vars[r.Root] = v
			continue
		}
		if byRoot[r.Root] == nil {
			byRoot[r.Root] = map[string]cty.Value{}
		}
		if old, ok := byRoot[r.Root][r.Name]; !ok || old != cty.DynamicVal {
			byRoot[r.Root][r.Name] = v
		}
	}
	for root, members := range byRoot {
		if _, whole := vars[root]; !whole {
			vars[root] = cty.ObjectVal(members)
		}
	}
	return &hcl.EvalContext{Variables: vars, Functions: n.Functions}
}
