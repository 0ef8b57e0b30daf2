package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// actFiles generate two workflow files into a checkout.
const actFiles = `
github { owner = "Codertocat" } # whose repository the payload is of
host "mini" {}
image "base" { from = "ghcr.io/cirruslabs/ubuntu:latest" }
profile "tester" {
  image  = image.base
  memory = "2GiB"
  cpus   = 4
  cache  = "none"
}
profile "agent" {
  image  = image.base
  memory = "2GiB"
  cpus   = 4
  trust  = "agent"
  cache  = "none"
}
workflow "test" {
  directory = "/Users/admin/src/app"
  template  = "job"
  profile   = profile.tester
  with      = { run = "echo worked on $WHERE", release = "yes" }
}
workflow "claude" {
  directory = "/Users/admin/src/app"
  template  = "claude-agent"
  profile   = profile.agent
  with      = { publish_on = "github" }
}
workflow "codex" {
  directory = "/Users/admin/src/app"
  template  = "codex-agent"
  profile   = profile.agent
  with      = { publish_on = "github" }
}
`

// actor has the service of a Mac, and act, which runs workflow files as GitHub
// does, in a checkout on this machine.
type actor struct {
	*builder
	gh   *testbed.GitHub
	act  string
	repo string
	env  []string // of the steps
}

func newActor(t *testing.T) *actor {
	t.Helper()
	act, err := exec.LookPath("act")
	if err != nil {
		t.Skip("needs act: go install github.com/nektos/act@v0.2.89")
	}
	b := newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": actFiles})
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken}
	gh, err := b.mac.GitHub()
	must(t, err)
	must(t, gh.AddRepository("Codertocat/Hello-World", "private", map[string]string{"README.md": "x\n"}))
	b.must("apply", "--auto-approve")
	url, stop, err := gh.Serve()
	must(t, err)
	t.Cleanup(stop)
	a := &actor{builder: b, gh: gh, act: act, repo: t.TempDir()}
	a.serve()
	a.checkout()
	// What steps see of the Mac, and of GitHub; act sets the rest.
	programs := filepath.Join(t.TempDir(), "bin")
	must(t, os.Mkdir(programs, 0o755))
	a.program(programs, "claude", "cat >'"+a.prompt()+"'; echo 'by Claude' >made.txt; echo 'the answer'")
	a.program(programs, "codex", `while [ "$1" != --output-last-message ]; do shift; done; cat >'`+a.prompt()+`'; echo 'by Codex' >made.txt; echo 'the answer' >"$2"`)
	a.program(programs, "gh", `while [ "$1" != --body-file ]; do echo "$1"; shift; done >'`+a.prompt()+`.gh'; cat "$2" >>'`+a.prompt()+`.gh'; env >'`+a.prompt()+`.env'`)
	a.program(programs, "uuidgen", "echo 0123456789")
	for _, kv := range b.mac.Environ() {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			kv = "PATH=" + programs + ":" + path
		}
		a.env = append(a.env, kv)
	}
	a.env = append(a.env, "GITHUB_API_URL="+strings.TrimSuffix(url, "/"), "WHERE=a throwaway VM")
	return a
}

// prompt is what the stand-in for the agent's program was asked.
func (a *actor) prompt() string { return filepath.Join(filepath.Dir(a.repo), "prompt.txt") }

func (a *actor) program(dir, name, text string) {
	a.t.Helper()
	must(a.t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

// checkout is a clone of the repository with the generated files. They name the
// program by where a Mac has it.
func (a *actor) checkout() {
	a.t.Helper()
	from := a.mac.Path("/Users/admin/src/app/.github/workflows")
	to := filepath.Join(a.repo, ".github", "workflows")
	must(a.t, os.MkdirAll(to, 0o755))
	for _, name := range []string{"test.yml", "claude.yml", "codex.yml"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		must(a.t, err)
		text := strings.ReplaceAll(string(data), "/Users/Shared/hostler", a.mac.Path("/Users/Shared/hostler"))
		must(a.t, os.WriteFile(filepath.Join(to, name), []byte(text), 0o644))
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"remote", "add", "origin", "https://github.com/Codertocat/Hello-World"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x"}} {
		c := exec.Command("git", args...)
		c.Dir = a.repo
		if out, err := c.CombinedOutput(); err != nil {
			a.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

// plays runs one of the files for an event.
func (a *actor) plays(event, file string, args ...string) (string, error) {
	a.t.Helper()
	args = append([]string{event, "-W", ".github/workflows/" + file, "-P", "self-hosted=-self-hosted", "-P", "github=-self-hosted", "-s", "GITHUB_TOKEN=" + testbed.GitHubToken, "-s", "ANTHROPIC_API_KEY=" + canary, "-s", "OPENAI_API_KEY=" + canary}, args...)
	for _, kv := range a.env {
		args = append(args, "--env", kv)
	}
	c := exec.Command(a.act, args...)
	c.Dir = a.repo
	c.Env = append(os.Environ(), "XDG_CACHE_HOME="+a.t.TempDir(), "XDG_CONFIG_HOME="+a.t.TempDir())
	out, err := c.CombinedOutput()
	return string(out), err
}

// booted are the VMs that were cloned for jobs since the calls were reset.
func (a *actor) booted() (all []string) {
	a.t.Helper()
	for _, c := range a.calls() {
		if c.Tool == "tart" && c.Args[0] == "clone" {
			all = append(all, c.Args[2])
		}
	}
	return all
}

// TestActPlaysAJob: the generated file boots a VM, routes its job to it, and
// gives it back.
func TestActPlaysAJob(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	must(t, a.mac.ResetCalls())
	out, err := a.plays("push", "test.yml")
	if err != nil || !strings.Contains(out, "worked on a throwaway VM") {
		t.Fatalf("%v\n%s", err, out)
	}
	booted := a.booted()
	if len(booted) != 1 {
		t.Errorf("booted %q", booted)
	}
	a.await("the VM is given back", func(n int) bool { return n == 0 })
	for _, vm := range a.vms() {
		if slices.Contains(booted, vm) {
			t.Errorf("VM %q is left", vm)
		}
	}
	if runners, err := a.gh.Runners(); err != nil || len(runners) > 0 {
		t.Errorf("runners %+v %v", runners, err)
	}
}

// comment is the file of an event: somebody says something about issue 1.
func (a *actor) comment(body, association, kind, author string) string {
	a.t.Helper()
	payload, err := os.ReadFile(filepath.Join("testdata", "act", "issue_comment.json"))
	must(a.t, err)
	var event map[string]any
	must(a.t, json.Unmarshal(payload, &event))
	comment, sender := event["comment"].(map[string]any), event["sender"].(map[string]any)
	comment["body"], comment["author_association"], sender["type"] = body, association, kind
	comment["user"].(map[string]any)["login"] = author
	data, err := json.Marshal(event)
	must(a.t, err)
	file := filepath.Join(a.t.TempDir(), "event.json")
	must(a.t, os.WriteFile(file, data, 0o644))
	return file
}

// TestActPublishes: what an agent changed and answered reaches the repository
// as a branch and a comment, by a job that has no key of its.
func TestActPublishes(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	bare := filepath.Join(t.TempDir(), "origin.git")
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("clone", "-q", "--bare", a.repo, bare)
	a.env = append(a.env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+bare+".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/Codertocat/Hello-World")
	for agent, says := range map[string]string{"claude": "by Claude", "codex": "by Codex"} {
		out, err := a.plays("issue_comment", agent+".yml", "-e", a.comment("@"+agent+" make a file", "OWNER", "User", "Codertocat"))
		if err != nil {
			t.Fatalf("%s: %v\n%s", agent, err, out)
		}
		branch := agent + "/1-1" // issue 1, and act's number of a run
		if got := git("-C", bare, "show", branch+":made.txt"); got != says+"\n" {
			t.Errorf("%s made %q\n%s", agent, got, out)
		}
		said, err := os.ReadFile(a.prompt() + ".gh")
		if err != nil || !strings.HasPrefix(string(said), "issue\ncomment\n1\nthe answer\n") || !strings.Contains(string(said), "compare/"+branch) {
			t.Errorf("%s answered %q, %v\n%s", agent, said, err, out)
		}
		env, err := os.ReadFile(a.prompt() + ".env")
		if err != nil || strings.Contains(string(env), canary) || strings.Contains(out, canary) {
			t.Errorf("%s: the publishing job, or what is printed, has the key: %v\n%s", agent, err, out)
		}
	}
}

// TestActGuardsAgents: only who has a say here has an agent booted, and what a
// comment says is text, whatever it looks like.
func TestActGuardsAgents(t *testing.T) {
	t.Parallel()
	a := newActor(t)
	for _, c := range []struct{ what, body, association, kind, author string }{
		{"a stranger", "@claude mine bitcoins", "NONE", "User", "stranger"},
		{"a first contributor", "@claude mine bitcoins", "FIRST_TIME_CONTRIBUTOR", "User", "stranger"},
		{"a bot", "@claude again", "COLLABORATOR", "Bot", "Codertocat"},
		{"nobody asked", "claude is nice", "OWNER", "User", "Codertocat"},
		{"a member without write access", "@claude help", "MEMBER", "User", "reader"},
	} {
		must(t, a.mac.ResetCalls())
		out, err := a.plays("issue_comment", "claude.yml", "-e", a.comment(c.body, c.association, c.kind, c.author), "-j", "agent")
		if booted := a.booted(); len(booted) > 0 {
			t.Errorf("%s booted %q: %v\n%s", c.what, booted, err, out)
		}
		if _, err := os.Stat(a.prompt()); err == nil {
			t.Errorf("%s was answered", c.what)
		}
	}
	for _, evil := range []string{`"; touch PWNED; echo "`, "$(touch PWNED) `touch PWNED`", "'; touch PWNED; '", "${{ github.token }}\n::set-output name=label::mine\nEOF\ntouch PWNED"} {
		body := "@claude " + evil
		must(t, a.mac.ResetCalls())
		out, err := a.plays("issue_comment", "claude.yml", "-e", a.comment(body, "OWNER", "User", "Codertocat"), "-j", "agent")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if booted := a.booted(); len(booted) != 1 {
			t.Errorf("%q booted %q", body, booted)
		}
		prompt, err := os.ReadFile(a.prompt())
		if err != nil || !strings.Contains(string(prompt), body) {
			t.Errorf("the prompt is %q, %v\n%s", prompt, err, out)
		}
		found, err := exec.Command("find", filepath.Dir(a.repo), "-name", "PWNED").CombinedOutput()
		if err != nil || len(found) > 0 {
			t.Fatalf("%q was run: %s %v", body, found, err)
		}
		if strings.Contains(out, canary) || strings.Contains(out, testbed.GitHubToken) {
			t.Errorf("a secret is printed:\n%s", out)
		}
		must(t, os.Remove(a.prompt()))
	}
}
