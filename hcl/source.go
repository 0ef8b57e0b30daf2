package hcl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// Source is where a block stands in the files.
type Source struct {
	header Range
	body   hcl.Body
	schema *schema.Block
	labels []Range
}

func sourceOf(b *hcl.Block, s *schema.Block) Source {
	return Source{header: headerOf(b), body: b.Body, schema: s, labels: b.LabelRanges}
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

// Range is the block's header.
func (s Source) Range() Range { return s.header }

// Attr is the range of what was written for the attribute at path: the
// nearest thing round it that stands in the files, at worst the header.
func (s Source) Attr(path cty.Path) Range {
	rng, _ := s.find(path)
	return rng
}

// find is Attr, with the expression if there is one.
func (s Source) find(path cty.Path) (Range, hcl.Expression) {
	if s.body == nil || len(path) == 0 {
		return s.header, nil
	}
	step, ok := path[0].(cty.GetAttrStep)
	if !ok {
		return s.header, nil
	}
	content, _, _ := s.body.PartialContent(bodySchema(s.schema))
	if attr := content.Attributes[step.Name]; attr != nil {
		return findIn(attr.Expr, path[1:])
	}
	for i, n := range s.schema.Blocks {
		blocks := content.Blocks.OfType(n.Type)
		if n.Type != step.Name || len(blocks) == 0 {
			continue
		}
		rest, at := path[1:], 0
		if n.Mode == schema.List && len(rest) > 0 {
			at, rest = position(rest[0]), rest[1:]
		}
		if at < 0 || at >= len(blocks) {
			break
		}
		nested := sourceOf(blocks[at], &s.schema.Blocks[i].Block)
		if len(rest) > 0 {
			for j, label := range n.Labels {
				if rest[0] == (cty.GetAttrStep{Name: label}) {
					return nested.labels[j], nil
				}
			}
		}
		return nested.find(rest)
	}
	return s.header, nil
}

// findIn goes down constructors of lists and objects.
func findIn(expr hcl.Expression, path cty.Path) (Range, hcl.Expression) {
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
			if isString(key) && key.AsString() == stepName(path[0]) {
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

// stepName is the name in an attribute step or an index by string, or "".
func stepName(step cty.PathStep) string {
	switch step := step.(type) {
	case cty.GetAttrStep:
		return step.Name
	case cty.IndexStep:
		if isString(step.Key) {
			return step.Key.AsString()
		}
	}
	return ""
}

// isString reports whether v is a string that can be looked at.
func isString(v cty.Value) bool {
	return v.Type() == cty.String && !v.IsMarked() && v.IsKnown() && !v.IsNull()
}

func stringVal(s string) cty.Value { return cty.StringVal(s) }
