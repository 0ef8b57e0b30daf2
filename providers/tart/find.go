package tart

import (
	"context"
	"fmt"
	"strings"

	"hostler/hcl/addr"
)

// note is what is written down about a VM just before it gets its name. A MAC
// address of 46 random bits is its birthmark.
type note struct {
	MAC string `json:"mac"`
}

func noteOf(vm string) string { return "builds/" + vm + ".json" }

func (c *images) note(vm, mac string) error { return c.notes.Write(noteOf(vm), note{mac}) }

// proved reports whether the VM is the one that was noted down last.
func (c *images) proved(vm string) bool {
	var n note
	if _, err := c.notes.Read(noteOf(vm), &n); err != nil || n.MAC == "" {
		return false
	}
	config, err := c.tart.Config(vm)
	return err == nil && config.MAC == n.MAC
}

// Find removes what an unfinished Create left under its private name, and
// returns the VM if it got as far as its own.
func (c *images) Find(ctx context.Context, want *Image) (*Image, error) {
	if err := c.tart.Delete(ctx, private(want)); err != nil {
		return nil, err
	}
	taken, err := c.tart.Exists(want.VM)
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, c.notes.Remove(noteOf(want.VM))
	}
	if !c.proved(want.VM) {
		return nil, fmt.Errorf("VM %q stands, and nothing proves that the interrupted run made it; delete or rename that VM (`tart delete %s`), or forget the attempt with `hostler state rm` and import the VM as %q", want.VM, want.VM, want.id())
	}
	return c.Read(ctx, want)
}

// Import reads the VM that id names as HOST/VM. What it was cloned from can't
// be known, so From and Source stay empty; see Resolve.
func (c *images) Import(ctx context.Context, id string) (*Image, error) {
	i := strings.LastIndexByte(id, '/')
	if i < 1 || i == len(id)-1 {
		return nil, fmt.Errorf("the id of an image is HOST/VM, such as \"mini/base\", not %q", id)
	}
	host, err := addr.Parse("host." + id[:i])
	if err != nil {
		return nil, fmt.Errorf("the id of an image is HOST/VM: %w", err)
	}
	if strings.Contains(id[i+1:], building) {
		return nil, fmt.Errorf("VM %q is one that hostler was building; it can't be imported", id[i+1:])
	}
	return c.Read(ctx, &Image{Host: host.String(), VM: id[i+1:]})
}
