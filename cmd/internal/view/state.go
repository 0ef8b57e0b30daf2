package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/cmd/internal/view/diff"
	"hostler/cmd/internal/view/term"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/state"
)

// StateText shows a whole state as `show` does; a nil or empty one is
// "No state."
func StateText(snap *state.Snapshot, schemas map[string]*schema.Block, paint term.Paint) (string, error) {
	if snap == nil || len(snap.Resources) == 0 && len(snap.Outputs) == 0 {
		return "No state.\n", nil
	}
	var parts []string
	for _, a := range slices.SortedFunc(maps.Keys(snap.Resources), addr.Compare) {
		part, err := ResourceText(a, snap.Resources[a], schemas[a.Type], paint)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	outputs, err := Outputs(snap.Outputs)
	if err != nil {
		return "", err
	}
	if len(outputs) > 0 {
		parts = append(parts, paint.With(term.Bold, "Outputs:")+"\n\n"+OutputsText(outputs))
	}
	return strings.Join(parts, "\n"), nil
}

// ResourceText shows one object as `state show` does. s may be nil.
func ResourceText(a addr.Addr, r *state.Resource, s *schema.Block, paint term.Paint) (string, error) {
	v, s, err := recorded(r, s)
	if err != nil {
		return "", fmt.Errorf("attributes of %s in state: %w", a, err)
	}
	title := "# " + term.Clean(a.String()) + ":"
	if r.Tainted {
		title += " (tainted)"
	}
	d := diff.Writer{Paint: paint, Plain: true, All: true}
	d.Object(s, a, " ", v, v, nil)
	return paint.With(term.Bold, title) + "\n" + d.String(), nil
}

// recorded is an object as state has it. One that another version of the
// schema wrote is shown by its own structure, without a schema.
func recorded(r *state.Resource, s *schema.Block) (cty.Value, *schema.Block, error) {
	if s != nil && r.SchemaVersion == s.Version {
		if v, err := ctyjson.Unmarshal(r.Attributes, s.Value()); err == nil {
			return v, s, nil
		}
	}
	typ, err := ctyjson.ImpliedType(r.Attributes)
	if err != nil {
		return cty.NilVal, nil, err
	}
	v, err := ctyjson.Unmarshal(r.Attributes, typ)
	return v, nil, err
}

// StateList lists the addresses in a state that the given ones cover, all if
// none is given: one a line, sorted.
func StateList(snap *state.Snapshot, only []addr.Addr) string {
	var b strings.Builder
	for _, a := range slices.SortedFunc(maps.Keys(snap.Resources), addr.Compare) {
		if len(only) == 0 || slices.ContainsFunc(only, func(o addr.Addr) bool { return o.Covers(a) }) {
			b.WriteString(a.String() + "\n")
		}
	}
	return b.String()
}
