package tart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/providertest"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// world is a Mac that has pulled the image already, so that a plan knows all
// about it.
func world(dir string) (*providertest.World, error) {
	mac, err := testbed.Open(dir)
	fresh := err != nil
	if fresh {
		mac, err = testbed.New(dir, mactest.Tools(), testbed.Spec{})
	}
	if err != nil {
		return nil, err
	}
	environ, web := append(mac.Environ(), "GUEST="+canary), mac.Registry()
	if fresh {
		err = tartcli.New(machine.Local(mac.Root(), environ)).Pull(context.Background(), sequoia, nil)
	}
	return &providertest.World{
		Type: provider(newImages(providers.Env{Root: mac.Root(), Environ: environ, Web: web})).Types[0], Config: blocks{}, Root: mac.Root(), Mac: mac,
		// Disks are large, and the VMs are Objects; what registries said is a cache.
		Ignore: []string{"Users/admin/.tart/", "Users/admin/Library/Caches/hostler/registry"},
		Objects: func() (all []string, err error) {
			vms, err := mac.VMs()
			for _, v := range vms {
				all = append(all, fmt.Sprintf("%+v", v))
			}
			return all, err
		},
	}, err
}

func TestConformance(t *testing.T) {
	b := &bed{Type: New(providers.Env{}).Types[0], t: t}
	config := func(key string, v any) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			return w.Mac.EditVM("base", func(c map[string]any) { c[key] = v })
		}
	}
	with := func(attr string, v any) cty.Value {
		set := attrs{"from": sequoia, "cpus": 6, "memory": "12GiB", "disk": "80GB"}
		set[attr] = v
		return b.value(set)
	}
	file := filepath.Join(t.TempDir(), "gitconfig")
	b.must(os.WriteFile(file, []byte("[user]\n"), 0o644))
	providertest.Run(t, providertest.Suite{
		World: world,
		Addr:  addr.New("image", "base"),
		Want:  with("cpus", 6),
		Changes: map[string]cty.Value{
			"from": cty.StringVal("ghcr.io/cirruslabs/macos-sequoia-base"), // the same, spelt otherwise
			"cpus": cty.NumberIntVal(4), "memory": cty.StringVal("8GiB"), "disk": cty.StringVal("90GB"), "keep": cty.NumberIntVal(3),
			"login": cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("ci"), "password": cty.StringVal("env:GUEST")}),
			"step":  b.steps(Step{Name: "config", Upload: file, To: "~/.gitconfig"}, Step{Name: "tools", Run: "brew install jq"}),
			"check": b.checks(Check{Name: "jq", Run: "jq --version"}),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"cpus": config("cpuCount", 7), "memory": config("memorySize", 9<<30),
			"disk": func(w *providertest.World, _ cty.Value) error {
				return os.Truncate(w.Mac.Path("/Users/admin/.tart/vms/base/disk.img"), 60e9)
			},
			"content": func(w *providertest.World, _ cty.Value) error { // what was noted is lost
				return os.Remove(w.Mac.Path("/Users/admin/Library/Application Support/hostler/builds/base.json"))
			},
		},
		ConfigOnly: []string{"host", "from", "login", "step", "check", "keep"},
		Identity:   []string{"vm", "os", "memory_min", "source", "digest"}, // what it is; another one is another image
		Gone:       func(w *providertest.World, _ cty.Value) error { return w.Mac.RemoveVM("base") },
		Foreign: func(w *providertest.World, _ cty.Value) error {
			cmd := exec.Command(w.Mac.Tool("tart"), "create", "--linux", "base")
			cmd.Env = w.Mac.Environ()
			return cmd.Run()
		},
		ImportLoses: []string{"from", "login", "step", "check", "keep"},
		Wrong: []providertest.Wrong{
			{Name: "no image", Want: with("from", "base"), Path: cty.GetAttrPath("from")},
			{Name: "less memory than the image demands", Want: with("memory", "2GiB"), Path: cty.GetAttrPath("memory")},
			{Name: "fewer CPUs than the image demands", Want: with("cpus", 1), Path: cty.GetAttrPath("cpus")},
			{Name: "a disk smaller than the image's", Want: with("disk", "40GB"), Path: cty.GetAttrPath("disk")},
			{Name: "no script", Want: with("step", b.steps(Step{Name: "a", Script: "none.sh"})), Path: cty.GetAttrPath("step").IndexInt(0).GetAttr("script")},
		},
		Canary: canary,
	})
}
