package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// TestPlanCallsDoNotGrow: a no-change plan asks the Mac's tools the same
// number of questions for one image and one workflow as for 50 and 1,000.
func TestPlanCallsDoNotGrow(t *testing.T) {
	small, large := planCalls(t, 1, 1), planCalls(t, 50, 1000)
	if len(small) == 0 || strings.Join(small, "\n") != strings.Join(large, "\n") {
		t.Errorf("calls for 1 image and 1 workflow:\n%s\n\nfor 50 and 1,000:\n%s", strings.Join(small, "\n"), strings.Join(large, "\n"))
	}
}

// planCalls applies so many images and workflows, and returns the tool calls
// of the plan that follows.
func planCalls(t *testing.T, images, workflows int) []string {
	t.Helper()
	exe := builtHostler(t)
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), testbed.Spec{Memory: 16 << 30, CPUs: 10})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("job.yml.tmpl", "on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n")
	write("main.hcl", fmt.Sprintf(`
host "mini" {}
image "base" { from = "ghcr.io/cirruslabs/ubuntu:latest" }
image "copy" {
  for_each = toset([for i in range(%d) : tostring(i)])
  from     = image.base
}
workflow "w" {
  for_each  = toset([for i in range(%d) : tostring(i)])
  directory = "/Users/admin/src/${each.key}"
  template  = "job.yml.tmpl"
}
`, images-1, workflows))
	run := func(args ...string) string {
		cmd := exec.Command(exe, append([]string{"--chdir", dir}, args...)...)
		cmd.Env = mac.Environ()
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
	run("apply", "--auto-approve")
	if err := mac.ResetCalls(); err != nil {
		t.Fatal(err)
	}
	run("plan", "--detailed-exitcode")
	calls, err := mac.Calls()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range calls {
		out = append(out, c.Tool+" "+strings.Join(c.Args, " "))
	}
	slices.Sort(out) // a host and its images are read at the same time
	return out
}
