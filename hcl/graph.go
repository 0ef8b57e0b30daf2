package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/report"
)

// node is a part of the configuration that has a value: a variable, a local
// value, a managed block with all its instances, an output.
type node struct {
	name    string // as in references, but for output.x and import.n
	at      Range
	folder  *folder.Folder
	managed *managed // nil for all but managed blocks

	uses []hcl.Traversal // every reference that eval evaluates
	// eval is called once, when the nodes of refs have their values. It may
	// be nil.
	eval func(*hcl.EvalContext) (cty.Value, Diagnostics)

	refs   []ref
	broken bool // something is wrong with it
	// value is unknown until eval has been called, and so is what it found
	// wrong: whatever uses that has nothing to complain about.
	value cty.Value
	group bool         // stands for all blocks of a type; see linkSole
	sole  *[]addr.Addr // of a group: see instances

	index, low int // of the search for circles; 0 before it
	onPath     bool
}

// ref is one reference from a node to another.
type ref struct {
	to         *node // nil when there is none, or the reference is wrong
	root, name string
	bare       bool      // the value stands at the root, as for github.owner
	key        cty.Value // literal key of the instance, or null
	at         Range
}

// link finds out what every node refers to.
func (l *loader) link() {
	for _, n := range l.order {
		for _, t := range n.uses {
			l.linkTo(n, t)
		}
		if m := n.managed; m != nil {
			for _, t := range m.dependsOn {
				if r := l.linkTo(n, t); r.to != nil {
					m.after = append(m.after, r)
				}
			}
			l.linkSole(n)
		}
	}
}

func (l *loader) linkTo(n *node, t hcl.Traversal) ref {
	r, d := l.reference(n, t)
	if d != nil {
		n.broken = true
		if d != silent {
			l.err(d)
		}
	}
	if r.root != "each" || d != nil {
		n.refs = append(n.refs, r)
	}
	return r
}

// evaluate gives every node its value, those referred to first. It is
// Tarjan's search for strongly connected components, which come out in that
// very order.
func (l *loader) evaluate() {
	var path []*node
	count := 0
	var visit func(*node)
	visit = func(n *node) {
		count++
		n.index, n.low, n.onPath = count, count, true
		path = append(path, n)
		for _, r := range n.refs {
			switch to := r.to; {
			case to == nil:
			case to.index == 0:
				visit(to)
				n.low = min(n.low, to.low)
			case to.onPath:
				n.low = min(n.low, to.index)
			}
		}
		if n.low != n.index {
			return
		}
		at := slices.Index(path, n)
		circle := slices.Clone(path[at:])
		path = path[:at]
		for _, m := range circle {
			m.onPath = false
		}
		if len(circle) > 1 || slices.ContainsFunc(n.refs, func(r ref) bool { return r.to == n }) {
			l.refuseCircle(circle)
		}
		for _, m := range circle {
			l.evaluateNode(m)
		}
	}
	for _, n := range l.order {
		if n.index == 0 {
			visit(n)
		}
	}
}

// refuseCircle reports nodes that refer to each other, with every reference.
// A variable's own validations may refer to it.
func (l *loader) refuseCircle(nodes []*node) {
	type edge struct {
		from *node
		ref
	}
	var edges []edge
	members := map[*node]bool{}
	for _, n := range nodes {
		members[n] = true
	}
	for _, n := range nodes {
		for _, r := range n.refs {
			if members[r.to] && (r.to != n || !strings.HasPrefix(n.name, "var.")) {
				edges = append(edges, edge{n, r})
			}
		}
	}
	if len(edges) == 0 {
		return
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at.Filename != b.at.Filename {
			return strings.Compare(a.at.Filename, b.at.Filename)
		}
		return a.at.Start.Byte - b.at.Start.Byte
	})
	var names, lines []string
	for _, e := range edges {
		e.from.broken = true
		if !e.from.group {
			names = append(names, e.from.name)
		}
		lines = append(lines, fmt.Sprintf("  - %s refers to %s at %s:%d,%d: %s", e.from.name, e.to.name, e.at.Filename, e.at.Start.Line, e.at.Start.Column, l.text(e.at)))
	}
	slices.Sort(names)
	l.err(report.At(edges[0].at, "Cycle: "+strings.Join(slices.Compact(names), ", "),
		"Each of these needs the value of the next, so none can be worked out:\n%s\nRemove one of these references.", strings.Join(lines, "\n")))
}

// text is what stands at rng.
func (l *loader) text(rng Range) string {
	if f := l.config.Files[rng.Filename]; f != nil && rng.CanSliceBytes(f.Bytes) {
		return string(rng.SliceBytes(f.Bytes))
	}
	return ""
}

func (l *loader) evaluateNode(n *node) {
	if n.eval == nil {
		return
	}
	v, diags := n.eval(l.scope(n))
	l.diags = append(l.diags, diags...)
	n.broken = n.broken || diags.HasErrors()
	if n.broken && n.managed == nil { // of a block, only what is wrong is unknown
		v = cty.DynamicVal
	}
	n.value = v
}

// scope holds the values that n refers to, and no others, so that its cost
// does not grow with the configuration.
func (l *loader) scope(n *node) *hcl.EvalContext {
	vars := map[string]cty.Value{}
	byRoot := map[string]map[string]cty.Value{}
	for _, r := range n.refs {
		if r.root == soleRoot {
			continue
		}
		v := cty.DynamicVal
		if r.to != nil && !l.lacksKey(n, r) {
			v = r.to.value
		}
		if r.bare {
			vars[r.root] = v
			continue
		}
		if byRoot[r.root] == nil {
			byRoot[r.root] = map[string]cty.Value{}
		}
		if old, ok := byRoot[r.root][r.name]; !ok || old != cty.DynamicVal {
			byRoot[r.root][r.name] = v
		}
	}
	for root, members := range byRoot {
		if _, whole := vars[root]; !whole {
			vars[root] = cty.ObjectVal(members)
		}
	}
	return &hcl.EvalContext{Variables: vars, Functions: n.folder.Functions}
}

// lacksKey reports a reference to an instance that is not there.
func (l *loader) lacksKey(n *node, r ref) bool {
	to := r.to.managed
	if r.key.IsNull() || to == nil || to.keys == nil {
		return false
	}
	key := r.key.AsString()
	if _, ok := to.keys[key]; ok {
		return false
	}
	n.broken = true
	keys := report.SortedKeys(to.keys)
	detail := fmt.Sprintf("%s has no instance with the key %q", r.to.name, key)
	if len(keys) == 0 {
		detail += ": its for_each is empty."
	} else {
		detail += fmt.Sprintf("; it has %s.%s", report.List(report.Quoted(keys)), report.DidYouMean(key, keys))
	}
	l.err(report.At(r.at, "Invalid index", "%s", detail))
	return true
}
