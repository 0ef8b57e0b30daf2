// Package variables owns the variables of a configuration: what a variable
// block declares, what a value given for it becomes, and the rules that it
// must keep.
//
// Invariants:
//
//  1. A value has the declared type, and is marked where the variable is
//     sensitive. What is wrong is unknown.
//  2. The value of a sensitive variable is in no diagnostic, and neither is
//     text that may contain it. One that may have been meant to be sensitive
//     counts as such.
//
// Where values come from is package given's to know. Start at Declare; the
// steps after it are Value and Check.
package variables

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/internal/body"
	"hostler/hcl/internal/decode"
	"hostler/hcl/internal/given"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
)

// Variable is the declaration of one.
type Variable struct {
	Name      string
	Sensitive bool

	typ      cty.Type
	optional *typeexpr.Defaults // of attributes in typ
	literal  bool               // text for it is the value, not an expression
	fallback *hcl.Attribute
	misspelt bool // there is a default, under a name that is none
	nullable bool
	rules    []rule
	at       hcl.Range
	from     hcl.Range // where the value comes from
}

type rule struct{ condition, message *hcl.Attribute }

// Declare reads a variable block.
func Declare(name string, b *body.Body) (*Variable, hcl.Diagnostics) {
	v := &Variable{Name: name, typ: cty.DynamicPseudoType, literal: true, at: b.Header, from: b.Header}
	v.fallback, v.misspelt = b.Attrs["default"], slices.Contains(b.Misspelt, "default")
	var diags hcl.Diagnostics
	constant := func(name string, t cty.Type) cty.Value {
		v, more := decode.Constant(b.Attrs[name], t)
		diags = append(diags, more...)
		return v
	}
	if attr := b.Attrs["type"]; attr != nil {
		t, defaults, more := typeexpr.TypeConstraintWithDefaults(attr.Expr)
		v.typ, v.optional, v.literal = t, defaults, t.IsPrimitiveType()
		diags = append(diags, aboutType(more, attr.Expr)...)
	}
	constant("description", cty.String)
	sensitive := constant("sensitive", cty.Bool)
	v.Sensitive = slices.Contains(b.Misspelt, "sensitive") || decode.IsTrue(sensitive) || b.Attrs["sensitive"] != nil && sensitive.IsNull()
	nullable := constant("nullable", cty.Bool)
	v.nullable = nullable.IsNull() || decode.IsTrue(nullable)
	for _, nested := range b.Nested["validation"] {
		if missing := nested.Demand(); missing != nil {
			diags = append(diags, missing...)
			continue
		}
		v.rules = append(v.rules, rule{nested.Attrs["condition"], nested.Attrs["error_message"]})
	}
	return v, diags
}

// typeWords are what a type is made of.
var typeWords = []string{"string", "number", "bool", "any", "list", "set", "map", "object", "tuple", "optional"}

// aboutType says what to do about a type that is none.
func aboutType(diags hcl.Diagnostics, expr hcl.Expression) hcl.Diagnostics {
	for _, d := range diags {
		var word string
		if _, err := fmt.Sscanf(d.Detail, "The keyword %q is not", &word); err == nil {
			d.Detail += report.DidYouMean(word, typeWords)
		}
		if text, diags := expr.Value(nil); !diags.HasErrors() && body.IsString(text) && slices.Contains(typeWords, text.AsString()) {
			d.Detail = fmt.Sprintf("Types are written without quotes: type = %s.", text.AsString())
		}
	}
	return diags
}

// Uses are the references in the rules.
func (v *Variable) Uses() (out []hcl.Traversal) {
	for _, r := range v.rules {
		out = append(append(out, r.condition.Expr.Variables()...), r.message.Expr.Variables()...)
	}
	return out
}

// Value is the given value or the default, converted to the type. It is
// unknown when wrong; and with unset, when there is none.
func (v *Variable) Value(a given.Value, ok, unset bool) (cty.Value, hcl.Diagnostics) {
	unknown := cty.UnknownVal(v.typ.WithoutOptionalAttributesDeep())
	if ok {
		value, diags := v.convert(a, "Invalid value for variable")
		if diags.HasErrors() {
			return unknown, diags
		}
		if !value.IsNull() || v.nullable {
			v.from = a.At
			return v.marked(value), diags
		}
		if v.fallback == nil {
			return unknown, append(diags, report.At(a.At, "Required variable not set", "null is given for var.%s, and it is not nullable. Give it a value, or leave it out for its default.", v.Name))
		}
	}
	if v.fallback != nil {
		a := given.Value{Expr: v.fallback.Expr, At: v.fallback.Expr.Range()}
		if v.Sensitive {
			a.At = v.at
		}
		value, diags := v.convert(a, "Invalid default value for variable")
		if !diags.HasErrors() && value.IsNull() && !v.nullable {
			diags = append(diags, report.At(a.At, "Invalid default value for variable", "The default is null, and var.%s is not nullable. Remove one of the two.", v.Name))
		}
		if diags.HasErrors() {
			return unknown, diags
		}
		return v.marked(value), diags
	}
	if unset || v.misspelt {
		return v.marked(unknown), nil
	}
	return unknown, hcl.Diagnostics{report.At(v.at, "No value for required variable",
		"The variable %q has no default, so a value must be given: with --var '%s=VALUE', with a line %s = VALUE in a *.auto.hclvars file or one named by --var-file, or with the environment variable HOSTLER_VAR_%s.", v.Name, v.Name, v.Name, v.Name)}
}

func (v *Variable) marked(value cty.Value) cty.Value {
	if v.Sensitive {
		return value.Mark(marks.Sensitive)
	}
	return value
}

func (v *Variable) convert(a given.Value, summary string) (cty.Value, hcl.Diagnostics) {
	value, diags := v.raw(a)
	if diags.HasErrors() && v.Sensitive {
		return value, hcl.Diagnostics{report.At(a.At, summary, "The value given for var.%s, which is sensitive, is no valid expression.", v.Name)}
	}
	if diags.HasErrors() && a.Expr == nil {
		return value, hcl.Diagnostics{report.At(a.At, summary, "var.%s is of type %s, so its value is written as in files: text in quotes, lists in [ ], maps in { }. What is given can't be read like that.", v.Name, typeexpr.TypeString(v.typ))}
	}
	if diags.HasErrors() {
		return value, report.Discreet(diags, nil)
	}
	if v.optional != nil && !value.IsNull() {
		value = v.optional.Apply(value)
	}
	out, err := convert.Convert(value, v.typ)
	if err == nil {
		return out, diags
	}
	why := err.Error()
	if v.Sensitive { // the error may name keys of a map
		why = "its type is " + typeexpr.TypeString(v.typ)
	}
	return value, append(diags, report.At(a.At, summary, "The value is not suitable for var.%s declared at %s: %s.", v.Name, v.at, why))
}

// raw is the value before conversion. Text is itself for a variable of a
// primitive type or none, and an expression for any other.
func (v *Variable) raw(a given.Value) (cty.Value, hcl.Diagnostics) {
	expr := a.Expr
	if expr == nil && v.literal {
		return cty.StringVal(a.Text), nil
	}
	if expr == nil {
		parsed, diags := hclsyntax.ParseExpression([]byte(a.Text), a.At.Filename, hcl.InitialPos)
		if diags.HasErrors() {
			return cty.DynamicVal, diags[:1]
		}
		expr = parsed
	}
	return expr.Value(nil)
}

// Check applies the validation rules to the value, which ctx has as var.NAME.
func (v *Variable) Check(ctx *hcl.EvalContext) (diags hcl.Diagnostics) {
	for _, r := range v.rules {
		ok, more := r.condition.Expr.Value(ctx)
		diags = append(diags, report.Discreet(more, ctx)...)
		if more.HasErrors() {
			continue
		}
		ok, _ = ok.Unmark()
		ok, err := convert.Convert(ok, cty.Bool)
		if err != nil || ok.IsKnown() && ok.IsNull() {
			diags = append(diags, report.At(r.condition.Expr.Range(), "Invalid variable validation result", "The condition must be true or false."))
			continue
		}
		if !ok.IsKnown() || ok.True() {
			continue
		}
		d := report.At(v.from, "Invalid value for variable", "%s\n\nThis was checked by the validation rule at %s.", r.text(v, ctx), r.condition.NameRange)
		diags = append(diags, report.About(d, r.condition.Expr, ctx))
	}
	return diags
}

// text is the message of a rule that was broken.
func (r rule) text(v *Variable, ctx *hcl.EvalContext) string {
	message, diags := r.message.Expr.Value(ctx)
	message, carried := message.UnmarkDeep()
	switch {
	case marks.Has(carried, marks.Sensitive):
		return fmt.Sprintf("The value of var.%s breaks a rule, whose error_message is not shown because it contains a sensitive value.", v.Name)
	case diags.HasErrors() || !body.IsString(message):
		return fmt.Sprintf("The value of var.%s breaks a rule, whose error_message is not text.", v.Name)
	}
	return message.AsString()
}
