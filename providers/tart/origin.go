package tart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/registry"
	"hostler/providers/internal/tartcli"
)

// origin is what an image is cloned from, as far as it is known before that.
type origin struct {
	name   string // registry reference in full, or the name of a VM
	digest string // what that is; "" when the other image's content is not known
	facts
}

// facts are what a clone has before anything is changed.
type facts struct {
	os           string
	cpus, cpuMin int
	memory       schema.Size
	memoryMin    schema.Size
	disk         schema.Size
}

// base is what the chain of hashes begins with.
func (o origin) base() string {
	if o.digest == "" {
		return "vm " + o.name
	}
	return o.digest
}

// origin finds out what want would be cloned from now, and how that is.
func (c *images) origin(ctx context.Context, r *providers.Resolve[Image]) (origin, error) {
	if other, ok := parent(r.Want.From); ok {
		// A block that could not be resolved has no VM here. The plan has that
		// error already, and is not applied.
		v, _ := r.Config.Get(other)
		o := origin{name: schema.Text(v, "vm"), digest: schema.Text(v, "content"), facts: facts{
			os: schema.Text(v, "os"), cpus: schema.Number(v, "cpus"), memory: schema.SizeAt(v, "memory"), memoryMin: schema.SizeAt(v, "memory_min"), disk: schema.SizeAt(v, "disk"),
		}}
		if config, err := c.tart.Config(o.name); err == nil {
			o.cpuMin = config.MinCPUs()
		}
		return o, nil
	}
	ref, _ := tartcli.ParseRef(r.Want.From)
	o := origin{name: ref.String()}
	pinned := ""
	if r.Have != nil && r.Have.Source == o.name {
		pinned = r.Have.Digest
	}
	if strings.HasPrefix(ref.Version, "sha256:") && pinned == ref.Version {
		return c.stay(ctx, r, o, ref, pinned)
	}
	image, err := c.remote.resolve(ctx, o.name)
	switch {
	case ctx.Err() != nil:
		return o, err
	case err == nil && (pinned == "" || pinned == image.Digest || r.Upgrade):
		o.digest, o.facts = image.Digest, factsOf(image)
		return o, nil
	case err == nil:
		r.Warn("from", fmt.Sprintf("an update is available: %s is %s now, and this image was made from %s; apply it with --upgrade", o.name, short(image.Digest), short(pinned)))
	case pinned != "":
		r.Warn("from", fmt.Sprintf("whether there is an update of %s can't be told now, so this image stays with %s, which state records: %v", o.name, short(pinned), err))
	case registry.Is(err, registry.NotFound), registry.Is(err, registry.NotTart), registry.Is(err, registry.Invalid):
		return o, providers.AttrErrorf("from", "%w", err)
	default:
		return c.fromCache(ctx, r, o, ref, err)
	}
	return c.stay(ctx, r, o, ref, pinned)
}

// short is as much of a digest as people compare.
func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

// stay is the origin that the image is pinned to. Its facts are looked up only
// where the image itself does not tell enough.
func (c *images) stay(ctx context.Context, r *providers.Resolve[Image], o origin, ref tartcli.Ref, pinned string) (origin, error) {
	o.digest = pinned
	o.facts = c.demands(r.Have)
	o.os = r.Have.OS
	if !r.Replacing && (r.Want.Disk == 0 || r.Want.Disk >= r.Have.Disk) {
		return o, nil
	}
	ref.Version = pinned
	image, err := c.remote.resolve(ctx, ref.String())
	if err == nil {
		o.facts = factsOf(image)
	} else if f, ok, failed := c.cached(ctx, ref); failed != nil {
		return o, failed
	} else if ok {
		o.facts = f
	}
	return o, ctx.Err()
}

// fromCache is the origin of a new image when its registry does not tell.
func (c *images) fromCache(ctx context.Context, r *providers.Resolve[Image], o origin, ref tartcli.Ref, why error) (origin, error) {
	f, ok, err := c.cached(ctx, ref)
	if err != nil {
		return o, err
	}
	if !ok {
		return o, providers.AttrErrorf("from", "%w. Once that is mended, plan again; an image that tart itself can pull may be pulled by hand, with `tart pull %s`", why, o.name)
	}
	o.facts, o.digest = f, ref.Version
	if !strings.HasPrefix(o.digest, "sha256:") {
		if o.digest, err = c.cache.Digest(ctx, o.name); err != nil {
			return o, errors.Join(why, err)
		}
	}
	r.Warn("from", fmt.Sprintf("the registry does not tell what %s is now, so the copy that tart has in its cache, %s, is taken: %v", o.name, short(o.digest), why))
	return o, nil
}

// cached are the facts of an image in tart's cache; ok is false when it is not
// there.
func (c *images) cached(ctx context.Context, ref tartcli.Ref) (f facts, ok bool, err error) {
	config, ok := c.tart.CachedConfig(ref)
	if !ok {
		return facts{}, false, nil
	}
	list, err := c.tart.List(ctx)
	if err != nil {
		return facts{}, false, err
	}
	return facts{
		os: config.OS, cpus: config.CPUs, cpuMin: config.MinCPUs(), memory: schema.Size(config.Memory), memoryMin: schema.Size(config.MinMemory()),
		disk: schema.Size(list.Cached[ref.String()].Disk) * gigabyte,
	}, true, nil
}

func factsOf(i registry.Image) facts {
	return facts{
		os: i.OS, cpus: i.CPUs, cpuMin: i.CPUMin, memory: schema.Size(i.Memory), memoryMin: schema.Size(i.MemoryMin),
		disk: schema.Size(i.DiskBytes / gigabyte * gigabyte),
	}
}

// remote remembers, for one run, what registries answered.
type remote struct {
	client *registry.Client

	mu    sync.Mutex
	known map[string]answer
}

type answer struct {
	image registry.Image
	err   error
}

// resolve asks once for each reference.
func (r *remote) resolve(ctx context.Context, ref string) (registry.Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.known[ref]; ok {
		return a.image, a.err
	}
	image, err := r.client.Resolve(ctx, ref)
	if ctx.Err() == nil {
		r.known[ref] = answer{image, err}
	}
	return image, err
}
