package hcl

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/decode"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/graph"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/meta"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// managed is a managed block: what was written, and its instances.
type managed struct {
	addr   addr.Addr
	node   *graph.Node
	folder *folder.Folder
	schema *schema.Block
	body   *body.Body

	forEach   hcl.Expression // nil without for_each
	dependsOn []hcl.Traversal
	after     []graph.Ref // what dependsOn means
	ignore    []string
	keys      map[string]*Block // instances by key; nil unless for_each is known
	blocks    []*Block          // instances, or the block itself
	byHost    map[string][]addr.Addr
}

func (l *loader) declareManaged(n *graph.Node, f *folder.Folder, b *hcl.Block, s *schema.Block, a addr.Addr) {
	content, diags := l.grammar.Split(b, s, nil, l.meta...)
	l.diags = append(l.diags, diags...)
	n.Block, n.Broken = true, diags.HasErrors()
	m := &managed{addr: a, node: n, folder: f, schema: s, body: content}
	l.managed[n.Name] = m
	n.Uses = content.Variables()
	if attr := m.body.Attrs["for_each"]; attr != nil {
		m.forEach = attr.Expr
		n.Uses = append(n.Uses, attr.Expr.Variables()...)
	}
	if attr := m.body.Attrs["prevent_destroy"]; attr != nil {
		n.Uses = append(n.Uses, attr.Expr.Variables()...)
	}
	if attr := m.body.Attrs["depends_on"]; attr != nil {
		m.dependsOn, diags = meta.DependsOn(attr, l.lang.Blocks)
		l.diags = append(l.diags, diags...)
	}
	if attr := m.body.Attrs["ignore_changes"]; attr != nil {
		m.ignore, diags = meta.IgnoreChanges(attr, s)
		l.diags = append(l.diags, diags...)
	}
	n.Eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) { return m.eval(l, ctx) }
}

// eval decodes every instance. Where for_each is empty, unknown or wrong, the
// body is still checked, with an each of which nothing is known.
func (m *managed) eval(l *loader, ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
	diags := l.checkAfter(m)
	if m.forEach == nil {
		b, more := m.instance(l, ctx, m.addr)
		m.blocks = []*Block{b}
		return m.value(b), append(diags, more...)
	}
	each := func(key, value cty.Value) *hcl.EvalContext {
		child := ctx.NewChild()
		child.Functions = ctx.Functions
		child.Variables = map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}
		return child
	}
	elems, more := meta.ForEach(m.forEach, ctx)
	diags = append(diags, more...)
	if len(elems) == 0 {
		b, more := m.instance(l, each(cty.UnknownVal(cty.String), cty.DynamicVal), m.addr)
		if elems == nil {
			return cty.DynamicVal, append(diags, more...)
		}
		m.keys = map[string]*Block{}
		return cty.MapValEmpty(m.value(b).Type()).Mark(marks.InstancesOf(m.addr)), append(diags, more...)
	}
	m.keys = make(map[string]*Block, len(elems))
	told := report.Told{}
	for _, key := range report.SortedKeys(elems) {
		b, more := m.instance(l, each(cty.StringVal(key), elems[key]), m.addr.Instance(key))
		m.keys[key] = b
		m.blocks = append(m.blocks, b)
		diags = append(diags, told.News(more)...)
	}
	if !m.node.Read {
		return cty.DynamicVal, diags
	}
	values := make(map[string]cty.Value, len(elems))
	for key, b := range m.keys {
		values[key] = m.value(b)
	}
	return cty.MapVal(values).Mark(marks.InstancesOf(m.addr)), diags
}

// instance decodes the body in ctx.
func (m *managed) instance(l *loader, ctx *hcl.EvalContext, a addr.Addr) (*Block, Diagnostics) {
	d := &decode.Decoder{Blocks: l, Folder: m.folder, Body: m.body, Addr: a, Deps: map[addr.Addr]bool{}}
	b := &Block{Addr: a, Source: Source{m.body}, IgnoreChanges: m.ignore}
	b.Value = d.Decode(ctx)
	b.known = d.Known
	prevent, diags := meta.PreventDestroy(m.body.Attrs["prevent_destroy"], ctx)
	b.PreventDestroy = prevent
	for _, r := range m.after {
		l.addTo(d.Deps, r)
	}
	for _, typ := range m.schema.Uses {
		if used := addr.New(typ, typ); l.managed[used.String()] != nil {
			d.Deps[used] = true
		}
	}
	b.Deps = slices.SortedFunc(maps.Keys(d.Deps), addr.Compare)
	return b, append(d.Diags, diags...)
}

// value is what expressions that refer to the instance see; it is of the same
// type for every one.
func (m *managed) value(b *Block) cty.Value {
	attrs := b.Value.AsValueMap()
	for _, attr := range m.schema.Attrs {
		if attr.Computed {
			delete(attrs, attr.Name)
		}
	}
	if attrs == nil {
		attrs = map[string]cty.Value{}
	}
	attrs["address"] = cty.StringVal(b.Addr.String())
	return cty.ObjectVal(attrs).Mark(marks.Origin(b.Addr))
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
