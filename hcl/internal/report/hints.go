package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/marks"
)

// impure are functions that people may expect and that can't be.
var impure = []string{"env", "timestamp", "plantimestamp", "uuid", "bcrypt", "random", "pathexpand", "abspath"}

// hint adds to a diagnostic of HCL, made by an evaluation in ctx, what to do.
// HCL's own suggestions come from maps, a different one each time.
func hint(d *hcl.Diagnostic, ctx *hcl.EvalContext) {
	if call, ok := d.Extra.(hclsyntax.FunctionCallUnknownDiagExtra); ok && call.CalledFunctionNamespace() == "" {
		d.Detail = noFunction(call.CalledFunctionName(), ctx)
		return
	}
	switch d.Summary {
	case "Variables not allowed":
		d.Detail = "A plain value is required here, which refers to nothing else. If this is text, put it into quotes."
	case "Function calls not allowed":
		d.Detail = "A plain value is required here, which calls no function. Write its result, or use a local value."
	case "Unsupported attribute", "Missing map element", "Invalid index":
		if e, ok := d.Expression.(*hclsyntax.RelativeTraversalExpr); ok && d.Summary == "Missing map element" {
			if _, splat := e.Source.(*hclsyntax.AnonSymbolExpr); splat {
				d.Detail = "[*] goes over the elements of a list, and takes a map for a single value. For the elements of a map, such as the instances of a block with for_each, write values(…)[*]."
				return
			}
		}
		v, name := lookedUp(d)
		keys := keysOf(v)
		switch block, ok := instances(v); {
		case name == "" || keys == nil:
		case ok && d.Summary != "Missing map element":
			d.Detail = NoInstance(block, name, keys)
		default:
			d.Detail += DidYouMean(name, keys)
		}
	}
}

func noFunction(name string, ctx *hcl.EvalContext) string {
	if slices.Contains(impure, name) {
		return fmt.Sprintf("There is no function named %q, because the same files must always give the same plan. Pass the value in as a variable.", name)
	}
	var known []string
	for ; ctx != nil; ctx = ctx.Parent() {
		known = append(known, SortedKeys(ctx.Functions)...)
	}
	return fmt.Sprintf("There is no function named %q.%s", name, DidYouMean(name, known))
}

// NoInstance says that a block with for_each has no instance of that key.
func NoInstance(block addr.Addr, key string, keys []string) string {
	if len(keys) == 0 {
		return fmt.Sprintf("%s has no instance with the key %q: its for_each is empty.", block, key)
	}
	return fmt.Sprintf("%s has no instance with the key %q; it has %s.%s", block, key, List(Quoted(keys)), DidYouMean(key, keys))
}

// lookedUp is the value that d says lacks something, and the name of what it
// lacks, or "".
func lookedUp(d *hcl.Diagnostic) (cty.Value, string) {
	switch e := d.Expression.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		for i, step := range e.Traversal {
			if i > 0 && step.SourceRange() == *d.Subject {
				v, _ := e.Traversal[:i].TraverseAbs(d.EvalContext)
				return v, StepName(step)
			}
		}
	case *hclsyntax.IndexExpr:
		v, _ := e.Collection.Value(d.EvalContext)
		key, _ := e.Key.Value(d.EvalContext)
		key, _ = key.Unmark()
		return v, text(key)
	}
	return cty.DynamicVal, ""
}

// StepName is the name in a step of a reference, or "".
func StepName(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		return text(step.Key)
	}
	return ""
}

func text(v cty.Value) string {
	if v.Type() == cty.String && !v.IsMarked() && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	return ""
}

// keysOf are the names of an object's attributes or a map's elements, nil for
// any other value.
func keysOf(v cty.Value) []string {
	v, _ = v.Unmark()
	switch t := v.Type(); {
	case t.IsObjectType():
		return SortedKeys(t.AttributeTypes())
	case t.IsMapType() && v.IsKnown() && !v.IsNull():
		return append([]string{}, SortedKeys(v.AsValueMap())...)
	}
	return nil
}

// instances reports whether v is the map of a block's instances.
func instances(v cty.Value) (addr.Addr, bool) {
	for mark := range v.Marks() {
		if block, ok := mark.(marks.InstancesOf); ok && v.Type().IsMapType() {
			return addr.Addr(block), true
		}
	}
	return addr.Addr{}, false
}

// Syntax says what to do where HCL only says what is wrong with the text of a
// file.
func Syntax(d *hcl.Diagnostic, src []byte) *hcl.Diagnostic {
	word := ""
	if d.Subject != nil {
		word = Word(src, d.Subject.Start.Byte)
	}
	switch {
	case d.Summary == "Invalid single-argument block definition":
		d.Detail = "A block on one line has room for one argument. Break the line after the opening brace, and give every argument a line of its own."
	case d.Summary == "Invalid multi-line string":
		d.Detail = "The quote that begins this text is not closed on its line. Add the closing quote; text of several lines is written with <<-EOT."
	case d.Summary == "Invalid JSON string":
		d.Detail = "The closing quote of this text is missing, or a backslash in it begins no escape sequence."
	case d.Summary == "Argument or block definition required" && strings.HasPrefix(string(src[d.Subject.Start.Byte:]), "/*"):
		d.Detail = "This comment is not closed. Add */ where it ends."
	case d.Summary == "Missing newline after argument" && word != "" && !strings.HasPrefix(string(src[d.Subject.Start.Byte:]), word):
		d.Detail = fmt.Sprintf("%s is no value. Text stands in quotes, and so does a number with a unit: %q.", word, word)
	}
	return d
}

// Word is the run of letters, digits and signs without space at that place in
// src that someone may have meant as one text: the address of an image, or a
// number with a unit.
func Word(src []byte, at int) string {
	part := func(i int) bool {
		c := src[i]
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-./:@", c) >= 0
	}
	start, end := at, at
	for start > 0 && start <= len(src) && part(start-1) {
		start--
	}
	for end < len(src) && part(end) {
		end++
	}
	return string(src[start:end])
}
