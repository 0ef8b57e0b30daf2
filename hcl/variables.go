package hcl

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

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
	v := &variable{name: name, node: n, typ: cty.DynamicPseudoType, literal: true, nullable: true, fallback: content.attrs["default"], from: n.at}
	l.variables[name] = v
	if attr := content.attrs["type"]; attr != nil {
		t, defaults, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
		v.typ, v.optional, v.literal = t, defaults, t.IsPrimitiveType()
		l.diags = append(l.diags, diags...)
	}
	l.constant(content.attrs["description"], cty.String)
	v.sensitive = isTrue(l.constant(content.attrs["sensitive"], cty.Bool))
	nullable := l.constant(content.attrs["nullable"], cty.Bool)
	v.nullable = nullable.IsNull() || isTrue(nullable)
	for _, nested := range content.nested["validation"] {
		if missing := nested.demand(); missing != nil {
			l.diags = append(l.diags, missing...)
			continue
		}
		v.rules = append(v.rules, rule{nested.attrs["condition"], nested.attrs["error_message"]})
		n.uses = append(n.uses, nested.variables()...)
	}
	n.broken = len(l.diags) > before
	n.eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) { return v.check(l, ctx) }
}

// assignment is a value given for a variable, from outside or as its default.
type assignment struct {
	text string         // from an argument or the environment,
	expr hcl.Expression // or from a file
	at   Range
}

// assign gives every variable its value. Later assignments win.
func (l *loader) assign(vars Vars) {
	given := map[string]assignment{}
	for _, entry := range vars.Environ {
		if key, text, ok := strings.Cut(entry, "="); ok {
			if name, ok := strings.CutPrefix(key, "HOSTLER_VAR_"); ok {
				given[name] = assignment{text: text, at: outside(key)}
			}
		}
	}
	entries, _ := os.ReadDir(l.config.Dir) // readFolder has reported what is wrong with it
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".auto.hclvars") || strings.HasSuffix(name, ".auto.hclvars.json")) {
			l.readValues(filepath.Join(l.config.Dir, name), name, given)
		}
	}
	for _, arg := range vars.Args {
		if arg.File {
			l.readValues(arg.Text, l.valuesName(arg.Text), given)
			continue
		}
		name, text, ok := strings.Cut(arg.Text, "=")
		name = strings.TrimSpace(name)
		switch {
		case !ok || name == "":
			l.err(&Diagnostic{Severity: DiagError, Summary: "Invalid --var option", Detail: "A variable is given as --var NAME=VALUE, with an equals sign."})
		case l.variables[name] == nil && !l.lost && l.nodes["var."+name] == nil:
			l.err(errorAt(outside("--var "+name+"=..."), "Value for undeclared variable", "--var gives a value for %q, and no variable of that name is declared.%s",
				name, orDeclare(didYouMean(name, sortedKeys(l.variables)), fmt.Sprintf("variable %q { }", name))))
		default:
			given[name] = assignment{text: text, at: outside("--var " + name + "=...")}
		}
	}
	for _, name := range sortedKeys(l.variables) {
		v := l.variables[name]
		a, ok := given[name]
		value, diags := v.value(a, ok, vars.Unset || l.lostValues)
		if diags.HasErrors() {
			v.node.broken = true
		}
		l.diags = append(l.diags, diags...)
		v.node.value = value
	}
}

// outside is a range for what does not stand in a file. The text itself is
// left out: it may be a secret.
func outside(name string) Range {
	return Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
}

// valuesName is how ranges call the file of a --var-file.
func (l *loader) valuesName(name string) string {
	dir, err := filepath.Abs(l.config.Dir)
	abs, err2 := filepath.Abs(name)
	if err == nil && err2 == nil {
		if rel, err := filepath.Rel(dir, abs); err == nil {
			return path.Clean(filepath.ToSlash(rel))
		}
	}
	return name
}

// readValues reads a file of values. Its lines are shown in diagnostics only
// where no variable is sensitive.
func (l *loader) readValues(file, name string, given map[string]assignment) {
	raw, err := os.ReadFile(file)
	if err != nil {
		l.lostValues = true
		l.err(&Diagnostic{Severity: DiagError, Summary: "Failed to read variables file", Detail: reason("variables file "+file, err) + "."})
		return
	}
	f, diags := parse(raw, name)
	secret := false
	for _, v := range l.variables {
		secret = secret || v.sensitive
	}
	if !secret {
		l.config.Files[name] = f
	}
	if diags.HasErrors() {
		l.lostValues = true
		if secret {
			diags[0].Detail = "The file can't be read from here on. What stands there is not shown, because some variables are sensitive."
		}
		l.err(diags[0])
		return
	}
	attrs, diags := f.Body.JustAttributes()
	l.diags = append(l.diags, diags...)
	for _, key := range sortedKeys(attrs) {
		if l.nodes["var."+key] == nil && !l.lost {
			d := errorAt(attrs[key].NameRange, "Value for undeclared variable", "This file gives a value for %q, and no variable of that name is declared.%s", key, didYouMean(key, sortedKeys(l.variables)))
			d.Severity = DiagWarning
			l.err(d)
		}
		given[key] = assignment{expr: attrs[key].Expr, at: attrs[key].Expr.Range()}
	}
}

// value is the given value or the default, converted to the type. It is
// unknown when wrong.
func (v *variable) value(a assignment, given, unset bool) (cty.Value, Diagnostics) {
	unknown := cty.UnknownVal(v.typ.WithoutOptionalAttributesDeep())
	if given {
		value, diags := v.convert(a, "Invalid value for variable")
		if diags.HasErrors() {
			return unknown, diags
		}
		if !value.IsNull() || v.nullable {
			v.from = a.at
			return v.marked(value), diags
		}
		if v.fallback == nil {
			return unknown, append(diags, errorAt(a.at, "Required variable not set", "null is given for var.%s, and it is not nullable. Give it a value, or leave it out for its default.", v.name))
		}
	}
	if v.fallback != nil {
		a := assignment{expr: v.fallback.Expr, at: v.fallback.Expr.Range()}
		if v.sensitive {
			a.at = v.node.at
		}
		value, diags := v.convert(a, "Invalid default value for variable")
		if !diags.HasErrors() && value.IsNull() && !v.nullable {
			diags = append(diags, errorAt(a.at, "Invalid default value for variable", "The default is null, and var.%s is not nullable. Remove one of the two.", v.name))
		}
		if diags.HasErrors() {
			return unknown, diags
		}
		return v.marked(value), diags
	}
	if unset {
		return v.marked(unknown), nil
	}
	return unknown, Diagnostics{errorAt(v.node.at, "No value for required variable",
		"The variable %q has no default, so a value must be given: with --var '%s=VALUE', with a line %s = VALUE in a *.auto.hclvars file or one named by --var-file, or with the environment variable HOSTLER_VAR_%s.", v.name, v.name, v.name, v.name)}
}

func (v *variable) marked(value cty.Value) cty.Value {
	if v.sensitive {
		return value.Mark(Sensitive)
	}
	return value
}

func (v *variable) convert(a assignment, summary string) (cty.Value, Diagnostics) {
	value, diags := v.raw(a)
	if diags.HasErrors() && v.sensitive {
		return value, Diagnostics{errorAt(a.at, summary, "The value given for var.%s, which is sensitive, is no valid expression.", v.name)}
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
	return value, append(diags, errorAt(a.at, summary, "The value is not suitable for var.%s declared at %s: %s.", v.name, v.node.at, why))
}

// raw is the value before conversion. Text is itself for a variable of a
// primitive type or none, and an expression for any other.
func (v *variable) raw(a assignment) (cty.Value, Diagnostics) {
	expr := a.expr
	if expr == nil && v.literal {
		return cty.StringVal(a.text), nil
	}
	if expr == nil {
		parsed, diags := hclsyntax.ParseExpression([]byte(a.text), a.at.Filename, hcl.InitialPos)
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
		diags = append(diags, discreet(more, ctx)...)
		if more.HasErrors() {
			continue
		}
		ok, _ = ok.Unmark()
		ok, err := convert.Convert(ok, cty.Bool)
		if err != nil || ok.IsKnown() && ok.IsNull() {
			diags = append(diags, errorAt(r.condition.Expr.Range(), "Invalid variable validation result", "The condition must be true or false."))
			continue
		}
		if !ok.IsKnown() || ok.True() {
			continue
		}
		d := errorAt(v.from, "Invalid value for variable", "%s\n\nThis was checked by the validation rule at %s.", r.text(v, ctx), r.condition.NameRange)
		diags = append(diags, about(d, r.condition.Expr, ctx))
	}
	if value := withoutOrigin(v.node.value); !diags.HasErrors() && value.IsWhollyKnown() {
		l.config.Variables[v.name] = value
	}
	return v.node.value, diags
}

// text is the message of a rule that was broken.
func (r rule) text(v *variable, ctx *hcl.EvalContext) string {
	message, diags := r.message.Expr.Value(ctx)
	message, marks := message.UnmarkDeep()
	switch {
	case hasMark(marks, Sensitive):
		return fmt.Sprintf("The value of var.%s breaks a rule, whose error_message is not shown because it contains a sensitive value.", v.name)
	case diags.HasErrors() || !isString(message):
		return fmt.Sprintf("The value of var.%s breaks a rule, whose error_message is not text.", v.name)
	}
	return message.AsString()
}
