package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/providertest"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

const document = "/Users/admin/Library/Application Support/hostler/profiles/dev.json"

func TestConformance(t *testing.T) {
	plan := &bed{Type: New(providers.Env{}).Types[0], t: t, blocks: blocks{}}
	plan.host("host.mini", 2)
	plan.image("image.base", "host.mini", "darwin", "4GiB")
	plan.image("image.other", "host.mini", "darwin", "4GiB")
	edit := func(from, to string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			data, err := os.ReadFile(w.Mac.Path(document))
			if err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(strings.Replace(string(data), from, to, 1)), 0o600)
		}
	}
	softnet := full()
	delete(softnet, "allow") // so that network can change alone
	wrong := func(name, attr string, set attrs) providertest.Wrong {
		return providertest.Wrong{Name: name, Want: plan.value(set), Path: cty.GetAttrPath(attr)}
	}
	providertest.Run(t, providertest.Suite{
		World: func(dir string) (*providertest.World, error) {
			mac, err := testbed.Open(dir)
			if err != nil {
				mac, err = testbed.New(dir, mactest.Tools(), testbed.Spec{})
			}
			if err != nil {
				return nil, err
			}
			env := providers.Env{Root: mac.Root(), Environ: mac.Environ()}
			return &providertest.World{Type: New(env).Types[0], Config: plan.blocks, Root: mac.Root(), Mac: mac}, nil
		},
		Addr: addr.New("profile", "dev"),
		Want: plan.value(softnet),
		Changes: map[string]cty.Value{
			"image": word("image.other"), "memory": word("8GiB"), "cpus": number(4), "timeout": word("1h"), "labels": words("x"),
			"priority": number(1), "trust": word("branch"), "cache": word("snapshot"), "network": word("nat"), "allow": words("172.16.0.0/12"),
			"mounts": cty.ListVal([]cty.Value{mount("tmp", "/tmp", cty.True)}),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"image": edit("image.base", "image.b"), "vm": edit("vm-of-base", "other"), "user": edit(`"admin"`, `"root"`), "password": edit("literal:admin", "literal:alpine"),
			"memory": edit("12GiB", "1GiB"),
			"cpus":   edit(`"cpus": 8`, `"cpus": 2`), "timeout": edit("1h30m", "2h"), "labels": edit(`"xcode"`, `"x"`),
			"priority": edit("-3", "9"), "trust": edit("pull_request", "branch"), "cache": edit("none", "shared"),
			"network": edit("softnet", "nat"), "allow": edit(`"mounts"`, `"allow": ["0.0.0.0/0"], "mounts"`), "mounts": edit(`"read_only": false`, `"read_only": true`),
			"document": edit("{", "{{"), "document/key": edit("{", `{"x": 1,`),
		},
		Identity: []string{"name"},
		Gone:     func(w *providertest.World, _ cty.Value) error { return os.Remove(w.Mac.Path(document)) },
		Foreign: func(w *providertest.World, _ cty.Value) error {
			if err := os.MkdirAll(filepath.Dir(w.Mac.Path(document)), 0o700); err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(`{"image": "image.theirs"}`), 0o600)
		},
		Wrong: []providertest.Wrong{
			wrong("more than the host lends", "memory", attrs{"memory": word("13GiB")}),
			wrong("less than the image demands", "memory", attrs{"memory": word("1GiB")}),
			wrong("more CPUs than there are", "cpus", attrs{"cpus": number(64)}),
		},
	})
}
