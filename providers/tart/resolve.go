package tart

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/tartcli"
)

// Validate refuses a from that can't be what an image is cloned from.
func (c *images) Validate(want *Image, config providers.Lookup) error {
	other, isBlock := parent(want.From)
	if !isBlock {
		if _, ok := tartcli.ParseRef(want.From); !ok {
			return providers.AttrErrorf("from", "%q names no image in a registry; write HOST/NAME:TAG, such as \"ghcr.io/cirruslabs/macos-sequoia-base:latest\", or refer to a block, such as image.base", want.From)
		}
		return nil
	}
	v, _ := config.Get(other)
	if host := text(v, "host"); host != "" && want.Host != "" && host != want.Host {
		return providers.AttrErrorf("from", "%s lies on %s and this image on %s; a clone stays on its Mac", other, host, want.Host)
	}
	return nil
}

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
	source, err := c.source(ctx, want.From, r.Config)
	if err != nil {
		return err
	}
	if err := c.warnOfRemains(ctx, r); err != nil {
		return err
	}
	if have != nil {
		want.CPUs, want.Memory, want.Disk = cmp.Or(want.CPUs, have.CPUs), cmp.Or(want.Memory, have.Memory), cmp.Or(want.Disk, have.Disk)
		unknown := have.Source == "" && (have.From == "" || have.From == want.From)
		if !unknown {
			want.Source = source.name
		}
		source.cpuMin, source.memoryMin, source.disk = 0, have.MemoryMin, have.Disk
		if config, err := c.tart.Config(have.VM); err == nil {
			source.cpuMin = config.MinCPUs()
		}
	} else {
		want.Source, want.OS, want.MemoryMin = source.name, source.os, source.memoryMin
	}
	return fits(want, source, have != nil)
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
		if strings.HasPrefix(left, name+building) {
			r.Warn("", fmt.Sprintf("VM %q is left over from an interrupted build of this image; remove it with `tart delete %s`", left, left))
		}
	}
	return nil
}

// origin is what an image is cloned from, as far as it is known before that.
type origin struct {
	name      string // registry reference in full, or the name of a VM
	os        string
	cpuMin    int
	memoryMin schema.Size
	disk      schema.Size
}

func (c *images) source(ctx context.Context, from string, config providers.Lookup) (origin, error) {
	if other, ok := parent(from); ok {
		// A block that could not be resolved has no VM here. The plan has that
		// error already, and is not applied.
		v, _ := config.Get(other)
		o := origin{name: text(v, "vm"), os: text(v, "os"), memoryMin: size(v, "memory_min"), disk: size(v, "disk")}
		if config, err := c.tart.Config(o.name); err == nil {
			o.cpuMin = config.MinCPUs()
		}
		return o, nil
	}
	ref, _ := tartcli.ParseRef(from)
	o := origin{name: ref.String()}
	cached, ok := c.tart.CachedConfig(ref)
	if !ok {
		return o, nil
	}
	list, err := c.tart.List(ctx)
	if err != nil {
		return o, err
	}
	o.os, o.cpuMin, o.memoryMin = cached.OS, cached.MinCPUs(), schema.Size(cached.MinMemory())
	o.disk = schema.Size(list.Cached[o.name].Disk) * gigabyte
	return o, nil
}

// fits refuses sizes that tart would refuse in the middle of an apply.
func fits(want *Image, source origin, stands bool) error {
	switch {
	case want.CPUs != nil && *want.CPUs < source.cpuMin:
		return providers.AttrErrorf("cpus", "the image demands %d CPUs at least; write cpus = %d or more", source.cpuMin, source.cpuMin)
	case want.Memory != 0 && want.Memory < source.memoryMin:
		return providers.AttrErrorf("memory", "the image demands %s of memory at least; write memory = %q or more", source.memoryMin, source.memoryMin)
	case want.Disk != 0 && want.Disk < source.disk && stands:
		return providers.AttrErrorf("disk", "the disk has %s and can only grow; write disk = %q or more, or make the image anew with --replace", source.disk, source.disk)
	case want.Disk != 0 && want.Disk < source.disk:
		return providers.AttrErrorf("disk", "what it is cloned from has a disk of %s, and a disk can only grow; write disk = %q or more", source.disk, source.disk)
	}
	return nil
}

// text is a string attribute of a block, "" if it is not known.
func text(block cty.Value, name string) string {
	if block == cty.NilVal || block.IsNull() || !block.IsKnown() {
		return ""
	}
	if v := block.GetAttr(name); v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	return ""
}

// size is a normalized size; what is not known is 0.
func size(block cty.Value, name string) schema.Size {
	n, err := schema.ParseSize(text(block, name))
	if err != nil {
		return 0
	}
	return n
}
