// Package body owns what is written in a block, taken apart by its schema:
// once, for values, references and source ranges alike; and what to say about
// a block that does not fit (explain.go). Nothing is evaluated here.
package body

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// Body is a block taken apart by its schema, once: values, references and
// source ranges are all read from it, for every instance.
type Body struct {
	Schema *schema.Block
	Header hcl.Range
	Labels []Label
	Attrs  hcl.Attributes
	Nested map[string][]*Body // by type, in the order written
	// Misspelt attributes are reported as such, and then not as missing.
	Misspelt []string
}

// Label is one label of a nested block, by the name that the schema gives it.
type Label struct {
	Name, Text string
	At         hcl.Range
}

// Grammar says what may stand directly in a file or a block. It is made once
// for each schema.
type Grammar map[*schema.Block]*hcl.BodySchema

func (g Grammar) of(b *schema.Block, more ...schema.Attr) *hcl.BodySchema {
	if s := g[b]; s != nil {
		return s
	}
	s := &hcl.BodySchema{}
	for _, a := range append(b.Attrs[:len(b.Attrs):len(b.Attrs)], more...) {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: a.Name})
	}
	for _, n := range b.Blocks {
		s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: n.Type, LabelNames: n.Labels})
	}
	g[b] = s
	return s
}

// InFiles is what may stand in a file.
func InFiles(blocks map[string]*schema.Block) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, typ := range report.SortedKeys(blocks) {
		header := hcl.BlockHeaderSchema{Type: typ}
		if !blocks[typ].Unnamed {
			header.LabelNames = []string{"name"}
		}
		s.Blocks = append(s.Blocks, header)
	}
	return s
}

// Split takes b apart. more are attributes that it may have beside those of
// its schema.
func (g Grammar) Split(b *hcl.Block, s *schema.Block, labels []string, more ...schema.Attr) (*Body, hcl.Diagnostics) {
	grammar := g.of(s, more...)
	content, diags := b.Body.Content(grammar)
	out := &Body{Schema: s, Header: HeaderOf(b), Attrs: content.Attributes}
	diags, out.Misspelt = explain(diags, b, content, grammar)
	for i, name := range labels {
		out.Labels = append(out.Labels, Label{name, b.Labels[i], b.LabelRanges[i]})
	}
	if len(content.Blocks) > 0 {
		out.Nested = map[string][]*Body{}
	}
	for _, inner := range content.Blocks {
		n := s.Nested(inner.Type)
		if first := out.Nested[inner.Type]; n.Mode != schema.List && first != nil {
			diags = append(diags, report.At(HeaderOf(inner), fmt.Sprintf("Duplicate %s block", n.Type), "Only one %s block is allowed here, and it stands at %s. Put what both say into one.", n.Type, first[0].Header))
			continue
		}
		part, more := g.Split(inner, &n.Block, n.Labels)
		diags = append(diags, more...)
		out.Nested[n.Type] = append(out.Nested[n.Type], part)
	}
	return out, diags
}

// HeaderOf is the block's type and labels; in JSON, where those are keys of
// objects that other blocks share, the innermost key.
func HeaderOf(b *hcl.Block) hcl.Range {
	if _, native := b.Body.(*hclsyntax.Body); native {
		return b.DefRange
	}
	if n := len(b.LabelRanges); n > 0 {
		return b.LabelRanges[n-1]
	}
	return b.TypeRange
}

// Variables are the references in the attributes of the schema.
func (b *Body) Variables() (out []hcl.Traversal) {
	for _, a := range b.Schema.Attrs {
		if attr := b.Attrs[a.Name]; attr != nil {
			out = append(out, attr.Expr.Variables()...)
		}
	}
	for _, n := range b.Schema.Blocks {
		for _, inner := range b.Nested[n.Type] {
			out = append(out, inner.Variables()...)
		}
	}
	return out
}

// Demand reports the required attributes that are not written, in a block
// whose values are not decoded by the schema.
func (b *Body) Demand() (diags hcl.Diagnostics) {
	for _, a := range b.Schema.Attrs {
		if a.Required && b.Attrs[a.Name] == nil && !slices.Contains(b.Misspelt, a.Name) {
			diags = append(diags, report.Missing(b.Header, a.Name))
		}
	}
	return diags
}

// Find is the range of what was written for the attribute at path, and its
// expression: the nearest thing round it that stands in the files, at worst
// the header.
func (b *Body) Find(path cty.Path) (hcl.Range, hcl.Expression) {
	if len(path) == 0 {
		return b.Header, nil
	}
	name, rest := StepName(path[0]), path[1:]
	if attr := b.Attrs[name]; attr != nil {
		return findIn(attr.Expr, rest)
	}
	for _, l := range b.Labels {
		if l.Name == name {
			return l.At, nil
		}
	}
	inner := b.Nested[name]
	if len(inner) == 0 {
		return b.Header, nil
	}
	at := 0
	if len(rest) > 0 && position(rest[0]) >= 0 {
		at, rest = position(rest[0]), rest[1:]
	}
	if at >= len(inner) {
		return b.Header, nil
	}
	return inner[at].Find(rest)
}

// findIn goes down constructors of lists and objects.
func findIn(expr hcl.Expression, path cty.Path) (hcl.Range, hcl.Expression) {
	if len(path) == 0 {
		return expr.Range(), expr
	}
	if elems, diags := hcl.ExprList(expr); !diags.HasErrors() {
		if at := position(path[0]); at >= 0 && at < len(elems) {
			return findIn(elems[at], path[1:])
		}
	}
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		for _, pair := range pairs {
			key, _ := pair.Key.Value(nil)
			if IsString(key) && key.AsString() == StepName(path[0]) {
				return findIn(pair.Value, path[1:])
			}
		}
	}
	return expr.Range(), expr
}

// position is the number in an index step, or -1.
func position(step cty.PathStep) int {
	index, ok := step.(cty.IndexStep)
	if !ok || index.Key.Type() != cty.Number {
		return -1
	}
	n, _ := index.Key.AsBigFloat().Int64()
	return int(n)
}

// StepName is the name in an attribute step or an index by string, or "".
func StepName(step cty.PathStep) string {
	switch step := step.(type) {
	case cty.GetAttrStep:
		return step.Name
	case cty.IndexStep:
		if IsString(step.Key) {
			return step.Key.AsString()
		}
	}
	return ""
}

// IsString reports whether v is a string that can be looked at.
func IsString(v cty.Value) bool {
	return v.Type() == cty.String && !v.IsMarked() && v.IsKnown() && !v.IsNull()
}
