package hcl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/internal/body"
	"hostler/hcl/internal/given"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// variable is the declaration of one.
type variable struct {
	name      string
	node      *node
	typ       cty.Type
	optional  *typeexpr.Defaults // of attributes in typ
	literal   bool               // text for it is the value, not an expression
	fallback  *hcl.Attribute
	sensitive bool
	nullable  bool
	rules     []rule
	from      Range // where the value comes from
}

type rule struct{ condition, message *hcl.Attribute }

func (l *loader) declareVariable(n *node, b *hcl.Block, s *schema.Block, name string) {
	before := len(l.diags)
	content := l.split(b, s)
	v := &variable{name: name, node: n, typ: cty.DynamicPseudoType, literal: true, nullable: true, fallback: content.Attrs["default"], from: n.at}
	l.variables[name] = v
	if attr := content.Attrs["type"]; attr != nil {
		t, defaults, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
		v.typ, v.optional, v.literal = t, defaults, t.IsPrimitiveType()
		l.diags = append(l.diags, diags...)
	}
	l.constant(content.Attrs["description"], cty.String)
	v.sensitive = isTrue(l.constant(content.Attrs["sensitive"], cty.Bool))
	nullable := l.constant(content.Attrs["nullable"], cty.Bool)
	v.nullable = nullable.IsNull() || isTrue(nullable)
	for _, nested := range content.Nested["validation"] {
		if missing := nested.Demand(); missing != nil {
			l.diags = append(l.diags, missing...)
			continue
		}
		v.rules = append(v.rules, rule{nested.Attrs["condition"], nested.Attrs["error_message"]})
		n.uses = append(n.uses, nested.Variables()...)
	}
	n.broken = len(l.diags) > before
	n.eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) { return v.check(l, ctx) }
}

// assign gives every variable its value.
func (l *loader) assign(vars Vars) {
	r := given.Reader{
		Dir: l.config.Dir, Known: report.SortedKeys(l.variables), Open: l.files.Lost, Secret: l.files.Lost,
		Values: map[string]given.Value{}, Sources: l.config.Files,
	}
	for _, v := range l.variables {
		r.Secret = r.Secret || v.sensitive
	}
	r.Environ(vars.Environ)
	r.Auto()
	for _, arg := range vars.Args {
		if arg.File {
			r.File(arg.Text)
		} else {
			r.Arg(arg.Text)
		}
	}
	l.diags = append(l.diags, r.Diags...)
	for _, name := range r.Known {
		v := l.variables[name]
		from, ok := r.Values[name]
		value, diags := v.value(from, ok, vars.Unset || r.Lost)
		v.node.broken = v.node.broken || diags.HasErrors()
		v.node.value = value
		l.diags = append(l.diags, diags...)
	}
}

// value is the given value or the default, converted to the type. It is
// unknown when wrong.
func (v *variable) value(a given.Value, ok, unset bool) (cty.Value, Diagnostics) {
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
			return unknown, append(diags, report.At(a.At, "Required variable not set", "null is given for var.%s, and it is not nullable. Give it a value, or leave it out for its default.", v.name))
		}
	}
	if v.fallback != nil {
		a := given.Value{Expr: v.fallback.Expr, At: v.fallback.Expr.Range()}
		if v.sensitive {
			a.At = v.node.at
		}
		value, diags := v.convert(a, "Invalid default value for variable")
		if !diags.HasErrors() && value.IsNull() && !v.nullable {
			diags = append(diags, report.At(a.At, "Invalid default value for variable", "The default is null, and var.%s is not nullable. Remove one of the two.", v.name))
		}
		if diags.HasErrors() {
			return unknown, diags
		}
		return v.marked(value), diags
	}
	if unset {
		return v.marked(unknown), nil
	}
	return unknown, Diagnostics{report.At(v.node.at, "No value for required variable",
		"The variable %q has no default, so a value must be given: with --var '%s=VALUE', with a line %s = VALUE in a *.auto.hclvars file or one named by --var-file, or with the environment variable HOSTLER_VAR_%s.", v.name, v.name, v.name, v.name)}
}

func (v *variable) marked(value cty.Value) cty.Value {
	if v.sensitive {
		return value.Mark(Sensitive)
	}
	return value
}

func (v *variable) convert(a given.Value, summary string) (cty.Value, Diagnostics) {
	value, diags := v.raw(a)
	if diags.HasErrors() && v.sensitive {
		return value, Diagnostics{report.At(a.At, summary, "The value given for var.%s, which is sensitive, is no valid expression.", v.name)}
	}
	if diags.HasErrors() {
		return value, diags
	}
	if v.optional != nil && !value.IsNull() {
		value = v.optional.Apply(value)
	}
	out, err := convert.Convert(value, v.typ)
	if err == nil {
		return out, diags
	}
	why := err.Error()
	if v.sensitive { // the error may name keys of a map
		why = "its type is " + typeexpr.TypeString(v.typ)
	}
	return value, append(diags, report.At(a.At, summary, "The value is not suitable for var.%s declared at %s: %s.", v.name, v.node.at, why))
}

// raw is the value before conversion. Text is itself for a variable of a
// primitive type or none, and an expression for any other.
func (v *variable) raw(a given.Value) (cty.Value, Diagnostics) {
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

// check applies the validation rules.
func (v *variable) check(l *loader, ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
	var diags Diagnostics
	if v.node.broken {
		return v.node.value, nil
	}
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
	if value := marks.WithoutOrigin(v.node.value); !diags.HasErrors() && value.IsWhollyKnown() {
		l.config.Variables[v.name] = value
	}
	return v.node.value, diags
}

// text is the message of a rule that was broken.
func (r rule) text(v *variable, ctx *hcl.EvalContext) string {
	message, diags := r.message.Expr.Value(ctx)
	message, carried := message.UnmarkDeep()
	switch {
	case marks.Has(carried, Sensitive):
		return fmt.Sprintf("The value of var.%s breaks a rule, whose error_message is not shown because it contains a sensitive value.", v.name)
	case diags.HasErrors() || !body.IsString(message):
		return fmt.Sprintf("The value of var.%s breaks a rule, whose error_message is not text.", v.name)
	}
	return message.AsString()
}
