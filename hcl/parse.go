package hcl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// declare makes a node of everything in the files that has a value.
func (l *loader) declare() {
	files := body.InFiles(l.blocks)
	for _, f := range l.files.Files {
		if f.Broken {
			continue
		}
		content, diags := f.Body.Content(files)
		for _, d := range diags {
			l.err(l.explainBlock(d))
		}
		for _, b := range content.Blocks {
			l.declareBlock(f, b)
		}
	}
}

func (l *loader) declareBlock(f *folder.File, b *hcl.Block) {
	s := l.blocks[b.Type]
	name, at := b.Type, body.HeaderOf(b)
	if !s.Unnamed {
		name = b.Labels[0]
		if !addr.ValidName(name) {
			l.err(report.At(b.LabelRanges[0], "Invalid name", "%q can't be a name, because references to it could not be written. Use letters, digits, _ and -, and begin with a letter or _.", name))
			return
		}
	}
	switch b.Type {
	case "hostler": // see settings
	case "locals":
		l.declareLocals(f, b)
	case "moved", "import", "removed":
		l.declareMove(f, b, s)
	case "variable":
		if n := l.add(f, "var."+name, at, "A variable named %q was already declared at %s. Variable names must be unique.", name); n != nil {
			l.declareVariable(n, b, s, name)
		}
	case "output":
		if n := l.add(f, "output."+name, at, "An output named %q was already declared at %s. Output names must be unique.", name); n != nil {
			l.declareOutput(n, b, s, name)
		}
	default:
		key := addr.New(b.Type, name)
		taken := "An " + b.Type + " named %q was already declared at %s. Names must be unique among blocks of one type."
		if s.Unnamed {
			taken = "A %s block already stands at %s, and there can be only one. Put what both say into one block."
		} else if !strings.ContainsRune("aeiou", rune(b.Type[0])) {
			taken = "A" + taken[2:]
		}
		if n := l.add(f, key.String(), at, taken, name); n != nil {
			l.declareManaged(n, b, s, key)
		}
	}
}

// add makes a node, unless the name is taken.
func (l *loader) add(f *folder.File, name string, at Range, taken, short string) *node {
	if first := l.nodes[name]; first != nil {
		typ, _, _ := strings.Cut(name, ".")
		summary := fmt.Sprintf("Duplicate %s %q configuration", typ, short)
		switch {
		case typ == "var":
			summary = "Duplicate variable declaration"
		case typ == "local":
			summary = "Duplicate local value definition"
		case typ == "output":
			summary = "Duplicate output definition"
		case typ == short:
			summary = fmt.Sprintf("Duplicate %s configuration", typ)
		}
		l.err(report.At(at, summary, taken, short, first.at))
		return nil
	}
	n := &node{name: name, at: at, folder: f.Folder, value: cty.DynamicVal}
	l.nodes[name] = n
	l.order = append(l.order, n)
	return n
}

// split takes a block of the language's own apart.
func (l *loader) split(b *hcl.Block, s *schema.Block) *body.Body {
	content, diags := l.grammar.Split(b, s, nil)
	l.diags = append(append(l.diags, diags...), content.Demand()...)
	return content
}

// constant evaluates an attribute that must not refer to anything. It is null
// when left out or wrong.
func (l *loader) constant(attr *hcl.Attribute, t cty.Type) cty.Value {
	if attr == nil {
		return cty.NullVal(t)
	}
	v, diags := attr.Expr.Value(nil)
	l.diags = append(l.diags, diags...)
	if diags.HasErrors() {
		return cty.NullVal(t)
	}
	out, err := convert.Convert(v, t)
	if err != nil {
		l.err(report.At(attr.Expr.Range(), "Incorrect attribute value type", "Inappropriate value for attribute %q: %s.", attr.Name, err))
		return cty.NullVal(t)
	}
	return out
}

func (l *loader) declareLocals(f *folder.File, b *hcl.Block) {
	attrs, diags := b.Body.JustAttributes()
	l.diags = append(l.diags, diags...)
	for _, name := range report.SortedKeys(attrs) {
		expr := attrs[name].Expr
		n := l.add(f, "local."+name, attrs[name].NameRange, "A local value named %q was already defined at %s. Local value names must be unique.", name)
		if n == nil {
			continue
		}
		n.uses = expr.Variables()
		n.eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
			v, diags := expr.Value(ctx)
			return v, report.Discreet(diags, ctx)
		}
	}
}

func (l *loader) declareOutput(n *node, b *hcl.Block, s *schema.Block, name string) {
	content := l.split(b, s)
	description := l.constant(content.Attrs["description"], cty.String)
	sensitive := l.constant(content.Attrs["sensitive"], cty.Bool)
	value := content.Attrs["value"]
	if value == nil {
		return
	}
	out := &Output{Name: name, Range: n.at, Sensitive: isTrue(sensitive)}
	if body.IsString(description) {
		out.Description = description.AsString()
	}
	n.uses = value.Expr.Variables()
	n.eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
		v, diags := value.Expr.Value(ctx)
		diags = report.Discreet(diags, ctx)
		if diags.HasErrors() {
			return v, diags
		}
		out.Value = marks.WithoutOrigin(v)
		if out.Sensitive {
			out.Value, _ = out.Value.UnmarkDeep()
			out.Value = out.Value.Mark(Sensitive)
		} else if marks.ContainsSensitive(v) {
			return v, append(diags, report.At(value.Expr.Range(), "Output refers to sensitive values",
				"The value of output %q is made of sensitive ones. Add sensitive = true to the output, or wrap in nonsensitive() what is no secret.", name))
		}
		if v.IsWhollyKnown() {
			l.config.Outputs = append(l.config.Outputs, out)
		}
		return v, diags
	}
}

func isTrue(v cty.Value) bool { return v.IsKnown() && !v.IsNull() && v.True() }

// explainBlock says what to do where HCL only says what is wrong with a
// block of a file.
func (l *loader) explainBlock(d *Diagnostic) *Diagnostic {
	typ := ""
	if d.Subject != nil {
		if f := l.config.Files[d.Subject.Filename]; f != nil {
			rng := *d.Subject
			if d.Context != nil {
				rng = *d.Context
			}
			typ, _, _ = strings.Cut(strings.TrimSpace(string(rng.SliceBytes(f.Bytes))), " ")
		}
	}
	s := l.blocks[typ]
	switch {
	case d.Summary == "Unsupported block type" && (typ == "resource" || typ == "data" || typ == "module" || typ == "provider" || typ == "terraform"):
		d.Detail = fmt.Sprintf("%q is a word of Terraform. Here the type of a block stands first, as in TYPE \"NAME\" { }; the types are %s.", typ, strings.Join(report.SortedKeys(l.lang.Blocks), ", "))
	case s != nil && strings.HasPrefix(d.Summary, "Missing name for"):
		d.Detail = fmt.Sprintf("A block of type %q needs a name, as in %s \"example\" { }.", typ, typ)
	case s != nil && strings.HasPrefix(d.Summary, "Extraneous label for") && !s.Unnamed:
		d.Detail = fmt.Sprintf("A block of type %q has one name, as in %s \"example\" { }. Remove the second one.", typ, typ)
	case s != nil && strings.HasPrefix(d.Summary, "Extraneous label for"):
		d.Detail = fmt.Sprintf("A block of type %q has no name: write %s { }.", typ, typ)
	}
	return d
}

// address reads an address written as a reference.
func (l *loader) address(attr *hcl.Attribute) (addr.Addr, *Diagnostic) {
	wrong := func(format string, args ...any) (addr.Addr, *Diagnostic) {
		return addr.Addr{}, report.At(attr.Expr.Range(), "Invalid address", format, args...)
	}
	t, diags := hcl.AbsTraversalForExpr(attr.Expr)
	if diags.HasErrors() {
		return wrong("An address of a block is required, written without quotes: TYPE.NAME or TYPE.NAME[\"KEY\"].")
	}
	if s := l.lang.Blocks[t.RootName()]; s == nil {
		return wrong("There is no block type %q.%s", t.RootName(), report.DidYouMean(t.RootName(), report.SortedKeys(l.lang.Blocks)))
	} else if s.Unnamed && len(t) == 1 {
		return addr.New(s.Type, s.Type), nil
	}
	if len(t) < 2 || len(t) > 3 {
		return wrong("An address is TYPE.NAME or TYPE.NAME[\"KEY\"], without attributes.")
	}
	name, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return wrong("An address is TYPE.NAME or TYPE.NAME[\"KEY\"].")
	}
	a := addr.New(t.RootName(), name.Name)
	if len(t) == 3 {
		index, ok := t[2].(hcl.TraverseIndex)
		if !ok || index.Key.Type() != cty.String {
			return wrong("After the name only a key in brackets and quotes may follow, as in %s[\"KEY\"].", a)
		}
		a = a.Instance(index.Key.AsString())
	}
	return a, nil
}
