// Package decode owns how one block becomes a value: its expressions are
// evaluated, brought to the type of the schema, normalized and checked.
//
// What is wrong is reported where it is written and becomes unknown, so the
// value always has the schema's type, and whatever uses it stays silent. The
// value carries no marks: those of other blocks become dependencies, and a
// sensitive value is refused.
//
// Start at Decoder; what references mean is in reference.go.
package decode

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// Decoder brings one block, or one instance of it, to the type of its schema.
// What is wrong becomes unknown, after a diagnostic.
type Decoder struct {
	Blocks Blocks // the other blocks; nil where nothing can be referred to
	Folder *folder.Folder
	Body   *body.Body
	Addr   addr.Addr // zero for blocks that are not managed

	Deps  map[addr.Addr]bool // what the values come from
	Known bool               // whether Decode's value is wholly known
	Diags hcl.Diagnostics

	ctx  *hcl.EvalContext
	host cty.Value // the block's own host, once decoded
}

// Decode evaluates the body in ctx, nil where nothing may be referred to.
func (d *Decoder) Decode(ctx *hcl.EvalContext) cty.Value {
	d.ctx, d.host = ctx, cty.NullVal(cty.String)
	return d.block(d.Body.Schema, d.Body, nil)
}

// fail reports an error about what was written for path.
func (d *Decoder) fail(p cty.Path, summary, format string, args ...any) {
	at, expr := d.Body.Find(p)
	e := report.At(at, summary, format, args...)
	if d.Addr.HasKey {
		e.Detail += fmt.Sprintf(" This is about %s.", d.Addr)
	}
	d.Diags = append(d.Diags, report.About(e, expr, d.ctx))
}

// block decodes a block or a nested one: its attributes, the host first since
// references may depend on it, then the blocks in it, then the rules between
// them. A nil b is a block that is not written, and means its defaults.
func (d *Decoder) block(s *schema.Block, b *body.Body, p cty.Path) cty.Value {
	if b == nil {
		b = &body.Body{}
	}
	out := make(map[string]cty.Value, len(s.Attrs)+len(s.Blocks)+len(b.Labels))
	decode := func(a *schema.Attr) {
		if slices.Contains(b.Misspelt, a.Name) {
			out[a.Name] = cty.UnknownVal(a.Type.Cty())
			return
		}
		out[a.Name] = d.attr(a, b.Attrs[a.Name], p.GetAttr(a.Name))
	}
	if host := s.Attr("host"); host != nil && p == nil && host.Type.Kind == schema.KindRef {
		decode(host)
		d.host = out["host"]
	}
	for i := range s.Attrs {
		if _, done := out[s.Attrs[i].Name]; !done {
			decode(&s.Attrs[i])
		}
	}
	for _, l := range b.Labels {
		out[l.Name] = cty.StringVal(l.Text)
	}
	for i := range s.Blocks {
		n := &s.Blocks[i]
		out[n.Type] = d.nested(n, b.Nested[n.Type], p.GetAttr(n.Type))
	}
	v := cty.ObjectVal(out)
	// Blocks in this one have set it before, and what is around it will after.
	d.Known = true
	for _, part := range out {
		d.Known = d.Known && part.IsWhollyKnown()
	}
	if s.Check != nil && d.Known {
		if err := s.Check(v); err != nil {
			d.refuse(err, p, fmt.Sprintf("Invalid %s configuration", s.Type), fmt.Sprintf("In this %s block: ", s.Type))
		}
	}
	return v
}

func (d *Decoder) nested(n *schema.Nested, written []*body.Body, p cty.Path) cty.Value {
	switch {
	case n.Mode != schema.List && len(written) > 0:
		return d.block(&n.Block, written[0], p)
	case n.Mode == schema.Defaulted:
		return d.block(&n.Block, nil, p)
	case n.Mode == schema.Optional:
		return cty.NullVal(n.Cty())
	case len(written) == 0:
		return cty.ListValEmpty(n.Cty().ElementType())
	}
	elems := make([]cty.Value, len(written))
	for i, b := range written {
		elems[i] = d.block(&n.Block, b, p.IndexInt(i))
	}
	return cty.ListVal(elems)
}

func (d *Decoder) attr(a *schema.Attr, written *hcl.Attribute, p cty.Path) cty.Value {
	t, raw := a.Type, cty.NullVal(a.Type.Cty())
	if written != nil {
		v, diags := written.Expr.Value(d.ctx)
		d.Diags = append(d.Diags, report.Discreet(diags, d.ctx)...)
		if diags.HasErrors() {
			return cty.UnknownVal(t.Cty())
		}
		raw = v
	}
	if a.Computed {
		if written != nil {
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
			at, _ := d.Body.Find(p)
			d.Diags = append(d.Diags, report.Missing(at, a.Name))
			ok = false
		}
	}
	if ok {
		v, ok = d.normal(a, v, p)
	}
	if !ok {
		return cty.UnknownVal(t.Cty())
	}
	return v
}

// normal brings v into its one spelling. It is not ok after a diagnostic.
func (d *Decoder) normal(a *schema.Attr, v cty.Value, p cty.Path) (cty.Value, bool) {
	out, err := a.Normalize(v)
	if err != nil {
		d.refuse(err, p, "Invalid attribute value", fmt.Sprintf("Inappropriate value for attribute %q: ", attrName(p)))
	}
	return out, err == nil
}

// refuse reports an error of the schema at the place its path points to.
func (d *Decoder) refuse(err error, p cty.Path, summary, intro string) {
	var at cty.PathError
	if errors.As(err, &at) {
		p = append(p.Copy(), at.Path...)
	}
	d.fail(p, summary, "%s", report.Sentence(intro+err.Error()))
}

// value brings raw to t.Cty(), not yet normalized. It is not ok after a
// diagnostic. Marks are taken off: those of blocks become dependencies, and a
// sensitive value is refused.
func (d *Decoder) value(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	raw, carried := raw.Unmark()
	if marks.Has(carried, marks.Sensitive) {
		d.fail(p, "Sensitive value in a block", "This value is sensitive, and plans and state, where blocks are kept, hold no secrets. "+
			"Where a secret is wanted, write a reference to it, such as env:NAME; where only a fact about the secret is, wrap it in nonsensitive().")
		return raw, false
	}
	for _, from := range marks.Origins(carried) {
		d.Deps[from] = true
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
		return d.reference(t, raw, carried, p)
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
	if t.Kind == schema.KindPath && !slices.Contains(t.Words, v.AsString()) {
		v = cty.StringVal(d.Folder.Path(v.AsString()))
	}
	return v, true
}

func (d *Decoder) mismatch(t schema.Type, got cty.Type, p cty.Path) {
	hint := ""
	if t.Kind == schema.KindList && (got.IsPrimitiveType() || t.Elem.Kind == schema.KindRef) {
		hint = " Put it into brackets, even if it is the only one."
	}
	d.fail(p, "Incorrect attribute value type", "Inappropriate value for attribute %q: %s required, not %s.%s", attrName(p), t.Name(), got.FriendlyName(), hint)
}

func (d *Decoder) list(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	var elems []cty.Value
	allOK := true
	for it := raw.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		v, ok := d.element(t, elem, p.IndexInt(len(elems)))
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

func (d *Decoder) mapping(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	elems := map[string]cty.Value{}
	allOK := true
	for it := raw.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		v, ok := d.element(t, elem, p.Index(key))
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

// element and object normalize each part, so that one mistake does not hide
// another.
func (d *Decoder) element(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	v, ok := d.value(*t.Elem, raw, p)
	if !ok {
		return v, false
	}
	if v.IsKnown() && v.IsNull() {
		d.fail(p, "Invalid attribute value", "Inappropriate value for attribute %q: null is no element; leave it out.", attrName(p))
		return v, false
	}
	return d.normal(&schema.Attr{Type: *t.Elem}, v, p)
}

func (d *Decoder) object(t schema.Type, raw cty.Value, p cty.Path) (cty.Value, bool) {
	written := raw.AsValueMap()
	var known, unset, misspelt []string
	for _, a := range t.Of {
		known = append(known, a.Name)
		if _, ok := written[a.Name]; !ok {
			unset = append(unset, a.Name)
		}
	}
	allOK := true
	for _, name := range report.SortedKeys(written) {
		if !slices.Contains(known, name) {
			d.fail(p.GetAttr(name), "Unsupported attribute", "An object of %q has no attribute %q.%s", attrName(p), name, report.DidYouMean(name, known))
			misspelt, allOK = append(misspelt, schema.Nearest(name, unset)), false
		}
	}
	attrs := map[string]cty.Value{}
	for i := range t.Of {
		a := &t.Of[i]
		at := p.GetAttr(a.Name)
		raw, ok := written[a.Name]
		if !ok {
			raw = cty.NullVal(a.Type.Cty())
		}
		v, ok := d.value(a.Type, raw, at)
		switch missing := ok && v.IsKnown() && v.IsNull() && a.Required; {
		case missing && !slices.Contains(misspelt, a.Name):
			d.fail(at, "Missing required argument", "The argument %q is required, but no definition was found.", attrName(at))
			ok = false
		case missing:
			ok = false
		case ok:
			v, ok = d.normal(a, v, at)
		}
		attrs[a.Name], allOK = v, allOK && ok
	}
	return cty.ObjectVal(attrs), allOK
}

// attrName is a path as people write it, without positions.
func attrName(p cty.Path) string {
	var names []string
	for _, step := range p {
		if name := body.StepName(step); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ".")
}

// Constant evaluates an attribute that must not refer to anything. It is null
// when left out or wrong.
func Constant(attr *hcl.Attribute, t cty.Type) (cty.Value, hcl.Diagnostics) {
	if attr == nil {
		return cty.NullVal(t), nil
	}
	v, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		return cty.NullVal(t), report.Discreet(diags, nil)
	}
	out, err := convert.Convert(v, t)
	if err != nil {
		return cty.NullVal(t), append(diags, report.At(attr.Expr.Range(), "Incorrect attribute value type", "Inappropriate value for attribute %q: %s.", attr.Name, err))
	}
	return out, diags
}

// IsTrue reports whether v, a bool, is known to be true.
func IsTrue(v cty.Value) bool { return v.IsKnown() && !v.IsNull() && v.True() }
