package tart

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

func (c *call) pullCommand() error {
	if n, err := c.number("--concurrency", 4); err != nil {
		return err
	} else if n == 0 {
		return c.refuse("network concurrency cannot be less than 1")
	}
	r, remote := vm.ParseRemote(c.operands[0])
	if !remote {
		fmt.Fprintf(c.Stdout, "%q is a local image, nothing to pull here!\n", c.operands[0])
		return nil
	}
	return c.pull(r)
}

// pull downloads an image unless it is cached, and links its tag to it.
func (c *call) pull(r vm.Remote) error {
	fmt.Fprintf(c.Stdout, "pulling %s...\n", r)
	if err := os.MkdirAll(c.home.Host(r), 0o755); err != nil {
		return err
	}
	unlock, free, err := mac.TryFlock(c.home.Host(r))
	if err == nil && !free {
		fmt.Fprintln(c.Stdout, "waiting for lock...")
		unlock, err = mac.Flock(c.home.Host(r))
	}
	if err != nil {
		return err
	}
	defer unlock()
	img, ok := c.find(r)
	if !ok {
		return fmt.Errorf(`UnexpectedHTTPStatusCode(when: "pulling manifest", code: 404, details: "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}")`)
	}
	pinned := vm.Remote{Host: r.Host, Namespace: r.Namespace, Digest: img.Digest}
	d := c.home.Image(pinned)
	if have, ok := c.home.Digest(r); ok && have == img.Digest {
		fmt.Fprintf(c.Stdout, "%s image is already cached and linked!\n", r)
		return nil
	}
	if d.Complete() {
		fmt.Fprintf(c.Stdout, "%s image is already cached! creating a symlink...\n", r)
	} else if err := c.download(img, d); err != nil {
		return err
	}
	if r.Digest != "" {
		return d.Explicit()
	}
	if err := c.home.Link(r, img.Digest); err != nil {
		return err
	}
	return c.home.Sweep()
}

func (c *call) download(img mac.RemoteImage, d vm.Dir) error {
	fmt.Fprintf(c.Stdout, "pulling manifest...\n")
	if err := c.makeSpace(gb(img.UsedGB)); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "pulling disk (%.1f GB compressed)...\n", float64(img.UsedGB))
	c.progress(0)
	temp, free, err := c.home.Temp()
	if err != nil {
		return err
	}
	defer free()
	if !c.wait(c.Settings.Timing.Pull) {
		temp.Collect()
		return fmt.Errorf("CancellationError()")
	}
	address, ecid := vm.Seeded(img.Digest)
	cfg := vm.Config{
		Version: 1, OS: img.OS, Arch: "arm64", CPUCountMin: img.CPUMin, CPUCount: img.CPUs,
		MemorySizeMin: img.MemoryMin, MemorySize: img.Memory, MACAddress: address,
		Display: vm.Display{Width: 1024, Height: 768}, DiskFormat: "raw",
	}
	if img.OS == "darwin" {
		cfg.ECID, cfg.HardwareModel = ecid, vm.HardwareModel()
	}
	if err := temp.Make(cfg, img.Digest, gb(img.DiskGB), gb(img.UsedGB), !img.NoAgent); err != nil {
		return err
	}
	c.progress(100)
	fmt.Fprintln(c.Stdout, "pulling NVRAM...")
	if err := temp.Touch(c.Now()); err != nil {
		return err
	}
	return temp.Place(d)
}

// progress tells how far a pull is: on a line of its own under CI, else over
// the line before.
func (c *call) progress(percent int) {
	if _, plain := c.Env["CI"]; !plain && percent > 0 {
		fmt.Fprint(c.Stdout, "\x1b[1A\x1b[K")
	}
	fmt.Fprintf(c.Stdout, "%d%%\n", percent)
}

// find is what the registry answers for a name: the image published last under
// a tag, or any image published under a digest.
func (c *call) find(r vm.Remote) (mac.RemoteImage, bool) {
	for _, img := range slices.Backward(c.Settings.Registry) {
		have, ok := vm.ParseRemote(img.Ref)
		if ok && have.Repo() == r.Repo() && (r.Digest == img.Digest || r.Digest == "" && r.Tag == have.Tag) {
			return img, true
		}
	}
	return mac.RemoteImage{}, false
}

func gb(n int) uint64 { return uint64(n) * gigabyte }

// wait lets time pass; it is false if SIGINT cut it short.
func (c *call) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT)
	defer signal.Stop(interrupted)
	select {
	case <-interrupted:
		return false
	case <-time.After(d):
		return true
	}
}

// makeRoom is what follows a clone: what the new VM may still grow by, up to
// limit bytes, shall be free on the volume.
func (c *call) makeRoom(d vm.Dir, limit uint64) error {
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
func (c *call) makeSpace(need uint64) error {
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

func (c *call) prunable(vms []vm.Named) ([]cached, error) {
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

func (c *call) reclaim(bytes uint64) error {
	images, err := c.home.Images()
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
	return c.home.Sweep()
}

func (c *call) prune() error {
	entries, err := c.choice("--entries", "caches", "caches", "vms")
	if err != nil {
		return invalid("unsupported --entries value, please specify either \"caches\" or \"vms\"")
	}
	if c.has("--gc") {
		return c.home.Sweep()
	}
	if !c.has("--older-than") && !c.has("--space-budget") {
		return c.refuse("at least one pruning criteria must be specified")
	}
	vms, err := c.home.Images()
	if entries == "vms" {
		vms, err = c.home.Locals()
	}
	if err != nil {
		return err
	}
	all, err := c.prunable(vms)
	if err != nil {
		return err
	}
	if c.has("--older-than") {
		days, err := c.number("--older-than", 0)
		if err != nil {
			return err
		}
		limit := c.Now().Add(-time.Duration(days) * 24 * time.Hour)
		if all, err = removeWhile(all, func(i cached) bool { return i.used.Before(limit) }); err != nil {
			return err
		}
	}
	if c.has("--space-budget") {
		budget, err := c.number("--space-budget", 0)
		if err != nil {
			return err
		}
		var sum uint64
		for _, i := range all {
			sum += i.size
		}
		_, err = removeWhile(all, func(i cached) bool {
			over := sum > budget<<30
			sum -= i.size
			return over
		})
		if err != nil {
			return err
		}
	}
	return c.home.Sweep()
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
