package workflow

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/providertest"
)

const canary = "canary-5be2"

func TestConformance(t *testing.T) {
	templates, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	with := func(set attrs) cty.Value {
		all := attrs{
			"directory": "/Users/admin/app", "path": ".github/workflows/ci.yml", "template": "ci.yml.tmpl",
			"profile": "profile.developer", "with": map[string]string{"run": "make\nmake test"},
		}
		for k, v := range set {
			all[k] = v
		}
		v, err := value(all)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	file := func(w *providertest.World) string { return filepath.Join(w.Root, ci) }
	edit := func(change func(string) string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			data, err := os.ReadFile(file(w))
			if err != nil {
				return err
			}
			edited := change(string(data))
			if edited == string(data) {
				return fmt.Errorf("nothing was changed in %q", data)
			}
			return os.WriteFile(file(w), []byte(edited), 0o644)
		}
	}
	want := with(nil)
	providertest.Run(t, providertest.Suite{
		World: func(dir string) (*providertest.World, error) {
			root := filepath.Join(dir, "mac")
			if err := os.MkdirAll(root, 0o755); err != nil {
				return nil, err
			}
			env := providers.Env{Dir: templates, Root: root, Environ: []string{"HOME=/Users/admin", "GITHUB_TOKEN=" + canary}}
			return &providertest.World{Type: New(env).Types[0], Config: profiles(), Root: root}, nil
		},
		Addr: addr.New("workflow", "ci"),
		Want: want,
		Changes: map[string]cty.Value{
			"template": cty.StringVal("nightly.yml.tmpl"),
			"profile":  cty.StringVal("profile.tester"),
			"delivery": cty.StringVal("commit"), "repositories": words("x"), // nothing, beside a directory
			"with": cty.MapVal(map[string]cty.Value{"run": cty.StringVal("make lint")}),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"content":         edit(func(s string) string { return strings.Replace(s, "make test", "make all", 1) }),
			"content/comment": edit(func(s string) string { return s + "# a note\n" }),
			"content/first":   edit(func(s string) string { _, rest, _ := strings.Cut(s, "\n"); return rest }),
			"content/end":     edit(func(s string) string { return strings.TrimSuffix(s, "\n") }),
			"content/crlf":    edit(func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }),
			"content/latin1":  edit(func(s string) string { return s + "# caf\xe9\n" }),
			"content/empty":   edit(func(string) string { return "" }),
		},
		ConfigOnly: []string{"template", "profile", "with", "repositories", "branch", "delivery", "edits", "owner"},
		Identity:   []string{"directory", "path"},
		Gone:       func(w *providertest.World, _ cty.Value) error { return os.Remove(file(w)) },
		Foreign: func(w *providertest.World, _ cty.Value) error {
			if err := os.MkdirAll(filepath.Dir(file(w)), 0o755); err != nil {
				return err
			}
			return os.WriteFile(file(w), []byte("on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n"), 0o640)
		},
		ImportLoses: []string{"template", "profile", "with"},
		Wrong: []providertest.Wrong{
			{Name: "no such template", Want: with(attrs{"template": "nowhere.yml.tmpl"}), Path: cty.GetAttrPath("template")},
			{Name: "no template", Want: with(attrs{"template": "no-template.yml.tmpl"}), Path: cty.GetAttrPath("template")},
			{Name: "no YAML", Want: with(attrs{"template": "no-yaml.yml.tmpl"}), Path: cty.GetAttrPath("template")},
			{Name: "a missing value", Want: with(attrs{"template": "needs-tools.yml.tmpl"}), Path: cty.GetAttrPath("template")},
			{Name: "no such profile", Want: with(attrs{"profile": "profile.gone"}), Path: cty.GetAttrPath("profile")},
		},
		Canary: canary,
	})
}
