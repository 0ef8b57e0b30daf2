// Package cache owns the images that a simulated tart has pulled: where they
// come from, and what is thrown away to make room.
//
// Invariants:
//
//   - An image is in the cache whole or not at all, under its digest; a tag is
//     a link to one.
//   - Least recently used images go first, and only as many as are needed.
//
// Start reading at Cache.
package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

// Cache is the images below one TART_HOME, as a process of tart uses them.
type Cache struct {
	*mac.Process
	Home vm.Home
}

// Pull downloads an image unless it is cached, and links its tag to it.
func (c Cache) Pull(r vm.Remote) error {
	fmt.Fprintf(c.Stdout, "pulling %s...\n", r)
	if err := os.MkdirAll(c.Home.Host(r), 0o755); err != nil {
		return err
	}
	unlock, free, err := mac.TryFlock(c.Home.Host(r))
	if err == nil && !free {
		fmt.Fprintln(c.Stdout, "waiting for lock...")
		unlock, err = mac.Flock(c.Home.Host(r))
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
	d := c.Home.Image(pinned)
	if have, ok := c.Home.Digest(r); ok && have == img.Digest {
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
	if err := c.Home.Link(r, img.Digest); err != nil {
		return err
	}
	return c.Home.Sweep()
}

func (c Cache) download(img mac.RemoteImage, d vm.Dir) error {
	fmt.Fprintf(c.Stdout, "pulling manifest...\n")
	if err := c.makeSpace(gb(img.UsedGB)); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "pulling disk (%.1f GB compressed)...\n", float64(img.UsedGB))
	temp, free, err := c.Home.TempFor(img.Digest)
	if err != nil {
		return err
	}
	defer free()
	if err := c.disk(temp); err != nil {
		return err
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
	fmt.Fprintln(c.Stdout, "pulling NVRAM...")
	if err := temp.Touch(c.Now()); err != nil {
		return err
	}
	return temp.Place(d)
}

// disk downloads the disk into a folder in tmp, and goes on there where an
// earlier pull stopped.
func (c Cache) disk(temp vm.Dir) error {
	const step = 10 // percent
	file := temp.Join("downloaded")
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	done, _ := strconv.Atoi(string(data)) // 0 when there is none
	c.progress(done)
	for had := done; done < 100; c.progress(done) {
		if cut := c.Settings.Trouble.Pull; cut > 0 && done >= min(had+cut, 100) {
			return fmt.Errorf(`Error Domain=NSURLErrorDomain Code=-1005 "The network connection was lost."`)
		}
		if !c.Wait(c.Settings.Timing.Pull / (100 / step)) {
			return fmt.Errorf("CancellationError()")
		}
		done += step
		if err := os.WriteFile(file, []byte(strconv.Itoa(done)), 0o600); err != nil {
			return err
		}
	}
	return os.Remove(file)
}

// progress tells how far a pull is: on a line of its own under CI, else over
// the line before.
func (c Cache) progress(percent int) {
	if _, plain := c.Env["CI"]; !plain && percent > 0 {
		fmt.Fprint(c.Stdout, "\x1b[1A\x1b[K")
	}
	fmt.Fprintf(c.Stdout, "%d%%\n", percent)
}

// find is what the registry answers for a name: the image published last under
// a tag, or any image published under a digest.
func (c Cache) find(r vm.Remote) (mac.RemoteImage, bool) {
	for _, img := range slices.Backward(c.Settings.Registry) {
		have, ok := vm.ParseRemote(img.Ref)
		if ok && have.Repo() == r.Repo() && (r.Digest == img.Digest || r.Digest == "" && r.Tag == have.Tag) {
			return img, true
		}
	}
	return mac.RemoteImage{}, false
}

func gb(n int) uint64 { return uint64(n) * vm.Gigabyte }
