package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
)

func pretty(t *testing.T, doc string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(doc), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// readableState has the library that other tools use decode a state.
func readableState(t *testing.T, doc string) {
	t.Helper()
	var s tfjson.State
	if err := s.UnmarshalJSON([]byte(doc)); err != nil {
		t.Fatal(err)
	}
	found := s.Values.RootModule.Resources
	if len(found) != 4 || found[1].Address != "image.base" || !found[1].Tainted || found[2].Index != "a" {
		t.Errorf("terraform-json reads the resources %+v", found)
	}
	if out := s.Values.Outputs["secret"]; !out.Sensitive || out.Value != nil {
		t.Errorf("terraform-json reads the sensitive output %+v", out)
	}
}

func TestPlanJSON(t *testing.T) {
	var b strings.Builder
	if err := PlanJSON(&b, everyChange(), "0.1.0", false); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", pretty(t, b.String()))
	if strings.Contains(b.String(), canary) {
		t.Error("the plan shows a sensitive value")
	}
	var p tfjson.Plan
	if err := p.UnmarshalJSON([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	want := map[string]func(tfjson.Actions) bool{
		`image.base["a"]`: tfjson.Actions.Create, "image.base": tfjson.Actions.Update, "launchd.was": tfjson.Actions.Delete,
		"image.other": tfjson.Actions.Replace, "image.same": tfjson.Actions.NoOp, "image.kept": tfjson.Actions.Forget,
	}
	for _, c := range p.ResourceChanges {
		if is := want[c.Address]; is != nil && !is(c.Change.Actions) {
			t.Errorf("terraform-json reads %s as %v", c.Address, c.Change.Actions)
		}
		delete(want, c.Address)
	}
	if len(want) > 0 {
		t.Errorf("terraform-json misses %d changes", len(want))
	}
	if len(p.ResourceDrift) != 2 || p.OutputChanges["token_ref"].AfterSensitive != true || p.PriorState == nil {
		t.Errorf("terraform-json reads %+v", p)
	}
}

func TestEmptyPlanJSON(t *testing.T) {
	var b strings.Builder
	if err := PlanJSON(&b, &planner.Plan{Mode: planner.Normal}, "0.1.0", true); err != nil {
		t.Fatal(err)
	}
	var p tfjson.Plan
	if err := p.UnmarshalJSON([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"resource_changes":[]`) || !strings.Contains(b.String(), `"errored":true`) {
		t.Error(b.String())
	}
}

func TestEventStream(t *testing.T) {
	s, out, stderr := streams(false)
	j := NewJSON(s, "0.1.0")
	var v View = j
	defer v.Start()()
	v.Note("waiting")
	v.Plan(everyChange(), Ending{SavedAs: "p.out", Capacity: capacities(), Disk: disk()})
	for _, e := range anApply() {
		v.Event(e)
	}
	for _, name := range []string{"result", "result-destroyed", "result-failed", "result-stopped"} {
		r := results()[name]
		v.Result(r.mode, &r.result)
	}
	v.Diagnostics(hcl.Diagnostics{
		{Severity: hcl.DiagError, Summary: "Cannot pull", Detail: "No such host.", Extra: base},
		{Severity: hcl.DiagWarning, Summary: "Resource targeting is in effect"},
	}, nil)
	golden(t, "stream.jsonl", out.String())
	if stderr.Len() > 0 || strings.Contains(out.String(), canary) {
		t.Errorf("on stderr %q; the canary stands in the stream: %v", stderr, strings.Contains(out.String(), canary))
	}
	first := true
	for line := range strings.Lines(out.String()) {
		message, err := tfjson.UnmarshalLogMessage([]byte(line))
		if err != nil {
			t.Errorf("terraform-json can't read %s: %v", line, err)
		}
		if _, version := message.(tfjson.VersionLogMessage); version != first {
			t.Errorf("the version is not the first line, but %s", line)
		}
		first = false
	}
}

func TestOutputs(t *testing.T) {
	list := []Output{
		{Name: "n", Value: num(3)}, {Name: "s", Value: str("a\nb")}, {Name: "o", Value: cty.EmptyObjectVal},
		{Name: "secret", Value: str(canary), Sensitive: true}, {Name: "null", Value: cty.NullVal(cty.String)},
	}
	for name, want := range map[string]string{"n": "3", "s": "a\nb"} {
		for _, o := range list {
			if got, err := OutputRaw(o); o.Name == name && (got != want || err != nil) {
				t.Errorf("raw %s: %q, %v", name, got, err)
			}
		}
	}
	for _, o := range list[2:] {
		if got, err := OutputRaw(o); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("raw %s: %q, %v", o.Name, got, err)
		}
	}
	var b strings.Builder
	if err := OutputsJSON(&b, list); err != nil {
		t.Fatal(err)
	}
	golden(t, "outputs.json", b.String())
	var meta map[string]tfjson.StateOutput
	if err := json.Unmarshal([]byte(b.String()), &meta); err != nil || !meta["secret"].Sensitive {
		t.Errorf("%v, %+v", err, meta)
	}
}

func TestVersionJSON(t *testing.T) {
	var b strings.Builder
	if err := VersionJSON(&b, "0.1.0", "darwin_arm64"); err != nil {
		t.Fatal(err)
	}
	var v tfjson.VersionOutput
	if err := json.Unmarshal([]byte(b.String()), &v); err != nil || v.Version != TerraformVersion || v.Platform != "darwin_arm64" {
		t.Errorf("%v, %+v", err, v)
	}
}

func TestValidateJSON(t *testing.T) {
	var b strings.Builder
	diags := hcl.Diagnostics{{Severity: hcl.DiagWarning, Summary: "w"}, {Severity: hcl.DiagError, Summary: "e", Extra: addr.New("a", "b"),
		Subject: &hcl.Range{Filename: "m.hcl", Start: hcl.Pos{Line: 1, Column: 2, Byte: 1}, End: hcl.Pos{Line: 1, Column: 3, Byte: 2}}}}
	if err := ValidateJSON(&b, diags, map[string]*hcl.File{"m.hcl": {Bytes: []byte("abc\n")}}); err != nil {
		t.Fatal(err)
	}
	golden(t, "validate.json", b.String())
	var v tfjson.ValidateOutput
	if err := json.Unmarshal([]byte(b.String()), &v); err != nil || v.Valid || v.ErrorCount != 1 || v.WarningCount != 1 {
		t.Errorf("%v, %+v", err, v)
	}
}
