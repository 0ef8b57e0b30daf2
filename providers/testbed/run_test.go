package testbed_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

func TestEndsOfARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, image string
		flags       []string
		end         func(*host, *guest)
		want        result
		state       string
	}{
		{"SIGINT", sequoia, nil, sig(syscall.SIGINT), result{0, "Stopping VM...\n", ""}, "stopped"},
		{"SIGTERM", sequoia, nil, sig(syscall.SIGTERM), result{-1, "", ""}, "stopped"},
		{"SIGKILL", sequoia, nil, sig(syscall.SIGKILL), result{-1, "", ""}, "stopped"},
		{"suspend", sequoia, []string{"--suspendable"}, tart("suspend"),
			result{0, "pausing VM to take a snapshot...\ncreating a snapshot...\nsnapshot created successfully! shutting down the VM...\n", ""}, "suspended"},
		{"suspend with shares", sequoia, []string{"--suspendable", "--dir", "cache:/tmp"}, tart("suspend"),
			result{1, "Failed to suspend the VM: Error Domain=VZErrorDomain Code=1 \"Invalid virtual machine configuration. Save and restore is not supported.\"\n", ""}, "stopped"},
		{"suspend of what can't", sequoia, nil, tart("suspend"),
			result{1, "Failed to suspend the VM: Error Domain=VZErrorDomain Code=1 \"Invalid virtual machine configuration. Save and restore is not supported.\"\n", ""}, "stopped"},
		{"power button of Linux", ubuntu, nil, sig(syscall.SIGUSR2),
			result{0, "Requesting guest OS to stop...\nguest has stopped the virtual machine\n", ""}, "stopped"},
		{"shutdown from inside", sequoia, nil, tart("exec", "sudo", "shutdown", "-h", "now"),
			result{0, "guest has stopped the virtual machine\n", ""}, "stopped"},
		{"death of the guest", sequoia, nil, func(h *host, _ *guest) { h.must(h.StopGuest("a", "Code=1 crashed")) },
			result{0, "guest has stopped the virtual machine due to error: Code=1 crashed\n", ""}, "stopped"},
		{"stop", ubuntu, nil, tart("stop"), result{0, "Stopping VM...\n", ""}, "stopped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, testbed.Spec{})
			h.run("tart", "clone", c.image, "a")
			g := h.boot(append([]string{"a"}, c.flags...)...)
			c.end(h, g)
			if r := g.end(t); r != c.want {
				t.Errorf("%+v\nwant %+v", r, c.want)
			}
			if v, _ := h.vm("a"); v.State != c.state || v.PID != 0 {
				t.Errorf("afterwards: %+v", v)
			}
		})
	}
}

func sig(s syscall.Signal) func(*host, *guest) {
	return func(h *host, g *guest) { h.must(g.cmd.Process.Signal(s)) }
}

func tart(verb string, rest ...string) func(*host, *guest) {
	return func(h *host, _ *guest) { h.run(append([]string{"tart", verb, "a"}, rest...)...) }
}

func TestPowerButtonOfMacOSOnlyAsks(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "a")
	g := h.boot("a")
	sig(syscall.SIGUSR2)(h, g)
	settle()
	if !h.running("a") {
		t.Error("macOS shows a dialog and goes on")
	}
	h.run("tart", "stop", "a")
	if r := g.end(t); r.stdout != "Requesting guest OS to stop...\nStopping VM...\n" {
		t.Errorf("%+v", r)
	}
}

func TestResume(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "mac")
	g := h.boot("mac", "--suspendable")
	h.run("tart", "suspend", "mac")
	g.end(t)
	g = h.boot("mac")
	h.run("tart", "stop", "mac")
	if r := g.end(t); r.stdout != "restoring VM state from a snapshot...\nresuming VM...\nStopping VM...\n" {
		t.Errorf("%+v", r)
	}
	h.run("tart", "clone", ubuntu, "lin")
	g = h.boot("lin")
	h.run("tart", "suspend", "lin")
	g.end(t)
	if r := h.try("tart", "run", "lin"); r.code != 1 || !strings.Contains(r.stderr, "VZErrorDomain Code=12") {
		t.Errorf("a suspended Linux VM can't be restored: %+v", r)
	}
}

func TestSecondRunOfAVM(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.boot("a")
	h.want(2, "VM \"a\" is already running!\n", "tart", "run", "a")
	h.want(1, "VM \"a\" is running\n", "tart", "delete", "a")
	h.run("tart", "clone", "a", "b") // a live disk is copied without a word
	if v := h.listed()["local a"]; v["Running"] != true || v["State"] != "running" {
		t.Errorf("%v", v)
	}
}

func TestOnlyOneOfManyRunsWins(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	const n = 6
	results := make(chan result, n)
	for range n {
		go func() { results <- h.try("tart", "run", "a") }()
	}
	for range n - 1 {
		if r := <-results; r.code != 2 || r.stderr != "VM \"a\" is already running!\n" {
			t.Errorf("%+v", r)
		}
	}
	h.run("tart", "stop", "a")
	if r := <-results; r.code != 0 {
		t.Errorf("the winner: %+v", r)
	}
}

func TestLockIsAnFcntlLockOfConfigJSON(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	g := h.boot("a")
	f, err := os.OpenFile(h.Path("/Users/admin/.tart/vms/a/config.json"), os.O_RDWR, 0)
	h.must(err)
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_RDLCK}
	h.must(unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l))
	if l.Type != unix.F_WRLCK || int(l.Pid) != g.cmd.Process.Pid {
		t.Errorf("lock %d of pid %d; tart run is %d", l.Type, l.Pid, g.cmd.Process.Pid)
	}
	h.run("tart", "set", "a", "--cpu", "2") // rewrites in place: the lock stays
	if !h.running("a") {
		t.Error("set made a running VM look stopped")
	}
}

func TestTwoMacOSGuests(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	for _, n := range []string{"a", "b", "c"} {
		h.run("tart", "clone", sequoia, n)
	}
	h.run("tart", "clone", ubuntu, "lin")
	h.boot("b")
	h.boot("a")
	h.want(1, "The number of VMs exceeds the system limit (other running VMs: a, b)\n", "tart", "run", "c")
	h.boot("lin")
	h.run("tart", "stop", "a")
	h.boot("c")
	h.run("tart", "stop", "b")
	h.must(h.TakeSlots(1))
	h.want(1, "The number of VMs exceeds the system limit (other running VMs: c, lin)\n", "tart", "run", "a")
}

func TestSlotsUnderConcurrency(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	const n = 5
	for i := range n {
		h.run("tart", "clone", sequoia, fmt.Sprint("m", i))
	}
	results := make(chan result, n)
	for i := range n {
		go func() { results <- h.try("tart", "run", fmt.Sprint("m", i)) }()
	}
	for range n - testbed.MaxDarwin {
		if r := <-results; r.code != 1 || !strings.HasPrefix(r.stderr, "The number of VMs exceeds the system limit") {
			t.Errorf("%+v", r)
		}
	}
	h.until("two run", func() bool {
		all, err := h.VMs()
		running := 0
		for _, v := range all {
			if v.State == "running" {
				running++
			}
		}
		return err == nil && running == testbed.MaxDarwin
	})
}

func TestSameMACTwice(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.run("tart", "create", "b", "--linux")
	same := h.config("a")["macAddress"]
	h.must(h.EditVM("b", func(c map[string]any) { c["macAddress"] = same }))
	h.boot("a")
	g := h.boot("b")
	h.run("tart", "stop", "b")
	if r := g.end(t); !strings.HasPrefix(r.stdout, "There is already a running VM with the same MAC address!\nResetting VM to assign a new MAC address...\n") {
		t.Errorf("%+v", r)
	}
	if h.config("b")["macAddress"] == same {
		t.Error("the MAC did not change")
	}
}

// TestWindowBeforeTheLock: until the lock is taken a starting VM looks stopped.
func TestWindowBeforeTheLock(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.must(h.SetTiming(testbed.Timing{Lock: 400 * time.Millisecond}))
	g := h.start("a")
	settle()
	h.want(2, "VM \"a\" is not running\n", "tart", "stop", "a")
	h.until("it starts all the same", func() bool { return h.running("a") })
	h.run("tart", "stop", "a")
	g.end(t)
	g = h.start("a")
	settle()
	h.run("tart", "delete", "a")
	if r := g.end(t); r.code != 1 {
		t.Errorf("run of what was deleted: %+v", r)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.must(h.SetTiming(testbed.Timing{Stop: time.Minute}))
	g := h.boot("a")
	h.run("tart", "stop", "a", "-t", "0")
	if r := g.end(t); r.code != -1 {
		t.Errorf("%+v", r)
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	const broken = "Error Domain=VZErrorDomain Code=1 \"The virtual machine failed to start.\""
	h := newHost(t, testbed.Spec{MacOS: "15.6.1"})
	h.run("tart", "clone", sequoia, "a")
	h.run("tart", "create", "lin", "--linux")
	start := func(words ...string) {
		t.Helper()
		if r := h.try(words...); r.code != 1 || !strings.HasPrefix(r.stderr, broken) {
			t.Errorf("%v: %+v", words, r)
		}
	}
	h.must(h.SetKeychain(false))
	start("tart", "run", "a")
	h.boot("lin")
	h.must(h.SetKeychain(true))
	start("sudo", "-n", "tart", "run", "a")
	h.must(h.SetLogin(false))
	start("tart", "run", "a")
	older := newHost(t, testbed.Spec{MacOS: "14.7", LoggedOut: true})
	older.run("tart", "clone", sequoia, "a")
	older.boot("a")
}

func TestAddress(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "a")
	begun := time.Now()
	h.want(1, "no IP address found, is your VM running?\n", "tart", "ip", "a")
	if took := time.Since(begun); took < time.Second {
		t.Errorf("failing took %v, less than a second", took)
	}
	h.must(h.SetTiming(testbed.Timing{Agent: time.Hour}))
	g := h.boot("a")
	address := h.run("tart", "ip", "a", "--wait", "5")
	if address != "192.168.64.2\n" || h.run("tart", "ip", "a", "--resolver", "arp") != address {
		t.Errorf("address %q", address)
	}
	h.want(1, "no IP address found (also make sure that Guest agent for Tart is running inside of a VM)\n", "tart", "ip", "a", "--resolver", "agent")
	h.run("tart", "stop", "a")
	g.end(t)
	if got := h.run("tart", "ip", "a"); got != address {
		t.Errorf("the lease outlives the VM: %q", got)
	}
	h.run("tart", "delete", "a")
	h.run("tart", "clone", sequoia, "b")
	if got := h.run("tart", "ip", "b"); got != address {
		t.Errorf("a fresh clone with the image's MAC gets another VM's address: %q", got)
	}
	h.must(h.SetNow(time.Now().Add(25 * time.Hour)))
	h.want(1, "no IP address found, is your VM running?\n", "tart", "ip", "b")
}

func TestExec(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{Guests: testbed.Run})
	h.run("tart", "clone", sequoia, "a")
	h.run("tart", "clone", "ghcr.io/cirruslabs/macos-sequoia-vanilla:latest", "bare")
	h.boot("bare")
	h.want(1, "Failed to connect to the VM using its control socket: connectionTimedOut, is the Tart Guest Agent running?\n", "tart", "exec", "bare", "true")
	h.boot("a")
	if out := h.run("tart", "exec", "a", "sh", "-c", "echo $USER ${HOSTLER_MAC-none}; touch made"); out != "admin none\n" {
		t.Errorf("%q", out)
	}
	if out := h.run("tart", "exec", "a", "ls"); out != "made\n" {
		t.Errorf("the guest keeps its files: %q", out)
	}
	cmd := h.command("tart", "exec", "-i", "a", "cat")
	cmd.Stdin = strings.NewReader("hello")
	if r := h.finish(cmd); r.stdout != "hello" {
		t.Errorf("stdin: %+v", r)
	}
	for _, c := range []struct {
		code   int
		stderr string
		words  []string
	}{
		{7, "", []string{"sh", "-c", "exit 7"}},
		{2, "", []string{"sh", "-c", "exit 2"}},
		{255, "", []string{"sh", "-c", "kill -9 $$"}},
		{1, "Error: unknown (2): exec: \"foo\": executable file not found in $PATH\n", []string{"foo"}},
		{1, "Error: unknown (2): exec: \"--\": executable file not found in $PATH\n", []string{"--", "true"}},
	} {
		h.want(c.code, c.stderr, append([]string{"tart", "exec", "a"}, c.words...)...)
	}
	long := make(chan result)
	go func() { long <- h.try("tart", "exec", "a", "sleep", "600") }()
	settle()
	h.run("tart", "stop", "a")
	if r := <-long; r.code != 1 || !strings.HasPrefix(r.stderr, "Error: unavailable (14)") {
		t.Errorf("exec in a VM that ends: %+v", r)
	}
	h.boot("a")
	h.run("tart", "clone", "a", "copy")
	h.run("tart", "stop", "a")
	h.boot("copy")
	if out := h.run("tart", "exec", "copy", "ls"); out != "made\n" {
		t.Errorf("a clone has the files of its source: %q", out)
	}
}

func TestConcurrentClonesAndLists(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "base")
	const n = 8
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { h.run("tart", "clone", "base", fmt.Sprint("c", i)) })
		all.Go(func() { h.run("tart", "list", "--format", "json") })
	}
	all.Wait()
	macs := map[any]bool{}
	for i := range n {
		macs[h.config(fmt.Sprint("c", i))["macAddress"]] = true
	}
	if len(macs) != n {
		t.Errorf("%d MACs for %d clones", len(macs), n)
	}
}

func TestReboot(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "a")
	before := h.run("sysctl", "-n", "kern.bootsessionuuid")
	g := h.boot("a")
	hung := h.command("tart", "list")
	h.must(h.Inject(testbed.Fault{Tool: "tart", Match: []string{"list"}, Kind: testbed.Hang}))
	h.must(hung.Start())
	h.until("the list hangs", func() bool {
		f, err := h.Faults()
		return err == nil && f[0].Fired == 1
	})
	h.must(h.TakeSlots(2))
	h.must(h.Reboot())
	if r := g.end(t); r.code != -1 || r.stdout != "" {
		t.Errorf("a power cut says nothing: %+v", r)
	}
	if hung.Wait(); hung.ProcessState.ExitCode() != -1 {
		t.Error("what hung outlived the Mac")
	}
	if h.run("sysctl", "-n", "kern.bootsessionuuid") == before {
		t.Error("the boot has no new identity")
	}
	h.boot("a") // and the slots are free again
}

func TestProcessesDieWithTheirFolder(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	lone, err := testbed.New(t.TempDir()+"/lone", mactest.Tools(), testbed.Spec{})
	h.must(err)
	cmd := exec.Command(lone.Tool("tart"), "create", "x", "--linux")
	cmd.Env = lone.Environ()
	h.must(cmd.Run())
	cmd = exec.Command(lone.Tool("tart"), "run", "x")
	cmd.Env = lone.Environ()
	h.must(cmd.Start())
	settle()
	h.must(os.RemoveAll(lone.Dir()))
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("tart run outlived its Mac")
		cmd.Process.Kill()
	}
}
