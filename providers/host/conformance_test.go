package host

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

const document = "/Users/admin/Library/Application Support/hostler/host.json"

func TestConformance(t *testing.T) {
	reserve := func(memory, disk string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"memory": cty.StringVal(memory), "disk": cty.StringVal(disk)})
	}
	edit := func(from, to string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			data, err := os.ReadFile(w.Mac.Path(document))
			if err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(strings.Replace(string(data), from, to, 1)), 0o600)
		}
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
			return &providertest.World{Type: New(env).Types[0], Config: blocks{}, Root: mac.Root(), Mac: mac}, nil
		},
		Addr: addr.New("host", "mini"),
		Want: wanted("4GiB", "20GiB", 2),
		Changes: map[string]cty.Value{
			"macos_guests": cty.NumberIntVal(0), "reserve": reserve("6GiB", "50GB"),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"name":           edit("mini", "maxi"),
			"macos_guests":   edit(": 2", ": 1"),
			"reserve/memory": edit("4GiB", "1GiB"),
			"reserve/disk":   edit("20GiB", "1GiB"),
			"document":       edit("{", "{{"),
			"document/mode": func(w *providertest.World, _ cty.Value) error {
				return os.Chmod(w.Mac.Path(document), 0o644)
			},
		},
		Gone: func(w *providertest.World, _ cty.Value) error { return os.Remove(w.Mac.Path(document)) },
		Foreign: func(w *providertest.World, _ cty.Value) error {
			if err := os.MkdirAll(filepath.Dir(w.Mac.Path(document)), 0o700); err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(`{"name": "other", "macos_guests": 1}`), 0o600)
		},
		Wrong: []providertest.Wrong{{
			Name: "a reserve of all there is", Want: wanted("16GiB", "20GiB", 2), Path: cty.GetAttrPath("reserve").GetAttr("memory"),
		}},
	})
}
