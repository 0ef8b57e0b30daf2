package guest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/secret"
)

// Command is a script to run in a guest, by a login shell of its user: zsh on
// macOS, sh on Linux. It begins in the user's home folder.
type Command struct {
	Script  string
	Env     map[string]string
	Secrets map[string]secret.Value // more variables; like all of Command they are in no argument
	Stdin   []byte
	// Stdout and Stderr get what the script prints as it comes; they may be the
	// same. What is nil is kept in the Result instead.
	Stdout, Stderr io.Writer

	ours bool // one of our own, see script.go
}

// Result is a script that came to its end.
type Result struct {
	Code           int // the script's exit status, whatever it is
	Stdout, Stderr []byte
}

// Run runs a script and waits for it. Any end of the script is a Result; an
// error is that there was none: an *EndedError when the guest ended, a
// *tartcli.Error or one of machine's when the way in failed, or the context's
// cause. A script that is cancelled is killed with all it has started, as far
// as that can be.
func (g *Guest) Run(ctx context.Context, c Command) (Result, error) {
	return g.run(ctx, c, func(pid int) { g.kill(ctx, pid) })
}

func (g *Guest) run(ctx context.Context, c Command, kill func(pid int)) (Result, error) {
	if err := g.ended(); err != nil {
		return Result{}, err
	}
	mark := "hostler-" + rand.Text()
	head, err := head(mark, c)
	if err != nil {
		return Result{}, g.failed(err)
	}
	way, err := g.entered(ctx)
	if err != nil {
		return Result{}, cmp.Or(g.ended(), g.failed(err))
	}
	var s streams
	out := newOutput(mark, s.writer(c.Stdout, &s.stdout))
	in, hangUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer hangUp(nil)
	var killed atomic.Bool
	go func() {
		select {
		case <-ctx.Done():
			if !out.over() {
				killed.Store(true)
				kill(out.shell()) // while there is a connection by which it goes on
			}
		case <-g.done:
			waitFor(in, in.Done(), linger)
		case <-out.ended:
			waitFor(in, in.Done(), linger) // what the script left running may hold the connection open
		case <-in.Done():
		}
		hangUp(context.Cause(ctx))
	}()
	err = way.run(in, shell(g.os, c), io.MultiReader(strings.NewReader(head), bytes.NewReader(c.Stdin)), out,
		s.writer(c.Stderr, &s.stderr))
	hangUp(nil)
	if killed.Load() {
		return Result{}, g.failed(context.Cause(ctx))
	}
	if err := g.judge(ctx, out, err); err != nil {
		return Result{}, err
	}
	return Result{out.code, s.stdout.Bytes(), s.stderr.Bytes()}, nil
}

// linger is how long a connection may stay open after the end of what it was
// for.
const linger = 2 * time.Second

// judge is what went wrong in a run, if anything did; err is what the way in
// says, which counts only when the script did not come to its end.
func (g *Guest) judge(ctx context.Context, out *output, err error) error {
	switch {
	case out.over() && out.failed != nil:
		return g.failed(fmt.Errorf("what it printed could not be passed on: %w", out.failed))
	case out.over():
		return nil
	}
	if lost(err) {
		// The guest's end is often seen here before it is seen in its process.
		waitFor(ctx, g.done, linger)
	}
	if ended := g.ended(); ended != nil {
		return ended
	}
	switch {
	case err == nil && !out.begun:
		err = errors.New("the login shell ended before the script began")
	case err == nil:
		err = errors.New("the shell that ran it was killed")
	}
	return g.failed(err)
}

// lost reports whether the way in may have ended so because the guest did.
func lost(err error) bool {
	return err == nil || errors.As(err, new(*machine.LostError)) || tartcli.Is(err, tartcli.GuestLost) || tartcli.Is(err, tartcli.NotRunning)
}

func (g *Guest) failed(err error) error { return fmt.Errorf("script in guest %q: %w", g.spec.VM, err) }

// streams keep what a script prints, or pass it on: one piece at a time.
type streams struct {
	mu             sync.Mutex
	stdout, stderr bytes.Buffer
}

func (s *streams) writer(to io.Writer, kept *bytes.Buffer) io.Writer {
	if to == nil {
		to = kept
	}
	return inTurn{&s.mu, to}
}

type inTurn struct {
	mu *sync.Mutex
	to io.Writer
}

func (w inTurn) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// kill ends what the shell pid of the guest has started, and with it the shell.
func (g *Guest) kill(ctx context.Context, pid int) {
	if pid <= 1 {
		return // it has not begun
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*settle)
	defer cancel()
	// Whether it worked or not, there is nothing more that could be done.
	_, _ = g.run(ctx, Command{ours: true, Script: killScript, Env: map[string]string{"HOSTLER_PID": strconv.Itoa(pid)}}, func(int) {})
}

// own runs a script of ours, which has failed when its status is not 0.
func (g *Guest) own(ctx context.Context, c Command) (stdout []byte, err error) {
	c.ours = true
	r, err := g.Run(ctx, c)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("exit status %d: %s", r.Code, bytes.TrimSpace(r.Stderr))
	}
	return r.Stdout, err
}

// Upload writes a file in the guest, with the folders above it: whole or not at
// all, and proved by its checksum. A relative path begins in the user's home
// folder.
func (g *Guest) Upload(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	to := path
	if !strings.HasPrefix(to, "/") {
		to = "./" + strings.TrimPrefix(to, "~/")
	}
	_, err := g.own(ctx, Command{Script: uploadScript, Stdin: data, Env: map[string]string{
		"HOSTLER_PATH": to,
		"HOSTLER_MODE": fmt.Sprintf("%04o", mode.Perm()),
		"HOSTLER_SUM":  fmt.Sprintf("%x", sha256.Sum256(data)),
	}})
	if err != nil {
		return fmt.Errorf("upload %s: %w", path, err)
	}
	return nil
}
