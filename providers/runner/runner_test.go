package runner

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/providertest"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
	"hostler/providers/testbed/openapi"
)

func TestMain(m *testing.M) { os.Exit(mactest.Main(m)) }

type attrs map[string]cty.Value

// with is a block with these attributes.
func with(set attrs) cty.Value {
	set["host"] = providertest.Word("host.mini")
	return providertest.Block(block(), set)
}

// config has the block github and two groups.
func config() providertest.Blocks {
	group := func(visibility string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"visibility": providertest.Word(visibility)})
	}
	return providertest.Blocks{
		ghaccess.Sole().String(): cty.ObjectVal(map[string]cty.Value{
			"owner": providertest.Word("acme"), "token": providertest.Word("env:GITHUB_TOKEN"), "api_url": cty.NullVal(cty.String), "app": cty.NullVal(cty.DynamicPseudoType),
		}),
		"runner_group.macs": group("selected"), "runner_group.wide": group("all"),
	}
}

// world is a Mac with an account for runners, and its GitHub, in dir: made anew
// or as they stand.
func world(t *testing.T, dir string) (*testbed.Mac, *testbed.GitHub, *runners, error) {
	mac, err := testbed.Open(dir)
	if err != nil {
		mac, err = testbed.New(dir, mactest.Tools(), testbed.Spec{Accounts: []string{"runner"}})
	}
	if err != nil {
		return nil, nil, nil, err
	}
	gh, err := mac.GitHub()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := gh.AddRepository("acme/app", "private", map[string]string{"README.md": "x"}); err != nil {
		return nil, nil, nil, err
	}
	groups, err := gh.Groups("acme")
	if err != nil {
		return nil, nil, nil, err
	}
	if len(groups) == 1 {
		err = gh.AddGroup("acme", "macs")
	}
	web, failed := mac.Web()
	if err = errors.Join(err, failed); err == nil && !providertest.Child() {
		web = openapi.Checked(t, gh)
	}
	c := newRunners(providers.Env{Root: mac.Root(), Environ: append(mac.Environ(), "GITHUB_TOKEN="+testbed.GitHubToken), Web: web})
	c.idle, c.online, c.pause = 2*time.Second, 2*time.Second, 10*time.Millisecond
	return mac, gh, c, err
}

func open(t *testing.T) func(dir string) (*providertest.World, error) {
	return func(dir string) (*providertest.World, error) {
		mac, gh, c, err := world(t, dir)
		if err != nil {
			return nil, err
		}
		return &providertest.World{
			Type: provider(c).Types[0], Config: config(), Root: mac.Root(), Mac: mac,
			Ignore: []string{"Users/admin/Library/Caches/hostler/", "Users/Shared/hostler-runners/mini-a/runner/"},
			Double: regexp.MustCompile(`^github/world-\d+\.json$`),
			Objects: func() (all []string, err error) {
				list, err := gh.Runners()
				for _, r := range list {
					all = append(all, "runner "+r.Name)
				}
				return all, err
			},
		}, nil
	}
}

// at is the GitHub of a suite's world.
func at(w *providertest.World) *testbed.GitHub {
	gh, err := w.Mac.GitHub()
	if err != nil {
		panic(err)
	}
	return gh
}

func TestConformance(t *testing.T) {
	edit := func(change func(*testbed.GitHubRunner)) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error { return at(w).EditRunner("mini-a", change) }
	}
	by := func(line string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error { return tool(w.Mac, line) }
	}
	providertest.Run(t, providertest.Suite{
		World: open(t),
		Addr:  addr.New("runner", "mini-a"),
		Want:  with(attrs{"group": providertest.Word("macs")}),
		Changes: map[string]cty.Value{
			"workflows": providertest.Words("acme/app/.github/workflows/test.yml"), "events": providertest.Words("push"),
			"labels": providertest.Words("coordinator", "blue"), "group": providertest.Word("Default"), "version": providertest.Word("2.336.0"),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"labels":       edit(func(r *testbed.GitHubRunner) { r.Labels = r.Labels[:3] }),
			"group_name":   edit(func(r *testbed.GitHubRunner) { r.GroupID = 1 }),
			"registration": edit(func(r *testbed.GitHubRunner) { r.Online = false }),
			"registration/gone": func(w *providertest.World, _ cty.Value) error {
				return at(w).RemoveRunner("mini-a")
			},
			"service": by("launchctl bootout gui/501/hostler.runner.mini-a"),
			"service/plist": func(w *providertest.World, _ cty.Value) error {
				return os.WriteFile(w.Mac.Path("/Users/admin/Library/LaunchAgents/hostler.runner.mini-a.plist"), []byte("<plist/>"), 0o644)
			},
			"service/hook": func(w *providertest.World, _ cty.Value) error {
				return os.WriteFile(w.Mac.Path(hook("mini-a")), []byte("#!/bin/sh\n"), 0o755)
			},
			"workflows": func(w *providertest.World, _ cty.Value) error {
				return os.WriteFile(w.Mac.Path(rules("mini-a")), []byte(`{"owner": "acme", "workflows": ["acme/app/.github/workflows/evil.yml"], "events": []}`), 0o644)
			},
			"events": func(w *providertest.World, _ cty.Value) error {
				return os.WriteFile(w.Mac.Path(rules("mini-a")), []byte(`{"owner": "acme", "workflows": [], "events": ["schedule"]}`), 0o644)
			},
			"release": by("rm -rf /Users/Shared/hostler-runners/mini-a/runner"),
		},
		ConfigOnly: []string{"version", "group"},
		Identity:   []string{"host", "name", "owner", "user"},
		Gone: func(w *providertest.World, _ cty.Value) error {
			return errors.Join(tool(w.Mac, "launchctl bootout gui/501/hostler.runner.mini-a"), at(w).RemoveRunner("mini-a"),
				os.RemoveAll(w.Mac.Path("/Users/Shared/hostler-runners/mini-a")), os.Remove(w.Mac.Path("/Users/admin/Library/LaunchAgents/hostler.runner.mini-a.plist")),
				os.RemoveAll(w.Mac.Path("/Users/admin/Library/Application Support/hostler/runners")))
		},
		Foreign: func(w *providertest.World, _ cty.Value) error {
			// One that hostler made and that state has lost.
			_, _, c, err := world(t, w.Mac.Dir())
			if err == nil {
				c.Configure(config())
				_, err = c.Create(t.Context(), &Runner{
					Host: "host.mini", Group: "macs", GroupName: "macs", Labels: []string{"theirs"}, Version: "latest", Release: "2.336.0",
					User: "admin", Name: "mini-a", Owner: "acme",
				})
			}
			return err
		},
		ImportLoses: []string{"group"},
		Wrong: []providertest.Wrong{
			{Name: "no such group", Want: with(attrs{"group": providertest.Word("nowhere")}), Path: cty.GetAttrPath("group")},
			{Name: "a release that is not offered", Want: with(attrs{"version": providertest.Word("1.2.3")}), Path: cty.GetAttrPath("version")},
			{Name: "no such account", Want: with(attrs{"user": providertest.Word("nobody")}), Path: cty.GetAttrPath("user")},
		},
		Canary: testbed.GitHubToken,
	})
}

// tool runs a tool of the Mac.
func tool(mac *testbed.Mac, line string) error {
	var out strings.Builder
	if code, ok := testbed.Main(strings.Fields(line), mac.Environ(), strings.NewReader(""), &out, &out); !ok || code != 0 {
		return errors.New(line + ": " + out.String())
	}
	return nil
}
