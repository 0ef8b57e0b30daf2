package dispatch

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"hostler/providers/runtime/internal/cache"
)

// Cache is what is kept for the jobs of one profile and repository, Pruning
// which caches are to go, and Pruned one that went.
type (
	Cache   = cache.Entry
	Pruning = cache.Wish
	Pruned  = cache.Removed
)

// Caches lists all caches of the Mac. It needs no service.
func Caches(ctx context.Context, o Options) ([]Cache, error) {
	return (&cache.Store{Mac: macOf(o).Machine, Now: o.Clock}).List(ctx)
}

// LogBytes is what hostler's logs on the Mac occupy, of jobs and of builds.
func LogBytes(ctx context.Context, o Options) (uint64, error) {
	m := macOf(o).Machine
	dir := path.Dir(Logs)
	if _, err := m.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return (&cache.Store{Mac: m, Now: o.Clock}).Size(ctx, dir)
}

// Prune removes caches, never what a lease uses. It returns what it removed,
// also with an error.
func (s *Service) Prune(w Pruning) ([]Pruned, error) {
	return s.vms.Caches.Prune(w, func() (all []cache.Use, err error) {
		snap, err := s.ledger.Read()
		for _, l := range snap.Leases {
			all = append(all, cache.Use{Profile: l.Ticket.Profile, Repository: l.Ticket.Job.Repository, Lease: l.ID})
		}
		return all, err
	})
}

// Prune is Service.Prune on a Mac whose service does not run; ledger.ErrBusy if
// it does.
func Prune(o Options, w Pruning) ([]Pruned, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	all, err := s.Prune(w)
	return all, errors.Join(err, s.ledger.Close())
}
