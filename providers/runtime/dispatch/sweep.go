package dispatch

import (
	"context"
	"errors"

	"hostler/providers/internal/ghapi"
	"hostler/providers/runtime/internal/sweep"
)

// Finding is something that a sweep did, or could not do.
type Finding = sweep.Finding

// Sweep mends what should not be so. GitHub is asked only if thorough.
func (s *Service) Sweep(ctx context.Context, thorough bool) ([]Finding, error) {
	sweeper := sweep.Sweeper{Mac: s.Mac, Ledger: s.ledger, Logs: Logs}
	var unread error
	if thorough {
		sweeper.GitHub, unread = s.gitHub()
	}
	found, err := sweeper.Run(ctx)
	for _, f := range found {
		s.log.Info("sweep", "what", f.What, "name", f.Name, "verdict", f.Verdict, "why", f.Why, "error", f.Error)
	}
	s.poke()
	return found, errors.Join(err, unread)
}

// gitHub is the way to GitHub, nil where none is installed.
func (s *Service) gitHub() (*ghapi.Client, error) {
	conf, err := s.Configure()
	if err != nil || conf.Access == nil {
		return nil, err
	}
	return s.hub.Client(conf)
}
