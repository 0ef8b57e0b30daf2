package hcl

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostler/hcl/schema"
)

// body is a block taken apart by its schema, once: values, references and
// source ranges are all read from it, for every instance.
type body struct {
	schema *schema.Block
	header Range
	labels []label
	attrs  hcl.Attributes
	nested map[string][]*body // by type, in the order written
	// misspelt attributes are reported as such, and then not as missing.
	misspelt []string
}

type label struct {
	name, text string
	at         Range
}

// grammar says what may stand directly in a file or a block. It is made once
// for each schema.
type grammar map[*schema.Block]*hcl.BodySchema

func (g grammar) of(b *schema.Block, more ...schema.Attr) *hcl.BodySchema {
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

// inFiles is what may stand in a file.
func inFiles(blocks map[string]*schema.Block) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, typ := range sortedKeys(blocks) {
		header := hcl.BlockHeaderSchema{Type: typ}
		if !blocks[typ].Unnamed {
			header.LabelNames = []string{"name"}
		}
		s.Blocks = append(s.Blocks, header)
	}
	return s
}

// split takes b apart. more are attributes that it may have beside those of
// its schema.
func (g grammar) split(b *hcl.Block, s *schema.Block, labels []string, more ...schema.Attr) (*body, Diagnostics) {
	content, diags := b.Body.Content(g.of(s, more...))
	out := &body{schema: s, header: headerOf(b), attrs: content.Attributes}
	if native, ok := b.Body.(*hclsyntax.Body); ok && diags.HasErrors() {
		out.misspelt = misspelt(native, s)
	}
	for i, name := range labels {
		out.labels = append(out.labels, label{name, b.Labels[i], b.LabelRanges[i]})
	}
	if len(content.Blocks) > 0 {
		out.nested = map[string][]*body{}
	}
	for _, inner := range content.Blocks {
		n := s.Nested(inner.Type)
		if first := out.nested[inner.Type]; n.Mode != schema.List && first != nil {
			diags = append(diags, errorAt(headerOf(inner), fmt.Sprintf("Duplicate %s block", n.Type), "Only one %s block is allowed here, and it stands at %s. Put what both say into one.", n.Type, first[0].header))
			continue
		}
		part, more := g.split(inner, &n.Block, n.Labels)
		diags = append(diags, more...)
		out.nested[n.Type] = append(out.nested[n.Type], part)
	}
	return out, diags
}

// misspelt are the attributes of s that those of body which s does not know
// were probably meant to be.
func misspelt(body *hclsyntax.Body, s *schema.Block) (out []string) {
	var unset []string
	for _, a := range s.Attrs {
		if body.Attributes[a.Name] == nil {
			unset = append(unset, a.Name)
		}
	}
	for name := range body.Attributes {
		if s.Attr(name) == nil {
			out = append(out, schema.Nearest(name, unset))
		}
	}
	return out
}

// headerOf is the block's type and labels; in JSON, where those are keys of
// objects that other blocks share, the innermost key.
func headerOf(b *hcl.Block) Range {
	if _, native := b.Body.(*hclsyntax.Body); native {
		return b.DefRange
	}
	if n := len(b.LabelRanges); n > 0 {
		return b.LabelRanges[n-1]
	}
	return b.TypeRange
}

// variables are the references in the attributes of the schema.
func (b *body) variables() (out []hcl.Traversal) {
	for _, a := range b.schema.Attrs {
		if attr := b.attrs[a.Name]; attr != nil {
			out = append(out, attr.Expr.Variables()...)
		}
	}
	for _, n := range b.schema.Blocks {
		for _, inner := range b.nested[n.Type] {
			out = append(out, inner.variables()...)
		}
	}
	return out
}

// demand reports the required attributes that are not written, in a block
// whose values are not decoded by the schema.
func (b *body) demand() (diags Diagnostics) {
	for _, a := range b.schema.Attrs {
		if a.Required && b.attrs[a.Name] == nil && !slices.Contains(b.misspelt, a.Name) {
			diags = append(diags, missing(b.header, a.Name))
		}
	}
	return diags
}

func missing(at Range, name string) *Diagnostic {
	return errorAt(at, "Missing required argument", "The argument %q is required, but no definition was found.", name)
}
