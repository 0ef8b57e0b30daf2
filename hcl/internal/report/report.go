// Package report owns how mistakes in files are told: the making, ordering
// and discretion of diagnostics. Summaries are Terraform's where it has them;
// details say what is wrong and then what to do; no text repeats a sensitive
// value.
//
// At makes a diagnostic, Discreet and Syntax (hints.go) better those of HCL,
// and Settle finishes them all.
package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/marks"
	"hostler/hcl/schema"
)

// At makes an error about what stands at rng.
func At(rng hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &rng}
}

// About adds the expression whose values help to understand d.
func About(d *hcl.Diagnostic, expr hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	if expr != nil && ctx != nil {
		d.Expression, d.EvalContext = expr, ctx
	}
	return d
}

// DidYouMean is ` Did you mean "x"?`, or "" when nothing is near.
func DidYouMean(given string, candidates []string) string {
	if near := schema.Nearest(given, candidates); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

// Sentence makes an error's text one: a capital and a full stop.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

// Settle puts diagnostics in the order of the files, keeps one of those that
// say the same about the same place, and shows places and values as the files
// know them.
func Settle(diags hcl.Diagnostics, files map[string]*hcl.File) hcl.Diagnostics {
	for _, d := range diags {
		for _, rng := range []**hcl.Range{&d.Subject, &d.Context} {
			if *rng != nil { // HCL's own range may be that of an expression
				place := Place(**rng, files)
				*rng = &place
			}
		}
	}
	at := func(d *hcl.Diagnostic) hcl.Range {
		if d.Subject == nil {
			return hcl.Range{}
		}
		return *d.Subject
	}
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		ra, rb := at(a), at(b)
		return cmp.Or(cmp.Compare(ra.Filename, rb.Filename), cmp.Compare(ra.Start.Byte, rb.Start.Byte),
			cmp.Compare(ra.End.Byte, rb.End.Byte), cmp.Compare(a.Summary, b.Summary))
	})
	type words struct {
		told
		detail string
	}
	said := map[words]bool{}
	diags = slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool {
		key := words{told{at(d), d.Summary}, d.Detail}
		again := said[key] && d.Subject != nil
		said[key] = true
		return again
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

// Discreet makes HCL's own diagnostics of an evaluation in ctx fit to be seen:
// they say what to do, but where a sensitive value takes part, details that
// may repeat it are withheld, and so are the values inside a for expression,
// which come to it without their marks.
func Discreet(diags hcl.Diagnostics, ctx *hcl.EvalContext) hcl.Diagnostics {
	if len(diags) == 0 {
		return nil
	}
	secret := seesSensitive(ctx)
	for _, d := range diags {
		if _, call := d.Extra.(hclsyntax.FunctionCallUnknownDiagExtra); call || !secret {
			hint(d, ctx)
		}
		if !secret {
			continue
		}
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
			if marks.ContainsSensitive(v) {
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
		out.Variables[name] = marks.WithoutOrigin(v)
	}
	return out
}

// Told knows what has been said about each place. The instances of a block are
// decoded from the same text, and what is wrong in several is told once.
type Told map[told]int

type told struct {
	at      hcl.Range
	summary string
}

// News are the diagnostics of one more instance that none before it had.
func (t Told) News(diags hcl.Diagnostics) (out hcl.Diagnostics) {
	own := Told{}
	for _, d := range diags {
		if d.Subject == nil {
			out = append(out, d)
			continue
		}
		key := told{*d.Subject, d.Summary}
		if own[key]++; own[key] > t[key] {
			t[key] = own[key]
			out = append(out, d)
		}
	}
	return out
}

// SortedKeys are the keys of m in order.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Missing is about a required attribute that is not written.
func Missing(at hcl.Range, name string) *hcl.Diagnostic {
	return At(at, "Missing required argument", "The argument %q is required, but no definition was found.", name)
}

// List writes words for a sentence, not too many of them.
func List(words []string) string {
	const most = 8
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
	}
	return strings.Join(words, ", ")
}

// Quoted puts every word in quotes.
func Quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return out
}

// OrDeclare is a suggestion, or else advice to write block.
func OrDeclare(near, block string) string {
	if near != "" {
		return near
	}
	return " Declare it with " + block + ", or correct the name."
}
