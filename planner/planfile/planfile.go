// Package planfile owns the file that a plan is saved in. It is JSON, so that
// it can be looked into; a checksum tells a damaged or edited file. It holds
// no secret: objects have none, and the values of sensitive outputs are left
// out.
//
// Read gives back what Write was given, except for source ranges; equal plans
// give equal bytes. Start at Encode and Decode; the file's own types are in
// format.go.
package planfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/providers"
)

// Write saves a plan, readable by its owner alone. An older plan at path is
// replaced whole or not at all.
func Write(path string, plan *planner.Plan, types providers.Registry) error {
	data, err := Encode(plan, types)
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

// Read reads what Write saved.
func Read(path string, types providers.Registry) (*planner.Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	plan, err := Decode(data, types)
	if err != nil {
		return nil, fmt.Errorf("plan file %q: %w", path, err)
	}
	return plan, nil
}

// Encode writes a plan as its file holds it.
func Encode(plan *planner.Plan, types providers.Registry) ([]byte, error) {
	out := body{Lineage: plan.Lineage, Serial: plan.Serial, Mode: plan.Mode, Targets: plan.Targets, Recovered: plan.Recovered}
	for _, c := range plan.Changes {
		fc, err := encodeChange(c, types)
		if err != nil {
			return nil, err
		}
		out.Changes = append(out.Changes, fc)
	}
	for _, d := range plan.Drift {
		fc, err := encodeChange(&d.Change, types)
		if err != nil {
			return nil, err
		}
		out.Drift = append(out.Drift, drift{fc, d.Relevant})
	}
	for _, o := range plan.Outputs {
		fo, err := encodeOutput(o)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
		out.Outputs = append(out.Outputs, fo)
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{Format: format, Version: version, Checksum: checksum(data), Plan: data})
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Decode reads what Encode wrote.
func Decode(data []byte, types providers.Registry) (*planner.Plan, error) {
	var file envelope
	if err := json.Unmarshal(data, &file); err != nil || file.Format != format {
		return nil, fmt.Errorf("this is no plan that hostler saved; make one with `hostler plan --out FILE`")
	}
	if file.Version != version {
		return nil, fmt.Errorf("its format is version %d, this hostler reads version %d; make a new plan", file.Version, version)
	}
	if checksum(file.Plan) != file.Checksum {
		return nil, fmt.Errorf("it was changed or damaged after it was made; make a new plan")
	}
	return decodeBody(file.Plan, types)
}

func decodeBody(data []byte, types providers.Registry) (*planner.Plan, error) {
	var in body
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, err
	}
	plan := &planner.Plan{Lineage: in.Lineage, Serial: in.Serial, Mode: in.Mode, Targets: in.Targets, Recovered: in.Recovered}
	seen := map[addr.Addr]bool{}
	for _, fc := range in.Changes {
		c, err := fc.decode(types)
		if err == nil && seen[c.Addr] {
			err = fmt.Errorf("%s stands twice", c.Addr)
		}
		if err == nil {
			err = fits(c)
		}
		if err != nil {
			return nil, err
		}
		seen[c.Addr] = true
		plan.Changes = append(plan.Changes, c)
	}
	for _, fd := range in.Drift {
		c, err := fd.decode(types)
		if err != nil {
			return nil, err
		}
		plan.Drift = append(plan.Drift, planner.Drift{Change: *c, Relevant: fd.Relevant})
	}
	for _, fo := range in.Outputs {
		o, err := fo.decode()
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", fo.Name, err)
		}
		plan.Outputs = append(plan.Outputs, o)
	}
	return plan, nil
}

// fits refuses an action whose values can't be: apply relies on them.
func fits(c *planner.Change) error {
	type values struct{ before, after bool }
	want, known := map[planner.Action]values{
		planner.Create: {false, true}, planner.Update: {true, true}, planner.Replace: {true, true},
		planner.Delete: {true, false}, planner.Forget: {true, false},
	}[c.Action]
	have := values{!c.Before.IsNull(), !c.After.IsNull()}
	if c.Action != planner.NoOp && (!known || want != have) {
		return fmt.Errorf("%s: the action %q does not fit its values", c.Addr, c.Action)
	}
	return nil
}
