package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime/internal/runner"
	"hostler/providers/runtime/ledger"
	"hostler/providers/secret"
)

// errCancelled is why a lease ends that nobody wants any more.
var errCancelled = errors.New("it was given back")

// tries is how many leases a ticket may have when the first ones don't come
// up.
const tries = 3

// life is a lease that is lived: what it knows beyond its record.
type life struct {
	s      *Service
	id     string
	ticket ledger.Ticket
	stop   context.CancelCauseFunc
	guest  *guest.Guest // nil: not started or found yet
	jit    secret.Value
	said   runner.Reading
	// granted and since are when the lease and its phase began, by a clock that
	// does not jump.
	granted, since time.Time
}

// begin lives a lease in the background; first is what has happened to it, or
// "".
func (s *Service) begin(base context.Context, lease ledger.Lease, first event) {
	ctx, stop := context.WithCancelCause(base)
	l := &life{s: s, id: lease.ID, ticket: lease.Ticket, stop: stop}
	s.mu.Lock()
	s.lives[lease.ID] = l
	s.mu.Unlock()
	s.living.Add(1)
	go func() {
		defer s.living.Done()
		defer stop(nil)
		if err := l.run(base, ctx, lease, first); err != nil && !errors.Is(err, errStopping) {
			s.log.Error("lease", "lease", l.id, "error", err)
		}
		s.mu.Lock()
		delete(s.lives, l.id)
		s.mu.Unlock()
		s.poke()
	}()
}

// run carries the lease from phase to phase until it is released. base ends
// with the service, ctx when nobody wants the lease any more, too; that is
// known when it is Ending.
func (l *life) run(base, ctx context.Context, lease ledger.Lease, ev event) error {
	s := l.s
	steady := func(at time.Time) time.Time {
		now := s.Now()
		return now.Add(-min(max(now.Sub(at), 0), s.limits.Whole(lease.Timeout)))
	}
	l.granted, l.since = steady(lease.Granted), steady(lease.Since)
	rules := table()
	var why error
	for {
		if lease.Phase == ledger.Ending {
			ctx = base
		}
		if ev == "" {
			s.tell(l.ticket, Update{Lease: lease.ID, Phase: lease.Phase})
			ev, why = l.work(ctx, lease)
		}
		switch {
		case base.Err() != nil:
			return errStopping
		case lease.Phase == ledger.Ending && ev == done:
			return l.over(base, lease)
		}
		next, err := l.enter(base, lease, rules[lease.Phase][ev], ev, why)
		if err != nil {
			return err
		}
		lease, ev = next, ""
	}
}

// enter has the next phase on disk.
func (l *life) enter(ctx context.Context, lease ledger.Lease, m move, ev event, why error) (ledger.Lease, error) {
	if m.to == lease.Phase {
		return lease, nil
	}
	now := l.s.Now()
	var note string
	var end *ledger.End
	if m.to == ledger.Ending {
		end = l.ending(lease, m, ev, why)
		note = string(end.Class)
	}
	change := func(r *ledger.Lease) error {
		r.Enter(m.to, now, note)
		switch {
		case end != nil:
			r.End = end
			r.Requeue = m.again && (ev == contended || r.Ticket.Tries+1 < tries)
			r.Deadline = now
		case m.to == ledger.Working:
			r.Deadline = now.Add(r.Timeout + l.s.limits.Grace)
		}
		return nil
	}
	changed, err := l.insist(ctx, func() (ledger.Lease, error) { return l.s.ledger.Change(l.id, change) })
	if err != nil {
		return lease, err
	}
	l.since = now
	if m.to == ledger.Waiting {
		l.s.tell(l.ticket, Update{Online: l.s.handover(changed)})
	}
	if end == nil {
		return changed, nil
	}
	err = l.lesson(ctx, *end, ev)
	if !changed.Requeue {
		l.s.tell(l.ticket, Update{Lease: l.id, End: end})
	}
	return changed, err
}

// lesson is what an end teaches about the leases to come: macOS takes no guest
// for a while, or a profile can have no runner.
func (l *life) lesson(ctx context.Context, end ledger.End, ev event) error {
	if ev != contended && end.Class != ledger.Deprecated {
		return nil
	}
	_, err := l.insist(ctx, func() (ledger.Lease, error) {
		return ledger.Lease{}, l.s.ledger.SetState(func(st *ledger.State) {
			if ev == contended {
				st.Contended = end.At.Add(l.s.limits.Contend)
				return
			}
			if st.Stopped == nil {
				st.Stopped = map[string]string{}
			}
			st.Stopped[l.ticket.Profile] = end.Reason
		})
	})
	if ev == contended {
		time.AfterFunc(l.s.limits.Contend, l.s.poke)
	}
	return err
}

// ending is how a lease ends by a move.
func (l *life) ending(lease ledger.Lease, m move, ev event, why error) *ledger.End {
	e := &ledger.End{Class: m.class}
	if m.class == "" {
		*e = l.said.End
	}
	e.At = l.s.Now()
	switch {
	case e.Reason != "":
	case why != nil:
		e.Reason = why.Error()
	case ev == timedOut && lease.Phase == ledger.Working:
		e.Reason = fmt.Sprintf("the job took longer than the %s that profile %s allows", lease.Timeout, lease.Ticket.Profile)
	case ev == timedOut && lease.Phase == ledger.Waiting:
		e.Reason = fmt.Sprintf("no job was given to the runner within %s", l.s.limits.Pickup)
	case ev == timedOut:
		e.Reason = fmt.Sprintf("it took longer than %s, in the phase %s", l.s.limits.Boot, lease.Phase)
	case ev == cancelled:
		e.Reason = errCancelled.Error()
	case ev == gone:
		e.Reason = "the VM is not there any more"
	}
	return e
}

// insist repeats a write of the ledger that fails, as with a full disk, until
// ctx ends.
func (l *life) insist(ctx context.Context, write func() (ledger.Lease, error)) (ledger.Lease, error) {
	for n := 0; ; n++ {
		lease, err := write()
		if err == nil || errors.Is(err, ledger.ErrMissing) {
			return lease, err
		}
		l.s.log.Error("the ledger can't be written; it is tried again", "lease", l.id, "error", err)
		if !l.s.rest(ctx, n) {
			return lease, err
		}
	}
}

// note changes the record within a phase.
func (l *life) note(ctx context.Context, change func(*ledger.Lease)) (ledger.Lease, error) {
	return l.insist(ctx, func() (ledger.Lease, error) {
		return l.s.ledger.Change(l.id, func(r *ledger.Lease) error { change(r); return nil })
	})
}

// over releases the lease: everything is taken away.
func (l *life) over(ctx context.Context, lease ledger.Lease) error {
	_, err := l.insist(ctx, func() (ledger.Lease, error) {
		return lease, l.s.ledger.Release(l.id, l.s.Now())
	})
	if lease.Requeue {
		l.s.tell(l.ticket, Update{Reason: "its VM did not come up, another one is tried: " + lease.End.Reason})
	}
	return err
}

// rest waits before attempt n+1, counted from 0; false when ctx ended.
func (s *Service) rest(ctx context.Context, n int) bool {
	t := time.NewTimer(min(s.limits.Retry<<min(n, 12), 5*time.Minute))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// judge says which event an error of a phase's work is.
func (l *life) judge(ctx, in context.Context, err error) event {
	switch {
	case err == nil:
		return done
	case errors.Is(context.Cause(ctx), errCancelled):
		return cancelled
	case tartcli.Is(err, tartcli.LimitExceeded):
		return contended
	case l.guest != nil && l.guestEnded(), errors.As(err, new(*guest.EndedError)), tartcli.Is(err, tartcli.NotRunning):
		return gone
	case in.Err() != nil:
		return timedOut
	}
	return failed
}

func (l *life) guestEnded() bool {
	select {
	case <-l.guest.Done():
		return true
	default:
		return false
	}
}

// hide takes the runner's configuration out of what is kept.
func (l *life) hide(text string) string {
	if l.jit.IsZero() {
		return text
	}
	return strings.ReplaceAll(text, l.jit.Reveal(), l.jit.String())
}
