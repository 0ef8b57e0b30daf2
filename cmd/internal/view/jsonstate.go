package view

import (
	"encoding/json"
	"io"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/value"
	"hostler/hcl/addr"
	"hostler/state"
)

type stateDoc struct {
	Format    string     `json:"format_version"`
	Terraform string     `json:"terraform_version"`
	Hostler   string     `json:"hostler_version"`
	Values    *valuesDoc `json:"values,omitempty"`
}

type valuesDoc struct {
	Outputs map[string]outputDoc `json:"outputs"`
	Root    struct {
		Resources []resourceDoc `json:"resources,omitempty"`
	} `json:"root_module"`
}

type resourceDoc struct {
	resourceName
	SchemaVersion int         `json:"schema_version"`
	Values        any         `json:"values"`
	Sensitive     any         `json:"sensitive_values"`
	DependsOn     []addr.Addr `json:"depends_on,omitempty"`
	Tainted       bool        `json:"tainted,omitempty"`
}

// outputDoc has no value when the output is sensitive.
type outputDoc struct {
	Sensitive bool            `json:"sensitive"`
	Value     any             `json:"value,omitempty"`
	Type      json.RawMessage `json:"type,omitempty"`
}

func outputOf(v cty.Value, sensitive bool) outputDoc {
	o := outputDoc{Sensitive: sensitive || value.Marked(v), Value: value.Plain(v)}
	if v != cty.NilVal {
		o.Type = value.TypeJSON(v.Type())
	}
	return o
}

func outputsJSON(list []Output) map[string]outputDoc {
	docs := map[string]outputDoc{}
	for _, o := range list {
		docs[o.Name] = outputOf(hide(o.Value, o.Sensitive), o.Sensitive)
	}
	return docs
}

// OutputsJSON writes what `output --json` says.
func OutputsJSON(w io.Writer, list []Output) error { return encode(w, outputsJSON(list), "  ") }

// OutputJSON writes one output's value; null if it is sensitive.
func OutputJSON(w io.Writer, o Output) error {
	return encode(w, value.Plain(hide(o.Value, o.Sensitive)), "  ")
}

// StateJSON writes a state as `show --json` does: Terraform's format 1.0.
// Without a state there are no values.
func StateJSON(w io.Writer, snap *state.Snapshot, version string) error {
	doc := stateDoc{Format: "1.0", Terraform: TerraformVersion, Hostler: version}
	if snap == nil {
		return encode(w, doc, "")
	}
	outputs, err := Outputs(snap.Outputs)
	if err != nil {
		return err
	}
	doc.Values = &valuesDoc{Outputs: outputsJSON(outputs)}
	for _, a := range slices.SortedFunc(maps.Keys(snap.Resources), addr.Compare) {
		r := snap.Resources[a]
		doc.Values.Root.Resources = append(doc.Values.Root.Resources, resourceDoc{resourceName: nameDoc(a), SchemaVersion: r.SchemaVersion,
			Values: r.Attributes, Sensitive: fields{}, DependsOn: r.Deps, Tainted: r.Tainted})
	}
	return encode(w, doc, "")
}
