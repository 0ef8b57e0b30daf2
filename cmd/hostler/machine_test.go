package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/providers/testbed"
)

// machineFiles build an image in a real machine, and lend more of them.
var machineFiles = map[string]string{"main.hcl": `
github { owner = "acme" }
host "mini" {}
image "base" {
  from   = "ghcr.io/acme/linux:latest"
  memory = "1GiB"
  disk   = "1GB"
  step "runner" {
    upload = "run.sh"
    to     = "actions-runner/run.sh"
  }
  step "executable" { run = "chmod 755 actions-runner/run.sh && uname -s >>built" }
  check "built" {
    run    = "cat built && df /Users"
    expect = "^Linux\n(?s:.*)/dev/vda"
  }
}
profile "real" {
  image  = image.base
  memory = "1GiB"
  cpus   = 1
  mounts = [{ name = "tools", path = "/Users/admin/tools" }]
}
`}

// A stand-in for GitHub's runner, as a program of the guest. Of GitHub's own
// protocol nothing is known but that it ends with a job; it asks a server of the
// test, which stands where the guest's network leads.
const machineRunner = `#!/bin/sh
ask() { wget -q -O - --post-data "$2" "http://10.0.2.2:%d/$1"; }
echo
id=$(ask connect "$ACTIONS_RUNNER_INPUT_JITCONFIG") || exit 1
echo "√ Connected to GitHub"
echo
echo "Current runner version: '2.336.0'"
echo "$(date -u '+%%Y-%%m-%%d %%H:%%M:%%SZ'): Listening for Jobs"
until job=$(ask take "$id") && [ -n "$job" ]; do sleep 0.2; done
echo "$(date -u '+%%Y-%%m-%%d %%H:%%M:%%SZ'): Running job: $job"
shared="/Volumes/My Shared Files"
case $job in
sleep) sync; touch ~/asleep; sleep 600 ;;
esac
ask said "$(cat ~/built) $(cat "$shared/tools/hello") $(touch "$shared/tools/x" 2>/dev/null || echo read-only) cached: $(cat "$shared/cache/jobs" 2>/dev/null | tr '\n' ' ')"
echo "$job" >>"$shared/cache/jobs"
ask complete "$id"
echo "$(date -u '+%%Y-%%m-%%d %%H:%%M:%%SZ'): Job $job completed with result: Succeeded"
`

// relay is GitHub as the stand-in for the runner knows it.
func relay(t *testing.T, gh *testbed.GitHub, said chan<- string) (port int) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		id, _ := strconv.ParseInt(string(text), 10, 64)
		switch {
		case err != nil:
		case r.URL.Path == "/connect":
			var name string
			if id, name, err = gh.Connect(string(text), "Linux", "2.336.0"); err == nil {
				t.Logf("runner %s connects", name)
				fmt.Fprint(w, id)
			}
		case r.URL.Path == "/take":
			var job testbed.GitHubJob
			if job, _, err = gh.Take(id); err == nil {
				fmt.Fprint(w, job.Name)
			}
		case r.URL.Path == "/said":
			said <- string(text)
		case r.URL.Path == "/complete":
			err = gh.Complete(id, "success")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	_, digits, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	port, err := strconv.Atoi(digits)
	must(t, err)
	return port
}

// TestRealGuests has image and jobs in machines that boot Linux: what steps
// write is on a disk that is copied, what jobs see comes over real connections
// and mounts, and a machine that loses its power is gone.
func TestRealGuests(t *testing.T) {
	m, err := testbed.RealMachine(t.TempDir())
	if err != nil {
		t.Skip(err)
	}
	b := newBuilderOn(t, testbed.Spec{Memory: 16 << 30, CPUs: 10, Guests: testbed.Machine, Machine: m, SSH: true, Registry: []testbed.RemoteImage{
		{Ref: "ghcr.io/acme/linux:latest", OS: "linux", CPUs: 1, CPUMin: 1, Memory: 1 << 30, DiskGB: 1},
	}}, machineFiles)
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken}
	gh, err := b.mac.GitHub()
	must(t, err)
	must(t, gh.AddRepository("acme/app", "private", map[string]string{"README.md": "x\n"}))
	said := make(chan string, 9)
	b.write(map[string]string{"run.sh": fmt.Sprintf(machineRunner, relay(t, gh, said))})
	must(t, os.MkdirAll(b.mac.Path("/Users/admin/tools"), 0o755))
	must(t, os.WriteFile(b.mac.Path("/Users/admin/tools/hello"), []byte("hello"), 0o644))
	b.must("apply", "--auto-approve")
	b.must("plan", "--detailed-exitcode")
	b.serve()
	lend := func(run int, job string) string {
		t.Helper()
		b.env = append(b.env, "GITHUB_REPOSITORY=acme/app", fmt.Sprint("GITHUB_RUN_ID=", run), "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=boot")
		out := b.must("run", "--profile", "real")
		label := regexp.MustCompile(`vm-\d+-1-\w+`).FindString(out)
		_, err := gh.QueueJob("acme/app", job, []string{"self-hosted", label})
		must(t, err)
		return "hostler-real-" + label[strings.LastIndex(label, "-")+1:]
	}
	empty := func(n int) bool { return n == 0 }
	for run, cached := range []string{"", "first "} {
		lend(run+1, []string{"first", "second"}[run])
		select {
		case got := <-said:
			if want := "Linux hello read-only cached: " + cached; got != want {
				t.Errorf("job %d: %q, want %q", run+1, got, want)
			}
		case <-time.After(time.Minute):
			t.Fatal("the job does not run")
		}
		b.await("the VM is gone", empty)
	}
	// The machine loses its power in the middle of a job.
	vm := lend(3, "sleep")
	c := exec.Command(b.mac.Tool("tart"), "exec", vm, "/bin/sh", "-c", "until [ -e ~/asleep ]; do sleep 0.1; done")
	c.Env = b.mac.Environ()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := b.mac.VMs()
	must(t, err)
	for _, v := range all {
		if v.Name == vm {
			must(t, syscall.Kill(v.PID, syscall.SIGKILL))
		}
	}
	// GitHub loses sight of the runner, too.
	runners, err := gh.Runners()
	must(t, err)
	for _, r := range runners {
		must(t, gh.Disconnect(r.ID))
	}
	b.await("the dead VM is gone", empty)
	if out := b.must("explain", "3"); !strings.Contains(out, "vm died") {
		t.Error(out)
	}
	for _, left := range b.vms() {
		if strings.HasPrefix(left, "hostler-") {
			t.Errorf("VM %s is left", left)
		}
	}
}
