package body

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// habits are words of Terraform's blocks, and what to write here.
var habits = map[string]string{
	"count":     " Write for_each, whose instances have keys instead of numbers.",
	"lifecycle": " prevent_destroy and ignore_changes stand directly in the block, as arguments.",
	"dynamic":   " Nested blocks can't be made by expressions: write each of them.",
}

// explain says what to do where HCL only says what is wrong with a block.
// misspelt are the arguments that unknown ones were probably meant to be.
func explain(diags hcl.Diagnostics, b *hcl.Block, content *hcl.BodyContent, grammar *hcl.BodySchema) (out hcl.Diagnostics, misspelt []string) {
	if len(diags) == 0 {
		return nil, nil
	}
	var args, blocks, unset []string
	for _, a := range grammar.Attributes {
		args = append(args, a.Name)
		if content.Attributes[a.Name] == nil {
			unset = append(unset, a.Name)
		}
	}
	for _, n := range grammar.Blocks {
		blocks = append(blocks, n.Type)
	}
	culprit := Culprits(b.Body)
	for _, d := range diags {
		item := culprit(d)
		if item.Name == "" && d.Summary == wrongShape {
			AboutName(d, b.Type, true)
			misspelt = append(misspelt, unset...) // nothing can be said about what it lacks
		}
		if item.Name == "" {
			continue
		}
		near := report.DidYouMean(item.Name, slices.Concat(args, blocks))
		if habit := habits[item.Name]; habit != "" {
			near = habit
		}
		switch {
		case d.Summary == "Unsupported argument" && !slices.Contains(blocks, item.Name):
			d.Detail = fmt.Sprintf("An argument named %q is not expected here.%s", item.Name, near)
		case d.Summary == "Unsupported block type" && !slices.Contains(args, item.Name):
			d.Detail = fmt.Sprintf("Blocks of type %q are not expected here.%s", item.Name, near)
		case d.Summary == extraneous:
			d.Detail = fmt.Sprintf("No argument or block type is named %q.%s", item.Name, near)
		}
		for _, n := range grammar.Blocks {
			if n.Type == item.Name {
				AboutName(d, n.Type, len(n.LabelNames) == 0)
			}
		}
		if slices.Contains([]string{"Unsupported argument", "Unsupported block type", extraneous}, d.Summary) {
			misspelt = append(misspelt, schema.Nearest(item.Name, unset))
		}
	}
	return Once(diags), misspelt
}

// What HCL calls a property that it does not know, and one that is no block.
const (
	extraneous = "Extraneous JSON object property"
	wrongShape = "Incorrect JSON value type"
)

// AboutName says what to do about a block with too few names or too many, or
// in JSON about what is no block at all.
func AboutName(d *hcl.Diagnostic, typ string, unnamed bool) {
	switch {
	case (d.Summary == wrongShape || d.Summary == "Missing block label") && unnamed:
		d.Detail = fmt.Sprintf("A block of type %q is an object: {%q: {…}}.", typ, typ)
	case d.Summary == wrongShape || d.Summary == "Missing block label":
		d.Detail = fmt.Sprintf("Blocks of type %q are objects, below their names: {%q: {\"example\": {…}}}.", typ, typ)
	case strings.HasPrefix(d.Summary, "Missing name for"):
		d.Detail = fmt.Sprintf("A block of type %q needs a name, as in %s \"example\" { }.", typ, typ)
	case strings.HasPrefix(d.Summary, "Extraneous label for") && unnamed:
		d.Detail = fmt.Sprintf("A block of type %q has no name: write %s { }.", typ, typ)
	case strings.HasPrefix(d.Summary, "Extraneous label for"):
		d.Detail = fmt.Sprintf("A block of type %q has one name, as in %s \"example\" { }. Remove the second one.", typ, typ)
	}
}

// Once leaves out what JSON syntax says a second time, in other words, about a
// value of the wrong shape.
func Once(diags hcl.Diagnostics) (out hcl.Diagnostics) {
	for i, d := range diags {
		if i > 0 && d.Summary == "Missing block label" && *d.Subject == *diags[i-1].Subject {
			continue
		}
		out = append(out, d)
	}
	return out
}

// Item is an argument or a block as it is written, whether or not a schema
// knows it.
type Item struct {
	Name   string
	Labels []string // of a block
}

// Culprits finds the item of b that a diagnostic is about, the zero Item if
// there is none.
func Culprits(b hcl.Body) func(*hcl.Diagnostic) Item {
	native, ok := b.(*hclsyntax.Body)
	if !ok {
		return properties(b)
	}
	return func(d *hcl.Diagnostic) Item {
		for _, a := range native.Attributes {
			if a.NameRange == *d.Subject {
				return Item{Name: a.Name}
			}
		}
		for _, n := range native.Blocks {
			if hcl.RangeBetween(n.TypeRange, n.OpenBraceRange).ContainsOffset(d.Subject.Start.Byte) {
				return Item{Name: n.Type, Labels: n.Labels}
			}
		}
		return Item{}
	}
}

// properties is Culprits in JSON, where any property may be a block.
func properties(b hcl.Body) func(*hcl.Diagnostic) Item {
	all, _ := b.JustAttributes()
	return func(d *hcl.Diagnostic) Item {
		for name, p := range all {
			if !p.Range.ContainsOffset(d.Subject.Start.Byte) {
				continue
			}
			item := Item{Name: name}
			pairs, _ := hcl.ExprMap(p.Expr)
			for _, pair := range pairs {
				if key, _ := pair.Key.Value(nil); IsString(key) {
					item.Labels = append(item.Labels, key.AsString())
				}
			}
			return item
		}
		return Item{}
	}
}
