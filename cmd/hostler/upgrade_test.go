package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// TestUpgrade: another program is applied while a VM is lent and a ticket waits.
// The VM goes on, the service that runs then takes it over, and its job ends well.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": fmt.Sprintf(reportFiles, freePort(t), "/usr/bin/true")})
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken, "GITHUB_REPOSITORY=acme/app", "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=boot"}
	gh, err := b.mac.GitHub()
	must(t, err)
	must(t, gh.AddRepository("acme/app", "private", map[string]string{"README.md": "x\n"}))
	b.must("apply", "--auto-approve")
	stop := b.serveUntil()
	label := regexp.MustCompile(`vm-7-1-\w+`).FindString(b.must("run", "--profile", "small"))
	waits := make(chan string)
	go func() {
		out, err := b.run("run", "--profile", "small")
		waits <- fmt.Sprint(out, err)
	}()
	running := func() string {
		all, err := b.mac.VMs()
		must(t, err)
		text := ""
		for _, v := range all {
			text += fmt.Sprintln(v.Name, v.State, v.PID)
		}
		return text
	}
	before := running()

	data, err := os.ReadFile(b.exe)
	must(t, err)
	b.exe = filepath.Join(t.TempDir(), "hostler")
	must(t, os.WriteFile(b.exe, append(data, "another program"...), 0o755))
	out := b.must("apply", "--auto-approve")
	if !strings.Contains(out, "~ binary") || !strings.Contains(out, "1 changed") {
		t.Errorf("%s", out)
	}
	carried, err := os.ReadFile(b.mac.Path("/Users/Shared/hostler/bin/hostler"))
	if err != nil || !strings.HasSuffix(string(carried), "another program") {
		t.Errorf("the Mac carries the old program: %v", err)
	}
	if out := b.must("plan", "--detailed-exitcode"); !strings.Contains(out, "No changes") {
		t.Errorf("%s", out)
	}
	stop() // launchd ends the old service, and starts the new one
	b.exe = b.mac.Path("/Users/Shared/hostler/bin/hostler")
	b.serve()
	if after := running(); after != before {
		t.Errorf("VMs are\n%sbefore\n%s", after, before)
	}
	job := func(label string) {
		_, err := gh.QueueJob("acme/app", "work", []string{"self-hosted", label})
		must(t, err)
	}
	job(label)
	second := <-waits
	if label = regexp.MustCompile(`vm-7-1-\w+`).FindString(second); label == "" {
		t.Fatalf("who waited got %s", second)
	}
	job(label)
	b.await("nothing is lent", func(n int) bool { return n == 0 })
	if out := b.must("explain", "--json", "7"); strings.Count(out, `"class": "ok"`) != 2 {
		t.Errorf("%s", out)
	}
}
