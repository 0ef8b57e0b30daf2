package testbed_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers/testbed"
	"hostler/providers/testbed/internal/vm"
	"hostler/providers/testbed/mactest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

// host is a Mac of one test, whose tools run as real processes.
type host struct {
	*testbed.Mac
	t *testing.T
}

func newHost(t *testing.T, spec testbed.Spec) *host {
	t.Helper()
	m, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{m, t}
	t.Cleanup(h.end)
	return h
}

// end waits for the VMs that the test left running: they die with the boot.
func (h *host) end() {
	if err := h.Reboot(); err != nil {
		h.t.Error(err)
	}
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// result is how a tool ended.
type result struct {
	code           int // -1: by a signal
	stdout, stderr string
}

func (h *host) command(words ...string) *exec.Cmd {
	cmd := exec.Command(h.Tool(words[0]), words[1:]...)
	cmd.Env = h.Environ()
	cmd.Dir = h.Root()
	return cmd
}

// try runs a tool, whatever comes of it.
func (h *host) try(words ...string) result {
	h.t.Helper()
	return h.finish(h.command(words...))
}

func (h *host) finish(cmd *exec.Cmd) result {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// run runs a tool that must succeed and returns its output.
func (h *host) run(words ...string) string {
	h.t.Helper()
	r := h.try(words...)
	if r.code != 0 {
		h.t.Fatalf("%s: exit %d\n%s%s", strings.Join(words, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// want runs a tool that must end with that code and exactly that on stderr.
func (h *host) want(code int, stderr string, words ...string) {
	h.t.Helper()
	r := h.try(words...)
	if r.code != code || r.stderr != stderr {
		h.t.Errorf("%s: exit %d, stderr %q; want %d, %q", strings.Join(words, " "), r.code, r.stderr, code, stderr)
	}
}

// until waits for something that another process does.
func (h *host) until(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("never came true: %s", what)
		}
	}
}

func (h *host) vm(name string) (testbed.VM, bool) {
	h.t.Helper()
	all, err := h.VMs()
	h.must(err)
	i := slices.IndexFunc(all, func(v testbed.VM) bool { return v.Name == name })
	if i < 0 {
		return testbed.VM{}, false
	}
	return all[i], true
}

func (h *host) running(name string) bool {
	v, _ := h.vm(name)
	return v.State == "running"
}

// guest is a tart run in the background.
type guest struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	errs bytes.Buffer
	done chan struct{}
}

// start starts a VM without waiting for anything.
func (h *host) start(words ...string) *guest {
	h.t.Helper()
	g := &guest{cmd: h.command(append([]string{"tart", "run"}, words...)...), done: make(chan struct{})}
	g.cmd.Stdout, g.cmd.Stderr = &g.out, &g.errs
	h.must(g.cmd.Start())
	go func() {
		defer close(g.done)
		g.cmd.Wait()
	}()
	return g
}

// boot starts a VM and waits until it runs, which its lock shows first and the
// record of the run, on which the agent waits, a moment later.
func (h *host) boot(words ...string) *guest {
	h.t.Helper()
	g := h.start(words...)
	h.until(words[0]+" runs", func() bool { return h.running(words[0]) })
	h.until(words[0]+" has begun", func() bool {
		r, err := vm.Dir(filepath.Dir(h.GuestPath(words[0], ""))).Runs()
		return err == nil && r.PID == g.cmd.Process.Pid
	})
	return g
}

// end waits for the end of tart run.
func (g *guest) end(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case <-g.done:
	case <-ctx.Done():
		t.Fatal("tart run did not end")
	}
	return result{g.cmd.ProcessState.ExitCode(), g.out.String(), g.errs.String()}
}

// settle gives a process that has begun the time to get to where it waits.
func settle() { time.Sleep(150 * time.Millisecond) }

const (
	sequoia = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
	ubuntu  = "ghcr.io/cirruslabs/ubuntu:latest"
)
