package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/cmd/internal/view/value"
	"hostler/hcl"
	"hostler/planner"
	"hostler/state"
)

// Output is one output value as it is now.
type Output struct {
	Name      string
	Sensitive bool
	Value     cty.Value // null for a sensitive one that comes from state
}

// Outputs reads what state recorded, sorted by name.
func Outputs(recorded map[string]state.Output) ([]Output, error) {
	var list []Output
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		o := recorded[name]
		out := Output{Name: name, Sensitive: o.Sensitive, Value: cty.NullVal(cty.DynamicPseudoType)}
		if !o.Sensitive && len(o.Value) > 0 {
			typ, err := ctyjson.UnmarshalType(o.Type)
			if err != nil {
				return nil, fmt.Errorf("type of output %q in state: %w", name, err)
			}
			if out.Value, err = ctyjson.Unmarshal(o.Value, typ); err != nil {
				return nil, fmt.Errorf("value of output %q in state: %w", name, err)
			}
		}
		list = append(list, out)
	}
	return list, nil
}

func outputsAfter(changes []planner.OutputChange) []Output {
	var list []Output
	for _, c := range changes {
		if !value.Absent(c.After) {
			list = append(list, Output{Name: c.Name, Sensitive: c.Sensitive, Value: c.After})
		}
	}
	return list
}

// hide marks the value of a sensitive output, so that nothing shows it.
func hide(v cty.Value, sensitive bool) cty.Value {
	if !sensitive || value.Absent(v) {
		return v
	}
	return v.Mark(hcl.Sensitive)
}

// OutputsText lists outputs for people, one `name = value` after the other.
func OutputsText(list []Output) string {
	var b strings.Builder
	for _, o := range list {
		b.WriteString(o.Name + " = " + OutputText(o))
	}
	return b.String()
}

// OutputText is one output's value for people.
func OutputText(o Output) string {
	if o.Sensitive || value.Marked(o.Value) {
		return "<sensitive>\n"
	}
	return value.Text(o.Value, "") + "\n"
}

// OutputRaw is the bare text of a string, number or bool, for shells.
func OutputRaw(o Output) (string, error) {
	if o.Sensitive || value.Marked(o.Value) {
		return "", fmt.Errorf("output %q is sensitive, and its value is kept nowhere; read it where it comes from", o.Name)
	}
	if value.Absent(o.Value) {
		return "", fmt.Errorf("output %q is null, which has no raw form; use --json", o.Name)
	}
	s, err := convert.Convert(o.Value, cty.String)
	if err != nil || !value.HasText(s) {
		return "", fmt.Errorf("output %q is %s, and only strings, numbers and bools have a raw form; use --json", o.Name, o.Value.Type().FriendlyName())
	}
	return s.AsString(), nil
}
