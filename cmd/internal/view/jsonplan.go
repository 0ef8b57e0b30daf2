package view

import (
	"io"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/value"
	"hostler/hcl/addr"
	"hostler/planner"
)

// provider is the name that documents give for the maker of every object.
const provider = "hostler"

type planDoc struct {
	Format    string               `json:"format_version"`
	Terraform string               `json:"terraform_version"`
	Hostler   string               `json:"hostler_version"`
	Planned   valuesDoc            `json:"planned_values"`
	Drift     []resourceChange     `json:"resource_drift,omitempty"`
	Changes   []resourceChange     `json:"resource_changes"`
	Outputs   map[string]changeDoc `json:"output_changes"`
	Prior     stateDoc             `json:"prior_state"`
	Applyable bool                 `json:"applyable"`
	Complete  bool                 `json:"complete"`
	Errored   bool                 `json:"errored"`
}

type resourceName struct {
	Address  string  `json:"address"`
	Mode     string  `json:"mode"`
	Type     string  `json:"type"`
	Name     string  `json:"name"`
	Index    *string `json:"index,omitempty"`
	Provider string  `json:"provider_name"`
}

type resourceChange struct {
	resourceName
	Previous string    `json:"previous_address,omitempty"`
	Change   changeDoc `json:"change"`
	Reason   string    `json:"action_reason,omitempty"`
}

type changeDoc struct {
	Actions         []string    `json:"actions"`
	Before          any         `json:"before"`
	After           any         `json:"after"`
	AfterUnknown    any         `json:"after_unknown"`
	BeforeSensitive any         `json:"before_sensitive"`
	AfterSensitive  any         `json:"after_sensitive"`
	ReplacePaths    [][]string  `json:"replace_paths,omitempty"`
	Importing       *importedAs `json:"importing,omitempty"`
}

type importedAs struct {
	ID string `json:"id"`
}

func nameDoc(a addr.Addr) resourceName {
	n := resourceName{Address: a.String(), Mode: "managed", Type: a.Type, Name: a.Name, Provider: provider}
	if a.HasKey {
		n.Index = &a.Key
	}
	return n
}

// PlanJSON writes a plan as `show --json` does: Terraform's format 1.2, with
// sensitive values left out. errored is set for a plan that is not complete.
func PlanJSON(w io.Writer, p *planner.Plan, version string, errored bool) error {
	doc := planDoc{Format: "1.2", Terraform: TerraformVersion, Hostler: version,
		Planned: valuesDoc{Outputs: map[string]outputDoc{}}, Changes: []resourceChange{}, Outputs: map[string]changeDoc{},
		Prior:     stateDoc{Format: "1.0", Terraform: TerraformVersion, Hostler: version},
		Applyable: !errored && !p.Empty(), Complete: !errored && len(p.Targets) == 0, Errored: errored}
	prior := valuesDoc{Outputs: map[string]outputDoc{}}
	for _, c := range p.Changes {
		doc.Changes = append(doc.Changes, resourceChangeDoc(c))
		if !value.Absent(c.Before) {
			before := c.Addr
			if !c.MovedFrom.IsZero() {
				before = c.MovedFrom
			}
			prior.Root.Resources = append(prior.Root.Resources, resourceDoc{resourceName: nameDoc(before), Values: value.Plain(c.Before),
				Sensitive: fields{}, DependsOn: c.PriorDeps, Tainted: c.Tainted})
		}
		if !value.Absent(c.After) && c.Action != planner.Delete && c.Action != planner.Forget {
			doc.Planned.Root.Resources = append(doc.Planned.Root.Resources, resourceDoc{resourceName: nameDoc(c.Addr),
				Values: value.Plain(c.After), Sensitive: fields{}, DependsOn: c.Deps})
		}
	}
	for i := range p.Drift {
		doc.Drift = append(doc.Drift, resourceChangeDoc(&p.Drift[i].Change))
	}
	for _, o := range p.Outputs {
		before, after := hide(o.Before, o.Sensitive), hide(o.After, o.Sensitive)
		doc.Outputs[o.Name] = values(actions(o.Action), before, after)
		if !value.Absent(o.Before) {
			prior.Outputs[o.Name] = outputOf(before, o.Sensitive)
		}
		if !value.Absent(o.After) {
			doc.Planned.Outputs[o.Name] = outputOf(after, o.Sensitive)
		}
	}
	doc.Prior.Values = &prior
	return encode(w, doc, "")
}

func resourceChangeDoc(c *planner.Change) resourceChange {
	doc := resourceChange{resourceName: nameDoc(c.Addr), Reason: string(c.Reason)}
	after := c.After
	if c.Action == planner.Delete || c.Action == planner.Forget {
		after = cty.NilVal
	}
	doc.Change = values(actions(c.Action), c.Before, after)
	if !c.MovedFrom.IsZero() {
		doc.Previous = c.MovedFrom.String()
	}
	if c.ImportID != "" {
		doc.Change.Importing = &importedAs{c.ImportID}
	}
	for _, name := range c.Replacing {
		doc.Change.ReplacePaths = append(doc.Change.ReplacePaths, []string{name})
	}
	return doc
}

func values(actions []string, before, after cty.Value) changeDoc {
	return changeDoc{Actions: actions, Before: value.Plain(before), After: value.Plain(after), AfterUnknown: unknown(after),
		BeforeSensitive: value.Sensitive(before), AfterSensitive: value.Sensitive(after)}
}

func actions(a planner.Action) []string {
	if a == planner.Replace {
		return []string{"delete", "create"}
	}
	return []string{string(a)}
}

// unknown says that nothing is: values are all known when they are planned.
func unknown(after cty.Value) any {
	if value.Container(after) && after.Type().IsObjectType() {
		return fields{}
	}
	return false
}
