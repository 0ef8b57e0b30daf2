// Package tartcli drives the program tart on one Mac: the few commands that
// hostler needs, and the config.json that tart keeps for each VM. What happens
// inside a guest is the business of package guest.
//
// Invariants:
//
//  1. No VM is ever replaced: tart clones over an existing VM without asking,
//     so Clone looks first, at tart's folder itself, where broken VMs that
//     `tart list` leaves out can be seen as well.
//  2. A VM is changed only while it is stopped, and never loses what tart
//     forgets on the way (set drops displayRefit unless told again).
//  3. Every failure of tart is an *Error with a Kind; the kind is read from exit
//     status and text together, and the text is kept.
//  4. tart never prunes on our behalf, draws no progress bars and exports no
//     traces: see environment.
//  5. List is remembered for the life of a Tart, until something here changes
//     a VM. What decides about a change is always looked up anew.
//  6. A VM runs while its config.json is locked, which Holder reads: neither a
//     `tart run` that lives nor one that ended with status 0 proves anything.
//
// Nothing is written below TART_HOME except by tart. Start at Tart, then
// change.go for stopped VMs and boot.go for running ones.
package tartcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"hostler/providers/internal/machine"
)

// MinVersion is the oldest tart that hostler works with: the first one whose
// clone takes --prune-limit, after exec (2.27) and the agent resolver (2.28).
const MinVersion = "2.28.5"

// Formula is what Homebrew calls tart.
const Formula = "openai/tools/tart"

// patience bounds every command that moves no disk. A tart that hangs is an
// error, not a run that never ends.
const patience = 2 * time.Minute

// Tart is the tart of one Mac. It is safe for concurrent use.
type Tart struct {
	m *machine.Machine
	// gate lets one caller at a time list or check the version; the others
	// then find the answer there.
	gate chan struct{}
	good bool // the version has been checked; held by gate

	mu   sync.Mutex
	seen *Listing // nil: not known, or no longer true
	age  int      // counts changes, so that a list from before one is not kept
}

// New returns the tart of m. It starts nothing.
func New(m *machine.Machine) *Tart { return &Tart{m: m, gate: make(chan struct{}, 1)} }

func (t *Tart) enter(ctx context.Context) error {
	select {
	case t.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tart: %w", context.Cause(ctx))
	}
}

func (t *Tart) leave() { <-t.gate }

// check makes sure, once, that there is a tart and that it is not too old.
func (t *Tart) check(ctx context.Context) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.leave()
	return t.checkLocked(ctx)
}

func (t *Tart) checkLocked(ctx context.Context) error {
	if t.good {
		return nil
	}
	out, err := t.call(ctx, command{op: "--version"})
	if err != nil {
		return err
	}
	have := strings.TrimSpace(string(out))
	if older(have, MinVersion) {
		return &Error{Kind: TooOld, Op: "--version", Text: have}
	}
	t.good = true
	return nil
}

// older reports whether version a comes before b. What is no version, as the
// SNAPSHOT of a build of one's own, is taken to be new.
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i, want := range bs {
		have := "0"
		if i < len(as) {
			have = as[i]
		}
		x, err := strconv.Atoi(have)
		if err != nil {
			return false
		}
		if y, _ := strconv.Atoi(want); x != y {
			return x < y
		}
	}
	return false
}

// command is one call of tart.
type command struct {
	op      string
	vm      string   // what an error is about
	args    []string // after op
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	stream  bool // stdout and stderr alone get what is printed
	patient bool // may take as long as it takes
}

// program is the call as a program to run.
func (c command) program() machine.Command {
	return machine.Command{
		Program: "tart", Args: append([]string{c.op}, c.args...),
		Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr, Stream: c.stream,
		// CI makes progress come as plain lines. TRACEPARENT must never come
		// through: tart would export telemetry, each call 100 ms longer.
		Env: []string{"CI=true", "TART_NO_AUTO_PRUNE=1"}, Pass: []string{"TART_", "DOCKER_CONFIG"},
	}
}

// run calls tart, of which check has approved.
func (t *Tart) run(ctx context.Context, c command) ([]byte, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	return t.call(ctx, c)
}

func (t *Tart) call(ctx context.Context, c command) ([]byte, error) {
	if !c.patient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, &Error{Kind: Timeout, Op: c.op, VM: c.vm})
		defer cancel()
	}
	out, err := t.m.Run(ctx, c.program())
	var slow *Error
	switch {
	case err == nil:
		return out.Stdout, nil
	case errors.As(err, &slow):
		return out.Stdout, slow
	case ctx.Err() != nil:
		return out.Stdout, fmt.Errorf("tart %s: %w", c.op, context.Cause(ctx))
	}
	return out.Stdout, c.explain(err)
}

func (c command) explain(err error) error {
	e := &Error{Op: c.op, VM: c.vm, Err: err}
	var exit *machine.ExitError
	var missing *machine.MissingError
	switch {
	case errors.As(err, &missing):
		e.Kind = Missing
	case errors.As(err, &exit):
		e.Exit, e.Text = exit.Code, exit.Stderr
		if c.op == "exec" {
			// What comes before the last line is the guest's.
			e.Text = e.Text[strings.LastIndexByte(e.Text, '\n')+1:]
		}
		e.Kind = classify(exit.Code, e.Text)
		if exit.Signal != "" {
			e.Kind, e.Text = Signaled, exit.Signal
		}
	default:
		return fmt.Errorf("tart %s: %w", c.op, err)
	}
	return e
}

// home is TART_HOME.
func (t *Tart) home() string {
	if home := t.m.Getenv("TART_HOME"); home != "" {
		return home
	}
	return "~/.tart"
}

// Folder is where tart keeps the local VM.
func (t *Tart) Folder(name string) string { return path.Join(t.home(), "vms", name) }
