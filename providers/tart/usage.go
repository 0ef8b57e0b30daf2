package tart

import (
	"context"

	"hostler/providers"
	"hostler/providers/tart/internal/shelf"
)

// Used is a VM, or an image in tart's cache, and what it occupies.
type Used = shelf.Used

// Usage is everything that tart has on the Mac, by name, and how much of the
// Mac's disk there is and is free, in bytes.
func Usage(ctx context.Context, env providers.Env) (all []Used, total, free uint64, err error) {
	c := newImages(env)
	if total, free, err = c.mac.Room(ctx, "~"); err != nil {
		return nil, 0, 0, err
	}
	sizes, err := c.cache.Sizes(ctx)
	if err != nil {
		return nil, total, free, err
	}
	all, err = c.shelf.Usage(ctx, sizes)
	return all, total, free, err
}
