package guest_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/secret"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

const (
	sequoia = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
	vanilla = "ghcr.io/cirruslabs/macos-sequoia-vanilla:latest" // has no agent
	ubuntu  = "ghcr.io/cirruslabs/ubuntu:latest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of what these tests do is wait.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(mactest.Main(m))
}

// bed is a simulated Mac, and what drives its guests.
type bed struct {
	*testbed.Mac
	m    *machine.Machine
	tart *tartcli.Tart
	t    *testing.T
}

func newBed(t *testing.T, spec testbed.Spec, environ ...string) *bed {
	t.Helper()
	t.Parallel()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	m := machine.Local(mac.Root(), append(mac.Environ(), environ...))
	b := &bed{mac, m, tartcli.New(m), t}
	t.Cleanup(func() {
		if err := b.Reboot(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// clone makes the VM "v" from an image.
func (b *bed) clone(image string) {
	b.t.Helper()
	b.must(b.tart.Clone(b.t.Context(), image, "v"))
}

func (b *bed) spec() guest.Spec {
	return guest.Spec{
		VM: "v", Log: "/Users/admin/Library/Logs/hostler/v.log",
		Login: guest.Login{User: "admin", Password: secret.NewValue("admin"), Pin: "/Users/admin/pins/v"},
	}
}

// start starts the VM "v".
func (b *bed) start(change ...func(*guest.Spec)) (*guest.Guest, error) {
	s := b.spec()
	for _, c := range change {
		c(&s)
	}
	return guest.Start(b.t.Context(), b.m, b.tart, s)
}

// ready is a clone of the image that was started and reached.
func (b *bed) ready(image string, change ...func(*guest.Spec)) *guest.Guest {
	b.t.Helper()
	b.clone(image)
	g, err := b.start(change...)
	b.must(err)
	b.must(g.Reach(b.t.Context(), func(guest.Rung) {}))
	return g
}

func (b *bed) state() string {
	b.t.Helper()
	vms, err := b.VMs()
	b.must(err)
	for _, v := range vms {
		if v.Name == "v" {
			return v.State
		}
	}
	return "gone"
}

// wantStopped wants a VM that nothing runs.
func (b *bed) wantStopped() {
	b.t.Helper()
	if s := b.state(); s != "stopped" {
		b.t.Errorf("the VM is %s", s)
	}
}

func wantKind(t *testing.T, err error, want tartcli.Kind) {
	t.Helper()
	if !tartcli.Is(err, want) {
		t.Errorf("want %q, have: %v", want, err)
	}
}

func (b *bed) until(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never came true: %s", what)
		}
	}
}

func TestStartAndShutDown(t *testing.T) {
	b := newBed(t, testbed.Spec{Guests: testbed.Run}, "RUNNER_TRACKING_ID=github_1", "TRACEPARENT=00-1-1-01")
	b.clone(sequoia)
	b.must(os.MkdirAll(b.Path("/Users/admin/cache"), 0o755))
	g, err := b.start(func(s *guest.Spec) { s.Options = []string{"--dir", "cache:/Users/admin/cache"} })
	b.must(err)
	if b.state() != "running" {
		t.Error("it does not run")
	}
	// In a session of its own, it gets neither our signals nor our end.
	if sid, err := unix.Getsid(g.Mark().PID); sid != g.Mark().PID {
		t.Errorf("session %d of process %d, %v", sid, g.Mark().PID, err)
	}
	var rungs []string
	b.must(g.Reach(t.Context(), func(r guest.Rung) { rungs = append(rungs, strings.TrimSpace(r.Name+" "+r.Note)) }))
	if got := strings.Join(rungs, ", "); got != "process, lock, contact agent, answer, disk, clock" {
		t.Errorf("rungs %s", got)
	}
	b.must(g.Shutdown(t.Context()))
	b.wantStopped()
	b.must(g.End())
	b.must(g.Shutdown(t.Context()))
	b.must(g.Stop(t.Context()))
	log, err := os.ReadFile(b.Path(b.spec().Log))
	if err != nil || string(log) != "guest has stopped the virtual machine\n" {
		t.Errorf("log %q, %v", log, err)
	}
	run := b.call("run")
	if want := []string{"run", "v", "--no-graphics", "--dir", "cache:/Users/admin/cache"}; !slices.Equal(run.Args, want) {
		t.Errorf("%v", run.Args)
	}
	for _, name := range []string{"RUNNER_TRACKING_ID", "TRACEPARENT"} {
		if v, ok := run.Getenv(name); ok {
			t.Errorf("%s=%s reached tart run", name, v)
		}
	}
	if _, err := g.Run(t.Context(), guest.Command{Script: "true"}); !errors.As(err, new(*guest.EndedError)) {
		t.Errorf("a script in a guest that has ended: %v", err)
	}
}

// call is the first call of that command of tart.
func (b *bed) call(command string) testbed.Call {
	b.t.Helper()
	all, err := b.Calls()
	b.must(err)
	for _, c := range all {
		if c.Tool == "tart" && len(c.Args) > 0 && c.Args[0] == command {
			return c
		}
	}
	b.t.Fatalf("tart %s was not called", command)
	return testbed.Call{}
}

// Each way in which tart refuses or fails to run a VM.
func TestRunsThatDie(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.clone(sequoia)
	cpus := func(n int) func() error {
		return func() error { return b.EditVM("v", func(c map[string]any) { c["cpuCount"] = n }) }
	}
	run := func(f testbed.Fault) func() error {
		f.Tool, f.Match = "tart", []string{"run"}
		return func() error { return b.Inject(f) }
	}
	for _, c := range []struct {
		what       string
		meet, undo func() error
		want       tartcli.Kind
	}{
		{"no slot", func() error { return b.TakeSlots(2) }, func() error { return b.TakeSlots(0) }, tartcli.LimitExceeded},
		{"keychain", func() error { return b.SetKeychain(false) }, func() error { return b.SetKeychain(true) }, tartcli.NoSession},
		{"too many CPUs", cpus(64), cpus(4), tartcli.InvalidConfig},
		{"killed", run(testbed.Fault{Kind: testbed.CrashBefore}), b.ClearFaults, tartcli.Signaled},
		{"killed with the lock", run(testbed.Fault{Kind: testbed.CrashAfter}), b.ClearFaults, tartcli.Signaled},
		{"gone meanwhile", run(testbed.Fault{Kind: testbed.Fail, Code: 1, Stderr: "Error: the specified VM \"v\" does not exist\n"}), b.ClearFaults, tartcli.NotFound},
		{"dies at once", run(testbed.Fault{Kind: testbed.Fail, Stdout: "guest has stopped the virtual machine due to error: x\n"}), b.ClearFaults, tartcli.Crashed},
		{"runs meanwhile", run(testbed.Fault{Kind: testbed.Fail, Code: 2, Stderr: "VM \"v\" is already running!\n"}), b.ClearFaults, tartcli.Running},
	} {
		b.must(c.meet())
		g, err := b.start()
		if err == nil {
			err = g.Reach(t.Context(), func(guest.Rung) {})
		}
		b.must(c.undo())
		var rung *guest.RungError
		if !tartcli.Is(err, c.want) || !errors.As(err, &rung) || rung.Rung != guest.Lock && rung.Rung != guest.Contact || rung.VM != "v" {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	g, err := b.start()
	b.must(err)
	_, err = b.start()
	wantKind(t, err, tartcli.Running)
	b.must(g.Stop(t.Context()))
	if log, err := b.m.ReadFile(b.spec().Log); err != nil || string(log) != "Stopping VM...\n" {
		t.Errorf("the second start spoilt the first one's log: %q, %v", log, err)
	}
}

func TestStartOfNothing(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	_, err := b.start()
	wantKind(t, err, tartcli.NotFound)
	b.clone(ubuntu)
	b.must(os.Remove(b.Tool("tart")))
	_, err = b.start()
	wantKind(t, err, tartcli.Missing)
}

// A VM that takes no lock in time, or whose start is cancelled, is not left to
// start later.
func TestStartIsGivenUp(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.clone(ubuntu)
	b.must(b.SetTiming(testbed.Timing{Lock: time.Minute}))
	_, err := b.start(func(s *guest.Spec) { s.Limits.Lock = limit })
	var rung *guest.RungError
	if !errors.As(err, &rung) || rung.Rung != guest.Lock || !strings.Contains(err.Error(), "no process holds it") {
		t.Errorf("%v", err)
	}
	if pid := b.call("run").PID; syscall.Kill(pid, 0) == nil {
		t.Errorf("process %d still runs", pid)
	}
	b.wantStopped()
}

func TestStop(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	g := b.ready(ubuntu)
	b.must(g.Stop(t.Context()))
	b.wantStopped()
	b.must(g.End())
	b.must(g.Stop(t.Context()))
}

// A VM whose folder was replaced runs on without that tart knows of it.
func TestStopOfAnOrphan(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	g := b.ready(ubuntu)
	cmd := exec.Command(b.Tool("tart"), "clone", ubuntu, "v")
	cmd.Env = b.Environ()
	b.must(cmd.Run())
	b.wantStopped() // as tart sees it
	b.must(g.Stop(t.Context()))
	if pid := g.Mark().PID; syscall.Kill(pid, 0) == nil {
		t.Errorf("process %d still runs", pid)
	}
}

// A guest that ignores its shutdown is stopped, and that is said.
func TestShutdownThatTakesTooLong(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.must(b.SetTiming(testbed.Timing{Shutdown: time.Minute}))
	g := b.ready(sequoia, func(s *guest.Spec) { s.Limits.Shutdown = 300 * time.Millisecond })
	var cut *guest.PowerCutError
	if err := g.Shutdown(t.Context()); !errors.As(err, &cut) || cut.Err != nil {
		t.Errorf("%v", err)
	}
	b.wantStopped()
}

func TestShutdownThatIsRefused(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	g := b.ready(sequoia)
	b.must(b.Inject(testbed.Fault{Tool: testbed.Guest, Kind: testbed.Fail, Code: 1, Stderr: "sudo: a password is required\n"}))
	var cut *guest.PowerCutError
	if err := g.Shutdown(t.Context()); !errors.As(err, &cut) || !strings.Contains(err.Error(), "a password is required") {
		t.Errorf("%v", err)
	}
	b.wantStopped()
}

func TestEnds(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	g := b.ready(ubuntu)
	b.must(b.StopGuest("v", "Code=1 crashed"))
	wantKind(t, g.End(), tartcli.Crashed)
	if !strings.Contains(g.End().Error(), "Code=1 crashed") {
		t.Errorf("%v", g.End())
	}
	// It can't have shut down well, but there is nothing left to stop.
	wantKind(t, g.Shutdown(t.Context()), tartcli.Crashed)
	b.must(g.Stop(t.Context()))
	g, err := b.start()
	b.must(err)
	b.must(syscall.Kill(g.Mark().PID, syscall.SIGTERM))
	wantKind(t, g.End(), tartcli.Signaled)
	g, err = b.start()
	b.must(err)
	b.must(b.StopGuest("v", ""))
	b.must(g.End())
}

func TestAdopt(t *testing.T) {
	b := newBed(t, testbed.Spec{Guests: testbed.Run})
	adopt := func(mark guest.Mark) (*guest.Guest, error) { return guest.Adopt(b.m, b.tart, b.spec(), mark) }
	_, err := adopt(guest.Mark{})
	wantKind(t, err, tartcli.NotRunning)
	g := b.ready(ubuntu)
	mark := g.Mark()
	for _, other := range []guest.Mark{{PID: mark.PID, Started: "1"}, {PID: os.Getpid(), Started: mark.Started}} {
		_, err := adopt(other)
		wantKind(t, err, tartcli.NotRunning)
	}
	_, err = adopt(guest.Mark{})
	b.must(err)
	again, err := adopt(mark)
	b.must(err)
	if again.Mark() != mark {
		t.Errorf("%+v became %+v", mark, again.Mark())
	}
	b.must(again.Reach(t.Context(), func(guest.Rung) {}))
	r, err := again.Run(t.Context(), guest.Command{Script: "echo hello"})
	if err != nil || string(r.Stdout) != "hello\n" {
		t.Errorf("%+v, %v", r, err)
	}
	b.must(again.Shutdown(t.Context()))
	b.must(again.End())
	b.wantStopped()
	_, err = adopt(mark)
	wantKind(t, err, tartcli.NotRunning)
}

// What an adopted guest ended of is in the log alone.
func TestEndsOfAnAdoptedGuest(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.clone(ubuntu)
	adopted := func() *guest.Guest {
		_, err := b.start()
		b.must(err)
		g, err := guest.Adopt(b.m, b.tart, b.spec(), guest.Mark{})
		b.must(err)
		return g
	}
	g := adopted()
	b.must(b.StopGuest("v", "Code=1 crashed"))
	wantKind(t, g.End(), tartcli.Crashed)
	g = adopted()
	b.must(syscall.Kill(g.Mark().PID, syscall.SIGKILL))
	wantKind(t, g.End(), tartcli.Signaled)
	g = adopted()
	b.must(g.Stop(t.Context()))
	b.must(g.End())
}
