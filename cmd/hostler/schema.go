package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/hcl/schema"
)

// schemaCommand prints the reference of the language, made from the schemas
// that the files are read by.
func schemaCommand(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		p := a.open()
		blocks := append(hcl.Reserved(), slices.SortedFunc(maps.Values(p.types.Schemas()), func(x, y *schema.Block) int {
			return strings.Compare(x.Type, y.Type)
		})...)
		if len(args) > 0 {
			name, err := onlyOne(args, "a block type, or none for all")
			if err != nil {
				return err
			}
			var names []string
			for _, b := range blocks {
				names = append(names, b.Type)
			}
			i := slices.Index(names, name)
			if i < 0 {
				return usageError(fmt.Sprintf("there is no block type %q%s", name, schema.Suggest(name, names)))
			}
			blocks = blocks[i : i+1]
		}
		if a.json {
			return schemaJSON(a, blocks)
		}
		width := a.streams().Width
		for i, b := range blocks {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			fmt.Fprint(a.stdout, reference(b, p.types[b.Type] != nil, width))
		}
		return nil
	}
}

// reference is one block type for people.
func reference(b *schema.Block, managed bool, width int) string {
	var out strings.Builder
	head := b.Type
	if !b.Unnamed {
		head += ` "NAME"`
	}
	fmt.Fprintf(&out, "%s { … }\n%s\n\n", head, indent(b.Doc, "  ", width))
	attributes(&out, b, "  ", width)
	if managed {
		fmt.Fprintf(&out, "  Meta-arguments: %s.\n", strings.Join(attrNames(hcl.Meta()), ", "))
	}
	return out.String()
}

func attrNames(attrs []schema.Attr) []string {
	out := make([]string, len(attrs))
	for i, a := range attrs {
		out[i] = a.Name
	}
	return out
}

func attributes(out *strings.Builder, b *schema.Block, margin string, width int) {
	for _, a := range b.Attrs {
		fmt.Fprintf(out, "%s%s  (%s)\n%s\n", margin, a.Name, strings.Join(facts(a), ", "), indent(a.Doc, margin+"    ", width))
		if a.Type.Kind == schema.KindList && a.Type.Elem.Kind == schema.KindObject {
			attributes(out, &schema.Block{Attrs: a.Type.Elem.Of}, margin+"    ", width)
		}
	}
	for _, n := range b.Blocks {
		labels := ""
		for _, l := range n.Labels {
			labels += fmt.Sprintf(" %q", strings.ToUpper(l))
		}
		fmt.Fprintf(out, "%s%s%s { … }\n%s\n", margin, n.Type, labels, indent(n.Doc, margin+"    ", width))
		attributes(out, &n.Block, margin+"    ", width)
	}
}

// facts are an attribute's type and what else holds of it.
func facts(a schema.Attr) []string {
	out := []string{a.Type.Name()}
	switch {
	case a.Computed:
		out = append(out, "filled in by hostler")
	case a.Required:
		out = append(out, "required")
	case a.Default != cty.NilVal && !a.Default.IsNull():
		if raw, err := ctyjson.Marshal(a.Default, a.Default.Type()); err == nil {
			out = append(out, "default "+string(raw))
		}
	}
	if a.Replace {
		out = append(out, "a change forces replacement")
	}
	return out
}

func indent(text, margin string, width int) string {
	lines := strings.Split(term.Wrap(text, max(width-len(margin), 30)), "\n")
	return margin + strings.Join(lines, "\n"+margin)
}

// The JSON form of a schema.
type (
	blockJSON struct {
		Type   string       `json:"type"`
		Doc    string       `json:"description"`
		Mode   string       `json:"mode,omitempty"`
		Labels []string     `json:"labels,omitempty"`
		Attrs  []attrJSON   `json:"attributes,omitempty"`
		Blocks []*blockJSON `json:"blocks,omitempty"`
	}
	attrJSON struct {
		Name     string          `json:"name"`
		Type     string          `json:"type"`
		Doc      string          `json:"description"`
		Required bool            `json:"required,omitempty"`
		Computed bool            `json:"computed,omitempty"`
		Replace  bool            `json:"forces_replacement,omitempty"`
		Default  json.RawMessage `json:"default,omitempty"`
		Of       []attrJSON      `json:"attributes,omitempty"`
	}
)

func schemaJSON(a *app, blocks []*schema.Block) error {
	out := struct {
		Version string       `json:"format_version"`
		Blocks  []*blockJSON `json:"blocks"`
	}{Version: "1.0"}
	for _, b := range blocks {
		out.Blocks = append(out.Blocks, blockToJSON(b))
	}
	return a.printJSON(out)
}

// printJSON writes one document for programs, to whom a list of nothing is [].
func (a *app) printJSON(document any) error {
	if v := reflect.ValueOf(document); v.Kind() == reflect.Slice && v.IsNil() {
		document = []any{}
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(document)
}

func blockToJSON(b *schema.Block) *blockJSON {
	out := &blockJSON{Type: b.Type, Doc: b.Doc, Attrs: attrsToJSON(b.Attrs)}
	for _, n := range b.Blocks {
		nested := blockToJSON(&n.Block)
		nested.Labels = n.Labels
		nested.Mode = map[schema.Mode]string{schema.Optional: "optional", schema.Defaulted: "defaulted", schema.List: "list"}[n.Mode]
		out.Blocks = append(out.Blocks, nested)
	}
	return out
}

func attrsToJSON(attrs []schema.Attr) []attrJSON {
	var out []attrJSON
	for _, a := range attrs {
		j := attrJSON{Name: a.Name, Type: a.Type.Name(), Doc: a.Doc, Required: a.Required, Computed: a.Computed, Replace: a.Replace}
		if a.Default != cty.NilVal {
			j.Default, _ = ctyjson.Marshal(a.Default, a.Default.Type())
		}
		of := a.Type.Of
		if a.Type.Elem != nil {
			of = a.Type.Elem.Of
		}
		j.Of = attrsToJSON(of)
		out = append(out, j)
	}
	return out
}
