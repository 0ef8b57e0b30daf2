package hcl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// errorAt makes an error about what stands at rng.
func errorAt(rng Range, summary, format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &rng}
}

// about adds the expression whose values help to understand d.
func about(d *Diagnostic, expr hcl.Expression, ctx *hcl.EvalContext) *Diagnostic {
	if expr != nil && ctx != nil {
		d.Expression, d.EvalContext = expr, ctx
	}
	return d
}

// didYouMean is ` Did you mean "x"?`, or "" when nothing is near.
func didYouMean(given string, candidates []string) string {
	if near := schema.Nearest(given, candidates); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

// sentence makes an error's text one: a capital and a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

// settle puts diagnostics in the order of the files, keeps one of those that
// say the same about the same place, as instances of a block do, and shows
// values as the files know them.
func settle(diags Diagnostics) Diagnostics {
	at := func(d *Diagnostic) Range {
		if d.Subject == nil {
			return Range{}
		}
		return *d.Subject
	}
	slices.SortStableFunc(diags, func(a, b *Diagnostic) int {
		ra, rb := at(a), at(b)
		return cmp.Or(cmp.Compare(ra.Filename, rb.Filename), cmp.Compare(ra.Start.Byte, rb.Start.Byte),
			cmp.Compare(ra.End.Byte, rb.End.Byte), cmp.Compare(a.Summary, b.Summary))
	})
	diags = slices.CompactFunc(diags, func(a, b *Diagnostic) bool {
		return a.Subject != nil && b.Subject != nil && *a.Subject == *b.Subject && a.Summary == b.Summary
	})
	for _, d := range diags {
		d.EvalContext = shown(d.EvalContext)
	}
	return diags
}

// harmless are the summaries of diagnostics of HCL whose details repeat only
// what stands in the files, never a value.
var harmless = []string{
	"Unsupported argument", "Unsupported block type", "Unsupported attribute", "Call to unknown function",
	"Not enough function arguments", "Too many function arguments", "Invalid index", "Missing map element",
}

// explainSyntax says what to do where HCL only says what is wrong.
func explainSyntax(d *Diagnostic) *Diagnostic {
	switch d.Summary {
	case "Invalid single-argument block definition":
		d.Detail = "A block on one line has room for one argument. Break the line after the opening brace, and give every argument a line of its own."
	case "Invalid multi-line string":
		d.Detail = "The quote that begins this text is not closed on its line. Add the closing quote; text of several lines is written with <<-EOT."
	}
	return d
}

// impure are functions that people may expect and that can't be.
var impure = []string{"env", "timestamp", "plantimestamp", "uuid", "uuidv5", "bcrypt", "random", "pathexpand", "abspath"}

// discreet makes HCL's own diagnostics of an evaluation in ctx fit to be seen:
// where a sensitive value takes part, details that may repeat it are
// withheld, and so are the values inside a for expression, which come to it
// without their marks.
func discreet(diags Diagnostics, ctx *hcl.EvalContext) Diagnostics {
	for _, d := range diags {
		if call, ok := d.Extra.(hclsyntax.FunctionCallUnknownDiagExtra); ok && slices.Contains(impure, call.CalledFunctionName()) {
			d.Detail = fmt.Sprintf("There is no function named %q, because the same files must always give the same plan. Pass the value in as a variable.", call.CalledFunctionName())
		}
	}
	if len(diags) == 0 || !seesSensitive(ctx) {
		return diags
	}
	for _, d := range diags {
		if !slices.Contains(harmless, d.Summary) {
			d.Detail = "A sensitive value takes part here, so the details are withheld: they could repeat it."
		}
		if d.EvalContext != ctx {
			d.Expression, d.EvalContext = nil, nil
		}
	}
	return diags
}

func seesSensitive(ctx *hcl.EvalContext) bool {
	for ; ctx != nil; ctx = ctx.Parent() {
		for _, v := range ctx.Variables {
			if containsSensitive(v) {
				return true
			}
		}
	}
	return false
}

// shown is ctx with the values as the files know them.
func shown(ctx *hcl.EvalContext) *hcl.EvalContext {
	if ctx == nil {
		return nil
	}
	out := &hcl.EvalContext{}
	if parent := shown(ctx.Parent()); parent != nil {
		out = parent.NewChild()
	}
	out.Functions = ctx.Functions
	out.Variables = make(map[string]cty.Value, len(ctx.Variables))
	for name, v := range ctx.Variables {
		out.Variables[name] = withoutOrigin(v)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
