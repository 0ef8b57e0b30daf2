package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPolicy: opa judges our plans by the policy of examples/organization, which
// finds nothing in the example, and each thing that it is there for.
func TestPolicy(t *testing.T) {
	opa, err := exec.LookPath("opa")
	if err != nil {
		t.Skip("needs opa: go install github.com/open-policy-agent/opa@v1.22.3")
	}
	t.Parallel()
	r := newReader(t)
	must(t, os.Symlink(r.exe, filepath.Join(r.bin, "hostler")))
	must(t, os.Symlink(opa, filepath.Join(r.bin, "opa")))
	r.env = append(r.env, "NPM_TOKEN=npm_simulated")
	gh, err := r.mac.GitHub()
	must(t, err)
	for _, name := range []string{"my-organization/app", "my-organization/site"} {
		must(t, gh.AddRepository(name, "private", map[string]string{"README.md": "x\n"}))
	}
	must(t, r.mac.AddAccount("runner"))
	r.does("cd examples/organization/mini-a")
	denied := func() (all []string) {
		t.Helper()
		r.does("hostler plan --out plan && hostler show --json plan > plan.json")
		out := r.does("opa eval --strict --format raw --data ../policy --input plan.json data.main.deny")
		must(t, json.Unmarshal([]byte(out), &all))
		return all
	}
	if all := denied(); len(all) > 0 {
		t.Errorf("of the example itself: %q", all)
	}
	r.does("hostler apply plan")
	edit := func(file, from, to string) {
		t.Helper()
		file = filepath.Join(r.cwd, file)
		text, err := os.ReadFile(file)
		must(t, err)
		if !strings.Contains(string(text), from) {
			t.Fatalf("%s has no %s", file, from)
		}
		must(t, os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o644))
	}
	edit("mini-a.hcl", "repositories = var.repositories", "repositories = var.repositories\n  allow_public = true")
	edit("../common/profiles.hcl", `"60m"`, `"3h"`)
	edit("workflows.hcl", `secret "NPM_TOKEN" {`, `secret "OTHER" {`)
	if diff := cmp.Diff([]string{
		"profile.developer lends a VM for more than two hours",
		"runner_group.mini-a is open to public repositories",
		"secret.NPM_TOKEN would be destroyed, and with it the way to the Mac's jobs",
	}, denied()); diff != "" {
		t.Error(diff)
	}
}
