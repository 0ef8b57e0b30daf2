package tart

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hostler/providers"
)

// Used is a VM, or an image in tart's cache, and what it occupies.
type Used struct {
	Name string
	// Role is that of a Build, "cached" for an image in tart's cache, or "other"
	// for a VM that belongs to no image of hostler's.
	Role  string
	Bytes uint64 // as in Build
}

// Usage is everything that tart has on the Mac, by name, and how much of the
// Mac's disk there is and is free, in bytes.
func Usage(ctx context.Context, env providers.Env) (all []Used, total, free uint64, err error) {
	c := newImages(env)
	if total, free, err = c.mac.Room(ctx, "~"); err != nil {
		return nil, 0, 0, fmt.Errorf("how much of the disk is free can't be read: %w", err)
	}
	items, err := c.shelf.Items(ctx)
	if err != nil {
		return nil, total, free, err
	}
	roles := map[string]string{}
	for _, item := range items {
		roles[item.VM] = string(item.Role)
	}
	list, err := c.tart.List(ctx)
	if err != nil {
		return nil, total, free, err
	}
	sizes, err := c.cache.Sizes(ctx)
	if err != nil {
		return nil, total, free, err
	}
	for name := range list.Local {
		role := roles[name]
		if role == "" {
			role = "other"
		}
		all = append(all, Used{name, role, sizes[name]})
	}
	for name := range list.Cached {
		if strings.Contains(name, "@") { // a tag stands for one of these
			all = append(all, Used{name, "cached", sizes[name]})
		}
	}
	slices.SortFunc(all, func(a, b Used) int { return strings.Compare(a.Name, b.Name) })
	return all, total, free, nil
}
