package hcl

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// The loader as decode.Blocks: what a decoder may ask about other blocks.

// Has reports whether the configuration has the block.
func (l *loader) Has(block addr.Addr) bool { return l.nodes[block.String()] != nil }

// Instances of a block with for_each.
func (l *loader) Instances(block addr.Addr) (out []addr.Addr) {
	for _, b := range l.nodes[block.String()].managed.blocks {
		out = append(out, b.Addr)
	}
	return out
}

// OnHost are the instances of block that belong to host.
func (l *loader) OnHost(block addr.Addr, host string) ([]addr.Addr, bool) {
	hosts := l.nodes[block.String()].managed.hosts()
	return hosts[host], hosts != nil
}

// Describe lists instances with their hosts.
func (l *loader) Describe(block addr.Addr) string {
	var out []string
	for host, instances := range l.nodes[block.String()].managed.hosts() {
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
	for _, n := range l.order {
		if n.managed != nil && slices.Contains(types, n.managed.addr.Type) {
			full[n.managed.addr.Name] = n.name
		}
	}
	return full[schema.Nearest(name, report.SortedKeys(full))]
}

// Sole are the instances of all blocks of those types. More may stand in a
// file that could not be read, so one is certain only there.
func (l *loader) Sole(types []string) (found []addr.Addr, known bool) {
	for _, typ := range types {
		instances, known := l.all(typ).instances()
		if !known {
			return nil, false
		}
		found = append(found, instances...)
	}
	return found, len(found) == 1 || !l.files.Lost
}

// soleRoot is the root of references that nobody wrote: to the only host.
const soleRoot = "\x00sole"

// linkSole makes a block whose host may be left out wait for all hosts: which
// one is meant shows only when their for_each is known.
func (l *loader) linkSole(n *node) {
	for _, a := range n.managed.schema.Attrs {
		if a.Type.Kind != schema.KindRef || !a.Type.Sole {
			continue
		}
		if attr := n.managed.body.Attrs[a.Name]; attr != nil {
			if t, _ := hcl.AbsTraversalForExpr(attr.Expr); len(t) > 0 && slices.Contains(a.Type.Refs, t.RootName()) {
				continue
			}
		}
		for _, typ := range a.Type.Refs {
			n.refs = append(n.refs, ref{to: l.all(typ), root: soleRoot, name: typ, key: cty.NullVal(cty.String), at: n.at})
		}
	}
}

// all is a node that has its value after all blocks of that type.
func (l *loader) all(typ string) *node {
	name := "the only " + typ
	if g := l.nodes[name]; g != nil {
		return g
	}
	g := &node{name: name, group: true, value: cty.DynamicVal}
	l.nodes[name] = g
	for _, n := range l.order {
		if n.managed != nil && n.managed.schema.Type == typ {
			g.refs = append(g.refs, ref{to: n, root: soleRoot, name: n.name, at: n.at})
		}
	}
	return g
}

// instances of all blocks that the group n stands for; not known when a
// for_each is unknown.
func (n *node) instances() (out []addr.Addr, known bool) {
	if n.sole != nil {
		return *n.sole, true
	}
	for _, r := range n.refs {
		m := r.to.managed
		if len(m.blocks) == 0 && (m.forEach == nil || m.keys == nil) {
			return nil, false
		}
		for _, b := range m.blocks {
			out = append(out, b.Addr)
		}
	}
	slices.SortFunc(out, addr.Compare)
	n.sole = &out
	return out, true
}

// addTo adds the instances that a reference in depends_on means.
func (r ref) addTo(deps map[addr.Addr]bool) {
	if !r.key.IsNull() {
		deps[r.to.managed.addr.Instance(r.key.AsString())] = true
		return
	}
	for _, b := range r.to.managed.blocks {
		deps[b.Addr] = true
	}
}
