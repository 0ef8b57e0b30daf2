package dispatch

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"hostler/hcl/schema"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
)

// Request is a wish for a VM of a profile.
type Request struct {
	Key     string // names the asking, so that it can be repeated; "" is one of its own
	Profile string
	Job     ledger.Job
	Share   bool
	Timeout time.Duration // of the wait for room; 0: an hour
}

// Update is what whoever asked is told. One of its parts is set.
type Update struct {
	// While it waits: where it stands, and why; Starts is the time by which it
	// has room for sure, if anybody knows.
	Position int       `json:"position,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Starts   time.Time `json:"starts,omitzero"`
	// When it got a lease, and with each phase of that.
	Lease string       `json:"lease,omitempty"`
	Phase ledger.Phase `json:"phase,omitempty"`

	Online  *Handover   `json:"online,omitempty"`  // the runner listens
	End     *ledger.End `json:"end,omitempty"`     // it ended before
	Refused string      `json:"refused,omitempty"` // it gets nothing
}

// Handover is a runner that listens.
type Handover struct {
	Label  string `json:"label"`
	Runner string `json:"runner"`
	Host   string `json:"host"`
	Lease  string `json:"lease"`
}

// Reason is why there is no runner.
type Reason string

// The reasons.
const (
	Unknown Reason = "unknown profile"
	Refused Reason = "refused"     // it never gets anything
	Full    Reason = "no capacity" // not in time
	Failed  Reason = "boot failed"
	Stopped Reason = "stopped" // the service ended
	Broken  Reason = "broken"  // the Mac is not as apply left it
)

// AskError is a wish that does not come true.
type AskError struct {
	Reason Reason
	Text   string
	Class  ledger.Class // of Failed
	Lease  string       // of Failed
}

func (e *AskError) Error() string { return e.Text }

// asking is somebody who waits.
type asking struct {
	news chan Update
	told bool // the last that there is to tell
}

// last reports whether nothing follows the update.
func (u Update) last() bool { return u.Online != nil || u.End != nil || u.Refused != "" }

// tell tells whoever asked; of several updates that nobody has looked at, the
// last counts, and one that nothing follows is never lost.
func (s *Service) tell(t ledger.Ticket, u Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.asking[t.Key]
	if a == nil || a.told {
		return
	}
	select {
	case <-a.news:
	default:
	}
	a.news <- u
	a.told = u.last()
}

// tellAll tells everybody who waits what keeps the service from deciding.
func (s *Service) tellAll(tickets []ledger.Ticket, err error) {
	for i, t := range tickets {
		s.tell(t, Update{Position: i + 1, Reason: err.Error()})
	}
}

// Ask waits for a runner of a profile. each is told how it gets on. When ctx
// ends, what was asked for is given back; when the service ends, it is not.
// Errors: *AskError, or those of the ledger.
func (s *Service) Ask(ctx context.Context, r Request, each func(Update)) (*Handover, error) {
	r.Key = cmp.Or(r.Key, rand.Text())
	// Whatever happens to the ticket from here on is heard.
	a := &asking{news: make(chan Update, 1)}
	s.mu.Lock()
	s.asking[r.Key] = a
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.asking[r.Key] == a {
			delete(s.asking, r.Key)
		}
	}()
	ticket, lease, err := s.enqueue(r)
	if err != nil {
		return nil, err
	}
	switch {
	case lease == nil:
	case lease.Phase == ledger.Waiting, lease.Phase == ledger.Working:
		return s.handover(*lease), nil
	case lease.Phase == ledger.Ending && !lease.Requeue:
		return nil, failure(lease.ID, *lease.End)
	}
	s.poke()
	return s.await(ctx, ticket, a, r, each)
}

// enqueue makes the ticket, or finds the one that was made.
func (s *Service) enqueue(r Request) (ledger.Ticket, *ledger.Lease, error) {
	conf, err := s.Configure()
	if err != nil {
		return ledger.Ticket{}, nil, &AskError{Reason: Broken, Text: err.Error()}
	}
	if _, ok := conf.Profiles[r.Profile]; !ok {
		return ledger.Ticket{}, nil, unknown(conf, r.Profile)
	}
	now := s.Now()
	return s.ledger.Enqueue(ledger.Ticket{
		Key: r.Key, Profile: r.Profile, Job: r.Job, Share: r.Share, Enqueued: now, Deadline: now.Add(cmp.Or(r.Timeout, time.Hour)),
	})
}

// unknown names what there is instead.
func unknown(c site.Configuration, profile string) error {
	hint := "there is none yet; add one and apply"
	if names := c.Names(); len(names) > 0 {
		hint = fmt.Sprintf("there are %s", strings.Join(names, ", "))
		if near := schema.Nearest(profile, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	for _, err := range c.Broken {
		if err.Profile == profile {
			return &AskError{Reason: Broken, Text: err.Error()}
		}
	}
	return &AskError{Reason: Unknown, Text: fmt.Sprintf("this Mac has no profile %q; %s", profile, hint)}
}

func (s *Service) await(ctx context.Context, t ledger.Ticket, a *asking, r Request, each func(Update)) (*Handover, error) {
	patience := time.NewTimer(t.Deadline.Sub(s.Now()))
	defer patience.Stop()
	var late bool
	why := "nothing was decided yet"
	for {
		select {
		case u := <-a.news:
			each(u)
			why = cmp.Or(u.Reason, why)
			switch {
			case u.Online != nil:
				return u.Online, nil
			case u.End != nil:
				return nil, failure(u.Lease, *u.End)
			case u.Refused != "":
				return nil, &AskError{Reason: Refused, Text: u.Refused}
			}
		case <-patience.C:
			late = true
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errStopping) {
				return nil, &AskError{Reason: Stopped, Text: errStopping.Error()}
			}
			lease, err := s.withdraw(t.ID)
			s.cancel(lease)
			return nil, errors.Join(context.Cause(ctx), err)
		}
		if !late {
			continue
		}
		// One that has room goes on: its boot has a limit of its own.
		if lease, err := s.withdraw(t.ID); err != nil || lease == "" {
			return nil, errors.Join(&AskError{Reason: Full, Text: fmt.Sprintf("no room within %s: %s", cmp.Or(r.Timeout, time.Hour), why)}, err)
		}
	}
}

// withdraw takes a ticket back, unless it became a lease, which is then named.
func (s *Service) withdraw(ticket string) (lease string, err error) {
	s.granting.Lock()
	defer s.granting.Unlock()
	defer s.poke()
	return s.leaseOf(ticket), s.ledger.Withdraw(ticket)
}

// failure is a lease that ended before its runner listened.
func failure(lease string, e ledger.End) error {
	return &AskError{Reason: Failed, Text: e.Reason, Class: e.Class, Lease: lease}
}

// leaseOf is the lease that a ticket has, or "".
func (s *Service) leaseOf(ticket string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.lives {
		if l.ticket.ID == ticket {
			return id
		}
	}
	return ""
}

// handover is what is said of a runner that listens.
func (s *Service) handover(l ledger.Lease) *Handover {
	h := &Handover{Label: l.Label, Runner: l.Name, Lease: l.ID}
	if conf, err := s.Configure(); err == nil {
		h.Host = conf.Host.Name
	}
	return h
}
