package planfile

import (
	"encoding/json"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/providers"
)

const (
	format  = "hostler plan"
	version = 1
)

// envelope is the file; the checksum is over Plan's bytes.
type envelope struct {
	Format   string          `json:"format"`
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"`
	Plan     json.RawMessage `json:"plan"`
}

type body struct {
	Lineage   string             `json:"lineage"`
	Serial    uint64             `json:"serial"`
	Mode      planner.Mode       `json:"mode"`
	Targets   []addr.Addr        `json:"targets,omitempty"`
	Changes   []change           `json:"changes"`
	Drift     []drift            `json:"drift,omitempty"`
	Outputs   []output           `json:"outputs,omitempty"`
	Recovered []planner.Recovery `json:"recovered,omitempty"`
}

type change struct {
	Addr           addr.Addr       `json:"address"`
	Action         planner.Action  `json:"action"`
	Reason         planner.Reason  `json:"reason,omitempty"`
	SchemaVersion  int             `json:"schema_version"`
	Before         json.RawMessage `json:"before,omitempty"`
	After          json.RawMessage `json:"after,omitempty"`
	Replacing      []string        `json:"replacing,omitempty"`
	Deps           []addr.Addr     `json:"dependencies,omitempty"`
	PriorDeps      []addr.Addr     `json:"prior_dependencies,omitempty"`
	MovedFrom      *addr.Addr      `json:"moved_from,omitempty"`
	ImportID       string          `json:"import_id,omitempty"`
	ID             string          `json:"id,omitempty"`
	PreventDestroy bool            `json:"prevent_destroy,omitempty"`
	Tainted        bool            `json:"tainted,omitempty"`
}

type drift struct {
	change
	Relevant bool `json:"relevant,omitempty"`
}

type output struct {
	Name      string          `json:"name"`
	Action    planner.Action  `json:"action"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Before    json.RawMessage `json:"before,omitempty"`
	After     json.RawMessage `json:"after,omitempty"`
}

func encodeChange(c *planner.Change, types providers.Registry) (change, error) {
	t := types[c.Addr.Type]
	out := change{
		Addr: c.Addr, Action: c.Action, Reason: c.Reason, SchemaVersion: t.Schema.Version, Replacing: c.Replacing,
		Deps: c.Deps, PriorDeps: c.PriorDeps, ImportID: c.ImportID, ID: c.ID, PreventDestroy: c.PreventDestroy, Tainted: c.Tainted,
	}
	if !c.MovedFrom.IsZero() {
		out.MovedFrom = &c.MovedFrom
	}
	encode := func(v cty.Value) (json.RawMessage, error) {
		if v.IsNull() {
			return nil, nil
		}
		return t.Encode(v)
	}
	var err error
	if out.Before, err = encode(c.Before); err == nil {
		out.After, err = encode(c.After)
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", c.Addr, err)
	}
	return out, nil
}

func (in change) decode(types providers.Registry) (*planner.Change, error) {
	t := types[in.Addr.Type]
	if t == nil {
		return nil, fmt.Errorf("%s: unknown type", in.Addr)
	}
	c := &planner.Change{
		Addr: in.Addr, Action: in.Action, Reason: in.Reason, Replacing: in.Replacing,
		Deps: in.Deps, PriorDeps: in.PriorDeps, ImportID: in.ImportID, ID: in.ID, PreventDestroy: in.PreventDestroy, Tainted: in.Tainted,
	}
	if in.MovedFrom != nil {
		c.MovedFrom = *in.MovedFrom
	}
	decode := func(raw json.RawMessage) (cty.Value, error) {
		if raw == nil {
			return t.Null(), nil
		}
		return t.Decode(raw, in.SchemaVersion)
	}
	var err error
	if c.Before, err = decode(in.Before); err == nil {
		c.After, err = decode(in.After)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Addr, err)
	}
	return c, nil
}

func encodeOutput(o planner.OutputChange) (output, error) {
	out := output{Name: o.Name, Action: o.Action, Sensitive: o.Sensitive}
	if o.Sensitive {
		return out, nil
	}
	var err error
	if out.Before, err = ctyjson.Marshal(o.Before, cty.DynamicPseudoType); err == nil {
		out.After, err = ctyjson.Marshal(o.After, cty.DynamicPseudoType)
	}
	return out, err
}

func (in output) decode() (planner.OutputChange, error) {
	null := cty.NullVal(cty.DynamicPseudoType)
	o := planner.OutputChange{Name: in.Name, Action: in.Action, Sensitive: in.Sensitive, Before: null, After: null}
	if o.Sensitive {
		o.Before, o.After = null.Mark(hcl.Sensitive), null.Mark(hcl.Sensitive)
		return o, nil
	}
	decode := func(raw json.RawMessage) (cty.Value, error) {
		if raw == nil {
			return null, nil
		}
		return ctyjson.Unmarshal(raw, cty.DynamicPseudoType)
	}
	var err error
	if o.Before, err = decode(in.Before); err == nil {
		o.After, err = decode(in.After)
	}
	return o, err
}
