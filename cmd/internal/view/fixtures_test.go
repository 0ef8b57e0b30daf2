package view

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/capacity"
	"hostler/cmd/internal/view/term"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers/runtime"
	"hostler/state"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", path, got, want)
	}
}

func schemas() map[string]*schema.Block {
	image := &schema.Block{
		Type: "image", Version: 1,
		Attrs: []schema.Attr{
			{Name: "host", Type: schema.String},
			{Name: "from", Type: schema.String, Replace: true},
			{Name: "cpus", Type: schema.Int},
			{Name: "memory", Type: schema.Bytes},
			{Name: "disk", Type: schema.Bytes},
			{Name: "digest", Type: schema.String, Computed: true},
		},
		Blocks: []schema.Nested{
			{Block: schema.Block{Type: "login", Attrs: []schema.Attr{
				{Name: "user", Type: schema.String}, {Name: "password", Type: schema.Secret},
			}}, Mode: schema.Defaulted},
			{Block: schema.Block{Type: "step", Attrs: []schema.Attr{
				{Name: "run", Type: schema.String}, {Name: "env", Type: schema.MapOf(schema.String)}, {Name: "timeout", Type: schema.Span},
			}}, Mode: schema.List, Labels: []string{"label"}},
		},
	}
	launchd := &schema.Block{
		Type: "launchd",
		Attrs: []schema.Attr{
			{Name: "name", Type: schema.String},
			{Name: "program", Type: schema.ListOf(schema.String)},
			{Name: "calendar", Type: schema.ListOf(schema.ObjectOf(
				schema.Attr{Name: "hour", Type: schema.Int}, schema.Attr{Name: "minute", Type: schema.Int}))},
			{Name: "env", Type: schema.MapOf(schema.String)},
			{Name: "keep_alive", Type: schema.Bool},
		},
	}
	workflow := &schema.Block{Type: "workflow", Attrs: []schema.Attr{
		{Name: "path", Type: schema.String}, {Name: "content", Type: schema.String},
	}}
	github := &schema.Block{Type: "github", Unnamed: true, Attrs: []schema.Attr{{Name: "owner", Type: schema.String}}}
	return map[string]*schema.Block{"image": image, "launchd": launchd, "workflow": workflow, "github": github}
}

func str(s string) cty.Value { return cty.StringVal(s) }

func num(n int64) cty.Value { return cty.NumberIntVal(n) }

// with is an object like v with other attributes.
func with(v cty.Value, attrs map[string]cty.Value) cty.Value {
	all := v.AsValueMap()
	for name, a := range attrs {
		all[name] = a
	}
	return cty.ObjectVal(all)
}

func buildStep(name, run string, env map[string]cty.Value) cty.Value {
	e := cty.NullVal(cty.Map(cty.String))
	if env != nil {
		e = cty.MapVal(env)
	}
	return cty.ObjectVal(map[string]cty.Value{"label": str(name), "run": str(run), "env": e, "timeout": str("30m")})
}

func image() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"host": str("host.mini"), "from": str("ghcr.io/cirruslabs/macos-sequoia-base:latest"), "cpus": num(4),
		"memory": str("8GiB"), "disk": str("80GB"), "digest": str("sha256:0f3b"),
		"login": cty.ObjectVal(map[string]cty.Value{"user": str("admin"), "password": str("literal:admin")}),
		"step": cty.ListVal([]cty.Value{
			buildStep("setup", "./setup.sh", map[string]cty.Value{"RUNNER_VERSION": str("2.336.0"), "LANG": str("C")}),
			buildStep("tools", "brew install jq", nil),
		}),
	})
}

func launchd() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name":    str("com.example.prune"),
		"program": cty.ListVal([]cty.Value{str("/usr/local/bin/hostler"), str("cache"), str("prune")}),
		"calendar": cty.ListVal([]cty.Value{
			cty.ObjectVal(map[string]cty.Value{"hour": num(3), "minute": num(0)}),
		}),
		"env": cty.MapValEmpty(cty.String), "keep_alive": cty.False,
	})
}

func workflow(content string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"path": str(".github/workflows/developer.yml"), "content": str(content)})
}

const yaml = `name: developer
on:
  workflow_dispatch:
permissions:
  contents: read
jobs:
  boot:
    runs-on: [self-hosted, coordinator]
    steps:
      - run: hostler run --profile developer
  work:
    needs: boot
    runs-on: ${{ needs.boot.outputs.label }}
    steps:
      - run: npm ci
      - run: npm test
`

func gone() cty.Value { return cty.NullVal(cty.EmptyObject) }

var base = addr.New("image", "base")

// everyChange has each kind of change, reason and shape of value once.
func everyChange() *planner.Plan {
	slower := with(image(), map[string]cty.Value{
		"memory": str("16GiB"), "digest": cty.NullVal(cty.String),
		"login": cty.ObjectVal(map[string]cty.Value{"user": str("runner"), "password": str("literal:admin")}),
		"step": cty.ListVal([]cty.Value{
			buildStep("setup", "./setup.sh", map[string]cty.Value{"RUNNER_VERSION": str("2.337.0"), "LANG": str("C")}),
			buildStep("extra", "brew install\nbrew cleanup\n", nil),
			buildStep("tools", "brew install jq", nil),
		}),
	})
	other := with(image(), map[string]cty.Value{"from": str("ghcr.io/cirruslabs/macos-tahoe-base:latest"), "digest": cty.NullVal(cty.String)})
	later := with(launchd(), map[string]cty.Value{
		"program": cty.ListVal([]cty.Value{str("/usr/local/bin/hostler"), str("cache"), str("prune"), str("--verbose")}),
		"calendar": cty.ListVal([]cty.Value{
			cty.ObjectVal(map[string]cty.Value{"hour": num(4), "minute": num(0)}),
			cty.ObjectVal(map[string]cty.Value{"hour": num(16), "minute": num(30)}),
		}),
		"env":        cty.MapVal(map[string]cty.Value{"PATH": str("/usr/bin"), "B": str(`say "hi" ${x}`)}),
		"keep_alive": cty.True,
	})
	github := func(owner string) cty.Value { return cty.ObjectVal(map[string]cty.Value{"owner": str(owner)}) }
	return &planner.Plan{
		Lineage: "5a1e", Serial: 7, Mode: planner.Normal,
		Changes: []*planner.Change{
			{Addr: addr.New("github", "github"), Action: planner.Update, Before: github("acme"), After: github("example")},
			{Addr: base, Action: planner.Update, Before: image(), After: slower, ID: "mini/base", Deps: []addr.Addr{addr.New("host", "mini")}},
			{Addr: base.Instance("a"), Action: planner.Create, Before: gone(), After: with(image(), map[string]cty.Value{"digest": cty.NullVal(cty.String)})},
			{Addr: base.Instance("b"), Action: planner.Delete, Reason: planner.ReasonEachKey, Before: image(), After: gone(), ID: "mini/b"},
			{Addr: addr.New("image", "broken"), Action: planner.Replace, Reason: planner.ReasonTainted, Before: image(), After: image(), Tainted: true},
			{Addr: addr.New("image", "kept"), Action: planner.Forget, Before: image(), After: gone()},
			{Addr: addr.New("image", "other"), Action: planner.Replace, Reason: planner.ReasonCannotUpdate, Before: image(), After: other, Replacing: []string{"from"}},
			{Addr: addr.New("image", "same"), Action: planner.NoOp, Before: image(), After: image()},
			{Addr: addr.New("launchd", "again"), Action: planner.Replace, Reason: planner.ReasonRequested, Before: launchd(), After: launchd()},
			{Addr: addr.New("launchd", "found"), Action: planner.NoOp, Before: launchd(), After: launchd(), ImportID: "mini/com.example.prune"},
			{Addr: addr.New("launchd", "new"), Action: planner.NoOp, Before: launchd(), After: launchd(), MovedFrom: addr.New("launchd", "old")},
			{Addr: addr.New("launchd", "prune"), Action: planner.Update, Before: launchd(), After: later, MovedFrom: addr.New("launchd", "nightly")},
			{Addr: addr.New("launchd", "was"), Action: planner.Delete, Reason: planner.ReasonRepetition, Before: later, After: gone()},
			{Addr: addr.New("workflow", "developer"), Action: planner.Update, ImportID: "acme/app",
				Before: workflow(yaml), After: workflow(string(bytes.Replace([]byte(yaml), []byte("npm test"), []byte("npm run check"), 1)))},
			{Addr: addr.New("workflow", "gone"), Action: planner.Delete, Reason: planner.ReasonNoConfig, Before: workflow("a: 1\n"), After: gone()},
			{Addr: addr.New("zoo", "unknown-type"), Action: planner.Delete, Reason: planner.ReasonNoConfig,
				Before: cty.ObjectVal(map[string]cty.Value{"b": str("x"), "a": cty.True}), After: gone()},
		},
		Drift: []planner.Drift{
			{Change: planner.Change{Addr: base, Action: planner.Update, Before: image(), After: with(image(), map[string]cty.Value{"memory": str("4GiB")})}, Relevant: true},
			{Change: planner.Change{Addr: addr.New("launchd", "new"), Action: planner.Delete, Before: launchd(), After: gone()}},
		},
		Outputs: []planner.OutputChange{
			{Name: "added", Action: planner.Create, Before: gone(), After: cty.ObjectVal(map[string]cty.Value{"a": num(1)})},
			{Name: "changed", Action: planner.Update,
				Before: cty.MapVal(map[string]cty.Value{"a": num(1), "b": num(2)}), After: cty.MapVal(map[string]cty.Value{"b": num(2), "c": num(3)})},
			{Name: "dropped", Action: planner.Delete, Before: str("x"), After: gone()},
			{Name: "same", Action: planner.NoOp, Before: str("y"), After: str("y")},
			{Name: "token_ref", Action: planner.Update, Before: str(canary), After: str(canary + "2"), Sensitive: true},
		},
		Recovered: []planner.Recovery{
			{Addr: base, Op: state.Create, Found: true},
			{Addr: addr.New("launchd", "x"), Op: state.Create},
			{Addr: addr.New("launchd", "y"), Op: state.Delete},
		},
	}
}

// canary must be in no output.
const canary = "correct-horse-battery"

// noon is when everything happens.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// streams are two buffers, plain or in colour.
func streams(colour bool) (term.Streams, *bytes.Buffer, *bytes.Buffer) {
	var out, err bytes.Buffer
	return term.Streams{Out: &out, Err: &err, Width: 78, Color: term.Paint(colour), ErrColor: term.Paint(colour), Now: noon}, &out, &err
}

// capacities are two Macs: one that lends in more ways than are listed, and
// one on which nothing fits.
func capacities() []runtime.Capacity {
	const gib = schema.Size(1 << 30)
	return []runtime.Capacity{{
		Host: "host.mini", Memory: 16 * gib, Lent: 12 * gib, Guests: 2,
		Profiles: []runtime.Demand{{Name: "a-long-name", Memory: 8 * gib, Slot: true}, {Name: "tiny", Memory: gib / 2}},
		Mixes:    []runtime.Mix{{VMs: []int{1, 8}, Memory: 12 * gib, Guests: 1}, {VMs: []int{0, 24}, Memory: 12 * gib}},
		More:     3,
	}, {
		Host: `host.other["x"]`, Memory: 8 * gib, Lent: 4 * gib,
		Profiles: []runtime.Demand{{Name: "large", Memory: 6 * gib}},
	}}
}

// disk has room for the first of two pulls.
func disk() *capacity.Disk {
	return &capacity.Disk{
		Host: "host.mini", Free: 100e9, Reserve: 40 << 30, Garbage: 12e9,
		Pulls: []capacity.Pull{{Ref: "ghcr.io/x/base@sha256:0f3b", Compressed: 25e9, Unpacked: 80e9}, {Ref: "ghcr.io/x/linux:1"}},
	}
}
