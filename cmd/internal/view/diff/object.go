package diff

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/cmd/internal/view/value"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// Object writes one resource as a block of its type. forces are the attributes
// whose change forces a replacement.
func (w *Writer) Object(s *schema.Block, a addr.Addr, sym string, before, after cty.Value, forces []string) {
	w.Lead(0, sym)
	w.WriteString(a.Type + " ")
	if s == nil || !s.Unnamed {
		w.WriteString(value.Quote(a.Name) + " ")
	}
	w.braces(0, "", func() { w.body(1, s, before, after, "", forces) })
}

// braces writes a body between braces, on one line if there is none.
func (w *Writer) braces(depth int, note string, body func()) {
	w.WriteByte('{')
	head := w.Len()
	w.WriteString(note + "\n")
	start := w.Len()
	if body(); w.Len() == start {
		w.Truncate(head)
		w.WriteString("}" + note + "\n")
		return
	}
	w.Lead(depth, " ")
	w.WriteString("}\n")
}

// body writes the attributes and then the nested blocks of one block, in the
// order of the schema. path is where the block lies within the resource.
func (w *Writer) body(depth int, s *schema.Block, before, after cty.Value, path string, forces []string) {
	start := w.Len()
	note := func(name string) string {
		if slices.Contains(forces, path+name) {
			return w.Paint.With(term.Red, " # forces replacement")
		}
		return ""
	}
	var attrs []Entry
	for _, name := range attrNames(s, before, after) {
		e := Entry{Key: term.Clean(name), Before: value.Attr(before, name), After: value.Attr(after, name), Keep: identity(name)}
		if !value.Same(e.Before, e.After) {
			e.note = note(name)
		}
		attrs = append(attrs, e)
	}
	w.list(depth, attrs, "attribute", w.null(), false)
	if s == nil {
		return
	}
	hidden := 0
	for i := range s.Blocks {
		n := &s.Blocks[i]
		for _, e := range nested(n, value.Attr(before, n.Type), value.Attr(after, n.Type)) {
			sym := symbol(e.Before, e.After)
			if sym == " " && !w.All {
				hidden++
				continue
			}
			if w.Len() > start {
				w.WriteByte('\n')
			}
			w.Lead(depth, sym)
			w.WriteString(e.Key + " ")
			at, why := path+n.Type, ""
			if sym != " " {
				why = note(n.Type)
			}
			w.braces(depth, why, func() { w.body(depth+1, &n.Block, e.Before, e.After, at+".", forces) })
		}
	}
	if hidden > 0 && w.Len() > start {
		w.WriteByte('\n')
	}
	w.hidden(depth, hidden, "block")
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
	names = append(value.Names(before), value.Names(after)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// nested pairs the nested blocks of one type; the key of each is its header.
func nested(n *schema.Nested, before, after cty.Value) []Entry {
	if n.Mode != schema.List {
		if value.Absent(before) && value.Absent(after) {
			return nil
		}
		return []Entry{{Key: header(n, before, after), Before: before, After: after}}
	}
	var a, b []cty.Value
	if value.Container(before) {
		_, a = value.Elements(before)
	}
	if value.Container(after) {
		_, b = value.Elements(after)
	}
	equal := func(i, j int) bool { return value.Same(a[i], b[j]) }
	if len(n.Labels) > 0 {
		equal = func(i, j int) bool {
			return header(n, a[i], cty.NilVal) == header(n, b[j], cty.NilVal)
		}
	}
	pairs := align(len(a), len(b), equal)
	if len(n.Labels) == 0 {
		pairs = matched(pairs, a, b)
	}
	var out []Entry
	for _, p := range pairs {
		var e Entry
		if p.i >= 0 {
			e.Before = a[p.i]
		}
		if p.j >= 0 {
			e.After = b[p.j]
		}
		e.Key = header(n, e.Before, e.After)
		out = append(out, e)
	}
	return out
}

// header is a nested block's type and labels.
func header(n *schema.Nested, before, after cty.Value) string {
	one := after
	if value.Absent(one) {
		one = before
	}
	words := []string{n.Type}
	for _, label := range n.Labels {
		words = append(words, value.Scalar(value.Attr(one, label)))
	}
	return strings.Join(words, " ")
}

// Settled is what will be once a change is applied, with what the provider
// computes taken to stay: apply alone knows better, and no value is unknown.
func Settled(s *schema.Block, before, after cty.Value) cty.Value {
	if s == nil || !value.Container(after) || !after.Type().IsObjectType() {
		return after
	}
	attrs := after.AsValueMap()
	for _, a := range s.Attrs {
		if a.Computed && after.Type().HasAttribute(a.Name) && value.Absent(attrs[a.Name]) && !value.Absent(value.Attr(before, a.Name)) {
			attrs[a.Name] = value.Attr(before, a.Name)
		}
	}
	return cty.ObjectVal(attrs)
}
