package cache

import (
	"os"
	"slices"
	"time"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

// MakeRoom is what follows a clone: what the new VM may still grow by, up to
// limit bytes, shall be free on the volume.
func (c Cache) MakeRoom(d vm.Dir, limit uint64) error {
	size, err := d.Disk()
	if err != nil {
		return err
	}
	have, err := d.Allocated()
	if err != nil {
		return err
	}
	if size <= have {
		return nil
	}
	return c.makeSpace(min(size-have, limit))
}

// makeSpace prunes cached images, least recently used first, until the volume
// has need bytes free; when that can't be, it prunes nothing and goes on.
func (c Cache) makeSpace(need uint64) error {
	if _, off := c.Env["TART_NO_AUTO_PRUNE"]; off || c.Settings.DiskFree >= need {
		return nil
	}
	return c.reclaim(need - c.Settings.DiskFree)
}

// cached is an image that can be pruned.
type cached struct {
	vm.Named
	size uint64
	used time.Time
}

func (c Cache) prunable(vms []vm.Named) ([]cached, error) {
	var all []cached
	for _, n := range vms {
		info, err := os.Lstat(string(n.Dir))
		if err != nil || info.Mode()&os.ModeSymlink != 0 {
			continue
		}
		if pid, err := n.Dir.Holder(); err != nil || pid != 0 {
			continue
		}
		size, err := n.Dir.Allocated()
		if err != nil {
			return nil, err
		}
		used, err := n.Dir.Accessed()
		if err != nil {
			return nil, err
		}
		all = append(all, cached{n, size, used})
	}
	slices.SortFunc(all, func(a, b cached) int { return a.used.Compare(b.used) })
	return all, nil
}

func (c Cache) reclaim(bytes uint64) error {
	images, err := c.Home.Images()
	if err != nil {
		return err
	}
	all, err := c.prunable(images)
	if err != nil {
		return err
	}
	var sum uint64
	for _, i := range all {
		sum += i.size
	}
	if sum < bytes {
		return nil
	}
	var freed uint64
	for _, i := range all {
		if freed >= bytes {
			break
		}
		if err := i.Dir.Remove(); err != nil {
			return err
		}
		freed += i.size
	}
	if err := c.Set(func(s *mac.Settings) { s.DiskFree += freed }); err != nil {
		return err
	}
	return c.Home.Sweep()
}

// Criteria say what is pruned.
type Criteria struct {
	VMs       bool    // local stopped VMs instead of cached images
	OlderThan *uint64 // days since the last use
	Budget    *uint64 // GiB that all of them may take together
}

// Prune throws away what meets one of the criteria.
func (c Cache) Prune(by Criteria) error {
	vms, err := c.Home.Images()
	if by.VMs {
		vms, err = c.Home.Locals()
	}
	if err != nil {
		return err
	}
	all, err := c.prunable(vms)
	if err != nil {
		return err
	}
	if by.OlderThan != nil {
		limit := c.Now().Add(-time.Duration(*by.OlderThan) * 24 * time.Hour)
		if all, err = removeWhile(all, func(i cached) bool { return i.used.Before(limit) }); err != nil {
			return err
		}
	}
	if by.Budget != nil {
		var sum uint64
		for _, i := range all {
			sum += i.size
		}
		_, err = removeWhile(all, func(i cached) bool {
			over := sum > *by.Budget<<30
			sum -= i.size
			return over
		})
		if err != nil {
			return err
		}
	}
	return c.Home.Sweep()
}

// removeWhile removes VMs from the front of all and returns the rest.
func removeWhile(all []cached, old func(cached) bool) ([]cached, error) {
	for len(all) > 0 && old(all[0]) {
		if err := all[0].Dir.Remove(); err != nil {
			return nil, err
		}
		all = all[1:]
	}
	return all, nil
}
