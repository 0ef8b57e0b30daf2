// Package meta owns the arguments that every managed block takes beside those
// of its type: what for_each, depends_on, prevent_destroy and ignore_changes
// may say, and what that means.
//
// None of it ends up in the value of a block, and nothing sensitive may take
// part: keys are shown, and plans are refused in the open. There is one
// function for each argument.
package meta

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/internal/decode"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// ForEach evaluates for_each to the elements of the instances by their keys.
// Nil is unknown or wrong.
func ForEach(expr hcl.Expression, ctx *hcl.EvalContext) (map[string]cty.Value, hcl.Diagnostics) {
	if elems := elements(expr, ctx); elems != nil {
		return elems, nil
	}
	v, diags := expr.Value(ctx)
	diags = report.Discreet(diags, ctx)
	if diags.HasErrors() {
		return nil, diags
	}
	wrong := func(format string, args ...any) (map[string]cty.Value, hcl.Diagnostics) {
		d := report.At(expr.Range(), "Invalid for_each argument", format, args...)
		return nil, append(diags, report.About(d, expr, ctx))
	}
	v, carried := v.Unmark()
	t := v.Type()
	switch {
	case marks.Has(carried, marks.Sensitive):
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

// elements are those of toset(…) where they are plain strings; nil leaves it to
// the set itself. cty hashes what a set is made of, and sorts it each time that
// it is gone through: more work than all other in a block of many instances.
func elements(expr hcl.Expression, ctx *hcl.EvalContext) map[string]cty.Value {
	call, ok := expr.(*hclsyntax.FunctionCallExpr)
	if !ok || call.Name != "toset" || len(call.Args) != 1 || call.ExpandFinal {
		return nil
	}
	v, diags := call.Args[0].Value(ctx)
	if len(diags) > 0 || v.IsMarked() || !v.IsKnown() || v.IsNull() || !v.Type().IsTupleType() && !v.Type().IsListType() {
		return nil
	}
	keys := make(map[string]cty.Value, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		if elem.IsMarked() || elem.Type() != cty.String || !elem.IsKnown() || elem.IsNull() {
			return nil
		}
		keys[elem.AsString()] = elem
	}
	return keys
}

// DependsOn reads depends_on: references that are not evaluated. blocks are
// the types that there are.
func DependsOn(attr *hcl.Attribute, blocks map[string]*schema.Block) (out []hcl.Traversal, diags hcl.Diagnostics) {
	elems, more := hcl.ExprList(attr.Expr)
	if more.HasErrors() {
		diags = append(diags, report.At(attr.Expr.Range(), "Invalid depends_on", "A list of references to blocks is required, as in depends_on = [image.base]."))
	}
	for _, e := range elems {
		t, more := hcl.AbsTraversalForExpr(e)
		if more.HasErrors() || !isWhole(t, blocks) {
			diags = append(diags, report.At(e.Range(), "Invalid depends_on", "Only references to whole blocks may stand here, written without quotes, as in depends_on = [image.base]."))
			continue
		}
		out = append(out, t)
	}
	return out, diags
}

// isWhole reports whether a traversal names a block or an instance of one, or
// what may have been meant as its name.
func isWhole(t hcl.Traversal, blocks map[string]*schema.Block) bool {
	switch t.RootName() {
	case "var", "local", "each":
		return false
	}
	if s := blocks[t.RootName()]; s != nil && s.Unnamed {
		return len(t) == 1
	}
	if len(t) == 3 {
		_, keyed := t[2].(hcl.TraverseIndex)
		return keyed
	}
	return len(t) == 2
}

// IgnoreChanges reads ignore_changes: names of arguments and nested blocks of
// s, sorted, or "*" for the keyword all.
func IgnoreChanges(attr *hcl.Attribute, s *schema.Block) (names []string, diags hcl.Diagnostics) {
	if hcl.ExprAsKeyword(attr.Expr) == "all" {
		return []string{"*"}, nil
	}
	elems, more := hcl.ExprList(attr.Expr)
	if more.HasErrors() {
		diags = append(diags, report.At(attr.Expr.Range(), "Invalid ignore_changes", "Write a list of names of attributes, as in [memory, cpus], or the word all, without quotes."))
	}
	var known []string
	for _, a := range s.Attrs {
		known = append(known, a.Name)
	}
	for _, n := range s.Blocks {
		known = append(known, n.Type)
	}
	for _, e := range elems {
		switch name := hcl.ExprAsKeyword(e); {
		case name == "":
			diags = append(diags, report.At(e.Range(), "Invalid ignore_changes", "Write names of attributes without quotes, as in [memory, cpus]."))
		case name == "all":
			diags = append(diags, report.At(e.Range(), "Invalid ignore_changes", "The word all stands alone, without brackets: ignore_changes = all."))
		case !slices.Contains(known, name):
			diags = append(diags, report.At(e.Range(), "Invalid ignore_changes", "%s has no attribute %q.%s", s.Type, name, report.DidYouMean(name, known)))
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), diags
}

// PreventDestroy evaluates prevent_destroy, which may be left out.
func PreventDestroy(attr *hcl.Attribute, ctx *hcl.EvalContext) (bool, hcl.Diagnostics) {
	if attr == nil {
		return false, nil
	}
	v, diags := attr.Expr.Value(ctx)
	if diags = report.Discreet(diags, ctx); diags.HasErrors() {
		return false, diags
	}
	v, carried := v.Unmark()
	v, err := convert.Convert(v, cty.Bool)
	if err != nil || marks.Has(carried, marks.Sensitive) {
		return false, append(diags, report.At(attr.Expr.Range(), "Invalid prevent_destroy", "Write true or false; the value may come from a variable that is not sensitive."))
	}
	return decode.IsTrue(v), diags
}
