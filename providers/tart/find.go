package tart

import (
	"context"
	"fmt"
	"strings"

	"hostler/hcl/addr"
	"hostler/providers/tart/internal/shelf"
)

// Find finishes the last renames of an unfinished Create, or removes what it
// left under its private name, and returns the VM if it got as far as its own.
// Checkpoints stay: the next Create begins with them.
func (c *images) Find(ctx context.Context, want *Image) (*Image, error) {
	if _, err := c.shelf.Settle(ctx, want.VM); named(want, err) != err {
		return nil, strange(want)
	} else if err != nil {
		return nil, err
	}
	if err := c.shelf.Clear(ctx, want.VM); err != nil {
		return nil, err
	}
	taken, err := c.tart.Exists(want.VM)
	if err != nil || !taken {
		return nil, err
	}
	st, err := c.shelf.Stand(want.VM)
	if err != nil {
		return nil, err
	}
	if st.Build == nil {
		return nil, strange(want)
	}
	return c.Read(ctx, want)
}

func strange(want *Image) error {
	return fmt.Errorf("VM %q stands, and nothing proves that the interrupted run made it; delete or rename that VM (`tart delete %s`), or forget the attempt with `hostler state rm` and import the VM as %q", want.VM, want.VM, want.id())
}

// Import reads the VM that id names as HOST/VM. What it was cloned from can't
// be known, unless hostler built it, so From stays empty; see Resolve.
func (c *images) Import(ctx context.Context, id string) (*Image, error) {
	i := strings.LastIndexByte(id, '/')
	if i < 1 || i == len(id)-1 {
		return nil, fmt.Errorf("the id of an image is HOST/VM, such as \"mini/base\", not %q", id)
	}
	host, err := addr.Parse("host." + id[:i])
	if err != nil {
		return nil, fmt.Errorf("the id of an image is HOST/VM: %w", err)
	}
	vm := id[i+1:]
	if image, role := shelf.Of(vm); role != shelf.Image {
		return nil, fmt.Errorf("VM %q belongs to the image %q: it can't be imported as one of its own", vm, image)
	}
	return c.Read(ctx, &Image{Host: host.String(), VM: vm})
}
