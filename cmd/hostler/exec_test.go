package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"

	"hostler/providers/testbed"
)

// execFiles have an output, a variable, and objects that can be told apart.
const execFiles = `
variable "hour" {
  type    = number
  default = 3
}
host "mini" {}
launchd "prune" {
  program  = ["/usr/bin/true"]
  calendar = [{ hour = var.hour, minute = 0 }]
}
launchd "watch" {
  program  = ["/usr/bin/true"]
  interval = "1h"
}
output "hour" { value = var.hour }
`

// TestTerraformExec: HashiCorp's own client of Terraform drives hostler, and reads
// each of its answers.
func TestTerraformExec(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": execFiles})
	tf, err := tfexec.NewTerraform(b.dir, b.exe)
	must(t, err)
	env := map[string]string{}
	for _, kv := range b.mac.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	must(t, tf.SetEnv(env))
	ctx := t.Context()

	version, providers, err := tf.Version(ctx, true)
	if err != nil || version.Segments()[0] < 1 || len(providers) != 0 {
		t.Errorf("version %v, %v, %v", version, providers, err)
	}
	must(t, tf.Init(ctx))
	valid, err := tf.Validate(ctx)
	if err != nil || !valid.Valid || valid.ErrorCount != 0 {
		t.Errorf("validate %+v, %v", valid, err)
	}
	formatted, unformatted, err := tf.FormatCheck(ctx)
	if err != nil || !formatted || len(unformatted) != 0 {
		t.Errorf("fmt %v %v %v", formatted, unformatted, err)
	}

	changes, err := tf.Plan(ctx, tfexec.Out("p.out"))
	if err != nil || !changes {
		t.Errorf("plan %v %v", changes, err)
	}
	var stream bytes.Buffer
	if changes, err = tf.PlanJSON(ctx, &stream); err != nil || !changes {
		t.Errorf("plan -json %v %v", changes, err)
	}
	seen := events(t, stream.String())
	for _, typ := range []string{"version", "planned_change", "change_summary", "outputs"} {
		if !slices.Contains(seen, typ) {
			t.Errorf("plan -json has no %s: %v", typ, seen)
		}
	}
	plan, err := tf.ShowPlanFile(ctx, "p.out")
	must(t, err)
	must(t, plan.Validate())
	if actions := plannedActions(plan); actions["launchd.prune"] != "create" || len(actions) != 3 {
		t.Errorf("%v", actions)
	}
	stream.Reset()
	must(t, tf.ApplyJSON(ctx, &stream, tfexec.DirOrPlan("p.out")))
	if seen = events(t, stream.String()); !slices.Contains(seen, "apply_start") || !slices.Contains(seen, "apply_complete") {
		t.Errorf("apply -json: %v", seen)
	}
	state, err := tf.Show(ctx)
	must(t, err)
	must(t, state.Validate())
	if got := addresses(state); !slices.Equal(got, []string{"host.mini", "launchd.prune", "launchd.watch"}) {
		t.Errorf("state %v", got)
	}
	out, err := tf.Output(ctx)
	if err != nil || string(out["hour"].Value) != "3" {
		t.Errorf("output %v %v", out, err)
	}
	if changes, err = tf.Plan(ctx); err != nil || changes {
		t.Errorf("a plan after it: %v %v", changes, err)
	}
	if changes, err = tf.Plan(ctx, tfexec.Var("hour=4"), tfexec.Target("launchd.prune"), tfexec.Refresh(false), tfexec.Lock(true), tfexec.Parallelism(2)); err != nil || !changes {
		t.Errorf("with a variable: %v %v", changes, err)
	}

	must(t, tf.Taint(ctx, "launchd.watch"))
	must(t, tf.Untaint(ctx, "launchd.watch"))
	must(t, tf.Taint(ctx, "launchd.watch"))
	if changes, err = tf.Plan(ctx, tfexec.Out("p.out")); err != nil || !changes {
		t.Errorf("tainted: %v %v", changes, err)
	}
	plan, err = tf.ShowPlanFile(ctx, "p.out")
	if err != nil || plannedActions(plan)["launchd.watch"] != "delete create" {
		t.Errorf("tainted: %v %v", plannedActions(plan), err)
	}
	must(t, tf.Apply(ctx))

	must(t, tf.StateMv(ctx, "launchd.watch", "launchd.other"))
	must(t, tf.StateMv(ctx, "launchd.other", "launchd.watch"))
	must(t, tf.StateRm(ctx, "launchd.watch"))
	must(t, tf.Import(ctx, "launchd.watch", "mini/gui/hostler.watch"))
	must(t, tf.Refresh(ctx))
	if pulled, err := tf.StatePull(ctx); err != nil || !json.Valid([]byte(pulled)) {
		t.Errorf("state pull %q %v", pulled, err)
	}
	if graph, err := tf.Graph(ctx); err != nil || !strings.HasPrefix(graph, "digraph") {
		t.Errorf("graph %q %v", graph, err)
	}
	must(t, os.WriteFile(filepath.Join(b.dir, "main.hcl"), []byte(execFiles+"launchd \"broken\" {}\n"), 0o600))
	if valid, err = tf.Validate(ctx); err != nil || valid.Valid || valid.ErrorCount != 1 || valid.Diagnostics[0].Range == nil {
		t.Errorf("validate of what is broken: %+v, %v", valid, err)
	}
	must(t, os.WriteFile(filepath.Join(b.dir, "main.hcl"), []byte(execFiles), 0o600))
	must(t, tf.Destroy(ctx))
	if state, err = tf.Show(ctx); err != nil || state.Values != nil && len(addresses(state)) > 0 {
		t.Errorf("after destroy: %v %v", state, err)
	}
}

// events are the types of a stream's lines, each of which has Terraform's fields.
func events(t *testing.T, stream string) (types []string) {
	t.Helper()
	for line := range strings.Lines(stream) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, field := range []string{"@level", "@message", "@module", "@timestamp", "type"} {
			if text, ok := e[field].(string); !ok || text == "" && field != "@message" {
				t.Errorf("no %s: %s", field, line)
			}
		}
		types = append(types, e["type"].(string))
	}
	return types
}

// plannedActions are the actions of a plan, by address.
func plannedActions(p *tfjson.Plan) map[string]string {
	out := map[string]string{}
	for _, c := range p.ResourceChanges {
		var words []string
		for _, a := range c.Change.Actions {
			words = append(words, string(a))
		}
		out[c.Address] = strings.Join(words, " ")
	}
	return out
}

func addresses(s *tfjson.State) (out []string) {
	for _, r := range s.Values.RootModule.Resources {
		out = append(out, r.Address)
	}
	slices.Sort(out)
	return out
}
