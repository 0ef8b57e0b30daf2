package dispatch

import (
	"context"
	"errors"

	"hostler/providers/runtime/internal/cache"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/internal/sweep"
)

// Finding is something that a sweep did, or could not do.
type Finding = sweep.Finding

// Sweep mends what should not be so. GitHub is asked only if thorough.
func (s *Service) Sweep(ctx context.Context, thorough bool) ([]Finding, error) {
	sweeper := sweep.Sweeper{Mac: s.Mac, Ledger: s.ledger, Logs: Logs}
	var unread error
	if thorough {
		var conf site.Configuration
		if conf, unread = s.Configure(); unread == nil && conf.Access != nil {
			sweeper.GitHub, unread = s.hub.Client(conf)
		}
	}
	found, err := sweeper.Run(ctx)
	for _, f := range found {
		s.log.Info("sweep", "what", f.What, "name", f.Name, "verdict", f.Verdict, "why", f.Why, "error", f.Error)
		if s.found != nil {
			s.found(f)
		}
	}
	s.poke()
	return found, errors.Join(err, unread)
}

// Prune removes caches, never what a lease uses. It returns what it removed,
// also with an error.
func (s *Service) Prune(w cache.Wish) ([]cache.Removed, error) { return s.vms.Prune(w, s.ledger) }
