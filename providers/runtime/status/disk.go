package status

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"hostler/providers/internal/machine"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/internal/cache"
	"hostler/providers/runtime/internal/vm"
)

// Cache is what is kept for the jobs of one profile and repository, Pruning
// which caches are to go, and Pruned one that went.
type (
	Cache   = cache.Entry
	Pruning = cache.Wish
	Pruned  = cache.Removed
)

func caches(o dispatch.Options) *cache.Store {
	return &cache.Store{Mac: machine.Local(o.Env.Root, o.Env.Environ), Now: o.Clock}
}

// Caches are all caches of the Mac.
func Caches(ctx context.Context, o dispatch.Options) ([]Cache, error) { return caches(o).List(ctx) }

// Prune is Service.Prune of dispatch on a Mac whose service does not run;
// ledger.ErrBusy if it does.
func Prune(o dispatch.Options, w Pruning) ([]Pruned, error) {
	maker := vm.Maker{Caches: caches(o)}
	l, err := dispatch.OpenRead(o)
	if errors.Is(err, fs.ErrNotExist) { // there was never a lease
		return maker.Caches.Prune(w, func() ([]cache.Use, error) { return nil, nil })
	}
	if err != nil {
		return nil, err
	}
	removed, err := maker.Prune(w, l)
	return removed, errors.Join(err, l.Close())
}

// LogBytes is what hostler's logs on the Mac occupy, of jobs and of builds.
func LogBytes(ctx context.Context, o dispatch.Options) (uint64, error) {
	s, dir := caches(o), path.Dir(dispatch.Logs)
	if _, err := s.Mac.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return s.Size(ctx, dir)
}
