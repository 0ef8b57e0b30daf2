package hcl

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/decode"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// managed is a managed block: what was written, and its instances.
type managed struct {
	addr   addr.Addr
	schema *schema.Block
	body   *body.Body

	forEach   hcl.Expression // nil without for_each
	dependsOn []hcl.Traversal
	after     []ref // what dependsOn means
	ignore    []string
	keys      map[string]*Block // instances by key; nil unless for_each is known
	blocks    []*Block          // instances, or the block itself
	byHost    map[string][]addr.Addr
}

func (l *loader) declareManaged(n *node, b *hcl.Block, s *schema.Block, a addr.Addr) {
	content, diags := l.grammar.Split(b, s, nil, l.meta...)
	l.diags = append(l.diags, diags...)
	n.broken = diags.HasErrors()
	m := &managed{addr: a, schema: s, body: content}
	n.managed = m
	n.uses = content.Variables()
	if attr := m.body.Attrs["for_each"]; attr != nil {
		m.forEach = attr.Expr
		n.uses = append(n.uses, attr.Expr.Variables()...)
	}
	if attr := m.body.Attrs["prevent_destroy"]; attr != nil {
		n.uses = append(n.uses, attr.Expr.Variables()...)
	}
	if attr := m.body.Attrs["depends_on"]; attr != nil {
		m.dependsOn = l.dependsOn(attr)
	}
	if attr := m.body.Attrs["ignore_changes"]; attr != nil {
		l.ignoreChanges(m, attr)
	}
	n.eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) { return m.eval(l, n, ctx) }
}

// dependsOn reads depends_on: references that are not evaluated.
func (l *loader) dependsOn(attr *hcl.Attribute) (out []hcl.Traversal) {
	elems, diags := hcl.ExprList(attr.Expr)
	if diags.HasErrors() {
		l.err(report.At(attr.Expr.Range(), "Invalid depends_on", "A list of references to blocks is required, as in depends_on = [image.base]."))
	}
	for _, e := range elems {
		t, diags := hcl.AbsTraversalForExpr(e)
		if diags.HasErrors() || !l.isWhole(t) {
			l.err(report.At(e.Range(), "Invalid depends_on", "Only references to whole blocks may stand here, written without quotes, as in depends_on = [image.base]."))
			continue
		}
		out = append(out, t)
	}
	return out
}

// isWhole reports whether a traversal names a block or an instance of one, or
// what may have been meant as its name.
func (l *loader) isWhole(t hcl.Traversal) bool {
	switch t.RootName() {
	case "var", "local", "each":
		return false
	}
	if s := l.lang.Blocks[t.RootName()]; s != nil && s.Unnamed {
		return len(t) == 1
	}
	if len(t) == 3 {
		_, keyed := t[2].(hcl.TraverseIndex)
		return keyed
	}
	return len(t) == 2
}

// ignoreChanges reads ignore_changes: names, or the keyword all.
func (l *loader) ignoreChanges(m *managed, attr *hcl.Attribute) {
	if hcl.ExprAsKeyword(attr.Expr) == "all" {
		m.ignore = []string{"*"}
		return
	}
	elems, diags := hcl.ExprList(attr.Expr)
	if diags.HasErrors() {
		l.err(report.At(attr.Expr.Range(), "Invalid ignore_changes", "Write a list of names of attributes, as in [memory, cpus], or the word all, without quotes."))
	}
	var known []string
	for _, a := range m.schema.Attrs {
		known = append(known, a.Name)
	}
	for _, n := range m.schema.Blocks {
		known = append(known, n.Type)
	}
	for _, e := range elems {
		switch name := hcl.ExprAsKeyword(e); {
		case name == "":
			l.err(report.At(e.Range(), "Invalid ignore_changes", "Write names of attributes without quotes, as in [memory, cpus]."))
		case !slices.Contains(known, name):
			l.err(report.At(e.Range(), "Invalid ignore_changes", "%s has no attribute %q.%s", m.schema.Type, name, report.DidYouMean(name, known)))
		default:
			m.ignore = append(m.ignore, name)
		}
	}
	slices.Sort(m.ignore)
	m.ignore = slices.Compact(m.ignore)
}

// eval decodes every instance. Where for_each is empty, unknown or wrong, the
// body is still checked, with an each of which nothing is known.
func (m *managed) eval(l *loader, n *node, ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
	if m.forEach == nil {
		b, v, diags := m.instance(l, n, ctx, m.addr)
		m.blocks = []*Block{b}
		return v, diags
	}
	each := func(key, value cty.Value) *hcl.EvalContext {
		child := ctx.NewChild()
		child.Functions = ctx.Functions
		child.Variables = map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}
		return child
	}
	elems, diags := m.elements(ctx)
	if len(elems) == 0 {
		_, v, more := m.instance(l, n, each(cty.UnknownVal(cty.String), cty.DynamicVal), m.addr)
		if elems == nil {
			return cty.DynamicVal, append(diags, more...)
		}
		m.keys = map[string]*Block{}
		return cty.MapValEmpty(v.Type()).Mark(marks.InstancesOf(m.addr)), append(diags, more...)
	}
	m.keys = make(map[string]*Block, len(elems))
	values := make(map[string]cty.Value, len(elems))
	for _, key := range report.SortedKeys(elems) {
		b, v, more := m.instance(l, n, each(cty.StringVal(key), elems[key]), m.addr.Instance(key))
		m.keys[key], values[key] = b, v
		m.blocks = append(m.blocks, b)
		diags = append(diags, more...)
	}
	return cty.MapVal(values).Mark(marks.InstancesOf(m.addr)), diags
}

// elements evaluates for_each, once. Nil is unknown or wrong.
func (m *managed) elements(ctx *hcl.EvalContext) (map[string]cty.Value, Diagnostics) {
	v, diags := m.forEach.Value(ctx)
	diags = report.Discreet(diags, ctx)
	if diags.HasErrors() {
		return nil, diags
	}
	wrong := func(format string, args ...any) (map[string]cty.Value, Diagnostics) {
		d := report.At(m.forEach.Range(), "Invalid for_each argument", format, args...)
		return nil, append(diags, report.About(d, m.forEach, ctx))
	}
	v, carried := v.Unmark()
	t := v.Type()
	switch {
	case marks.Has(carried, Sensitive):
		return wrong("Its keys become parts of addresses, which are shown, so for_each can't be sensitive. Use nonsensitive() if the keys are no secret.")
	case v.IsNull():
		return wrong("for_each is null. Give it a map or a set of strings; an empty one makes no instances.")
	case t == cty.DynamicPseudoType:
		return nil, diags
	case t.IsTupleType() || t.IsListType():
		return wrong("for_each takes a map or a set of strings, and this is a list, whose elements have no keys. Write for_each = toset(…) round it: each element is then its own key.")
	case t.IsObjectType() && len(marks.Origins(carried)) > 0:
		return wrong("This is one block, not a map of several: for_each would go through its attributes. Put the block into a map, as in { KEY = … }.")
	case t.IsSetType() && !t.ElementType().Equals(cty.String) && !t.Equals(cty.Set(cty.DynamicPseudoType)):
		return wrong("for_each takes a map or a set of strings, and this is a %s. Convert the elements with tostring(), or make a map.", t.FriendlyName())
	case !t.IsSetType() && !t.IsMapType() && !t.IsObjectType():
		return wrong("for_each takes a map or a set of strings, and this is a %s.", t.FriendlyName())
	case !v.IsKnown() || t.IsSetType() && !v.IsWhollyKnown():
		return nil, diags
	}
	out := map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		if t.IsSetType() {
			key = elem
		}
		if key.IsNull() {
			return wrong("The set contains null, which can't be a key.")
		}
		out[key.AsString()] = elem
	}
	return out, diags
}

// instance decodes the body in ctx. The value is for expressions that refer
// to it; it is of the same type for every instance.
func (m *managed) instance(l *loader, n *node, ctx *hcl.EvalContext, a addr.Addr) (*Block, cty.Value, Diagnostics) {
	d := &decode.Decoder{Blocks: l, Folder: n.folder, Body: m.body, Addr: a, Deps: map[addr.Addr]bool{}}
	b := &Block{Addr: a, Source: Source{m.body}, IgnoreChanges: m.ignore}
	b.Value = d.Decode(ctx)
	b.PreventDestroy = d.PreventDestroy(m.body.Attrs["prevent_destroy"], ctx)
	for _, r := range m.after {
		r.addTo(d.Deps)
	}
	b.Deps = slices.SortedFunc(maps.Keys(d.Deps), addr.Compare)
	attrs := b.Value.AsValueMap()
	for _, attr := range m.schema.Attrs {
		if attr.Computed {
			delete(attrs, attr.Name)
		}
	}
	if attrs == nil {
		attrs = map[string]cty.Value{}
	}
	attrs["address"] = cty.StringVal(a.String())
	return b, cty.ObjectVal(attrs).Mark(marks.Origin(a)), d.Diags
}

// hosts groups the instances by the host that each is on, "" for none. It is
// nil when a host is unknown.
func (m *managed) hosts() map[string][]addr.Addr {
	if m.byHost != nil {
		return m.byHost
	}
	byHost := map[string][]addr.Addr{}
	for _, b := range m.blocks {
		host := ""
		if b.Value.Type().HasAttribute("host") {
			v := b.Value.GetAttr("host")
			if !v.IsKnown() {
				return nil
			}
			if body.IsString(v) {
				host = v.AsString()
			}
		}
		byHost[host] = append(byHost[host], b.Addr)
	}
	m.byHost = byHost
	return byHost
}
