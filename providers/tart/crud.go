package tart

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/tartcli"
)

// tidying bounds what is still done when a run has been cancelled: taking
// away what was half made, and reading what stands.
const tidying = 30 * time.Second

func uncancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidying)
}

// private is the name under which want is built. It follows from want alone,
// so that a later run recognizes what a killed one left.
func private(want *Image) string {
	cpus := 0
	if want.CPUs != nil {
		cpus = *want.CPUs
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d\n%d", want.Source, cpus, want.Memory, want.Disk))
	return fmt.Sprintf("%s%s%x", want.VM, building, sum[:4])
}

// building marks private names.
const building = "--build-"

// Create builds the VM under its private name and then gives it the image's.
// Whatever fails, nothing of it stays.
func (c *images) Create(ctx context.Context, want *Image) (*Image, error) {
	taken, err := c.tart.Exists(want.VM)
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, exists(want)
	}
	if _, remote := tartcli.ParseRef(want.Source); remote {
		err := c.tart.Pull(ctx, want.Source, func(text string) { providers.Report(ctx, "%s", text) })
		if err != nil {
			return nil, err
		}
	}
	if err := c.build(ctx, want); err != nil {
		return nil, errors.Join(err, c.abandon(ctx, want))
	}
	return c.see(ctx, want)
}

// abandon takes away what build made.
func (c *images) abandon(ctx context.Context, want *Image) error {
	tidy, cancel := uncancelled(ctx)
	defer cancel()
	if err := c.tart.Delete(tidy, private(want)); err != nil {
		return fmt.Errorf("what was half built stays behind: %w", err)
	}
	return c.notes.Remove(noteOf(want.VM))
}

// build makes the VM from the clone to the last rename.
func (c *images) build(ctx context.Context, want *Image) error {
	name := private(want)
	if err := c.tart.Delete(ctx, name); err != nil {
		return err
	}
	providers.Report(ctx, "cloning %s", want.Source)
	if err := c.tart.Clone(ctx, want.Source, name); err != nil {
		return err
	}
	patch := tartcli.Patch{Memory: uint64(want.Memory), DiskGB: int(want.Disk / gigabyte), RandomMAC: true}
	if want.CPUs != nil {
		patch.CPUs = *want.CPUs
	}
	if err := c.tart.Configure(ctx, name, patch); err != nil {
		return err
	}
	made, err := c.tart.Config(name)
	if err != nil {
		return err
	}
	if err := c.note(want.VM, made.MAC); err != nil {
		return err
	}
	err = c.tart.Rename(ctx, name, want.VM)
	switch {
	case err == nil:
	case c.proved(want.VM): // it was renamed, and tart died before it could say so
	case tartcli.Is(err, tartcli.AlreadyExists):
		return exists(want)
	default:
		return err
	}
	return nil
}

func exists(i *Image) error {
	return &providers.ExistsError{What: fmt.Sprintf("VM %q", i.VM), ID: i.id()}
}

// see reads what stands after a change, cancelled or not.
func (c *images) see(ctx context.Context, want *Image) (*Image, error) {
	tidy, cancel := uncancelled(ctx)
	defer cancel()
	got, err := c.Read(tidy, want)
	switch {
	case err != nil:
		return want, err
	case got == nil:
		return nil, fmt.Errorf("VM %q is gone: something else deletes VMs on this Mac", want.VM)
	}
	return got, nil
}

// Prefetch reads any number of images with one `tart list`.
func (c *images) Prefetch(ctx context.Context, have []*Image) ([]providers.Fetched[Image], error) {
	list, err := c.tart.Relist(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]providers.Fetched[Image], len(have))
	for i, h := range have {
		vm, listed := list.Local[h.VM]
		out[i] = c.read(h, vm, listed)
	}
	return out, nil
}

// read joins what tart lists of a VM with its config.json, and with what only
// the files know.
func (c *images) read(have *Image, vm tartcli.VM, listed bool) (f providers.Fetched[Image]) {
	config, err := c.tart.Config(have.VM)
	switch {
	case tartcli.Is(err, tartcli.NotFound):
	case err != nil:
		f.Err = err
	case !listed:
		f.Err = &tartcli.Error{Kind: tartcli.Corrupt, Op: "list", VM: have.VM, Text: "its folder stands, but tart does not count it as a VM"}
	default:
		f.Object = &Image{
			Host: have.Host, From: have.From, VM: have.VM, Source: have.Source,
			CPUs: &config.CPUs, Memory: schema.Size(config.Memory), Disk: schema.Size(vm.Disk) * gigabyte,
			OS: config.OS, MemoryMin: schema.Size(config.MinMemory()),
		}
	}
	return f
}

// Update changes CPUs, memory and disk of the stopped VM.
func (c *images) Update(ctx context.Context, have, want *Image) (*Image, error) {
	var patch tartcli.Patch
	if want.CPUs != nil && (have.CPUs == nil || *have.CPUs != *want.CPUs) {
		patch.CPUs = *want.CPUs
	}
	if want.Memory != have.Memory {
		patch.Memory = uint64(want.Memory)
	}
	if want.Disk != have.Disk {
		patch.DiskGB = int(want.Disk / gigabyte)
	}
	if patch != (tartcli.Patch{}) {
		if err := c.tart.Configure(ctx, have.VM, patch); err != nil {
			now, unread := c.see(ctx, have)
			if unread != nil {
				return nil, err
			}
			return now, err
		}
	}
	return c.see(ctx, want)
}

// Delete deletes the stopped VM.
func (c *images) Delete(ctx context.Context, have *Image) error {
	if err := c.tart.Delete(ctx, have.VM); err != nil {
		return err
	}
	return c.notes.Remove(noteOf(have.VM))
}
