package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/runtime/socket"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

var long = flag.Bool("long", false, "play all faults, not a sample")

// buildFiles have an image on another one. The checks want that every step ran
// once in the disk that they see.
var buildFiles = map[string]string{"two.sh": "echo \"step-$WHAT\" >>log\n", "three.txt": "step-three\n", "main.hcl": `
host "mini" {}
image "base" {
  from   = "ghcr.io/cirruslabs/ubuntu:latest"
  memory = "2GiB"
  step "one" { run = "echo step-one >>log" }
  step "two" {
    script = "two.sh"
    env    = { WHAT = "two" }
  }
  check "log" {
    run    = "cat log"
    expect = "^step-one\nstep-two$"
  }
}
image "workhorse" {
  from = image.base
  step "three" {
    upload = "three.txt"
    to     = "etc/three.txt"
  }
  step "four" { run = "cat etc/three.txt >>log; echo step-four >>log" }
  check "log" {
    run    = "cat log"
    expect = "^step-one\nstep-two\nstep-three\nstep-four$"
  }
}
`}

// buildSteps are the steps in order, by what the log of calls has of them.
var buildSteps = []struct{ image, mark string }{
	{"base", "step-one"}, {"base", "two.sh"}, {"workhorse", "hostler: upload"}, {"workhorse", "step-four"},
}

// builder runs hostler on files, on a Mac of its own whose guests pretend or
// really run commands.
type builder struct {
	t   *testing.T
	exe string
	dir string
	mac *testbed.Mac
	env []string // beside what the Mac has
}

func newBuilder(t *testing.T, guests string, files map[string]string) *builder {
	t.Helper()
	return newBuilderOn(t, testbed.Spec{Memory: 16 << 30, CPUs: 10, Guests: guests}, files)
}

func newBuilderOn(t *testing.T, spec testbed.Spec, files map[string]string) *builder {
	t.Helper()
	b := &builder{t: t, exe: builtHostler(t), dir: t.TempDir()}
	b.write(files)
	var err error
	b.mac, err = testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *builder) write(files map[string]string) {
	b.t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// run is one command of hostler; it returns all that was printed.
func (b *builder) run(args ...string) (string, error) {
	c := exec.Command(b.exe, append([]string{"--chdir", b.dir}, args...)...)
	c.Env = append(b.mac.Environ(), b.env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (b *builder) must(args ...string) string {
	b.t.Helper()
	out, err := b.run(args...)
	if err != nil {
		b.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// serve starts the Mac's service.
func (b *builder) serve(args ...string) {
	b.t.Helper()
	stop := b.serveUntil(args...)
	b.t.Cleanup(func() {
		stop()
		must(b.t, b.mac.Reboot())
	})
}

// serveUntil is serve until stop is called, or the test ends.
func (b *builder) serveUntil(args ...string) (stop func()) {
	b.t.Helper()
	c := exec.Command(b.exe, append([]string{"serve"}, args...)...)
	c.Env = append(b.mac.Environ(), b.env...)
	must(b.t, c.Start())
	stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	b.t.Cleanup(stop)
	b.await("the service", func(n int) bool { return true })
	return stop
}

// await waits until the service answers, and its leases are so many.
func (b *builder) await(what string, ok func(leases int) bool) {
	b.t.Helper()
	c, err := socket.Dial(providers.Env{Root: b.mac.Root(), Environ: b.mac.Environ()})
	must(b.t, err)
	for range 600 {
		if s, err := c.Status(b.t.Context()); err == nil && ok(len(s.Leases)) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("%s: it did not come to that", what)
}

func (b *builder) calls() []testbed.Call {
	b.t.Helper()
	all, err := b.mac.Calls()
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// ran are the steps that ran since the calls were reset.
func (b *builder) ran() (steps []int) {
	for _, c := range b.calls() {
		if c.Tool != testbed.Guest {
			continue
		}
		for i, s := range buildSteps {
			if strings.HasPrefix(c.Args[0], s.image+"--build-") && strings.Contains(strings.Join(c.Args, "\n"), s.mark) {
				steps = append(steps, i)
			}
		}
	}
	return steps
}

// vms are the VMs that stand, oldest first.
func (b *builder) vms() (names []string) {
	b.t.Helper()
	all, err := b.mac.VMs()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range all {
		if names = append(names, v.Name); v.State != "stopped" {
			b.t.Errorf("VM %q is %s", v.Name, v.State)
		}
	}
	return names
}

// builds are the builds by role, image and content, without what differs from
// Mac to Mac.
func (b *builder) builds() string {
	b.t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(b.must("image", "ls", "--json")), &all); err != nil {
		b.t.Fatal(err)
	}
	for _, build := range all {
		delete(build, "made")
	}
	text, _ := json.MarshalIndent(all, "", " ")
	return string(text)
}

// faults are the ways in which a build can be cut short, at every call that
// brings it on: hostler is killed, tart or the guest dies, the registry fails.
func (b *builder) faults() (all []testbed.Fault) {
	nth := map[string]int{}
	calls := b.calls()
	for _, c := range calls {
		verb := c.Args[0]
		kinds := []testbed.Kind{testbed.KillCallerBefore, testbed.KillCallerAfter, testbed.CrashAfter}
		switch c.Tool {
		case testbed.Web:
			verb, kinds = c.Args[0], []testbed.Kind{testbed.Fail}
		case testbed.Guest:
			verb, kinds = "", []testbed.Kind{testbed.Die}
		case "tart":
		default:
			continue
		}
		nth[c.Tool+verb]++
		f := testbed.Fault{Tool: c.Tool, Nth: nth[c.Tool+verb], Code: 503, Stderr: "injected fault\n"}
		if verb != "" {
			f.Match = []string{verb}
		}
		brings := !slices.Contains([]string{"list", "get", "ip", "--version"}, verb)
		if verb == "exec" {
			brings = slices.ContainsFunc(calls, func(g testbed.Call) bool { return g.Tool == testbed.Guest && g.PID == c.PID && bringsOn(g) })
		}
		if c.Tool == testbed.Guest {
			brings = bringsOn(c)
		}
		for _, f.Kind = range kinds {
			if brings {
				all = append(all, f)
			}
		}
	}
	return all
}

// bringsOn reports whether a command in a guest is a step, a check or the
// shutdown, and not a look whether the guest is ready.
func bringsOn(c testbed.Call) bool {
	return slices.Contains([]string{"# hostler: run", "# hostler: script", "# hostler: upload", "sudo"}, c.Args[1])
}

// cut is a build that the fault cut short. How often a guest is looked at
// before it is ready differs from one to the next: a call that this build did
// not get to was a later one of its kind, whose last is taken then.
func cut(t *testing.T, f testbed.Fault) (*builder, string) {
	for ; f.Nth > 0; f.Nth-- {
		b := newBuilder(t, testbed.Run, buildFiles)
		if err := b.mac.Inject(f); err != nil {
			t.Fatal(err)
		}
		out, err := b.run("apply", "--auto-approve")
		if all, _ := b.mac.Faults(); all[0].Fired > 0 {
			return b, out
		}
		t.Logf("%d such calls would have been one too many: %v", f.Nth, err)
	}
	t.Fatal("nothing was cut short")
	return nil, ""
}

// TestBuildCutShort cuts a build short at every call that brings it on. The
// next apply ends with the same images, runs no step whose checkpoint stood,
// and nothing is left over. One in 11 is taken, which meets every way; all of
// them take minutes:
//
//	go test ./cmd/hostler -run BuildCutShort -long
func TestBuildCutShort(t *testing.T) {
	t.Parallel()
	whole := newBuilder(t, testbed.Run, buildFiles)
	whole.must("apply", "--auto-approve")
	faults, want, vms := whole.faults(), whole.builds(), whole.vms()
	if ran := whole.ran(); !slices.Equal(ran, []int{0, 1, 2, 3}) {
		t.Fatalf("steps ran: %v", ran)
	}
	if len(faults) < 100 {
		t.Fatalf("only %d faults", len(faults))
	}
	var checkpoints []string // of the steps, in order
	for _, c := range whole.calls() {
		if c.Tool == "tart" && c.Args[0] == "clone" && strings.Contains(c.Args[2], "--step-") {
			checkpoints = append(checkpoints, c.Args[2])
		}
	}
	for i, f := range faults {
		if i%11 != 0 && !*long {
			continue
		}
		t.Run(fmt.Sprintf("%s %s %d %s", f.Tool, strings.Join(f.Match, " "), f.Nth, f.Kind), func(t *testing.T) {
			t.Parallel()
			b, first := cut(t, f)
			if err := b.mac.ClearFaults(); err != nil {
				t.Fatal(err)
			}
			stood, err := b.mac.VMs()
			if err != nil {
				t.Fatal(err)
			}
			if err := b.mac.ResetCalls(); err != nil {
				t.Fatal(err)
			}
			second := b.must("apply", "--auto-approve")
			for _, step := range b.ran() {
				if slices.ContainsFunc(stood, func(v testbed.VM) bool { return v.Name == checkpoints[step] }) {
					t.Errorf("step %d ran again\n%s\n%s", step, first, second)
				}
			}
			if got := b.builds(); got != want {
				t.Errorf("builds:\n%s\nwant:\n%s\n%s\n%s", got, want, first, second)
			}
			if got := b.vms(); !slices.Equal(got, vms) {
				t.Errorf("VMs %q, want %q", got, vms)
			}
			if left, _ := filepath.Glob(b.mac.Path("/Users/admin/Library/Logs/hostler/images/*.[ch]o*")); len(left) > 0 {
				t.Errorf("left over: %q", left)
			}
			b.must("plan", "--detailed-exitcode")
		})
	}
}
