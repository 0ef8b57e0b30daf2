package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/body"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// silent is what reference answers about a name that may be declared in a
// file that could not be read.
var silent = &Diagnostic{Severity: DiagError}

// reference finds what a traversal in n means. With a diagnostic it is
// wrong, and stands for an unknown value.
func (l *loader) reference(n *node, t hcl.Traversal) (ref, *Diagnostic) {
	r := ref{root: t.RootName(), at: t.SourceRange(), key: cty.NullVal(cty.String), bare: true}
	bad := func(summary, format string, args ...any) (ref, *Diagnostic) {
		r.to = nil
		return r, report.At(r.at, summary, format, args...)
	}
	s, managed := l.lang.Blocks[r.root]
	steps := t[1:]
	switch {
	case r.root == "each":
		if n.managed == nil || n.managed.forEach == nil {
			return bad(`Reference to "each" in context without for_each`, `"each" has a value only in a block with for_each. Add for_each to this block, or refer to something else.`)
		}
		return r, nil
	case !managed && r.root != "var" && r.root != "local":
		return bad("Invalid reference", "%s", l.notARoot(t))
	case managed && s.Unnamed:
		r.name = r.root
	case len(steps) == 0:
		return bad("Invalid reference", "%q alone is no value: name one, as in %s.NAME.", r.root, r.root)
	default:
		step, ok := steps[0].(hcl.TraverseAttr)
		if !ok {
			return bad("Invalid reference", "After %q a name must follow, as in %s.NAME.", r.root, r.root)
		}
		r.name, r.bare, steps = step.Name, false, steps[1:]
	}
	full := r.root + "." + r.name
	r.to = l.nodes[full]
	if r.to == nil {
		if l.files.Lost {
			return r, silent
		}
		return bad(l.undeclared(r))
	}
	if !managed {
		return r, nil
	}
	if r.to.managed.forEach != nil {
		steps, d := r.instance(steps)
		if d != nil {
			return bad(d.Summary, "%s", d.Detail)
		}
		if steps == nil {
			return r, nil
		}
		return r.checked(s, steps)
	}
	if len(steps) > 0 {
		if _, ok := steps[0].(hcl.TraverseIndex); ok {
			return bad("Invalid index", "%s has no for_each, so there are no instances to choose from. Write %s.", full, full)
		}
	}
	return r.checked(s, steps)
}

// instance takes the key off the steps after a block with for_each. Nil steps
// can't be looked at further.
func (r *ref) instance(steps hcl.Traversal) (hcl.Traversal, *Diagnostic) {
	if len(steps) == 0 {
		return nil, nil
	}
	full := r.root + "." + r.name
	switch step := steps[0].(type) {
	case hcl.TraverseAttr:
		return nil, &Diagnostic{Summary: "Missing instance key", Detail: fmt.Sprintf(
			"%s has for_each, so its attributes belong to its instances. Choose one by its key, as in %s[\"KEY\"].%s, or %s[each.key].%s in a block with the same keys.", full, full, step.Name, full, step.Name)}
	case hcl.TraverseIndex:
		if step.Key.Type() != cty.String {
			return nil, &Diagnostic{Summary: "Invalid index", Detail: fmt.Sprintf("Instances have keys, not positions. Write %s[\"KEY\"].", full)}
		}
		r.key = step.Key
		return steps[1:], nil
	}
	return nil, nil
}

// checked looks whether the schema has what the steps name.
func (r ref) checked(s *schema.Block, steps hcl.Traversal) (ref, *Diagnostic) {
	if len(steps) > 0 && nameOf(steps[0]) == "address" {
		return r, nil
	}
	problem := checkSteps(s.Attrs, s.Blocks, nil, steps)
	if problem == "" {
		return r, nil
	}
	d := report.At(r.at, "Unsupported attribute", "%s %s", s.Type, problem)
	d.Detail = strings.ToUpper(d.Detail[:1]) + d.Detail[1:]
	r.to = nil
	return r, d
}

// nameOf is the name in a step, or "".
func nameOf(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if body.IsString(step.Key) {
			return step.Key.AsString()
		}
	}
	return ""
}

// checkSteps says what is wrong with steps into a value that has those
// attributes and nested blocks, as the end of a sentence, or "".
func checkSteps(attrs []schema.Attr, blocks []schema.Nested, labels []string, steps hcl.Traversal) string {
	if len(steps) == 0 {
		return ""
	}
	name := nameOf(steps[0])
	if name == "" || slices.Contains(labels, name) {
		return "" // a splat or the like, left to the evaluation
	}
	var known []string
	for _, a := range attrs {
		switch {
		case a.Name == name && a.Computed:
			return fmt.Sprintf("attribute %q is filled in by apply, so its value can't be used in files: they must be known before anything is done.", name)
		case a.Name == name && a.Type.Kind == schema.KindObject:
			return checkSteps(a.Type.Of, nil, nil, steps[1:])
		case a.Name == name && a.Type.Kind == schema.KindRef && len(steps) > 1:
			return fmt.Sprintf("attribute %q is a reference and has no attributes of its own here. Refer to that block by its name.", name)
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
			if nested := nameOf(steps[0]); nested != "" {
				return fmt.Sprintf("has any number of %q blocks: choose one by its position, as in %s[0].%s, or all with %s[*].%s.", name, name, nested, name, nested)
			}
			if _, ok := steps[0].(hcl.TraverseIndex); !ok {
				return ""
			}
			steps = steps[1:]
		}
		return checkSteps(n.Attrs, n.Blocks, n.Labels, steps)
	}
	return fmt.Sprintf("has no attribute %q.%s", name, report.DidYouMean(name, known))
}

// notARoot explains a reference that begins with no word of the language.
func (l *loader) notARoot(t hcl.Traversal) string {
	root := t.RootName()
	if len(t) == 1 {
		return fmt.Sprintf("%q alone is no reference. Text stands in quotes: \"%s\". A value is named with what it is, as in var.NAME, local.NAME or TYPE.NAME.", root, root)
	}
	switch root {
	case "output":
		return "Outputs are for people and programs outside and can't be referred to. Refer to what the output's value is made of."
	case "count", "self", "path", "terraform", "data", "module":
		return fmt.Sprintf("%q is a word of Terraform that this language does not have. A reference begins with var, local, each or a block type: %s.", root, report.List(report.SortedKeys(l.lang.Blocks)))
	}
	return fmt.Sprintf("There is no block type %q.%s", root, report.DidYouMean(root, append(report.SortedKeys(l.lang.Blocks), "var", "local", "each")))
}

// undeclared says that there is no such variable, local value or block.
func (l *loader) undeclared(r ref) (summary, format, detail string) {
	var known []string
	for name := range l.nodes {
		if rest, ok := strings.CutPrefix(name, r.root+"."); ok {
			known = append(known, rest)
		}
	}
	near := report.DidYouMean(r.name, known)
	switch {
	case r.root == "var":
		return "Reference to undeclared input variable", "%s", fmt.Sprintf("An input variable with the name %q has not been declared.%s", r.name, report.OrDeclare(near, fmt.Sprintf("variable %q { }", r.name)))
	case r.root == "local":
		return "Reference to undeclared local value", "%s", fmt.Sprintf("A local value with the name %q has not been declared.%s", r.name, report.OrDeclare(near, fmt.Sprintf("locals { %s = … }", r.name)))
	case r.bare:
		return "Reference to undeclared block", "%s", fmt.Sprintf("The configuration has no %s block. Add %s { }.", r.root, r.root)
	}
	return "Reference to undeclared block", "%s", fmt.Sprintf("There is no %s with the name %q.%s", r.root, r.name, report.OrDeclare(near, fmt.Sprintf("%s %q { }", r.root, r.name)))
}
