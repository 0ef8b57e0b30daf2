package view

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// object writes one resource as a block of its type. forces are the attributes
// whose change forces a replacement.
func (d *diff) object(s *schema.Block, a addr.Addr, sym string, before, after cty.Value, forces []string) {
	d.lead(0, sym)
	d.WriteString(a.Type + " " + quote(a.Name) + " ")
	d.braces(0, "", func() { d.body(1, s, before, after, "", forces) })
}

// braces writes a body between braces, on one line if there is none.
func (d *diff) braces(depth int, note string, body func()) {
	d.WriteByte('{')
	head := d.Len()
	d.WriteString(note + "\n")
	start := d.Len()
	if body(); d.Len() == start {
		d.Truncate(head)
		d.WriteString("}" + note + "\n")
		return
	}
	d.lead(depth, " ")
	d.WriteString("}\n")
}

// body writes the attributes and then the nested blocks of one block, in the
// order of the schema. path is where the block lies within the resource.
func (d *diff) body(depth int, s *schema.Block, before, after cty.Value, path string, forces []string) {
	start := d.Len()
	note := func(name string) string {
		if slices.Contains(forces, path+name) {
			return d.paint.With(term.Red, " # forces replacement")
		}
		return ""
	}
	var attrs []entry
	for _, name := range attrNames(s, before, after) {
		e := entry{key: name, before: attr(before, name), after: attr(after, name), keep: identity(name)}
		if !same(e.before, e.after) {
			e.note = note(name)
		}
		attrs = append(attrs, e)
	}
	d.list(depth, attrs, "attribute", d.null(), false)
	if s == nil {
		return
	}
	hidden := 0
	for i := range s.Blocks {
		n := &s.Blocks[i]
		for _, e := range nested(n, attr(before, n.Type), attr(after, n.Type)) {
			sym := symbol(e.before, e.after)
			if sym == " " && !d.all {
				hidden++
				continue
			}
			if d.Len() > start {
				d.WriteByte('\n')
			}
			d.lead(depth, sym)
			d.WriteString(e.key + " ")
			at, why := path+n.Type, ""
			if sym != " " {
				why = note(n.Type)
			}
			d.braces(depth, why, func() { d.body(depth+1, &n.Block, e.before, e.after, at+".", forces) })
		}
	}
	if hidden > 0 && d.Len() > start {
		d.WriteByte('\n')
	}
	d.hidden(depth, hidden, "block")
}

// attrNames are the names of a block's attributes: the schema's, or if the type
// is not known any more, those of the values.
func attrNames(s *schema.Block, before, after cty.Value) []string {
	var names []string
	if s != nil {
		for _, a := range s.Attrs {
			names = append(names, a.Name)
		}
		return names
	}
	for _, v := range []cty.Value{before, after} {
		if container(v) && keyed(v) {
			own, _ := elements(v)
			names = append(names, own...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// attr is an attribute of an object that may be absent.
func attr(v cty.Value, name string) cty.Value {
	if container(v) && v.Type().IsObjectType() && v.Type().HasAttribute(name) {
		return v.GetAttr(name)
	}
	return cty.NilVal
}

// nested pairs the nested blocks of one type; the key of each is its header.
func nested(n *schema.Nested, before, after cty.Value) []entry {
	if n.Mode != schema.List {
		if absent(before) && absent(after) {
			return nil
		}
		return []entry{{key: header(n, before, after), before: before, after: after}}
	}
	var a, b []cty.Value
	if container(before) {
		_, a = elements(before)
	}
	if container(after) {
		_, b = elements(after)
	}
	equal := func(i, j int) bool { return same(a[i], b[j]) }
	if len(n.Labels) > 0 {
		equal = func(i, j int) bool {
			return header(n, a[i], cty.NilVal) == header(n, b[j], cty.NilVal)
		}
	}
	pairs := align(len(a), len(b), equal)
	if len(n.Labels) == 0 {
		pairs = matched(pairs, a, b)
	}
	var out []entry
	for _, p := range pairs {
		var e entry
		if p.i >= 0 {
			e.before = a[p.i]
		}
		if p.j >= 0 {
			e.after = b[p.j]
		}
		e.key = header(n, e.before, e.after)
		out = append(out, e)
	}
	return out
}

// header is a nested block's type and labels.
func header(n *schema.Nested, before, after cty.Value) string {
	one := after
	if absent(one) {
		one = before
	}
	words := []string{n.Type}
	for _, label := range n.Labels {
		words = append(words, scalar(attr(one, label)))
	}
	return strings.Join(words, " ")
}

// settled is what will be once a change is applied, with what the provider
// computes taken to stay: apply alone knows better, and no value is unknown.
func settled(s *schema.Block, before, after cty.Value) cty.Value {
	if s == nil || !container(before) || !container(after) {
		return after
	}
	attrs := after.AsValueMap()
	for _, a := range s.Attrs {
		if a.Computed && after.Type().HasAttribute(a.Name) && absent(attrs[a.Name]) && !absent(attr(before, a.Name)) {
			attrs[a.Name] = attr(before, a.Name)
		}
	}
	return cty.ObjectVal(attrs)
}
