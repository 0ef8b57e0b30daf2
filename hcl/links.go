package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// What a Ref attribute means: which block, or which instance of one.

// reference brings the value of a Ref attribute to the address of a block.
func (d *decoder) reference(t schema.Type, raw cty.Value, marks cty.ValueMarks, p cty.Path) (cty.Value, bool) {
	from := origins(marks)
	if raw.Type().IsMapType() {
		for mark := range marks {
			if whole, ok := mark.(instancesOf); ok {
				return d.instance(t, d.l.nodes[addr.Addr(whole).String()].managed, p)
			}
		}
	}
	text := raw
	if raw.Type().IsObjectType() && raw.Type().HasAttribute("address") {
		text, _ = raw.GetAttr("address").Unmark()
	}
	if isString(text) && len(from) > 0 { // of a block, or read from a Ref of one
		if a, err := addr.Parse(text.AsString()); err == nil && d.l.nodes[a.Block().String()] != nil {
			return d.refTo(t, a, p)
		}
	}
	if !t.OrText || !raw.Type().IsPrimitiveType() {
		d.notReference(t, raw, p)
		return raw, false
	}
	text, _ = convert.Convert(raw, cty.String)
	if a, err := addr.Parse(text.AsString()); err == nil && slices.Contains(t.Refs, a.Type) {
		d.notReference(t, text, p)
		return raw, false
	}
	return text, true
}

func (d *decoder) notReference(t schema.Type, got cty.Value, p cty.Path) {
	example := t.Refs[0] + ".NAME"
	if isString(got) {
		if a, err := addr.Parse(got.AsString()); err == nil {
			d.fail(p, "Invalid reference", "This is text, not a reference. Write %s, without quotes.", a)
			return
		}
		if near := d.l.nearest(got.AsString(), t.Refs); near != "" {
			example = near
		}
	}
	d.fail(p, "Invalid reference", "Inappropriate value for attribute %q: %s required, not %s. Write %s, without quotes.", attrName(p), t.Name(), got.Type().FriendlyName(), example)
}

// nearest is the block of one of those types whose name is most like name.
func (l *loader) nearest(name string, types []string) string {
	full := map[string]string{}
	for _, n := range l.order {
		if n.managed != nil && slices.Contains(types, n.managed.addr.Type) {
			full[n.managed.addr.Name] = n.name
		}
	}
	return full[schema.Nearest(name, sortedKeys(full))]
}

// refTo is a reference to a, if it may be.
func (d *decoder) refTo(t schema.Type, a addr.Addr, p cty.Path) (cty.Value, bool) {
	if !slices.Contains(t.Refs, a.Type) {
		d.fail(p, "Invalid reference", "Inappropriate value for attribute %q: %s required, and %s is of type %s.", attrName(p), t.Name(), a, a.Type)
		return cty.DynamicVal, false
	}
	d.deps[a] = true
	return cty.StringVal(a.String()), true
}

// instance finds which instance of m is meant without a key: the one on the
// block's own host, or all where the block belongs to no host.
func (d *decoder) instance(t schema.Type, m *managed, p cty.Path) (cty.Value, bool) {
	choose := func(why string) (cty.Value, bool) {
		d.fail(p, "Missing instance key", "%s %s has %s. Choose one by its key, as in %s[\"KEY\"].", why, m.addr, m.describe(), m.addr)
		return cty.DynamicVal, false
	}
	own := d.body.schema.Attr("host")
	switch {
	case !slices.Contains(t.Refs, m.addr.Type):
		return d.refTo(t, m.addr, p)
	case len(m.blocks) == 0:
		d.fail(p, "Missing instance key", "%s has no instances, since its for_each is empty.", m.addr)
		return cty.DynamicVal, false
	case m.addr.Type == "host":
		return choose("A host must be chosen here.")
	case own == nil || own.Type.Kind != schema.KindRef:
		for _, b := range m.blocks {
			d.deps[b.Addr] = true
		}
		return cty.StringVal(m.addr.String()), true
	case !d.host.IsKnown():
		return cty.UnknownVal(cty.String), true
	case d.host.IsNull():
		return choose("This block names no host, so it does not show which instance is meant.")
	}
	hosts := m.hosts()
	if hosts == nil {
		return cty.UnknownVal(cty.String), true
	}
	switch on := hosts[d.host.AsString()]; len(on) {
	case 0:
		return choose(fmt.Sprintf("%s has no instance on %s, where this block belongs.", m.addr, d.host.AsString()))
	case 1:
		return d.refTo(t, on[0], p)
	}
	return choose(fmt.Sprintf("%s has several instances on %s.", m.addr, d.host.AsString()))
}

// dependOn adds what a reference in depends_on means.
func (d *decoder) dependOn(r ref) {
	m := r.to.managed
	if !r.key.IsNull() {
		d.deps[m.addr.Instance(r.key.AsString())] = true
		return
	}
	for _, b := range m.blocks {
		d.deps[b.Addr] = true
	}
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
		if attr := n.managed.body.attrs[a.Name]; attr != nil {
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

// sole is the only block of the type that a left out reference may mean.
func (d *decoder) sole(a *schema.Attr, p cty.Path) (cty.Value, bool) {
	var found []addr.Addr
	for _, typ := range a.Type.Refs {
		instances, known := d.l.all(typ).instances()
		if !known {
			return cty.UnknownVal(cty.String), true
		}
		found = append(found, instances...)
	}
	if len(found) == 1 {
		return d.refTo(a.Type, found[0], p)
	}
	if d.l.lost {
		return cty.UnknownVal(cty.String), true
	}
	typ := strings.Join(a.Type.Refs, " or ")
	at, _ := d.body.find(p)
	if len(found) == 0 {
		d.diags = append(d.diags, errorAt(at, "Missing required argument", "%q is left out, which means the only %s of the configuration, and there is none. Add one, such as %s \"NAME\" { }.", a.Name, typ, a.Type.Refs[0]))
	} else {
		names := make([]string, len(found))
		for i, f := range found {
			names[i] = f.String()
		}
		d.diags = append(d.diags, errorAt(at, "Missing required argument", "%q may be left out only where the configuration has exactly one %s, and it has %s. Say which, as in %s = %s.", a.Name, typ, list(names), a.Name, names[0]))
	}
	return cty.DynamicVal, false
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
