package dispatch

import (
	"context"
	"errors"
	"time"

	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/queue"
)

// sight is what was seen round what is lent.
type sight struct {
	site.Surroundings
	at time.Time
}

// stale is how old a look at what else runs may be.
const stale = 5 * time.Second

// admit decides once, lends, and tells who waits why; waiting is true if
// anybody does.
func (s *Service) admit(ctx context.Context) (waiting bool, err error) {
	snap, err := s.ledger.Read()
	if err != nil || len(snap.Tickets) == 0 {
		return false, err
	}
	snap.Tickets = s.present(snap.Tickets)
	now := s.Now()
	sit, err := s.Situate(ctx, snap, s.limits.Whole, func(ctx context.Context) (site.Surroundings, error) { return s.lookAround(ctx, snap, now) })
	if hopeless(err) {
		return false, errors.Join(err, s.refuse(err.Error(), snap.Tickets...))
	}
	if err != nil {
		s.tellAll(snap.Tickets, err)
		return false, err
	}
	d := queue.Admit(now, sit.Mac, sit.Holdings, sit.Tickets)
	tickets := map[string]ledger.Ticket{}
	for _, t := range snap.Tickets {
		tickets[t.ID] = t
	}
	for _, r := range d.Refused {
		if err := s.refuse(r.Reason, tickets[r.Ticket]); err != nil {
			return false, err
		}
	}
	for _, w := range d.Waits {
		s.tell(tickets[w.Ticket], Update{Position: w.Position, Reason: w.Reason, Starts: w.Starts})
	}
	for _, id := range d.Grants {
		p := sit.Profiles[tickets[id].Profile]
		if err := s.grant(ctx, id, s.draft(p, sit.Demands[p.Name])); err != nil {
			s.tellAll(snap.Tickets, err)
			return false, err
		}
	}
	return len(d.Waits) > 0, nil
}

// draft is the lease of a VM of the profile, as it begins.
func (s *Service) draft(p runtime.Profile, d ledger.Demand) ledger.Lease {
	now := s.Now()
	l := ledger.Lease{Demand: d, Image: p.VM, Boot: s.boot, Timeout: time.Duration(p.Timeout), Granted: now}
	l.Deadline = now.Add(s.limits.Whole(l.Timeout))
	l.Enter(ledger.Reserved, now, "")
	return l
}

// hopeless reports whether nothing can be lent until somebody mends the Mac.
func hopeless(err error) bool {
	return tartcli.Is(err, tartcli.Missing) || tartcli.Is(err, tartcli.TooOld) || tartcli.Is(err, tartcli.BadHome)
}

// refuse withdraws tickets that get nothing, and says why.
func (s *Service) refuse(why string, tickets ...ledger.Ticket) (err error) {
	for _, t := range tickets {
		err = errors.Join(err, s.ledger.Withdraw(t.ID))
		s.tell(t, Update{Refused: why})
	}
	return err
}

// grant lends, unless the ticket was withdrawn meanwhile.
func (s *Service) grant(ctx context.Context, ticket string, lease ledger.Lease) error {
	s.granting.Lock()
	defer s.granting.Unlock()
	lease, err := s.ledger.Grant(ticket, lease)
	if errors.Is(err, ledger.ErrMissing) {
		return nil
	}
	if err == nil {
		s.begin(ctx, lease, "")
	}
	return err
}

// lookAround is Look, not too long ago.
func (s *Service) lookAround(ctx context.Context, snap ledger.Snapshot, now time.Time) (site.Surroundings, error) {
	s.mu.Lock()
	have := s.seen
	s.mu.Unlock()
	if age := now.Sub(have.at); !have.at.IsZero() && age >= 0 && age < stale {
		return have.Surroundings, nil
	}
	around, err := s.Look(ctx, snap)
	if err != nil {
		return around, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = sight{around, now}
	return around, nil
}

// present withdraws the tickets of those who went away and did not come back,
// and returns the others.
func (s *Service) present(all []ledger.Ticket) []ledger.Ticket {
	var out []ledger.Ticket
	for _, t := range all {
		s.mu.Lock()
		a := s.asking[t.Key]
		s.mu.Unlock()
		if a == nil && s.Now().Sub(s.began) > s.limits.Absent {
			if err := s.ledger.Withdraw(t.ID); err == nil {
				s.log.Info("withdrawn: whoever asked did not come back", "ticket", t.ID)
				continue
			}
		}
		out = append(out, t)
	}
	return out
}
