package tartcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"strings"

	"hostler/providers/internal/machine"
)

// Boot starts a VM: `tart run` with the options, in a session of its own and
// without a window. What tart says goes to the file log. That the VM runs is
// seen by Holder; why it does not, by Ended. Since programs get little of our
// environment, it lacks RUNNER_TRACKING_ID, by which a GitHub runner finds what
// to kill at the end of a job.
func (t *Tart) Boot(ctx context.Context, name, log string, options ...string) (*machine.Process, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	defer t.forget()
	c := command{op: "run", vm: name, args: append([]string{name, "--no-graphics"}, options...)}
	p, err := t.m.Start(c.program(), log)
	if err != nil {
		return nil, c.explain(err)
	}
	return p, nil
}

// Holder is the process that runs the VM, 0 when it does not run. A VM that is
// gone does not run.
func (t *Tart) Holder(name string) (pid int, err error) {
	pid, err = t.m.LockHolder(path.Join(t.Folder(name), "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return pid, err
}

// Ended explains how the `tart run` of a VM ended, of which log holds what it
// said; nil is a guest that was shut down or stopped. tart exits 0 when a guest
// dies of an error, so the log decides.
func (t *Tart) Ended(name, log string, exit machine.Exit) error {
	text, err := t.m.ReadFile(log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tart run %q: what it said can't be read: %w", name, err)
	}
	said := strings.TrimSpace(string(text))
	e := &Error{Op: "run", VM: name, Exit: exit.Code, Text: lastLines(said)}
	switch {
	case exit.Signal != "":
		e.Kind, e.Text = Signaled, exit.Signal
	case strings.Contains(said, "due to error"):
		e.Kind = Crashed
	case exit.Known && exit.Code == 0, !exit.Known && endedWell(said):
		return nil
	case !exit.Known && said == "":
		e.Kind = Signaled // what ends by itself says so
	default:
		e.Kind = classify(exit.Code, said)
	}
	return e
}

// endedWell reports whether tart said that it stopped the VM, or that the guest
// did.
func endedWell(said string) bool {
	return strings.Contains(said, "guest has stopped the virtual machine") || strings.Contains(said, "Stopping VM...")
}

// lastLines is the end of what tart said, as much as an error should repeat.
func lastLines(said string) string {
	const most = 1000
	if len(said) <= most {
		return said
	}
	said = said[len(said)-most:]
	return "…" + said[strings.IndexByte(said, '\n')+1:]
}

// Stop cuts a VM's power; one that does not run is success.
func (t *Tart) Stop(ctx context.Context, name string) error {
	defer t.forget()
	_, err := t.run(ctx, command{op: "stop", vm: name, args: []string{name, "--timeout", "10"}})
	if Is(err, NotRunning) || Is(err, NotFound) {
		return nil
	}
	return err
}

// Exec runs a program of the guest by its agent and waits for it. The arguments
// are as public as those of any program, and go into the agent's log. A nil
// error is status 0; whether another status is the program's or tart's own,
// tart does not tell.
func (t *Tart) Exec(ctx context.Context, name string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	_, err := t.run(ctx, command{
		op: "exec", vm: name, args: append([]string{"-i", name}, args...),
		stdin: stdin, stdout: stdout, stderr: stderr, stream: true, patient: true,
	})
	return err
}

// Address is the IP address that a running guest was given. Of a VM that does
// not run, it may be an old one, and another VM's by now.
func (t *Tart) Address(ctx context.Context, name string) (netip.Addr, error) {
	out, err := t.run(ctx, command{op: "ip", vm: name, args: []string{name}})
	if err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(strings.TrimSpace(string(out)))
	if err != nil {
		return a, &Error{Kind: Unexpected, Op: "ip", VM: name, Text: strings.TrimSpace(string(out)), Err: err}
	}
	return a, nil
}
