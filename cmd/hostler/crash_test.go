package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
	"hostler/state"
)

// The promise under test: kill -9 at any boundary of an apply loses nothing
// and makes nothing twice. An apply runs in a child process whose recorder
// counts its calls; at the N-th boundary, before or after the call, the child
// kills itself. Then plan and apply run as if nothing had happened.

// dying kills the process at the boundary it counts down to.
type dying struct {
	planner.Recorder
	left int
}

func (d *dying) boundary() {
	if d.left--; d.left == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// Begin has no boundary before it: that is the one after the last Put.
func (d *dying) Begin(a addr.Addr, i state.Intent) error {
	defer d.boundary()
	return d.Recorder.Begin(a, i)
}

func (d *dying) Put(a addr.Addr, r *state.Resource) error {
	d.boundary()
	defer d.boundary()
	return d.Recorder.Put(a, r)
}

func (d *dying) Move(from, to addr.Addr) error {
	d.boundary()
	defer d.boundary()
	return d.Recorder.Move(from, to)
}

func (d *dying) SetOutputs(o map[string]state.Output) error {
	d.boundary()
	defer d.boundary()
	return d.Recorder.SetOutputs(o)
}

// crashMain is the child: hostler, whose recorder dies at boundary at. A child
// that survives says how many boundaries there were.
func crashMain(at string) int {
	n, err := strconv.Atoi(at)
	if err != nil {
		panic(err)
	}
	d := &dying{left: n}
	a := &app{process: process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		environ: os.Environ(), signals: make(chan os.Signal), now: time.Now,
	}, dir: os.Getenv("HOSTLER_TEST_DIR")}
	p := a.open()
	p.planner.Parallelism = 1
	p.recorder = func(l *state.Lock) planner.Recorder { d.Recorder = l; return d }
	cfg, err := p.load(varFlags{})
	if err != nil {
		return exitError
	}
	opt := planner.Options{Mode: planner.Mode(os.Getenv("HOSTLER_TEST_MODE"))}
	if err := p.apply(cfg, "apply", opt, applyFlags{auto: true}); err != nil {
		return exitError
	}
	fmt.Printf("boundaries=%d\n", n-d.left)
	return exitOK
}

// crashConfig has every type, an update, a replacement and a deletion between
// its two versions.
var crashConfig = [2]string{`
host "mini" {}
image "base" {
  from   = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
  memory = "8GiB"
}
image "old" {
  from = image.base
}
profile "developer" {
  image  = image.base
  memory = "8GiB"
  cpus   = 4
}
launchd "prune" {
  program  = ["/usr/bin/true"]
  interval = "1h"
}
workflow "test" {
  directory = "/Users/admin/app"
  template  = "test.yml.tmpl"
  profile   = profile.developer
}
output "memory" { value = profile.developer.memory }
`, `
host "mini" {
  macos_guests = 1
}
image "base" {
  from   = "ghcr.io/cirruslabs/macos-tahoe-base:latest"
  memory = "6GiB"
}
image "new" {
  from = image.base
  cpus = 6
}
profile "developer" {
  image  = image.new
  memory = "6GiB"
  cpus   = 4
}
launchd "cleanup" {
  program  = ["/usr/bin/false"]
  interval = "2h"
}
moved {
  from = launchd.prune
  to   = launchd.cleanup
}
workflow "test" {
  directory = "/Users/admin/app"
  template  = "test.yml.tmpl"
  profile   = profile.developer
}
output "memory" { value = profile.developer.memory }
`}

const crashTemplate = `on: push
permissions: {}
jobs:
  test:
    runs-on: [self-hosted, <% .profile.name %>]
    timeout-minutes: <% .profile.timeout %>
    steps:
      - run: echo <% .profile.memory %>
`

// crashWorld is one folder with the files, their state and a simulated Mac.
type crashWorld struct {
	t    *testing.T
	exe  string
	base string
	dir  string
	mac  *testbed.Mac
}

func newCrashWorld(t *testing.T, version int) *crashWorld {
	t.Helper()
	exe, err := builtTest()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "world")
	w := &crashWorld{t: t, exe: exe, base: base, dir: filepath.Join(base, "files")}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if w.mac, err = testbed.New(filepath.Join(base, "mac"), mactest.Tools(), testbed.Spec{Memory: 16 << 30, CPUs: 10}); err != nil {
		t.Fatal(err)
	}
	w.configure(version)
	if err := os.WriteFile(filepath.Join(w.dir, "test.yml.tmpl"), []byte(crashTemplate), 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *crashWorld) configure(version int) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "main.hcl"), []byte(crashConfig[version]), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// save keeps the world as it is, and returns what brings it back.
func (w *crashWorld) save() (restore func()) {
	w.t.Helper()
	kept := filepath.Join(w.t.TempDir(), "kept")
	copyAll := func(from, to string) {
		if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
			w.t.Fatalf("%v\n%s", err, out)
		}
	}
	copyAll(w.base, kept)
	return func() {
		if err := os.RemoveAll(w.base); err != nil {
			w.t.Fatal(err)
		}
		copyAll(kept, w.base)
	}
}

// apply runs the child that dies at boundary at; a huge one means never.
func (w *crashWorld) apply(mode planner.Mode, at int) (out string, err error) {
	cmd := exec.Command(w.exe)
	cmd.Env = append(w.mac.Environ(), "HOSTLER_TEST_CRASH="+strconv.Itoa(at), "HOSTLER_TEST_DIR="+w.dir, "HOSTLER_TEST_MODE="+string(mode))
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err = cmd.Run()
	return text.String(), err
}

const never = 1 << 30

func (w *crashWorld) mustApply(mode planner.Mode) (boundaries int) {
	w.t.Helper()
	out, err := w.apply(mode, never)
	if err != nil {
		w.t.Fatalf("apply: %v\n%s", err, out)
	}
	_, count, _ := strings.Cut(out, "boundaries=")
	boundaries, err = strconv.Atoi(strings.TrimSpace(count))
	if err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	return boundaries
}

// objects is what stands on the Mac and what state records, to be compared.
func (w *crashWorld) objects() string {
	w.t.Helper()
	snapshot, err := state.Open(filepath.Join(w.dir, "hostler.state.json")).Read()
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for a, r := range snapshot.Resources {
		lines = append(lines, fmt.Sprintf("state %s %s tainted=%v deps=%v", a, r.Attributes, r.Tainted, r.Deps))
	}
	for _, u := range snapshot.Unfinished {
		lines = append(lines, fmt.Sprintf("unfinished %s %s", u.Op, u.Addr))
	}
	vms, err := w.mac.VMs()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, vm := range vms {
		lines = append(lines, "vm "+vm.Name)
	}
	for _, pattern := range []string{
		"/Users/admin/Library/LaunchAgents/*", "/Users/admin/Library/LaunchAgents/.h*",
		"/Users/admin/app/.github/workflows/*", "/Users/admin/app/.github/workflows/.*",
		"/Users/admin/Library/Application Support/hostler/*", "/Users/admin/Library/Application Support/hostler/*/*",
		"/Users/admin/Library/Application Support/hostler/.*", "/Users/admin/Library/Application Support/hostler/*/.*",
	} {
		names, err := filepath.Glob(w.mac.Path(pattern))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, name := range names {
			if data, err := os.ReadFile(name); err == nil {
				lines = append(lines, "file "+strings.TrimPrefix(name, w.mac.Root())+"\n"+string(data))
			}
		}
	}
	slices.Sort(lines)
	// MAC addresses are random.
	return regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`).ReplaceAllString(strings.Join(lines, "\n"), "MAC")
}

// TestKillAtEveryBoundary kills a first apply, a changing apply and a destroy
// at each boundary of the journal, and wants what an undisturbed run gives.
func TestKillAtEveryBoundary(t *testing.T) {
	stages := []struct {
		name   string
		before []int // versions applied undisturbed first
		now    int   // version of the files during the killed run
		mode   planner.Mode
	}{
		{"create", nil, 0, planner.Normal},
		{"change", []int{0}, 1, planner.Normal},
		{"destroy", []int{0}, 0, planner.Destroy},
	}
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newCrashWorld(t, s.now)
			for _, v := range s.before {
				w.configure(v)
				w.mustApply(planner.Normal)
			}
			w.configure(s.now)
			restore := w.save()
			boundaries := w.mustApply(s.mode)
			if boundaries < 6 {
				t.Fatalf("only %d boundaries", boundaries)
			}
			want := w.objects()
			for at := 1; at <= boundaries; at++ {
				restore()
				out, err := w.apply(s.mode, at)
				if err == nil || !strings.Contains(err.Error(), "killed") {
					t.Fatalf("boundary %d: the child was to be killed: %v\n%s", at, err, out)
				}
				if out, err = w.apply(s.mode, never); err != nil {
					t.Errorf("boundary %d of %d: apply after the kill: %v\n%s", at, boundaries, err, out)
					continue
				}
				if got := w.objects(); got != want {
					t.Errorf("boundary %d of %d: the world differs.\ngot:\n%s\nwant:\n%s\napply said:\n%s", at, boundaries, got, want, out)
				}
				if again := w.mustApply(s.mode); again != 0 {
					t.Errorf("boundary %d: a third apply still recorded something", at)
				}
			}
		})
	}
}
