package machine_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hostler/providers/internal/machine"
	"hostler/providers/testbed"
)

const log = "/Users/admin/Library/Logs/it.log"

func started(t *testing.T, m *machine.Machine, script string) *machine.Process {
	t.Helper()
	p, err := m.Start(machine.Command{Program: "sh", Args: []string{"-c", script}, Env: []string{"WHO=world"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Signal(syscall.SIGKILL); <-p.Done() })
	return p
}

func said(t *testing.T, m *machine.Machine) string {
	t.Helper()
	data, err := m.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestStart(t *testing.T) {
	m, _ := here(t)
	if err := m.WriteFile(log, []byte("of an earlier run\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := started(t, m, `echo "$WHO ${GREETING-gone}"; echo oops >&2; read x || echo no input; exit 3`)
	if e := p.Exit(); e != (machine.Exit{Known: true, Code: 3}) {
		t.Errorf("%+v", e)
	}
	if got := said(t, m); got != "world gone\noops\nno input\n" {
		t.Errorf("log %q", got)
	}
	p = started(t, m, "exec sleep 600")
	if sid, err := unix.Getsid(p.PID); sid != p.PID {
		t.Errorf("session %d of process %d, %v", sid, p.PID, err)
	}
	if p.Started == "" {
		t.Error("when it was started is not known")
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if e := p.Exit(); e != (machine.Exit{Known: true, Code: -1, Signal: "terminated"}) {
		t.Errorf("%+v", e)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("a signal to what is gone: %v", err)
	}
	_, err := m.Start(machine.Command{Program: "no-such-program"}, log)
	if !errors.As(err, new(*machine.MissingError)) {
		t.Errorf("%v", err)
	}
	if _, err := m.Start(machine.Command{Program: "sh"}, "/Users/admin/Library/Logs/it.log/below"); err == nil || !strings.Contains(err.Error(), " /Users/admin") {
		t.Errorf("%v", err)
	}
}

func TestFind(t *testing.T) {
	m, _ := here(t)
	p := started(t, m, "exec sleep 600")
	found, ok := m.Find(p.PID)
	if !ok || found.PID != p.PID || found.Started != p.Started {
		t.Fatalf("%+v, %v", found, ok)
	}
	other := started(t, m, "exec sleep 600")
	select {
	case <-found.Done():
		t.Error("it has ended already")
	case <-time.After(300 * time.Millisecond):
	}
	if err := found.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if e := found.Exit(); e != (machine.Exit{}) {
		t.Errorf("%+v", e)
	}
	if _, ok := m.Find(p.PID); ok {
		t.Error("it is still found")
	}
	// Another process that got the number gets no signal of the first one.
	stale := machine.Process{PID: other.PID, Started: "1"}
	if err := stale.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	select {
	case <-other.Done():
		t.Error("it hit another process")
	case <-time.After(100 * time.Millisecond):
	}
}

func TestZombiesAreGone(t *testing.T) {
	m, _ := here(t)
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, ok := m.Find(cmd.Process.Pid); !ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what is left of a process is taken for one")
		}
	}
}

func TestLockHolder(t *testing.T) {
	m, mac := simulated(t, testbed.Spec{})
	const config = "/Users/admin/.tart/vms/v/config.json"
	if _, err := m.LockHolder(config); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), " "+config) {
		t.Errorf("%v", err)
	}
	if _, err := m.Run(t.Context(), machine.Command{Program: "tart", Args: []string{"create", "v", "--linux"}}); err != nil {
		t.Fatal(err)
	}
	if pid, err := m.LockHolder(config); pid != 0 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	p, err := m.Start(machine.Command{Program: "tart", Args: []string{"run", "v"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		pid, err := m.LockHolder(config)
		if pid == p.PID {
			break
		}
		if pid != 0 || err != nil || time.Now().After(deadline) {
			t.Fatalf("held by %d, not %d, %v", p.PID, pid, err)
		}
	}
	if err := mac.Reboot(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if pid, err := m.LockHolder(config); pid != 0 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
}

// What flows without end is passed on, and only its end is kept.
func TestStream(t *testing.T) {
	m, _ := here(t)
	var stdout, stderr bytes.Buffer
	out, err := m.Run(t.Context(), machine.Command{
		Program: "sh", Args: []string{"-c", `yes line | head -n 100000; yes oops | head -n 100000 >&2; echo the end >&2; exit 1`},
		Stream: true, Stdout: &stdout, Stderr: &stderr,
	})
	if stdout.Len() != 500000 || stderr.Len() != 500008 || len(out.Stdout)+len(out.Stderr) > 10000 {
		t.Errorf("%d, %d; kept %d, %d", stdout.Len(), stderr.Len(), len(out.Stdout), len(out.Stderr))
	}
	if err == nil || !strings.HasSuffix(err.Error(), "the end") {
		t.Errorf("%v", err)
	}
}
