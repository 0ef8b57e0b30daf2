package guest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The rungs of the ladder to a guest that is ready, from the bottom.
const (
	Process = "process" // `tart run` is alive
	Lock    = "lock"    // it has taken the VM's lock: the VM runs
	Contact = "contact" // the agent answers, or SSH does
	Answer  = "answer"  // a script comes back with its exit code
	Disk    = "disk"    // the home folder can be written, and shared folders are mounted
	Clock   = "clock"   // the guest knows what time it is
)

// Rung is a rung that was reached.
type Rung struct {
	Name string
	Took time.Duration
	Note string // of Contact: which way in, "agent" or "ssh"
}

// RungError is a rung that was not reached.
type RungError struct {
	VM    string
	Rung  string
	After time.Duration
	Err   error // an *EndedError when the guest ended meanwhile
}

func (e *RungError) Error() string {
	lack := map[string]string{
		Process: "tart does not start it",
		Lock:    "tart has not taken the VM's lock",
		Contact: "there is no way into it",
		Answer:  "scripts don't come back from it",
		Disk:    "its disks are not all there",
		Clock:   "its clock is wrong",
	}[e.Rung]
	return fmt.Sprintf("guest %q is not ready, %s after %s: %v", e.VM, lack, e.After.Round(time.Millisecond), e.Err)
}

func (e *RungError) Unwrap() error { return e.Err }

// Limits bound what a guest may take. A zero one is its default.
type Limits struct {
	Lock     time.Duration // 1m, from the start of `tart run` to the lock
	Contact  time.Duration // 5m, nearly all of the boot
	Agent    time.Duration // 20s, by which the agent may answer later than SSH and be preferred still
	Answer   time.Duration // 1m
	Disk     time.Duration // 1m
	Clock    time.Duration // 1m
	Shutdown time.Duration // 1m, from asking the guest to its end
}

func (l Limits) orDefault() Limits {
	for _, d := range []struct {
		limit *time.Duration
		other time.Duration
	}{
		{&l.Lock, time.Minute}, {&l.Contact, 5 * time.Minute}, {&l.Agent, 20 * time.Second}, {&l.Answer, time.Minute},
		{&l.Disk, time.Minute}, {&l.Clock, time.Minute}, {&l.Shutdown, time.Minute},
	} {
		if *d.limit == 0 {
			*d.limit = d.other
		}
	}
	return l
}

// Reach climbs the ladder and tells of each rung as it is reached, those that
// Start climbed first. It may be climbed again, as after a reboot of the guest.
// Errors: *RungError.
func (g *Guest) Reach(ctx context.Context, each func(Rung)) error {
	for _, r := range g.below {
		each(r)
	}
	l := g.spec.Limits
	for _, r := range []rung{
		{name: Contact, limit: l.Contact, each: l.Contact, attempt: g.contact},
		{name: Answer, limit: l.Answer, each: patience, attempt: g.answer},
		{name: Disk, limit: l.Disk, each: patience, attempt: g.disk},
		{name: Clock, limit: l.Clock, each: patience, attempt: g.clock},
	} {
		reached, err := g.climb(ctx, r)
		if err != nil {
			return err
		}
		each(reached)
	}
	return nil
}

// patience is how long one attempt at a rung may take before another is made.
const patience = 15 * time.Second

// rung is a rung to climb.
type rung struct {
	name    string
	limit   time.Duration // of all attempts
	each    time.Duration // of one
	every   time.Duration // between two; zero: see pause
	attempt func(context.Context) (note string, err error)
}

// climb makes attempts at a rung until one succeeds, the limit has passed or the
// guest has ended.
func (g *Guest) climb(ctx context.Context, r rung) (Rung, error) {
	from := time.Now()
	in, cancel := g.while(ctx, r.limit)
	defer cancel()
	last := fmt.Errorf("no answer within %s", r.limit)
	for n := 0; ; n++ {
		one, cancel := context.WithTimeout(in, r.each)
		note, err := r.attempt(one)
		cancel()
		if err == nil {
			return Rung{Name: r.name, Took: time.Since(from), Note: note}, nil
		}
		if !cut(err) {
			last = err
		}
		if rest := cmp.Or(r.every, pause(n)); !waitFor(ctx, in.Done(), rest) && ctx.Err() == nil {
			continue
		}
		if ended := g.ended(); ended != nil {
			last = ended
		} else if ctx.Err() != nil {
			last = context.Cause(ctx)
		}
		return Rung{}, &RungError{VM: g.spec.VM, Rung: r.name, After: time.Since(from), Err: last}
	}
}

// cut reports whether err is an attempt that ran out of time, and so says
// nothing of its own.
func cut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// pause is how long is waited after attempt n, counted from 0.
func pause(n int) time.Duration {
	return min(100*time.Millisecond<<min(n, 4), time.Second)
}

// while is ctx for as long as the guest lives, and no longer than limit.
func (g *Guest) while(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	go func() {
		select {
		case <-g.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// lock is the rung that Start waits for. tart starts the VM with the lock in
// hand: that this failed is seen at the next rung.
func (g *Guest) lock() rung {
	limit := g.spec.Limits.Lock
	return rung{name: Lock, limit: limit, each: limit, every: 20 * time.Millisecond, attempt: func(context.Context) (string, error) {
		pid, err := g.tart.Holder(g.spec.VM)
		switch {
		case err != nil:
			return "", err
		case pid == 0:
			return "", errors.New("no process holds it")
		case pid != g.process.PID:
			return "", fmt.Errorf("process %d holds it", pid)
		}
		return "", nil
	}}
}

// answer is the rung of scripts that come back.
func (g *Guest) answer(ctx context.Context) (string, error) {
	r, err := g.Run(ctx, Command{Script: "exit 0"})
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("`exit 0` ended with status %d", r.Code)
	}
	return "", err
}

// disk is the rung of disks.
func (g *Guest) disk(ctx context.Context) (string, error) {
	c := Command{Script: diskScript, Env: map[string]string{}}
	if g.os == "darwin" && g.automounts() {
		c.Env["HOSTLER_SHARES"] = "/Volumes/My Shared Files"
	}
	_, err := g.own(ctx, c)
	return "", err
}

// automounts reports whether the guest has a folder shared that macOS mounts by
// itself; one with a tag of its own waits for somebody to mount it.
func (g *Guest) automounts() bool {
	for i, o := range g.spec.Options {
		value, joined := strings.CutPrefix(o, "--dir=")
		if o == "--dir" && i+1 < len(g.spec.Options) {
			value, joined = g.spec.Options[i+1], true
		}
		if joined && !strings.Contains(value, "tag=") {
			return true
		}
	}
	return false
}

// drift is how far a guest's clock may be off. Credentials of a minute's life
// must work in it.
const drift = 30 * time.Second

// clock is the rung of the right time, which a guest may have to ask for.
func (g *Guest) clock(ctx context.Context) (string, error) {
	before := g.spec.Now()
	out, err := g.own(ctx, Command{Script: clockScript})
	if err != nil {
		return "", err
	}
	after := g.spec.Now()
	seconds, err := strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64)
	if err != nil {
		return "", fmt.Errorf("`date +%%s` printed %q", out)
	}
	switch now := time.Unix(seconds, 0); {
	case now.Before(before.Add(-drift)):
		return "", fmt.Errorf("it is %s behind the Mac's; does the guest reach a time server?", before.Sub(now).Round(time.Second))
	case now.After(after.Add(drift)):
		return "", fmt.Errorf("it is %s ahead of the Mac's; does the guest reach a time server?", now.Sub(after).Round(time.Second))
	}
	return "", nil
}
