package tart

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/runnerage"
	"hostler/providers/tart/internal/shelf"
)

// unknown is the content of an image of which the note is lost.
const unknown = "unknown"

// parent is the image block that from refers to.
func parent(from string) (addr.Addr, bool) {
	a, err := addr.Parse(from)
	return a, err == nil && a.Type == "image"
}

// Resolve completes the wanted image: what is left out is what the image has,
// or what its source will give it.
func (c *images) Resolve(ctx context.Context, r *providers.Resolve[Image]) error {
	want, have := r.Want, r.Have
	if r.Replacing {
		have = nil
	}
	if have == nil {
		if err := c.christen(ctx, r); err != nil {
			return err
		}
	}
	if err := c.weigh(want.Steps); err != nil {
		return err
	}
	if err := c.warnOfRemains(ctx, r); err != nil {
		return err
	}
	if have == nil {
		return c.begin(ctx, r)
	}
	want.VM = have.VM
	want.CPUs, want.Memory = cmp.Or(want.CPUs, have.CPUs), cmp.Or(want.Memory, have.Memory)
	if have.Content == "" && (have.From == "" || sameRecipe(have, want)) {
		return c.leave(want, have)
	}
	if err := c.compare(ctx, r); err != nil {
		return err
	}
	c.warnOfAge(ctx, r)
	return nil
}

// begin completes an image that is made anew.
func (c *images) begin(ctx context.Context, r *providers.Resolve[Image]) error {
	want := r.Want
	o, err := c.origin(ctx, r)
	if err != nil {
		return err
	}
	if want.CPUs == nil && o.cpus > 0 {
		want.CPUs = &o.cpus
	}
	want.Memory, want.Disk = cmp.Or(want.Memory, o.memory), cmp.Or(want.Disk, o.disk)
	want.made(o)
	return fits(want, o.facts)
}

// made is want as it will be once it has been built from o.
func (i *Image) made(o origin) {
	i.Source, i.Digest, i.OS, i.MemoryMin = o.name, o.digest, o.os, o.memoryMin
	i.Content = last(chain(o.base(), i, i.Disk))
}

func last(chain []string) string { return chain[len(chain)-1] }

// leave completes an image of which nobody knows how it was made: what the
// files say of that is only noted.
func (c *images) leave(want, have *Image) error {
	want.Source, want.Digest, want.OS, want.MemoryMin = have.Source, have.Digest, have.OS, have.MemoryMin
	if want.Disk = cmp.Or(want.Disk, have.Disk); want.Disk < have.Disk {
		return providers.AttrErrorf("disk", "the disk has %s and can only grow; write disk = %q or more, or make the image anew with --replace", have.Disk, have.Disk)
	}
	return fits(want, c.demands(have))
}

// compare completes an image that stands: with what it is made of now, unless
// it has to be made anew.
func (c *images) compare(ctx context.Context, r *providers.Resolve[Image]) error {
	want, have := r.Want, r.Have
	o, err := c.origin(ctx, r)
	if err != nil {
		return err
	}
	disk := cmp.Or(want.Disk, have.Disk)
	// A disk that has grown since the build is no other build.
	if st, err := c.shelf.Stand(have.VM); err == nil && st.Build != nil && disk >= have.Disk {
		built := schema.Size(st.Build.DiskGB) * gigabyte
		if last(chain(o.base(), want, built)) == have.Content {
			want.Source, want.Digest, want.Content, want.Disk = o.name, o.digest, have.Content, disk
			want.OS, want.MemoryMin = have.OS, have.MemoryMin
			return fits(want, c.demands(have))
		}
	}
	want.Disk = cmp.Or(want.Disk, max(have.Disk, o.disk))
	want.made(o)
	return fits(want, o.facts)
}

// demands are the facts of a VM that bind its changes.
func (c *images) demands(have *Image) facts {
	f := facts{memoryMin: have.MemoryMin}
	if config, err := c.tart.Config(have.VM); err == nil {
		f.cpuMin = config.MinCPUs()
	}
	return f
}

// christen gives a new VM the block's name, unless another has it.
func (c *images) christen(ctx context.Context, r *providers.Resolve[Image]) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`).MatchString(r.Name) || strings.Contains(r.Name, "--") {
		return fmt.Errorf("a VM can't be called %q: its name comes from the block's, and may only have small letters, digits, '.', '_' and '-', at most 63 of them, no two '-' in a row, and begins with a letter or a digit", r.Name)
	}
	r.Want.VM = r.Name
	if r.Have != nil && r.Have.VM == r.Name {
		return nil
	}
	list, err := c.tart.List(ctx)
	if err != nil {
		return err
	}
	taken, err := c.tart.Exists(r.Name)
	if _, listed := list.Local[r.Name]; err == nil && (taken || listed) {
		return exists(r.Want)
	}
	return err
}

// warnOfRemains mentions what a tart that outlived its killed run has built
// since: nobody waits for it, and state does not know it.
func (c *images) warnOfRemains(ctx context.Context, r *providers.Resolve[Image]) error {
	list, err := c.tart.List(ctx)
	if err != nil || r.Replacing {
		return err
	}
	name := r.Want.VM
	if r.Have != nil {
		name = r.Have.VM
	}
	for _, left := range slices.Sorted(maps.Keys(list.Local)) {
		if image, role := shelf.Of(left); image == name && role == shelf.Unfinished {
			r.Warn("", fmt.Sprintf("VM %q is left over from an interrupted build of this image; the next build removes it, and so does `tart delete %s`", left, left))
		}
	}
	return nil
}

// fits refuses sizes that tart would refuse in the middle of an apply.
func fits(want *Image, least facts) error {
	switch {
	case want.CPUs != nil && *want.CPUs < least.cpuMin:
		return providers.AttrErrorf("cpus", "the image demands %d CPUs at least; write cpus = %d or more", least.cpuMin, least.cpuMin)
	case want.Memory != 0 && want.Memory < least.memoryMin:
		return providers.AttrErrorf("memory", "the image demands %s of memory at least; write memory = %q or more", least.memoryMin, least.memoryMin)
	case want.Disk != 0 && want.Disk < least.disk:
		return providers.AttrErrorf("disk", "what it is cloned from has a disk of %s, and a disk can only grow; write disk = %q or more", least.disk, least.disk)
	}
	return nil
}

// Configure is shown how GitHub is reached.
func (c *images) Configure(config providers.Lookup) { c.github.Configure(config) }

// warnOfAge tells how long GitHub still gives jobs to the runner in an image
// that stays as it is. A configuration without GitHub needs no runner, and a
// server that mirrors no releases has a rule of its own.
func (c *images) warnOfAge(ctx context.Context, r *providers.Resolve[Image]) {
	_, ok := r.Config.Get(ghaccess.Sole())
	st, err := c.shelf.Stand(r.Have.VM)
	if !ok || err != nil || st.Build == nil || st.Build.Runner == "" || r.Want.Content != r.Have.Content {
		return
	}
	runner := st.Build.Runner
	releases, err := c.github.RunnerReleases(ctx)
	if text := runnerage.Warning(runner, releases, c.now()); text != "" {
		r.Warn("", text+"; build the image with a newer one (RUNNER_VERSION)")
	}
	if err != nil && !ghapi.NotFound(err) {
		r.Warn("", fmt.Sprintf("how long GitHub gives jobs to runner %s in it is not known: %v", runner, err))
	}
}
