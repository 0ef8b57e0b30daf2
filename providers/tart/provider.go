// Package tart owns the block type image: a golden image, which is a stopped
// local VM that jobs are cloned from and that never runs a job itself.
//
// Invariants:
//
//  1. An image is complete or not there at all: it is built under a private
//     name, and renamed at the end. While it is built anew the old one stays,
//     and is kept afterwards.
//  2. A VM that state does not record is never replaced, changed or deleted,
//     nor is one that took the name of an image since; see package shelf.
//  3. What an image is made of is one hash, its content, which a plan computes
//     before anything is touched. What a tag means is pinned with the image.
//  4. No step of a build is run again while all before it, and it, are as they
//     were: not after a failure, and not when hostler was killed.
//  5. A VM is changed and deleted only while it is stopped; a disk only grows.
//
// Start at Image (schema.go), then resolve.go for plans and crud.go for what
// they do; internal/build makes a VM, internal/shelf puts it in its place.
package tart

import (
	"time"

	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/registry"
	"hostler/providers/internal/settings"
	"hostler/providers/internal/tartcli"
	"hostler/providers/tart/internal/build"
	"hostler/providers/tart/internal/cache"
	"hostler/providers/tart/internal/shelf"
)

// New returns the provider of image.
func New(env providers.Env) *providers.Provider { return provider(newImages(env)) }

func provider(c *images) *providers.Provider {
	return &providers.Provider{Name: "tart", Types: []*providers.Type{
		providers.NewType(providers.Def[Image]{
			Schema: block(), CRUD: c, ID: (*Image).id,
			Lane: func(i *Image) string { return i.Host + "/tart" },
		}),
	}}
}

// images is the CRUD of image.
type images struct {
	dir     string // the configuration folder
	mac     *machine.Machine
	tart    *tartcli.Tart
	cache   cache.Cache
	remote  *remote
	shelf   shelf.Shelf
	builder build.Builder
	github  *ghaccess.Session
	now     func() time.Time
}

func newImages(env providers.Env) *images {
	mac := machine.Of(env)
	t := tartcli.New(mac)
	s := shelf.Shelf{Tart: t, Notes: settings.Store{Mac: mac}}
	return &images{
		dir: env.Dir, mac: mac, tart: t, cache: cache.Cache{Mac: mac}, shelf: s,
		remote:  &remote{client: registry.New(mac, env.Web), known: map[string]answer{}},
		builder: build.Builder{Mac: mac, Tart: t, Shelf: s},
		github:  ghaccess.New(env), now: time.Now,
	}
}

var (
	_ providers.CRUD[Image]       = (*images)(nil)
	_ providers.Configurer        = (*images)(nil)
	_ providers.Resolver[Image]   = (*images)(nil)
	_ providers.Validator[Image]  = (*images)(nil)
	_ providers.Prefetcher[Image] = (*images)(nil)
	_ providers.Finder[Image]     = (*images)(nil)
	_ providers.Importer[Image]   = (*images)(nil)
)
