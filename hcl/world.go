package hcl

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/graph"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// The loader as decode.Blocks: what a decoder may ask about other blocks.

// Has reports whether the configuration has the block.
func (l *loader) Has(block addr.Addr) bool { return l.nodes[block.String()] != nil }

// Instances of a block with for_each.
func (l *loader) Instances(block addr.Addr) (out []addr.Addr) {
	for _, b := range l.managed[block.String()].blocks {
		out = append(out, b.Addr)
	}
	return out
}

// OnHost are the instances of block that belong to host.
func (l *loader) OnHost(block addr.Addr, host string) ([]addr.Addr, bool) {
	hosts := l.managed[block.String()].hosts()
	return hosts[host], hosts != nil
}

// Describe lists instances with their hosts.
func (l *loader) Describe(block addr.Addr) string {
	var out []string
	for host, instances := range l.managed[block.String()].hosts() {
		for _, a := range instances {
			if host == "" {
				out = append(out, a.String())
			} else {
				out = append(out, fmt.Sprintf("%s (on %s)", a, host))
			}
		}
	}
	slices.Sort(out)
	return report.List(out)
}

// Nearest is the block of one of those types whose name is most like name.
func (l *loader) Nearest(name string, types []string) string {
	full := map[string]string{}
	for _, name := range report.SortedKeys(l.managed) {
		if m := l.managed[name]; slices.Contains(types, m.addr.Type) {
			full[m.addr.Name] = name
		}
	}
	return full[schema.Nearest(name, report.SortedKeys(full))]
}

// Sole are the instances of all blocks of those types. More may stand where
// they can't be read, so one is certain and none or several are not.
func (l *loader) Sole(types []string) (found []addr.Addr, known bool) {
	lost := l.files.Lost
	for _, typ := range types {
		lost = lost || l.lost[typ] != nil
		instances, known := l.all(typ).instances()
		if !known {
			return nil, false
		}
		found = append(found, instances...)
	}
	return found, len(found) == 1 || !lost
}

// group is all blocks of one type.
type group struct {
	node    *graph.Node // has its value after all of them
	members []*managed
	found   []addr.Addr // see instances
	known   bool
}

// linkSole makes a block whose host may be left out wait for all hosts: which
// one is meant shows only when their for_each is known.
func (l *loader) linkSole(m *managed) {
	for _, a := range m.schema.Attrs {
		if a.Type.Kind != schema.KindRef || !a.Type.Sole {
			continue
		}
		if attr := m.body.Attrs[a.Name]; attr != nil {
			if t, _ := hcl.AbsTraversalForExpr(attr.Expr); len(t) > 0 && slices.Contains(a.Type.Refs, t.RootName()) {
				continue
			}
		}
		for _, typ := range a.Type.Refs {
			m.node.Refs = append(m.node.Refs, graph.Ref{To: l.all(typ).node, Key: cty.NullVal(cty.String), At: m.node.At})
		}
	}
}

func (l *loader) all(typ string) *group {
	if g := l.groups[typ]; g != nil {
		return g
	}
	g := &group{node: &graph.Node{Name: "the only " + typ, Group: true, Value: cty.DynamicVal}}
	l.groups[typ] = g
	for _, n := range l.order {
		if m := l.managed[n.Name]; m != nil && m.schema.Type == typ {
			g.members = append(g.members, m)
			g.node.Refs = append(g.node.Refs, graph.Ref{To: n, Key: cty.NullVal(cty.String), At: n.At})
		}
	}
	return g
}

// instances of all blocks of the group; not known when a for_each is
// unknown.
func (g *group) instances() ([]addr.Addr, bool) {
	if g.known {
		return g.found, true
	}
	var found []addr.Addr
	for _, m := range g.members {
		if len(m.blocks) == 0 && (m.forEach == nil || m.keys == nil) {
			return nil, false
		}
		for _, b := range m.blocks {
			found = append(found, b.Addr)
		}
	}
	slices.SortFunc(found, addr.Compare)
	g.found, g.known = found, true
	return found, true
}

// checkAfter looks whether there are the instances that depends_on names.
func (l *loader) checkAfter(m *managed) (diags Diagnostics) {
	for _, r := range m.after {
		to := l.managed[r.To.Name]
		if r.Key.IsNull() || to.keys == nil || to.keys[r.Key.AsString()] != nil {
			continue
		}
		diags = append(diags, report.At(r.At, "Invalid index", "%s", report.NoInstance(to.addr, r.Key.AsString(), report.SortedKeys(to.keys))))
	}
	return diags
}

// addTo adds the instances that a reference in depends_on means.
func (l *loader) addTo(deps map[addr.Addr]bool, r graph.Ref) {
	m := l.managed[r.To.Name]
	if !r.Key.IsNull() {
		deps[m.addr.Instance(r.Key.AsString())] = true
		return
	}
	for _, b := range m.blocks {
		deps[b.Addr] = true
	}
}

// exists answers moves.Exists. What is not known may also stand in a file
// that could not be read.
func (l *loader) exists(a addr.Addr, whole, otherwise bool) bool {
	m := l.managed[a.Block().String()]
	switch {
	case m == nil:
		return l.isLost(a.Type, a.Name) && otherwise
	case m.forEach == nil:
		return !a.HasKey
	case whole && !a.HasKey:
		return true
	case m.keys == nil:
		return otherwise
	}
	return a.HasKey && m.keys[a.Key] != nil
}
