package tartcli_test

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/testbed"
)

const log = "/tmp/v.log"

func TestBootAndStop(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.must(b.Stop(t.Context(), "v"))
	if pid, err := b.Holder("v"); pid != 0 || err != nil {
		t.Errorf("a VM that is not there is run by %d, %v", pid, err)
	}
	b.tart("create", "--linux", "v")
	p, err := b.Boot(t.Context(), "v", log, "--net-softnet")
	b.must(err)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		pid, err := b.Holder("v")
		if pid == p.PID {
			break
		}
		if pid != 0 || err != nil || time.Now().After(deadline) {
			t.Fatalf("%d runs it, not %d, %v", pid, p.PID, err)
		}
	}
	if running, err := b.Running(t.Context(), "v"); !running || err != nil {
		t.Errorf("%v, %v", running, err)
	}
	for range 2 {
		b.must(b.Stop(t.Context(), "v"))
	}
	b.must(b.Ended("v", log, p.Exit()))
	if pid, err := b.Holder("v"); pid != 0 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	if vm := b.vm("v"); vm.State != "stopped" {
		t.Errorf("%+v", vm)
	}
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"stop"}, Kind: testbed.Fail, Code: 1, Stderr: "failed to send SIGINT\n"})
	b.wantKind(b.Stop(t.Context(), "v"), tartcli.Unexpected)
}

// How a run ended, from its exit status and what it had said.
func TestEnded(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	m := machine.Local(b.Root(), b.Environ())
	known := func(code int) machine.Exit { return machine.Exit{Known: true, Code: code} }
	const stopped, off = "Stopping VM...\n", "guest has stopped the virtual machine\n"
	const crashed = "guest has stopped the virtual machine due to error: Code=1\n"
	for _, c := range []struct {
		exit machine.Exit
		said string
		want tartcli.Kind // "": well
	}{
		{known(0), stopped, ""},
		{known(0), off, ""},
		{known(0), "", ""},
		{known(0), crashed, tartcli.Crashed},
		{machine.Exit{}, crashed, tartcli.Crashed},
		{machine.Exit{}, off, ""},
		{machine.Exit{}, stopped, ""},
		{machine.Exit{}, "", tartcli.Signaled},
		{machine.Exit{}, "The number of VMs exceeds the system limit\n", tartcli.LimitExceeded},
		{machine.Exit{Known: true, Code: -1, Signal: "terminated"}, "", tartcli.Signaled},
		{known(1), "The number of VMs exceeds the system limit (other running VMs: a, b)\n", tartcli.LimitExceeded},
		{known(2), "VM \"v\" is already running!\n", tartcli.Running},
		{known(1), strings.Repeat("pausing\n", 1000) + "Error: something new\n", tartcli.Unexpected},
	} {
		b.must(m.WriteFile(log, []byte(c.said), 0o644))
		err := b.Ended("v", log, c.exit)
		if c.want == "" {
			b.must(err)
			continue
		}
		b.wantKind(err, c.want)
		if last := c.said[strings.LastIndex(strings.TrimSpace(c.said), "\n")+1:]; !strings.Contains(err.Error(), strings.TrimSpace(last)) || len(err.Error()) > 2000 {
			t.Errorf("%q became %v", last, err)
		}
	}
	b.must(m.Remove(log))
	b.must(b.Ended("v", log, known(0)))
}

func TestExec(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{Guests: testbed.Run})
	b.must(b.Pull(t.Context(), ubuntu, nil))
	b.must(b.Clone(t.Context(), ubuntu, "v"))
	var out, errs bytes.Buffer
	exec := func(script string) error {
		out.Reset()
		errs.Reset()
		return b.Exec(t.Context(), "v", []string{"sh", "-c", script}, strings.NewReader("input"), &out, &errs)
	}
	b.wantKind(exec("true"), tartcli.NotRunning)
	b.must(b.SetTiming(testbed.Timing{Address: time.Hour}))
	b.boot("v")
	if err := exec("cat; echo oops >&2"); err != nil || out.String() != "input" || errs.String() != "oops\n" {
		t.Errorf("%q, %q, %v", out.String(), errs.String(), err)
	}
	err := exec("echo VM is not running, canary, code: 404 >&2; echo what >&2; exit 2")
	b.wantKind(err, tartcli.Unexpected)
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("what a guest prints is taken for tart's: %v", err)
	}
	_, err = b.Address(t.Context(), "v")
	b.wantKind(err, tartcli.NoAddress)
	b.must(b.StopGuest("v", ""))
	for b.vm("v").PID != 0 {
	}
	b.must(b.SetTiming(testbed.Timing{}))
	b.boot("v")
	for deadline := time.Now().Add(10 * time.Second); ; {
		a, err := b.Address(t.Context(), "v")
		if err == nil && a.String() == "192.168.64.2" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, %v", a, err)
		}
	}
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"ip"}, Kind: testbed.Garbage})
	_, err = b.Address(t.Context(), "v")
	b.wantKind(err, tartcli.Unexpected)
	b.must(syscall.Kill(b.vm("v").PID, syscall.SIGKILL))
}
