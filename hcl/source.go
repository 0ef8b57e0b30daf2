package hcl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Source is where a block stands in the files.
type Source struct{ body *body }

// Range is the block's header.
func (s Source) Range() Range {
	if s.body == nil {
		return Range{}
	}
	return s.body.header
}

// Attr is the range of what was written for the attribute at path: the
// nearest thing round it that stands in the files, at worst the header.
func (s Source) Attr(path cty.Path) Range {
	if s.body == nil {
		return Range{}
	}
	rng, _ := s.body.find(path)
	return rng
}

// find is Source.Attr, with the expression if there is one.
func (b *body) find(path cty.Path) (Range, hcl.Expression) {
	if len(path) == 0 {
		return b.header, nil
	}
	name, rest := stepName(path[0]), path[1:]
	if attr := b.attrs[name]; attr != nil {
		return findIn(attr.Expr, rest)
	}
	for _, l := range b.labels {
		if l.name == name {
			return l.at, nil
		}
	}
	inner := b.nested[name]
	if len(inner) == 0 {
		return b.header, nil
	}
	at := 0
	if len(rest) > 0 && position(rest[0]) >= 0 {
		at, rest = position(rest[0]), rest[1:]
	}
	if at >= len(inner) {
		return b.header, nil
	}
	return inner[at].find(rest)
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
