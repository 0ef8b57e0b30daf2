package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that runs on its own: it outlives us.
type Process struct {
	PID int
	// Started is when it was started, in the system's own words. Together with
	// PID it tells this process from a later one with the same number.
	Started string

	done chan struct{}
	exit Exit
}

// Exit is how a process ended.
type Exit struct {
	Known  bool   // false for a process that somebody else started
	Code   int    // -1 when a signal ended it
	Signal string // name of that signal
}

// Start starts the program in a session of its own, where neither a Ctrl-C nor
// our end reaches it. What it prints goes to the file log, which is made anew.
// Stdin, Stdout, Stderr and Stream of c don't count. Errors: *MissingError.
func (m *Machine) Start(c Command, log string) (*Process, error) {
	cmd, err := m.command(context.Background(), &c)
	if err != nil {
		return nil, err
	}
	name, err := m.local(log)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, m.inMac(err, log)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, m.inMac(err, log)
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Program, err)
	}
	p := &Process{PID: cmd.Process.Pid, done: make(chan struct{})}
	// It can't be gone yet: until Wait its number stays taken.
	p.Started, _ = startTime(p.PID)
	go func() {
		defer close(p.done)
		p.exit = exitOf(cmd.Wait())
	}()
	return p, nil
}

func exitOf(err error) Exit {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return Exit{Known: err == nil}
	}
	e := Exit{Known: true, Code: exit.ExitCode()}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Signal = ws.Signal().String()
	}
	return e
}

// watch is how often a process that is not our child is looked at.
const watch = 200 * time.Millisecond

// Find is the process pid, whoever started it; ok is false when there is none.
func (m *Machine) Find(pid int) (p *Process, ok bool) {
	started, _ := startTime(pid)
	if started == "" {
		return nil, false
	}
	p = &Process{PID: pid, Started: started, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for !p.gone() {
			time.Sleep(watch)
		}
	}()
	return p, true
}

// gone reports whether the process has certainly ended.
func (p *Process) gone() bool {
	started, gone := startTime(p.PID)
	return gone || started != "" && started != p.Started
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the process ended; it waits for the end.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// Signal sends a signal to the process; one that is gone is success.
func (p *Process) Signal(s syscall.Signal) error {
	if p.gone() {
		return nil
	}
	if err := syscall.Kill(p.PID, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %q to process %d: %w", s, p.PID, err)
	}
	return nil
}

// LockHolder is the process that holds a POSIX record lock on the file, 0 when
// none does. It must never be asked about a file that we lock ourselves: to
// close any descriptor of it drops the lock.
func (m *Machine) LockHolder(p string) (pid int, err error) {
	name, err := m.local(p)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, m.inMac(err, p)
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return 0, fmt.Errorf("lock of %s: %w", p, err)
	}
	if l.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(l.Pid), nil
}
