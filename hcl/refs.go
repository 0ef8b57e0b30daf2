package hcl

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/graph"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// silent is what reference answers where something has been said already: a
// name may be declared where it can't be read.
var silent = &Diagnostic{Severity: DiagError}

// link finds out what every node refers to.
func (l *loader) link() {
	for _, n := range l.order {
		for _, t := range n.Uses {
			l.linkTo(n, t)
		}
		if m := l.managed[n.Name]; m != nil {
			for _, t := range m.dependsOn {
				if r := l.linkTo(n, t); r.To != nil {
					m.after = append(m.after, r)
				}
			}
			l.linkSole(m)
		}
	}
}

func (l *loader) linkTo(n *graph.Node, t hcl.Traversal) graph.Ref {
	r, d := l.reference(n, t)
	if d != nil {
		n.Broken = true
		if d != silent {
			l.err(d)
		}
	}
	if r.Root != "each" || d != nil {
		n.Refs = append(n.Refs, r)
	}
	if r.To != nil {
		r.To.Read = true
	}
	return r
}

// reference finds what a traversal in n means. With a diagnostic it is
// wrong, and stands for an unknown value.
func (l *loader) reference(n *graph.Node, t hcl.Traversal) (graph.Ref, *Diagnostic) {
	r := graph.Ref{Root: t.RootName(), At: t.SourceRange(), Key: cty.NullVal(cty.String), Bare: true}
	bad := func(summary, format string, args ...any) (graph.Ref, *Diagnostic) {
		r.To = nil
		return r, report.At(r.At, summary, format, args...)
	}
	s, isManaged := l.lang.Blocks[r.Root]
	steps := t[1:]
	switch {
	case r.Root == "each":
		if m := l.managed[n.Name]; m == nil || m.forEach == nil {
			return bad(`Reference to "each" in context without for_each`, `"each" has a value only in a block with for_each. Add for_each to this block, or refer to something else.`)
		}
		if forEach := l.managed[n.Name].forEach.Range(); forEach.ContainsOffset(r.At.Start.Byte) {
			return bad(`Reference to "each" in for_each`, `"each" is an element of what for_each gives, so for_each itself can't refer to it.`)
		}
		return r, nil
	case l.told.Overlaps(r.At):
		return r, silent
	case !isManaged && r.Root != "var" && r.Root != "local":
		problem, near := l.notARoot(t)
		if word := l.word(r.At); word != "" && !near {
			l.told = r.At
			l.told.End.Byte = l.told.Start.Byte + len(word)
			l.told.End.Column = l.told.Start.Column + len(word)
			r.At = l.told
			return bad("Invalid reference", "%s is no reference. Text stands in quotes: %q.", word, word)
		}
		return bad("Invalid reference", "%s", problem)
	case isManaged && s.Unnamed:
		r.Name = r.Root
	case len(steps) == 0:
		return bad("Invalid reference", "%q alone is no value: name one, as in %s.NAME.", r.Root, r.Root)
	default:
		step, ok := steps[0].(hcl.TraverseAttr)
		if !ok {
			return bad("Invalid reference", "After %q a name must follow, as in %s.NAME.", r.Root, r.Root)
		}
		r.Name, r.Bare, steps = step.Name, false, steps[1:]
	}
	full := r.Root + "." + r.Name
	r.To = l.nodes[full]
	if r.To == nil {
		if l.isLost(r.Root, r.Name) {
			return r, silent
		}
		return bad(l.undeclared(r))
	}
	if !isManaged {
		return r, nil
	}
	if l.managed[full].forEach != nil {
		steps, d := instance(&r, steps)
		if d != nil {
			return bad(d.Summary, "%s", d.Detail)
		}
		if steps == nil {
			return r, nil
		}
		return checked(r, s, steps)
	}
	if len(steps) > 0 {
		if _, ok := steps[0].(hcl.TraverseIndex); ok {
			name := full
			if r.Bare {
				name = r.Root
			}
			return bad("Invalid index", "%s has no for_each, so there are no instances to choose from. Write %s, or %s.ATTRIBUTE.", name, name, name)
		}
	}
	return checked(r, s, steps)
}

// instance takes the key off the steps after a block with for_each. Nil steps
// can't be looked at further.
func instance(r *graph.Ref, steps hcl.Traversal) (hcl.Traversal, *Diagnostic) {
	if len(steps) == 0 {
		return nil, nil
	}
	full := r.Root + "." + r.Name
	switch step := steps[0].(type) {
	case hcl.TraverseAttr:
		return nil, &Diagnostic{Summary: "Missing instance key", Detail: fmt.Sprintf(
			"%s has for_each, so its attributes belong to its instances. Choose one by its key, as in %s[\"KEY\"].%s, or %s[each.key].%s in a block with the same keys.", full, full, step.Name, full, step.Name)}
	case hcl.TraverseIndex:
		if step.Key.Type() != cty.String {
			return nil, &Diagnostic{Summary: "Invalid index", Detail: fmt.Sprintf("Instances have keys, not positions. Write %s[\"KEY\"].", full)}
		}
		r.Key = step.Key
		return steps[1:], nil
	}
	return nil, nil
}

// checked looks whether the schema has what the steps name.
func checked(r graph.Ref, s *schema.Block, steps hcl.Traversal) (graph.Ref, *Diagnostic) {
	if len(steps) > 0 && report.StepName(steps[0]) == "address" {
		return r, nil
	}
	problem := checkSteps(s.Type, s.Attrs, s.Blocks, nil, steps)
	if problem == "" {
		return r, nil
	}
	r.To = nil
	return r, report.At(r.At, "Unsupported attribute", "%s", report.Sentence(problem))
}

// word is more than a reference, which someone meant as text when they wrote
// what stands at rng: ghcr.io/acme/base. Else it is "".
func (l *loader) word(rng Range) string {
	f := l.config.Files[rng.Filename]
	if f == nil || !rng.CanSliceBytes(f.Bytes) {
		return ""
	}
	if word := report.Word(f.Bytes, rng.Start.Byte); len(word) > rng.End.Byte-rng.Start.Byte && bytes.HasPrefix(f.Bytes[rng.Start.Byte:], []byte(word)) {
		return word
	}
	return ""
}

// checkSteps says what is wrong with steps into a value, called what, that has
// those attributes and nested blocks, or "".
func checkSteps(what string, attrs []schema.Attr, blocks []schema.Nested, labels []string, steps hcl.Traversal) string {
	if len(steps) == 0 {
		return ""
	}
	name := report.StepName(steps[0])
	if name == "" || slices.Contains(labels, name) {
		return "" // a splat or the like, left to the evaluation
	}
	var known []string
	for _, a := range attrs {
		switch {
		case a.Name == name && a.Computed:
			return fmt.Sprintf("%s attribute %q is filled in by apply, so its value can't be used in files: they must be known before anything is done.", what, name)
		case a.Name == name && a.Type.Kind == schema.KindObject:
			return checkSteps(name, a.Type.Of, nil, nil, steps[1:])
		case a.Name == name && a.Type.Kind == schema.KindRef && len(steps) > 1:
			return fmt.Sprintf("%s attribute %q is a reference and has no attributes of its own here. Refer to that block by its name.", what, name)
		case a.Name == name:
			return ""
		case !a.Computed:
			known = append(known, a.Name)
		}
	}
	for _, n := range blocks {
		known = append(known, n.Type)
		if n.Type != name {
			continue
		}
		steps = steps[1:]
		if n.Mode == schema.List && len(steps) > 0 {
			if nested := report.StepName(steps[0]); nested != "" {
				return fmt.Sprintf("%s has any number of %q blocks: choose one by its position, as in %s[0].%s, or all with %s[*].%s.", what, name, name, nested, name, nested)
			}
			if _, ok := steps[0].(hcl.TraverseIndex); !ok {
				return ""
			}
			steps = steps[1:]
		}
		return checkSteps(name, n.Attrs, n.Blocks, n.Labels, steps)
	}
	return fmt.Sprintf("%s has no attribute %q.%s", what, name, report.DidYouMean(name, known))
}

// notARoot explains a reference that begins with no word of the language, or
// with one near it.
func (l *loader) notARoot(t hcl.Traversal) (problem string, near bool) {
	root := t.RootName()
	if len(t) == 1 {
		return fmt.Sprintf("%q alone is no reference. Text stands in quotes: \"%s\". A value is named with what it is, as in var.NAME, local.NAME or TYPE.NAME.", root, root), false
	}
	switch root {
	case "output":
		return "Outputs are for people and programs outside and can't be referred to. Refer to what the output's value is made of.", true
	case "count", "self", "path", "terraform", "data", "module":
		return fmt.Sprintf("%q is a word of Terraform that this language does not have. A reference begins with var, local, each or a block type: %s.", root, report.List(report.SortedKeys(l.lang.Blocks))), true
	}
	hint := report.DidYouMean(root, append(report.SortedKeys(l.lang.Blocks), "var", "local", "each"))
	return fmt.Sprintf("There is no block type %q.%s", root, hint), hint != ""
}

// maxGuesses is how often a name is compared with all others: nobody reads
// more suggestions, and in a large configuration each takes its time.
const maxGuesses = 100

// undeclared says that there is no such variable, local value or block.
func (l *loader) undeclared(r graph.Ref) (summary, format, detail string) {
	var known []string
	if l.guesses++; l.guesses <= maxGuesses {
		for name := range l.nodes {
			if rest, ok := strings.CutPrefix(name, r.Root+"."); ok {
				known = append(known, rest)
			}
		}
	}
	near := report.DidYouMean(r.Name, known)
	switch {
	case r.Root == "var":
		return "Reference to undeclared input variable", "%s", fmt.Sprintf("An input variable with the name %q has not been declared.%s", r.Name, report.OrDeclare(near, fmt.Sprintf("variable %q { }", r.Name)))
	case r.Root == "local":
		return "Reference to undeclared local value", "%s", fmt.Sprintf("A local value with the name %q has not been declared.%s", r.Name, report.OrDeclare(near, fmt.Sprintf("locals { %s = … }", r.Name)))
	case r.Bare:
		return "Reference to undeclared block", "%s", fmt.Sprintf("The configuration has no %s block. Add %s { }.", r.Root, r.Root)
	}
	return "Reference to undeclared block", "%s", fmt.Sprintf("There is no %s with the name %q.%s", r.Root, r.Name, report.OrDeclare(near, fmt.Sprintf("%s %q { }", r.Root, r.Name)))
}
