package dispatch

import (
	"context"
	"errors"
	"hostler/providers/runtime/internal/sweep"
)

// Finding is something that a sweep did, or could not do.
type Finding = sweep.Finding

// Sweep mends what should not be so. GitHub is asked only if thorough.
func (s *Service) Sweep(ctx context.Context, thorough bool) ([]Finding, error) {
	sweeper := sweep.Sweeper{Mac: s.Mac, Ledger: s.ledger}
	var unread error
	if conf, err := s.Configure(); thorough && err == nil && conf.Access != nil {
		sweeper.GitHub, unread = s.hub.Client(conf)
	}
	found, err := sweeper.Run(ctx)
	for _, f := range found {
		s.log.Info("sweep", "what", f.What, "name", f.Name, "verdict", f.Verdict, "why", f.Why, "error", f.Error)
	}
	s.prune()
	s.poke()
	return found, errors.Join(err, unread)
}

// What is kept of leases that are over, with their logs.
const historyDays, historyMost = 14, 1000

// prune forgets old leases, and removes their logs.
func (s *Service) prune() {
	gone, err := s.ledger.Prune(s.Now().AddDate(0, 0, -historyDays), historyMost)
	if err != nil {
		s.log.Warn("history", "error", err)
	}
	for _, l := range gone {
		if err := s.RemoveAll(folder(l.ID)); err != nil {
			s.log.Warn("logs", "lease", l.ID, "error", err)
		}
	}
}
