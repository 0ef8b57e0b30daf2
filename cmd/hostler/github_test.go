package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers/testbed"
)

// gitHubFiles have a block of each type at GitHub. The second version changes
// and deletes.
var gitHubFiles = [2]map[string]string{{
	"main.hcl": `
github { owner = "acme" }
host "mini" {}
runner_group "macs" { repositories = ["app", "site"] }
runner "mini" { group = runner_group.macs }
secret "TOKEN" {
  repositories = ["app", "site"]
  value        = "env:VALUE"
}
secret "SHARED" {
  visibility = "private"
  value      = "env:VALUE"
}
secret "MORE" {
  repositories = ["app"]
  value        = "env:VALUE"
}
workflow "more" {
  repositories = ["app"]
  template     = "test.yml.tmpl"
}
workflow "test" {
  repositories = ["app", "site"]
  template     = "test.yml.tmpl"
}
workflow "lint" {
  repositories = ["app", "site"]
  template     = "test.yml.tmpl"
  delivery     = "pull_request"
}
`, "test.yml.tmpl": "on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n",
}, {
	"main.hcl": `
github { owner = "acme" }
host "mini" {}
runner_group "macs" { repositories = ["app"] }
runner_group "others" { visibility = "private" }
runner "mini" {
  group  = runner_group.others
  labels = ["coordinator", "blue"]
}
secret "TOKEN" {
  repositories = ["site"]
  value        = "env:OTHER"
}
secret "MORE" {
  repositories = ["app", "site"]
  value        = "env:VALUE"
}
workflow "more" {
  repositories = ["app", "site"]
  template     = "test.yml.tmpl"
}
workflow "test" {
  repositories = ["app"]
  template     = "test.yml.tmpl"
}
workflow "lint" {
  repositories = ["app", "site"]
  template     = "test.yml.tmpl"
  delivery     = "pull_request"
}
`, "test.yml.tmpl": "on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 2, steps: [{run: ls}]}}\n",
}}

// gitHubWorld is a builder's GitHub as people see it, without numbers.
func gitHubWorld(t *testing.T, gh *testbed.GitHub) string {
	t.Helper()
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	groups, err := gh.Groups("acme")
	must(t, err)
	names := map[int64]string{}
	for _, g := range groups {
		names[g.ID] = g.Name
		say("group %s %s %d repositories, public %v", g.Name, g.Visibility, len(g.Repos), g.Public)
	}
	runners, err := gh.Runners()
	must(t, err)
	for _, r := range runners {
		var labels []string
		for _, l := range r.Labels {
			labels = append(labels, l.Name)
		}
		say("runner %s of %s, online %v, %q", r.Name, names[r.GroupID], r.Online, labels)
	}
	for _, scope := range []string{"acme", "acme/app", "acme/site"} {
		secrets, err := gh.Secrets(scope)
		must(t, err)
		for name, value := range secrets {
			say("secret %s of %s: %s", name, scope, value)
		}
	}
	for _, repo := range []string{"acme/app", "acme/site"} {
		pulls, err := gh.Pulls(repo)
		must(t, err)
		branches := []string{"main"}
		for _, p := range pulls {
			say("pull request of %s: %s, closed %v", repo, p.Title, p.Closed)
			if !p.Closed {
				branches = append(branches, p.Head)
			}
		}
		for _, branch := range branches {
			files, err := gh.Files(repo, branch)
			must(t, err)
			for _, name := range slices.Sorted(maps.Keys(files)) {
				say("file %s of %s at %s\n%s", name, repo, branch, files[name])
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newGitHubBuilder has the first version applied, or nothing for version 0.
func newGitHubBuilder(t *testing.T, version int) (*builder, *testbed.GitHub) {
	t.Helper()
	b := newBuilder(t, testbed.Pretend, gitHubFiles[0])
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken, "VALUE=one", "OTHER=two"}
	gh, err := b.mac.GitHub()
	must(t, err)
	for _, repo := range []string{"acme/app", "acme/site"} {
		must(t, gh.AddRepository(repo, "private", map[string]string{"README.md": "x\n"}))
	}
	if version == 1 {
		b.must("apply", "--auto-approve")
		b.write(gitHubFiles[1])
	}
	must(t, gh.ResetRequests())
	return b, gh
}

// TestGitHubFails lets each request of an apply to GitHub go wrong, in every way.
// The apply ends well or with an error, and the next one ends with GitHub as an
// undisturbed one leaves it, and nothing twice. One fault in 97 is taken, which
// meets every way:
//
//	go test ./cmd/hostler -run GitHubFails -long
func TestGitHubFails(t *testing.T) {
	t.Parallel()
	kinds := []testbed.GitHubFault{
		{Kind: testbed.SecondaryLimit, Delay: time.Second}, {Kind: testbed.TooMany, Delay: time.Second}, {Kind: testbed.PrimaryLimit, Delay: time.Second},
		{Kind: testbed.Unavailable, Times: 9}, {Kind: testbed.ResetBefore}, {Kind: testbed.ResetAfter}, {Kind: testbed.Slow, Delay: 100 * time.Millisecond},
		{Kind: testbed.Truncated}, {Kind: testbed.Lie}, {Kind: testbed.Stale, Count: 1},
	}
	for version, name := range []string{"create", "change"} {
		whole, gh := newGitHubBuilder(t, version)
		whole.must("apply", "--auto-approve")
		requests, err := gh.Requests()
		must(t, err)
		want := gitHubWorld(t, gh)
		for i := range len(requests) * len(kinds) {
			if i%97 != 0 && !*long {
				continue
			}
			f := kinds[i%len(kinds)]
			f.Skip = i / len(kinds)
			r := requests[f.Skip]
			t.Run(fmt.Sprintf("%s/%s %d %s %s", name, f.Kind, f.Skip, r.Method, r.Operation), func(t *testing.T) {
				t.Parallel()
				b, gh := newGitHubBuilder(t, version)
				must(t, gh.Inject(f))
				first, err := b.run("apply", "--auto-approve")
				if err != nil && !strings.Contains(first, "Error: ") || strings.Contains(first, "panic") {
					t.Errorf("%v\n%s", err, first)
				}
				must(t, gh.Heal())
				second := b.must("apply", "--auto-approve")
				if got := gitHubWorld(t, gh); got != want {
					t.Errorf("GitHub is\n%s\nwant\n%s\nfirst apply\n%s\nsecond\n%s", got, want, first, second)
				}
				if out, err := b.run("plan", "--detailed-exitcode"); err != nil {
					t.Errorf("another plan: %v\n%s\nfirst apply\n%s\nsecond\n%s", err, out, first, second)
				}
				for _, secret := range []string{testbed.GitHubToken, "VALUE=one"} {
					if strings.Contains(first+second, secret) {
						t.Errorf("a secret is printed:\n%s%s", first, second)
					}
				}
			})
		}
	}
}

// TestRequestsDoNotGrowWithFiles: what a plan without changes asks GitHub is the
// same for one workflow file in each of 20 repositories, one runner and one
// secret as for ten files, five runners and ten secrets; and where nothing has
// changed GitHub answers that alone, which costs no part of its limit.
func TestRequestsDoNotGrowWithFiles(t *testing.T) {
	t.Parallel()
	few, many := planRequests(t, 1, 1, 1), planRequests(t, 10, 5, 10)
	if len(few) == 0 || !slices.Equal(few, many) {
		t.Errorf("requests for few:\n%s\nfor many:\n%s", strings.Join(few, "\n"), strings.Join(many, "\n"))
	}
	for _, r := range many {
		if !strings.HasPrefix(r, "304 ") {
			t.Errorf("GitHub's answer to what it was asked before: %s", r)
		}
	}
}

// planRequests applies so much at 20 repositories, and returns what the plan
// after the next one asks.
func planRequests(t *testing.T, files, runners, secrets int) (all []string) {
	t.Helper()
	const repositories = 20
	b := newBuilder(t, testbed.Pretend, map[string]string{"test.yml.tmpl": gitHubFiles[0]["test.yml.tmpl"], "main.hcl": fmt.Sprintf(`
github { owner = "acme" }
host "mini" {}
locals { repositories = [for i in range(%d) : "r${i}"] }
runner_group "macs" { repositories = local.repositories }
runner "mini" {
  for_each = toset([for i in range(%d) : tostring(i)])
  group    = runner_group.macs
}
secret "S" {
  for_each     = toset([for i in range(%d) : tostring(i)])
  repositories = local.repositories
  value        = "env:VALUE"
}
workflow "w" {
  for_each     = toset([for i in range(%d) : tostring(i)])
  repositories = local.repositories
  path         = ".github/workflows/w${each.key}.yml"
  template     = "test.yml.tmpl"
}
`, repositories, runners, secrets, files)})
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken, "VALUE=one"}
	gh, err := b.mac.GitHub()
	must(t, err)
	for i := range repositories {
		must(t, gh.AddRepository(fmt.Sprintf("acme/r%d", i), "private", map[string]string{"README.md": "x\n"}))
	}
	b.must("apply", "--auto-approve")
	b.must("plan", "--detailed-exitcode")
	must(t, gh.ResetRequests())
	b.must("plan", "--detailed-exitcode")
	requests, err := gh.Requests()
	must(t, err)
	for _, r := range requests {
		all = append(all, fmt.Sprintf("%d %s %s", r.Status, r.Method, regexp.MustCompile(`/([0-9a-f]{40}|[0-9]+)\b`).ReplaceAllString(r.Path, "/#")))
	}
	slices.Sort(all)
	return all
}

// TestHalfMadeSecret: a secret that stands in one repository of two when its
// creation fails is recorded there, and made anew by the next apply.
func TestHalfMadeSecret(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]testbed.GitHubFault{
		"refused":       {Kind: testbed.Unavailable, Method: "PUT", Path: "/repos/acme/site/actions/secrets/TOKEN", Times: -1},
		"answer lost":   {Kind: testbed.Truncated, Method: "GET", Path: "/repos/acme/site/actions/secrets([?]|$)", Times: -1, Skip: 2}, // the plan's, and Create's own
		"outcome lost":  {Kind: testbed.ResetAfter, Method: "PUT", Path: "/repos/acme/site/actions/secrets/TOKEN", Times: -1},
		"both are lost": {Kind: testbed.ResetAfter, Method: "PUT", Path: "/repos/acme/[a-z]+/actions/secrets/TOKEN", Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, gh := newGitHubBuilder(t, 0)
			must(t, gh.Inject(f))
			first, err := b.run("apply", "--auto-approve", "--target", "secret.TOKEN")
			if err == nil {
				t.Fatalf("it did not fail:\n%s", first)
			}
			must(t, gh.Heal())
			b.must("plan", "--out", "saved", "--target", "secret.TOKEN")
			b.must("apply", "saved")
			for _, repo := range []string{"acme/app", "acme/site"} {
				if s, err := gh.Secrets(repo); err != nil || s["TOKEN"] != "one" {
					t.Errorf("secrets of %s: %v, %v\n%s", repo, s, err, first)
				}
			}
			b.must("plan", "--detailed-exitcode", "--target", "secret.TOKEN")
		})
	}
}
