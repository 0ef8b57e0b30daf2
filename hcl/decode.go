package hcl

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// decoder brings one block, or one instance of it, to the type of its schema.
// What is wrong becomes unknown, after a diagnostic.
type decoder struct {
	l      *loader
	folder *folder
	src    Source
	addr   addr.Addr // zero for blocks that are not managed
	ctx    *hcl.EvalContext
	host   cty.Value // the block's own host, once decoded
	deps   map[addr.Addr]bool
	diags  Diagnostics
}

// decode evaluates the body in ctx, nil where nothing may be referred to.
func (d *decoder) decode(ctx *hcl.EvalContext) cty.Value {
	d.ctx, d.host = ctx, cty.NullVal(cty.String)
	raw, _, diags := hcldec.PartialDecode(d.src.body, specOf(d.src.schema), ctx)
	d.diags = append(d.diags, discreet(diags, ctx)...)
	return d.block(d.src.schema, nil, raw, nil)
}

// fail reports an error about what was written for path.
func (d *decoder) fail(p cty.Path, summary, format string, args ...any) {
	at, expr := d.src.find(p)
	e := errorAt(at, summary, format, args...)
	if d.addr.HasKey {
		e.Detail += fmt.Sprintf(" This is about %s.", d.addr)
	}
	d.diags = append(d.diags, about(e, expr, d.ctx))
}

// block decodes a block or a nested one: its attributes, the host first since
// references may depend on it, then the blocks in it, then the rules between
// them.
func (d *decoder) block(s *schema.Block, labels []string, raw cty.Value, p cty.Path) cty.Value {
	out := make(map[string]cty.Value, len(s.Attrs)+len(s.Blocks)+len(labels))
	if !raw.IsKnown() {
		raw = cty.NilVal
	}
	given := func(name string) cty.Value {
		switch {
		case raw == cty.NilVal:
			return cty.DynamicVal
		case raw.IsNull():
			return cty.NullVal(cty.DynamicPseudoType)
		}
		return raw.GetAttr(name)
	}
	host := s.Attr("host")
	if p != nil || host == nil || host.Type.Kind != schema.KindRef {
		host = nil
	} else {
		d.host = d.attr(host, given("host"), cty.GetAttrPath("host"))
		out["host"] = d.host
	}
	for i := range s.Attrs {
		if a := &s.Attrs[i]; a != host {
			out[a.Name] = d.attr(a, given(a.Name), p.GetAttr(a.Name))
		}
	}
	for _, label := range labels {
		out[label] = given(label)
	}
	for i := range s.Blocks {
		n := &s.Blocks[i]
		out[n.Type] = d.nested(n, given(n.Type), p.GetAttr(n.Type))
	}
	v := cty.ObjectVal(out)
	if s.Check != nil && v.IsWhollyKnown() {
		if err := s.Check(v); err != nil {
			d.refuse(err, p, fmt.Sprintf("Invalid %s configuration", s.Type), "")
		}
	}
	return v
}

func (d *decoder) nested(n *schema.Nested, raw cty.Value, p cty.Path) cty.Value {
	if n.Mode != schema.List {
		if raw.IsKnown() && raw.IsNull() && n.Mode == schema.Optional {
			return cty.NullVal(n.Cty())
		}
		return d.block(&n.Block, n.Labels, raw, p)
	}
	if !raw.IsKnown() {
		return cty.UnknownVal(n.Cty())
	}
	if raw.IsNull() || raw.LengthInt() == 0 {
		return cty.ListValEmpty(n.Cty().ElementType())
	}
	elems := make([]cty.Value, raw.LengthInt())
	for i := range elems {
		elems[i] = d.block(&n.Block, n.Labels, raw.Index(cty.NumberIntVal(int64(i))), p.IndexInt(i))
	}
	return cty.ListVal(elems)
}

func (d *decoder) attr(a *schema.Attr, raw cty.Value, p cty.Path) cty.Value {
	t := a.Type
	if a.Computed {
		if !raw.IsKnown() || !raw.IsNull() {
			d.fail(p, "Attribute can't be set", "hostler fills in %q when it applies the configuration. Remove this line.", a.Name)
		}
		return cty.NullVal(t.Cty())
	}
	v, ok := d.value(t, raw, p)
	if ok && v.IsKnown() && v.IsNull() {
		switch {
		case t.Sole:
			v, ok = d.sole(a, p)
		case a.Required:
			at, _ := d.src.find(p)
			d.diags = append(d.diags, missing(at, a.Name))
			ok = false
		}
	}
	if !ok {
		return cty.UnknownVal(t.Cty())
	}
	out, err := a.Normalize(v)
	if err != nil {
		d.refuse(err, p, "Invalid attribute value", fmt.Sprintf("Inappropriate value for attribute %q: ", a.Name))
		return cty.UnknownVal(t.Cty())
	}
	return out
}

// refuse reports an error of the schema at the place its path points to.
func (d *decoder) refuse(err error, p cty.Path, summary, intro string) {
	var at cty.PathError
	if errors.As(err, &at) {
		p = append(p.Copy(), at.Path...)
	}
	d.fail(p, summary, "%s", sentence(intro+err.Error()))
}

// value brings raw to t.Cty(), not yet normalized. It is not ok after a
// diagnostic. Marks are taken off: those of blocks become dependencies, and a
// sensitive value is refused.
func (d *decoder) value(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	raw, marks := raw.Unmark()
	if hasMark(marks, Sensitive) {
		d.fail(p, "Sensitive value in a block", "This value is sensitive, and plans and state, where blocks are kept, hold no secrets. "+
			"Where a secret is wanted, write a reference to it, such as env:NAME; where only a fact about the secret is, wrap it in nonsensitive().")
		return raw, false
	}
	for _, from := range origins(marks) {
		d.deps[from] = true
	}
	switch {
	case !raw.IsKnown():
		return cty.UnknownVal(t.Cty()), true
	case raw.IsNull():
		return cty.NullVal(t.Cty()), true
	}
	rt := raw.Type()
	switch {
	case t.Kind == schema.KindRef:
		return d.reference(t, raw, marks, p)
	case t.Kind == schema.KindList && (rt.IsTupleType() || rt.IsListType() || rt.IsSetType()):
		return d.list(t, raw, p)
	case t.Kind == schema.KindMap && (rt.IsObjectType() || rt.IsMapType()):
		return d.mapping(t, raw, p)
	case t.Kind == schema.KindObject && (rt.IsObjectType() || rt.IsMapType()):
		return d.object(t, raw, p)
	}
	v, err := convert.Convert(raw, t.Cty())
	if err != nil {
		d.mismatch(t, rt, p)
		return raw, false
	}
	if t.Kind == schema.KindPath {
		v = cty.StringVal(d.folder.path(v.AsString()))
	}
	return v, true
}

func (d *decoder) mismatch(t schema.Type, got cty.Type, p cty.Path) {
	hint := ""
	if t.Kind == schema.KindList && got.IsPrimitiveType() {
		hint = " Put it into brackets, even if it is the only one."
	}
	d.fail(p, "Incorrect attribute value type", "Inappropriate value for attribute %q: %s required, not %s.%s", attrName(p), t.Name(), got.FriendlyName(), hint)
}

func (d *decoder) list(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	var elems []cty.Value
	allOK := true
	for it := raw.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		v, ok := d.value(*t.Elem, elem, p.IndexInt(len(elems)))
		allOK = allOK && ok
		elems = append(elems, v)
	}
	switch {
	case !allOK:
		return raw, false
	case len(elems) == 0:
		return cty.ListValEmpty(t.Elem.Cty()), true
	}
	return cty.ListVal(elems), true
}

func (d *decoder) mapping(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	elems := map[string]cty.Value{}
	allOK := true
	for it := raw.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		v, ok := d.value(*t.Elem, elem, p.Index(key))
		allOK = allOK && ok
		elems[key.AsString()] = v
	}
	switch {
	case !allOK:
		return raw, false
	case len(elems) == 0:
		return cty.MapValEmpty(t.Elem.Cty()), true
	}
	return cty.MapVal(elems), true
}

func (d *decoder) object(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	attrs := map[string]cty.Value{}
	var known []string
	for _, a := range t.Of {
		known = append(known, a.Name)
		attrs[a.Name] = cty.NullVal(a.Type.Cty())
	}
	allOK := true
	for it := raw.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		name := key.AsString()
		a := (&schema.Block{Attrs: t.Of}).Attr(name)
		if a == nil {
			d.fail(p.GetAttr(name), "Unsupported attribute", "An object of %q has no attribute %q.%s", attrName(p), name, didYouMean(name, known))
			allOK = false
			continue
		}
		v, ok := d.value(a.Type, elem, p.GetAttr(name))
		allOK = allOK && ok
		attrs[name] = v
	}
	return cty.ObjectVal(attrs), allOK
}

// path makes a path in files of f one relative to the configuration folder.
func (f *folder) path(p string) string {
	if p == "" || path.IsAbs(p) || p == "~" || strings.HasPrefix(p, "~/") {
		return p
	}
	return path.Join(f.rel, p)
}

// attrName is a path as people write it, without positions.
func attrName(p cty.Path) string {
	var names []string
	for _, step := range p {
		if name := stepName(step); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ".")
}
