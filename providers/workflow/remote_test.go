package workflow

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
	"hostler/providers/providertest"
	"hostler/providers/testbed"
	"hostler/providers/testbed/openapi"
)

// reached is profiles, and how GitHub is reached.
func reached() blocks {
	all := agents()
	all["github.github"] = cty.ObjectVal(map[string]cty.Value{
		"owner": cty.StringVal("acme"), "api_url": cty.StringVal("https://api.github.com/"), "token": cty.StringVal("env:GITHUB_TOKEN"),
		"app": cty.NullVal(cty.EmptyObject), "document": cty.NullVal(cty.String),
	})
	return all
}

// gitHub is the GitHub in dir, and the way to it.
func gitHub(t *testing.T, dir string) (*testbed.GitHub, providers.Env, error) {
	templates, err := filepath.Abs("testdata")
	env := providers.Env{Dir: templates, Root: filepath.Join(dir, "root"), Environ: []string{"HOME=/Users/admin", "GITHUB_TOKEN=" + testbed.GitHubToken}}
	if err != nil {
		return nil, env, err
	}
	gh, err := testbed.OpenGitHub(filepath.Join(dir, "github"))
	if err != nil {
		return nil, env, err
	}
	for _, repo := range []string{"app", "site", "docs"} {
		err = errors.Join(err, gh.AddRepository("acme/"+repo, "private", map[string]string{"README.md": "hello\n"}))
	}
	err = errors.Join(err, os.MkdirAll(env.Root, 0o755))
	env.Web = gh.RoundTripper()
	if !providertest.Child() {
		env.Web = openapi.Checked(t, gh)
	}
	return gh, env, err
}

func TestRepositoriesConform(t *testing.T) {
	for _, how := range []string{"commit", "pull_request"} {
		t.Run(how, func(t *testing.T) { conforms(t, how) })
	}
}

func conforms(t *testing.T, how string) {
	typ := New(providers.Env{}).Types[0]
	const path = ".github/workflows/ci.yml"
	files := &bed{Type: typ, t: t}
	open := func(w *providertest.World) *testbed.GitHub {
		gh, err := testbed.OpenGitHub(filepath.Join(filepath.Dir(w.Root), "github"))
		if err != nil {
			panic(err)
		}
		return gh
	}
	branch := "main"
	edit := func(repo string, change func(string) string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, have cty.Value) error {
			gh := open(w)
			if pulls, err := gh.Pulls("acme/" + repo); err != nil || len(pulls) > 0 {
				branch = "hostler/workflows"
			}
			return gh.Edit("acme/"+repo, branch, map[string]string{path: change(text(have, "content"))})
		}
	}
	gone := func(repos ...string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, have cty.Value) (err error) {
			for _, repo := range repos {
				err = errors.Join(err, edit(repo, func(string) string { return "" })(w, have))
			}
			return err
		}
	}
	providertest.Run(t, providertest.Suite{
		World: func(dir string) (*providertest.World, error) {
			gh, env, err := gitHub(t, dir)
			if err != nil {
				return nil, err
			}
			return &providertest.World{
				Type: New(env).Types[0], Config: reached(), Root: env.Root, Ignore: []string{"Users/admin/Library/Caches/hostler/github"},
				Double: regexp.MustCompile(`^github/world-\d+\.json$`),
				Objects: func() (all []string, err error) {
					for _, repo := range []string{"app", "site", "docs"} {
						pulls, err := gh.Pulls("acme/" + repo)
						if err != nil {
							return nil, err
						}
						at := "main"
						if len(pulls) > 0 && !pulls[len(pulls)-1].Closed {
							at = "hostler/workflows" // what will be when it is merged
						}
						files, err := gh.Files("acme/"+repo, at)
						if err != nil {
							return nil, err
						}
						for p := range files {
							all = append(all, repo+" "+p)
						}
					}
					slices.Sort(all)
					return all, nil
				},
			}, nil
		},
		Addr: addr.New("workflow", "ci"),
		Want: files.value(attrs{
			"repositories": []string{"app", "site"}, "delivery": how, "path": path, "template": "ci.yml.tmpl", "profile": "profile.tester",
			"with": map[string]string{"run": "make test"},
		}),
		Changes: map[string]cty.Value{
			"template": cty.StringVal("nightly.yml.tmpl"), "profile": cty.StringVal("profile.developer"), "with": cty.MapVal(map[string]cty.Value{"run": cty.StringVal("make lint")}),
			"repositories": words("site", "docs"), "delivery": cty.StringVal(map[string]string{"commit": "pull_request", "pull_request": "commit"}[how]),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"edits":        edit("site", func(s string) string { return strings.Replace(s, "make test", "make all", 1) }),
			"repositories": gone("app"),
		},
		ConfigOnly: []string{"template", "profile", "with", "branch", "delivery", "directory", "content"},
		Identity:   []string{"owner", "path"},
		Gone:       gone("app", "site"),
		Foreign: func(w *providertest.World, _ cty.Value) error {
			return open(w).Edit("acme/site", "main", map[string]string{path: "on: push\n"})
		},
		ImportLoses: []string{"template", "profile", "with", "delivery"},
		Wrong: []providertest.Wrong{
			{Name: "no such repository", Want: files.value(attrs{"repositories": []string{"app", "nowhere"}, "path": path, "template": "ci.yml.tmpl", "profile": "profile.tester", "with": map[string]string{"run": "x"}}), Path: cty.GetAttrPath("repositories").IndexInt(1)},
		},
		Canary: testbed.GitHubToken,
	})
}

// desk is a provider at a GitHub, for what the suite does not know of.
type desk struct {
	*bed
	gh *testbed.GitHub
}

func newDesk(t *testing.T) *desk {
	dir := t.TempDir()
	gh, env, err := gitHub(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{bed: &bed{Type: New(env).Types[0], t: t, blocks: reached()}, gh: gh}
	d.Type.Configure(d.blocks)
	return d
}

// make delivers a file of that name.
func (d *desk) make(name string, set attrs) cty.Value {
	d.t.Helper()
	all := attrs{"repositories": []string{"app"}, "template": "ci.yml.tmpl", "profile": "profile.tester", "with": map[string]string{"run": "make " + name}}
	for k, v := range set {
		all[k] = v
	}
	want, err := d.Resolve(d.t.Context(), providers.Resolution{Addr: addr.New("workflow", name), Want: d.value(all), Have: d.Null(), Config: d.blocks, Warn: func(string, string) {}})
	d.must(err)
	got, err := d.Create(d.t.Context(), want)
	d.must(err)
	return got
}

// One pull request carries all files of a repository, whatever happens to the
// base and to the branch meanwhile.
func TestOnePullRequestCarriesAll(t *testing.T) {
	d := newDesk(t)
	const a, b, c = ".github/workflows/a.yml", ".github/workflows/b.yml", ".github/workflows/c.yml"
	d.make("a", nil)
	d.must(d.gh.Edit("acme/app", "main", map[string]string{"README.md": "moved\n"}))
	d.make("b", nil)
	only := func(want ...string) {
		t.Helper()
		pulls, err := d.gh.Pulls("acme/app")
		d.must(err)
		if len(pulls) != 1 || pulls[0].Closed {
			t.Fatalf("%+v", pulls)
		}
		files, err := d.gh.Files("acme/app", "hostler/workflows")
		d.must(err)
		for _, w := range want {
			name, text, _ := strings.Cut(w, "=")
			if !strings.Contains(files[name], text) {
				t.Errorf("%s is %q", name, files[name])
			}
		}
		if len(files) != len(want) {
			t.Errorf("files %v", files)
		}
	}
	only(a+"=make a", b+"=make b", "README.md=moved")
	// Somebody else's commit on our branch is kept.
	d.must(d.gh.Edit("acme/app", "hostler/workflows", map[string]string{"NOTES": "theirs"}))
	d.make("c", nil)
	only(a+"=make a", b+"=make b", c+"=make c", "README.md=moved", "NOTES=theirs")
	d.must(d.gh.Merge("acme/app", 1))
	// Merged is in place; the next change opens a new one.
	d.make("d", nil)
	pulls, err := d.gh.Pulls("acme/app")
	d.must(err)
	if len(pulls) != 2 {
		t.Errorf("%+v", pulls)
	}
}

func TestAClosedPullRequestIsNoDelivery(t *testing.T) {
	d := newDesk(t)
	made := d.make("a", nil)
	d.must(d.gh.ClosePull("acme/app", 1))
	got, err := d.Read(t.Context(), []cty.Value{made})
	d.must(err)
	if got[0].Err != nil || !got[0].Object.IsNull() {
		t.Errorf("%#v", got)
	}
}

func TestAProtectedBranch(t *testing.T) {
	d := newDesk(t)
	d.must(d.gh.Protect("acme/app", "main"))
	all := attrs{"repositories": []string{"app"}, "delivery": "commit", "template": "ci.yml.tmpl", "profile": "profile.tester", "with": map[string]string{"run": "x"}}
	want, err := d.Resolve(t.Context(), providers.Resolution{Addr: addr.New("workflow", "a"), Want: d.value(all), Have: d.Null(), Config: d.blocks, Warn: func(string, string) {}})
	d.must(err)
	if _, err := d.Create(t.Context(), want); err == nil || !strings.Contains(err.Error(), `delivery = "pull_request"`) {
		t.Errorf("%v", err)
	}
}

// The number of requests of a plan grows with repositories, not with files.
func TestRequestsGrowWithRepositories(t *testing.T) {
	d := newDesk(t)
	count := func(files int) int {
		t.Helper()
		var have []cty.Value
		for i := range files {
			have = append(have, d.make(fmt.Sprintf("w%d-%d", files, i), attrs{"repositories": []string{"app", "site", "docs"}, "delivery": "commit"}))
		}
		d.must(d.gh.ResetRequests())
		got, err := d.Read(t.Context(), have)
		d.must(err)
		for _, g := range got {
			if g.Err != nil || g.Object.IsNull() {
				t.Fatalf("%#v", g)
			}
		}
		log, err := d.gh.Requests()
		d.must(err)
		return len(log)
	}
	if one, many := count(1), count(10); one != many || one != 6 {
		t.Errorf("%d requests for one file in three repositories, %d for ten", one, many)
	}
}
