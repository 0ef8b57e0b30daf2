// Package guest drives a running VM from the outside: it starts it, reaches
// what runs in it, runs scripts and brings files there, and ends it. Package
// tartcli knows tart's commands; this package knows guests.
//
// Invariants:
//
//  1. A guest outlives us: it runs in a session of its own and prints to a
//     file. Adopt finds it again.
//  2. A guest runs while tart's lock says so, and is stopped when its process
//     is gone and the lock is free. No exit status proves either.
//  3. A script's exit code comes from the script, or there is an error: no
//     failure of tart, SSH or the guest looks like one of the script's.
//  4. Scripts, their variables and their input travel on stdin. What stands in
//     arguments, which the agent logs, is the same for every script.
//  5. The agent is the first way in, since it needs no address, password or
//     permission; SSH, which checks a pinned host key, is the second.
//  6. Every wait has an end: each rung of the ladder to a ready guest has its
//     own limit, its own time and its own error.
//
// Start at Start and Reach (ladder.go), then Run (run.go).
package guest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/secret"
)

// Spec says which VM is a guest, and how it is run and reached.
type Spec struct {
	VM      string
	Log     string   // file of the Mac for what `tart run` prints; made anew
	Options []string // further options of `tart run`, such as --dir and --net-softnet
	Login   Login
	Limits  Limits
	Now     func() time.Time // the clock that the guest's is compared with; nil: time.Now
}

// Login is how SSH gets in. Without a User there is no SSH; with one, there must
// be a Pin.
type Login struct {
	User     string
	Password secret.Value // also what sudo in the guest is given
	Key      secret.Value // a private key in PEM
	Pin      string       // file of the Mac for the guest's host key, see machine.SSH
}

// Guest is a running VM. It is safe for concurrent use.
type Guest struct {
	m       *machine.Machine
	tart    *tartcli.Tart
	spec    Spec
	os      string // darwin or linux
	process *machine.Process
	below   []Rung // the rungs up to Lock, as Start or Adopt climbed them
	done    chan struct{}
	end     error // valid after done

	mu  sync.Mutex
	way way // nil: not found yet, see entered
}

// Mark tells a guest from every other one across restarts of ours. It is plain
// data, to be kept in a ledger.
type Mark struct {
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

// Start starts the VM and returns when its lock is taken. Errors: a *RungError
// that says which rung failed; where `tart run` ended, it wraps a
// *tartcli.Error. A VM whose lock was not taken in time was stopped again.
func Start(ctx context.Context, m *machine.Machine, t *tartcli.Tart, s Spec) (*Guest, error) {
	s.Limits = s.Limits.orDefault()
	config, err := t.Config(s.VM)
	if err != nil {
		return nil, err
	}
	from := time.Now()
	p, err := launch(ctx, t, s)
	if err != nil {
		return nil, &RungError{VM: s.VM, Rung: Process, After: time.Since(from), Err: err}
	}
	g := observe(m, t, s, config.OS, p)
	g.below = []Rung{{Name: Process, Took: time.Since(from)}}
	lock, err := g.climb(ctx, g.lock())
	if err != nil {
		return nil, errors.Join(err, g.abandon(ctx))
	}
	g.below = append(g.below, lock)
	return g, nil
}

// launch starts `tart run`, unless something runs the VM already: the log may be
// that one's.
func launch(ctx context.Context, t *tartcli.Tart, s Spec) (*machine.Process, error) {
	pid, err := t.Holder(s.VM)
	switch {
	case err != nil:
		return nil, err
	case pid != 0:
		return nil, &tartcli.Error{Kind: tartcli.Running, Op: "run", VM: s.VM}
	}
	return t.Boot(ctx, s.VM, s.Log, s.Options...)
}

// Adopt finds a guest that was started before our own restart. The zero Mark
// takes whatever runs the VM; another one only that very process. A VM that
// does not run, or runs as something else, is a *tartcli.Error of the kind
// NotRunning.
func Adopt(m *machine.Machine, t *tartcli.Tart, s Spec, mark Mark) (*Guest, error) {
	s.Limits = s.Limits.orDefault()
	from := time.Now()
	gone := &tartcli.Error{Kind: tartcli.NotRunning, Op: "run", VM: s.VM}
	pid, err := t.Holder(s.VM)
	if err != nil {
		return nil, err
	}
	if pid == 0 {
		return nil, gone
	}
	config, err := t.Config(s.VM)
	if err != nil {
		return nil, err
	}
	p, ok := m.Find(pid)
	switch {
	case !ok:
		return nil, gone
	case mark != Mark{} && mark != Mark{p.PID, p.Started}:
		gone.Text = fmt.Sprintf("process %d runs the VM, which is not the one that was started", pid)
		return nil, gone
	}
	g := observe(m, t, s, config.OS, p)
	g.below = []Rung{{Name: Process, Took: time.Since(from)}, {Name: Lock}}
	return g, nil
}

// observe returns the guest that p runs, and waits for its end in the
// background.
func observe(m *machine.Machine, t *tartcli.Tart, s Spec, os string, p *machine.Process) *Guest {
	if s.Now == nil {
		s.Now = time.Now
	}
	g := &Guest{m: m, tart: t, spec: s, os: os, process: p, done: make(chan struct{})}
	if s.Login.User == "" {
		g.way = agent{tart: t, vm: s.VM}
	}
	go func() {
		defer close(g.done)
		g.end = t.Ended(s.VM, s.Log, p.Exit())
	}()
	return g
}

// Mark is what Adopt finds the guest again by.
func (g *Guest) Mark() Mark { return Mark{g.process.PID, g.process.Started} }

// Done is closed when the guest has ended.
func (g *Guest) Done() <-chan struct{} { return g.done }

// End is how the guest ended, and waits for it: nil for one that was shut down
// or stopped, a *tartcli.Error for any other end.
func (g *Guest) End() error {
	<-g.done
	return g.end
}

// EndedError is a guest that was not there any more.
type EndedError struct {
	VM  string
	End error // see Guest.End
}

func (e *EndedError) Error() string {
	if e.End == nil {
		return fmt.Sprintf("guest %q has ended: it was shut down or stopped", e.VM)
	}
	return fmt.Sprintf("guest %q has ended: %v", e.VM, e.End)
}

func (e *EndedError) Unwrap() error { return e.End }

// ended is an *EndedError once the guest has ended.
func (g *Guest) ended() error {
	select {
	case <-g.done:
		return &EndedError{VM: g.spec.VM, End: g.end}
	default:
		return nil
	}
}

// PowerCutError is a guest that did not shut down by itself. It is stopped, but
// what it had not written to its disk is lost.
type PowerCutError struct {
	VM    string
	Grace time.Duration
	Err   error // why it could not even be asked; nil when it was
}

func (e *PowerCutError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("guest %q could not be told to shut down, so its power was cut: %v", e.VM, e.Err)
	}
	return fmt.Sprintf("guest %q did not shut down within %s, so its power was cut", e.VM, e.Grace)
}

func (e *PowerCutError) Unwrap() error { return e.Err }

// Shutdown makes the guest shut down and waits for its end; one that does not
// end in time is stopped, which is a *PowerCutError. A guest that ended by an
// error of its own, now or before, is that error. Cancelled, it leaves the guest
// as it is.
func (g *Guest) Shutdown(ctx context.Context) error {
	if g.ended() != nil {
		return errors.Join(g.end, g.stopped())
	}
	asking, cancel := context.WithTimeout(ctx, g.spec.Limits.Shutdown)
	defer cancel()
	asked := g.askToShutDown(asking)
	if asked == nil && waitFor(asking, g.done, g.spec.Limits.Shutdown) || g.ended() != nil {
		return errors.Join(g.end, g.stopped())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("shut down guest %q: %w", g.spec.VM, context.Cause(ctx))
	}
	cut := &PowerCutError{VM: g.spec.VM, Grace: g.spec.Limits.Shutdown, Err: asked}
	return errors.Join(cut, g.Stop(ctx))
}

// Stop cuts the guest's power and proves that it is stopped; one that has ended
// already is success.
func (g *Guest) Stop(ctx context.Context) error {
	if g.ended() != nil {
		return g.stopped()
	}
	err := g.cutPower(ctx)
	if !waitFor(ctx, g.done, settle) && ctx.Err() == nil {
		err = errors.Join(err, g.process.Signal(syscall.SIGKILL))
		waitFor(ctx, g.done, settle)
	}
	switch {
	case g.ended() != nil:
		return g.stopped()
	case ctx.Err() != nil:
		return fmt.Errorf("stop guest %q: %w", g.spec.VM, context.Cause(ctx))
	}
	return errors.Join(fmt.Errorf("stop guest %q: process %d does not end", g.spec.VM, g.process.PID), err)
}

// cutPower has tart stop the VM. tart finds the process by the VM's lock: one
// that does not hold it yet, or whose VM was replaced, has to be told by us.
func (g *Guest) cutPower(ctx context.Context) error {
	if pid, err := g.tart.Holder(g.spec.VM); err == nil && pid == g.process.PID {
		return g.tart.Stop(ctx, g.spec.VM)
	}
	return g.process.Signal(syscall.SIGINT)
}

// settle is how long a process may take to end once it was told to.
const settle = 5 * time.Second

// stopped proves what g.done says: nothing runs the VM.
func (g *Guest) stopped() error {
	pid, err := g.tart.Holder(g.spec.VM)
	if err != nil {
		return fmt.Errorf("guest %q: whether it is stopped is not known: %w", g.spec.VM, err)
	}
	if pid != 0 {
		return &tartcli.Error{Kind: tartcli.Running, Op: "stop", VM: g.spec.VM, Text: fmt.Sprintf("process %d has started it again", pid)}
	}
	return nil
}

// abandon stops a guest that Start gives up, cancelled or not.
func (g *Guest) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*settle)
	defer cancel()
	return g.Stop(ctx)
}

// waitFor waits until c is closed, for no longer than d.
func waitFor(ctx context.Context, c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}
