package shelf

import (
	"context"
	"slices"
	"strings"
)

// Used is a VM, or an image in tart's cache, and what it occupies.
type Used struct {
	Name string
	// Role is that of an Item, "cached" for an image in tart's cache, or "other"
	// for a VM that belongs to no image of hostler's.
	Role  string
	Bytes uint64
}

// Usage is everything that tart has, by name; sizes are bytes.
func (s Shelf) Usage(ctx context.Context, sizes map[string]uint64) (all []Used, err error) {
	items, err := s.Items(ctx)
	if err != nil {
		return nil, err
	}
	roles := map[string]string{}
	for _, item := range items {
		roles[item.VM] = string(item.Role)
	}
	list, err := s.Tart.List(ctx)
	if err != nil {
		return nil, err
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
	return all, nil
}
