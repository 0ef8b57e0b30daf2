// Package tart owns the block type image: a golden image, which is a stopped
// local VM that jobs are cloned from and that never runs a job itself.
//
// Invariants:
//
//  1. A VM appears under the image's name complete or not at all: it is built
//     under a private name, NAME--build-HASH, and renamed at the end. Names of
//     images never contain "--", so whatever has such a name was being built.
//  2. A VM that state does not record is never replaced, changed or deleted.
//     That a VM is the one an interrupted run made is proved by its random MAC
//     address, which is noted down before the VM gets its name.
//  3. A VM is changed and deleted only while it is stopped; a disk only grows.
//
// Start at Image (schema.go), then crud.go.
package tart

import (
	"context"

	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
	"hostler/providers/internal/tartcli"
)

// New returns the provider of image.
func New(env providers.Env) *providers.Provider {
	mac := machine.Local(env.Root, env.Environ)
	images := &images{tart: tartcli.New(mac), notes: settings.Store{Mac: mac}}
	return &providers.Provider{Name: "tart", Types: []*providers.Type{
		providers.NewType(providers.Def[Image]{
			Schema: block(), CRUD: images, ID: (*Image).id,
			Lane: func(i *Image) string { return i.Host + "/tart" },
		}),
	}}
}

// images is the CRUD of image.
type images struct {
	tart  *tartcli.Tart
	notes settings.Store
}

var (
	_ providers.CRUD[Image]       = (*images)(nil)
	_ providers.Resolver[Image]   = (*images)(nil)
	_ providers.Validator[Image]  = (*images)(nil)
	_ providers.Prefetcher[Image] = (*images)(nil)
	_ providers.Finder[Image]     = (*images)(nil)
	_ providers.Importer[Image]   = (*images)(nil)
)

// Read reads one image; see Prefetch.
func (c *images) Read(ctx context.Context, have *Image) (*Image, error) {
	got, err := c.Prefetch(ctx, []*Image{have})
	if err != nil {
		return nil, err
	}
	return got[0].Object, got[0].Err
}
