package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/decode"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/graph"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/moves"
	"hostler/hcl/internal/report"
	"hostler/hcl/internal/variables"
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
		if diags = body.Once(diags); len(diags) > 0 {
			culprit := body.Culprits(f.Body)
			for _, d := range diags {
				l.explainBlock(d, culprit(d))
				l.err(d)
			}
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
			l.declareManaged(n, f.Folder, b, s, key)
		}
	}
}

// add makes a node, unless the name is taken.
func (l *loader) add(f *folder.File, name string, at Range, taken, short string) *graph.Node {
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
		l.err(report.At(at, summary, taken, short, first.At))
		return nil
	}
	n := &graph.Node{Name: name, At: at, Functions: f.Folder.Functions, Value: cty.DynamicVal}
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

func (l *loader) declareLocals(f *folder.File, b *hcl.Block) {
	attrs, diags := b.Body.JustAttributes()
	l.diags = append(l.diags, diags...)
	for _, name := range report.SortedKeys(attrs) {
		expr := attrs[name].Expr
		if !hclsyntax.ValidIdentifier(name) { // in JSON
			l.err(report.At(attrs[name].NameRange, "Invalid name", "%q can't be a name, because references to it could not be written. Use letters, digits, _ and -, and begin with a letter or _.", name))
			continue
		}
		n := l.add(f, "local."+name, attrs[name].NameRange, "A local value named %q was already defined at %s. Local value names must be unique.", name)
		if n == nil {
			continue
		}
		n.Uses = expr.Variables()
		n.Eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
			v, diags := expr.Value(ctx)
			return v, report.Discreet(diags, ctx)
		}
	}
}

// constant evaluates an attribute that must not refer to anything.
func (l *loader) constant(attr *hcl.Attribute, t cty.Type) cty.Value {
	v, diags := decode.Constant(attr, t)
	l.diags = append(l.diags, diags...)
	return v
}

func (l *loader) declareVariable(n *graph.Node, b *hcl.Block, s *schema.Block, name string) {
	before := len(l.diags)
	v, diags := variables.Declare(name, l.split(b, s))
	l.diags = append(l.diags, diags...)
	l.variables[name] = v
	n.Uses = v.Uses()
	n.Broken = len(l.diags) > before
	n.Eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
		if n.Broken {
			return n.Value, nil
		}
		diags := v.Check(ctx)
		if value := marks.WithoutOrigin(n.Value); !diags.HasErrors() && value.IsWhollyKnown() {
			l.config.Variables[name] = value
		}
		return n.Value, diags
	}
}

func (l *loader) declareMove(f *folder.File, b *hcl.Block, s *schema.Block) {
	before := len(l.diags)
	content := l.split(b, s)
	m, diags := moves.Declare(b.Type, content, l.lang.Blocks)
	l.diags = append(l.diags, diags...)
	if len(l.diags) > before {
		return
	}
	l.moves = append(l.moves, m)
	if id := content.Attrs["id"]; id != nil {
		n := &graph.Node{Name: "import." + m.To.String(), At: m.At, Functions: f.Folder.Functions, Value: cty.DynamicVal, Uses: id.Expr.Variables()}
		n.Eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) { return m.EvalID(id, ctx) }
		l.order = append(l.order, n)
	}
}

func (l *loader) declareOutput(n *graph.Node, b *hcl.Block, s *schema.Block, name string) {
	content := l.split(b, s)
	description := l.constant(content.Attrs["description"], cty.String)
	sensitive := l.constant(content.Attrs["sensitive"], cty.Bool)
	value := content.Attrs["value"]
	if value == nil {
		return
	}
	out := &Output{Name: name, Range: n.At, Sensitive: decode.IsTrue(sensitive)}
	if body.IsString(description) {
		out.Description = description.AsString()
	}
	n.Uses = value.Expr.Variables()
	n.Eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
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

// explainBlock says what to do where HCL only says what is wrong with a
// block of a file. The block itself is lost, so what refers to it is not told.
func (l *loader) explainBlock(d *Diagnostic, b body.Item) {
	if b.Name == "" {
		return
	}
	types := report.SortedKeys(l.blocks)
	meant := b.Name
	s := l.blocks[b.Name]
	if s == nil {
		meant = schema.Nearest(b.Name, types)
	}
	l.lose(meant, b.Labels)
	switch {
	case s != nil:
		body.AboutName(d, b.Name, s.Unnamed)
	case slices.Contains([]string{"resource", "data", "module", "provider", "terraform"}, b.Name):
		d.Detail = fmt.Sprintf("%q is a word of Terraform. Here the type of a block stands first, as in TYPE \"NAME\" { }; the types are %s.", b.Name, strings.Join(report.SortedKeys(l.lang.Blocks), ", "))
	case d.Summary == "Unsupported block type":
		d.Detail = fmt.Sprintf("Blocks of type %q are not expected here.%s", b.Name, report.DidYouMean(b.Name, types))
	case d.Summary != "Unsupported argument":
		d.Detail = fmt.Sprintf("There is no block type %q.%s", b.Name, report.DidYouMean(b.Name, types))
	}
}

// lose notes that blocks of that type and those names stand in the files and
// can't be used; without names, some block of the type does.
func (l *loader) lose(typ string, names []string) {
	s := l.blocks[typ]
	switch {
	case s == nil:
		return
	case typ == "locals":
		typ, names = "local", nil
	case typ == "variable":
		typ = "var"
	case s.Unnamed:
		names = []string{typ}
	}
	if l.lost[typ] == nil {
		l.lost[typ] = map[string]bool{}
	}
	if len(names) == 0 {
		names = []string{anyName}
	}
	for _, name := range names {
		l.lost[typ][name] = true
	}
}

// anyName stands for every name in what is lost.
const anyName = "*"

// isLost reports whether root.name may stand where it can't be read.
func (l *loader) isLost(root, name string) bool {
	return l.files.Lost || l.lost[root][name] || l.lost[root][anyName]
}
