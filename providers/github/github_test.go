package github

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

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

const canary = "canary-of-the-tests-b7"

// types are those of the provider, by keyword.
func types(env providers.Env) map[string]*providers.Type {
	out := map[string]*providers.Type{}
	for _, t := range New(env).Types {
		out[t.Schema.Type] = t
	}
	return out
}

// config has the block github, for the owner.
func config(owner string) providertest.Blocks {
	return providertest.Blocks{"github.github": providertest.Block(types(providers.Env{})["github"].Schema, map[string]cty.Value{"owner": providertest.Word(owner), "token": providertest.Word("env:GITHUB_TOKEN")})}
}

// world is a Mac and its GitHub in dir, made anew or as they stand.
func world(t *testing.T, dir string) (*testbed.Mac, *testbed.GitHub, providers.Env, error) {
	mac, err := testbed.Open(dir)
	if err != nil {
		mac, err = testbed.New(dir, mactest.Tools(), testbed.Spec{})
	}
	if err != nil {
		return nil, nil, providers.Env{}, err
	}
	gh, err := mac.GitHub()
	if err != nil {
		return nil, nil, providers.Env{}, err
	}
	for repo, visibility := range map[string]string{"acme/app": "private", "acme/site": "private", "acme/open": "public"} {
		err = errors.Join(err, gh.AddRepository(repo, visibility, map[string]string{"README.md": "x"}))
	}
	environ := append(mac.Environ(), "GITHUB_TOKEN="+testbed.GitHubToken, "VALUE="+canary, "OTHER="+canary+"2")
	env := providers.Env{Root: mac.Root(), Environ: environ, Web: gh.RoundTripper()}
	if !providertest.Child() {
		env.Web = openapi.Checked(t, gh)
	}
	return mac, gh, env, err
}

// open is the world of one block type for the suite.
func open(t *testing.T, typ string) func(dir string) (*providertest.World, error) {
	return func(dir string) (*providertest.World, error) {
		mac, gh, env, err := world(t, dir)
		if err != nil {
			return nil, err
		}
		return &providertest.World{
			Type: types(env)[typ], Config: config("acme"), Root: mac.Root(), Mac: mac,
			Ignore: []string{"Users/admin/Library/Caches/hostler/github", "Users/admin/Library/Application Support/hostler/github-secrets.json"},
			Double: regexp.MustCompile(`^github/world-\d+\.json$`),
			Objects: func() (all []string, err error) {
				groups, err := gh.Groups("acme")
				for _, g := range groups {
					all = append(all, fmt.Sprintf("group %s %v %v", g.Name, g.Visibility, g.Repos))
				}
				for _, scope := range []string{"acme", "acme/app", "acme/site", "acme/open"} {
					values, err := gh.Secrets(scope)
					if err != nil {
						return nil, err
					}
					for name := range values {
						all = append(all, "secret "+scope+" "+name)
					}
				}
				slices.Sort(all)
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

func TestGroupConformance(t *testing.T) {
	typ := types(providers.Env{})["runner_group"]
	edit := func(change func(*testbed.GitHubGroup)) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			return at(w).EditGroups("acme", func(g *testbed.GitHubGroup) bool {
				if g.Name == "macs" {
					change(g)
				}
				return true
			})
		}
	}
	ref := "acme/app/.github/workflows/ci.yml@refs/heads/main"
	wrong := func(name, attr string, i int, set map[string]cty.Value) providertest.Wrong {
		path := cty.GetAttrPath(attr)
		if i >= 0 {
			path = path.IndexInt(i)
		}
		return providertest.Wrong{Name: name, Want: providertest.Block(typ.Schema, set), Path: path}
	}
	providertest.Run(t, providertest.Suite{
		World: open(t, "runner_group"),
		Addr:  addr.New("runner_group", "macs"),
		Want:  providertest.Block(typ.Schema, map[string]cty.Value{"repositories": providertest.Words("app", "site"), "workflows": providertest.Words(ref)}),
		Changes: map[string]cty.Value{
			"repositories": providertest.Words("app"), "workflows": providertest.Words(ref, strings.Replace(ref, "app", "site", 1)), "allow_public": cty.True,
			"visibility": providertest.Word("all"),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"repositories": edit(func(g *testbed.GitHubGroup) { g.Repos = g.Repos[:1] }),
			"visibility":   edit(func(g *testbed.GitHubGroup) { g.Visibility = "all" }),
			"workflows":    edit(func(g *testbed.GitHubGroup) { g.Restricted = false }),
			"allow_public": edit(func(g *testbed.GitHubGroup) { g.Public = true }),
		},
		Identity: []string{"name", "owner"},
		Gone: func(w *providertest.World, _ cty.Value) error {
			return at(w).EditGroups("acme", func(g *testbed.GitHubGroup) bool { return g.Name != "macs" })
		},
		Foreign: func(w *providertest.World, _ cty.Value) error {
			return at(w).EditGroups("acme", func(g *testbed.GitHubGroup) bool { g.Name, g.Default = "macs", false; return true })
		},
		Wrong: []providertest.Wrong{
			wrong("a public repository", "repositories", 1, map[string]cty.Value{"repositories": providertest.Words("app", "open")}),
			wrong("no such repository", "repositories", 0, map[string]cty.Value{"repositories": providertest.Words("nowhere")}),
		},
		Canary: testbed.GitHubToken,
	})
}

func TestSecretConformance(t *testing.T) {
	typ := types(providers.Env{})["secret"]
	providertest.Run(t, providertest.Suite{
		World:   open(t, "secret"),
		Addr:    addr.New("secret", "API_KEY"),
		Want:    providertest.Block(typ.Schema, map[string]cty.Value{"repositories": providertest.Words("app", "site"), "value": providertest.Word("env:VALUE")}),
		Changes: map[string]cty.Value{"repositories": providertest.Words("site"), "value": providertest.Word("env:OTHER")},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"repositories": func(w *providertest.World, _ cty.Value) error { return at(w).TouchSecret("acme/app", "API_KEY", true) },
			"fingerprint": func(w *providertest.World, _ cty.Value) error {
				return at(w).TouchSecret("acme/site", "API_KEY", false)
			},
		},
		ConfigOnly: []string{"value", "visibility"},
		Identity:   []string{"name", "owner"},
		Gone: func(w *providertest.World, _ cty.Value) error {
			return errors.Join(at(w).TouchSecret("acme/app", "API_KEY", true), at(w).TouchSecret("acme/site", "API_KEY", true))
		},
		Foreign: func(w *providertest.World, _ cty.Value) error {
			return at(w).SetSecret("acme/site", "API_KEY", "theirs")
		},
		ImportLoses: []string{"value", "fingerprint"},
		Wrong: []providertest.Wrong{
			{Name: "no value", Want: providertest.Block(typ.Schema, map[string]cty.Value{"repositories": providertest.Words("app"), "value": providertest.Word("env:NOWHERE")}), Path: cty.GetAttrPath("value")},
		},
		Canary: canary,
	})
}

func TestAccessConformance(t *testing.T) {
	typ := types(providers.Env{})["github"]
	const document = "/Users/admin/Library/Application Support/hostler/github.json"
	edit := func(from, to string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			data, err := os.ReadFile(w.Mac.Path(document))
			if err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(strings.Replace(string(data), from, to, 1)), 0o600)
		}
	}
	app := cty.ObjectVal(map[string]cty.Value{"id": cty.NumberIntVal(12), "installation_id": cty.NumberIntVal(0), "private_key": providertest.Word("file:~/app.pem")})
	providertest.Run(t, providertest.Suite{
		World: open(t, "github"),
		Addr:  ghaccess.Sole(),
		Want:  providertest.Block(typ.Schema, map[string]cty.Value{"owner": providertest.Word("acme"), "app": app}),
		Changes: map[string]cty.Value{
			"owner": providertest.Word("acme/app"), "api_url": providertest.Word("https://ghe.example.com/api/v3/"), "token": providertest.Word("env:T"), "app": cty.NullVal(app.Type()),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"owner": edit("acme", "evil"), "api_url": edit("api.github.com", "evil.example.com"), "token": edit("{", `{"token": "env:EVIL",`),
			"app": edit("12", "13"), "document": edit("{", "{{"),
		},
		Gone: func(w *providertest.World, _ cty.Value) error { return os.Remove(w.Mac.Path(document)) },
		Foreign: func(w *providertest.World, _ cty.Value) error {
			if err := os.MkdirAll(filepath.Dir(w.Mac.Path(document)), 0o700); err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(`{"owner": "theirs"}`), 0o600)
		},
		Canary: canary,
	})
}
