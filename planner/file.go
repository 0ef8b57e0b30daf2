package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/state"
)

// fileVersion is the version of the plan file's format.
const fileVersion = 1

// The plan file is JSON, so that it can be looked into; the checksum is over
// Plan's bytes. It holds no secret: objects have none, and the values of
// sensitive outputs are left out.
type planFile struct {
	Format   string          `json:"format"`
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"`
	Plan     json.RawMessage `json:"plan"`
}

const fileFormat = "hostler plan"

type filePlan struct {
	Lineage   string       `json:"lineage"`
	Serial    uint64       `json:"serial"`
	Mode      Mode         `json:"mode"`
	Targets   []addr.Addr  `json:"targets,omitempty"`
	Changes   []fileChange `json:"changes"`
	Drift     []fileDrift  `json:"drift,omitempty"`
	Outputs   []fileOutput `json:"outputs,omitempty"`
	Recovered []Recovery   `json:"recovered,omitempty"`
}

type fileChange struct {
	Addr           addr.Addr       `json:"address"`
	Action         Action          `json:"action"`
	Reason         Reason          `json:"reason,omitempty"`
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

type fileDrift struct {
	fileChange
	Relevant bool `json:"relevant,omitempty"`
}

type fileOutput struct {
	Name      string          `json:"name"`
	Action    Action          `json:"action"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Before    json.RawMessage `json:"before,omitempty"`
	After     json.RawMessage `json:"after,omitempty"`
}

// WriteFile saves a plan, readable by its owner alone. An older plan at path
// is replaced whole or not at all.
func (p *Planner) WriteFile(path string, plan *Plan) error {
	data, err := p.Encode(plan)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".hostler-plan-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write plan %q: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// ReadFile reads what WriteFile saved.
func (p *Planner) ReadFile(path string) (*Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	plan, err := p.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("plan file %q: %w", path, err)
	}
	return plan, nil
}

// Encode writes a plan as its file holds it. Equal plans give equal bytes.
func (p *Planner) Encode(plan *Plan) ([]byte, error) {
	out := filePlan{Lineage: plan.Lineage, Serial: plan.Serial, Mode: plan.Mode, Targets: plan.Targets, Recovered: plan.Recovered}
	for _, c := range plan.Changes {
		fc, err := p.encodeChange(c)
		if err != nil {
			return nil, err
		}
		out.Changes = append(out.Changes, fc)
	}
	for _, d := range plan.Drift {
		fc, err := p.encodeChange(&d.Change)
		if err != nil {
			return nil, err
		}
		out.Drift = append(out.Drift, fileDrift{fc, d.Relevant})
	}
	for _, o := range plan.Outputs {
		fo := fileOutput{Name: o.Name, Action: o.Action, Sensitive: o.Sensitive}
		if !o.Sensitive {
			var err error
			if fo.Before, err = ctyjson.Marshal(o.Before, cty.DynamicPseudoType); err == nil {
				fo.After, err = ctyjson.Marshal(o.After, cty.DynamicPseudoType)
			}
			if err != nil {
				return nil, fmt.Errorf("output %q: %w", o.Name, err)
			}
		}
		out.Outputs = append(out.Outputs, fo)
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return json.Marshal(planFile{Format: fileFormat, Version: fileVersion, Checksum: checksum(body), Plan: body})
}

func checksum(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (p *Planner) encodeChange(c *Change) (fileChange, error) {
	t := p.Types[c.Addr.Type]
	fc := fileChange{
		Addr: c.Addr, Action: c.Action, Reason: c.Reason, SchemaVersion: t.Schema.Version, Replacing: c.Replacing,
		Deps: c.Deps, PriorDeps: c.PriorDeps, ImportID: c.ImportID, ID: c.ID, PreventDestroy: c.PreventDestroy, Tainted: c.Tainted,
	}
	if !c.MovedFrom.IsZero() {
		fc.MovedFrom = &c.MovedFrom
	}
	for v, raw := range map[*cty.Value]*json.RawMessage{&c.Before: &fc.Before, &c.After: &fc.After} {
		if v.IsNull() {
			continue
		}
		var err error
		if *raw, err = t.Encode(*v); err != nil {
			return fc, fmt.Errorf("%s: %w", c.Addr, err)
		}
	}
	return fc, nil
}

// Decode reads what Encode wrote.
func (p *Planner) Decode(data []byte) (*Plan, error) {
	var file planFile
	if err := json.Unmarshal(data, &file); err != nil || file.Format != fileFormat {
		return nil, fmt.Errorf("this is no plan that hostler saved; make one with `hostler plan --out FILE`")
	}
	if file.Version != fileVersion {
		return nil, fmt.Errorf("its format is version %d, this hostler reads version %d; make a new plan", file.Version, fileVersion)
	}
	if checksum(file.Plan) != file.Checksum {
		return nil, fmt.Errorf("it was changed or damaged after it was made; make a new plan")
	}
	return p.decodePlan(file.Plan)
}

func (p *Planner) decodePlan(body []byte) (*Plan, error) {
	var in filePlan
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, err
	}
	plan := &Plan{Lineage: in.Lineage, Serial: in.Serial, Mode: in.Mode, Targets: in.Targets, Recovered: in.Recovered}
	seen := map[addr.Addr]bool{}
	for _, fc := range in.Changes {
		c, err := p.decodeChange(fc)
		if err == nil && seen[c.Addr] {
			err = fmt.Errorf("%s stands twice", c.Addr)
		}
		if err != nil {
			return nil, err
		}
		seen[c.Addr] = true
		plan.Changes = append(plan.Changes, c)
	}
	for _, fd := range in.Drift {
		c, err := p.decodeChange(fd.fileChange)
		if err != nil {
			return nil, err
		}
		plan.Drift = append(plan.Drift, Drift{*c, fd.Relevant})
	}
	for _, fo := range in.Outputs {
		o, err := decodeOutput(fo)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", fo.Name, err)
		}
		plan.Outputs = append(plan.Outputs, o)
	}
	return plan, nil
}

func (p *Planner) decodeChange(fc fileChange) (*Change, error) {
	t := p.Types[fc.Addr.Type]
	if t == nil {
		return nil, fmt.Errorf("%s: unknown type", fc.Addr)
	}
	c := &Change{
		Addr: fc.Addr, Action: fc.Action, Reason: fc.Reason, Before: t.Null(), After: t.Null(), Replacing: fc.Replacing,
		Deps: fc.Deps, PriorDeps: fc.PriorDeps, ImportID: fc.ImportID, ID: fc.ID, PreventDestroy: fc.PreventDestroy, Tainted: fc.Tainted,
	}
	if fc.MovedFrom != nil {
		c.MovedFrom = *fc.MovedFrom
	}
	for raw, v := range map[*json.RawMessage]*cty.Value{&fc.Before: &c.Before, &fc.After: &c.After} {
		if *raw == nil {
			continue
		}
		var err error
		if *v, err = t.Decode(*raw, fc.SchemaVersion); err != nil {
			return nil, fmt.Errorf("%s: %w", fc.Addr, err)
		}
	}
	needBefore := map[Action]bool{Create: false, Update: true, Replace: true, Delete: true, Forget: true}
	needAfter := map[Action]bool{Create: true, Update: true, Replace: true, Delete: false, Forget: false}
	if need, known := needBefore[c.Action]; known && need == c.Before.IsNull() || known && needAfter[c.Action] == c.After.IsNull() || !known && c.Action != NoOp {
		return nil, fmt.Errorf("%s: the action %q does not fit its values", c.Addr, c.Action)
	}
	return c, nil
}

func decodeOutput(fo fileOutput) (OutputChange, error) {
	null := cty.NullVal(cty.DynamicPseudoType)
	o := OutputChange{Name: fo.Name, Action: fo.Action, Sensitive: fo.Sensitive, Before: null, After: null}
	if o.Sensitive {
		o.Before, o.After = null.Mark(hcl.Sensitive), null.Mark(hcl.Sensitive)
		return o, nil
	}
	for raw, v := range map[*json.RawMessage]*cty.Value{&fo.Before: &o.Before, &fo.After: &o.After} {
		if *raw == nil {
			continue
		}
		var err error
		if *v, err = ctyjson.Unmarshal(*raw, cty.DynamicPseudoType); err != nil {
			return o, err
		}
	}
	return o, nil
}

// Check refuses a saved plan that was made from another state than this, or
// from an earlier serial of it.
func (plan *Plan) Check(now *state.Snapshot) hcl.Diagnostics {
	fresh := plan.Lineage == "" && plan.Serial == 0 && now.Serial == 0
	switch {
	case fresh:
		return nil
	case plan.Lineage != now.Lineage:
		return hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Saved plan does not match the given state",
			Detail: "The given plan file can not be applied because it was created from a different state lineage. Make a new plan in this folder.",
		}}
	case plan.Serial != now.Serial:
		return hcl.Diagnostics{stale("The given plan file can no longer be applied because the state was changed by another operation after the plan was created. Make a new plan.")}
	}
	return nil
}
