package tart

import (
	"context"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/tartcli"
)

// Disk is what builds will need of a Mac's disk, and what there is. Numbers are
// bytes.
type Disk struct {
	Free  uint64
	Pulls []Pull
	// Garbage is what GC would free at most.
	Garbage uint64
}

// Pull is an image that has to be fetched from a registry.
type Pull struct {
	Ref        string // HOST/NAME@DIGEST
	Compressed uint64 // to be downloaded
	// Unpacked is its whole disk: at most this is occupied, since empty blocks
	// are not, and clones share the rest.
	Unpacked uint64
}

// Budget tells what the builds of these planned images need. An image of which
// the registry does not tell anything now is pulled without a number. known are
// the images that state records.
func Budget(ctx context.Context, env providers.Env, builds []cty.Value, known []string) (Disk, error) {
	c := newImages(env)
	list, err := c.tart.List(ctx)
	if err != nil {
		return Disk{}, err
	}
	var d Disk
	if _, d.Free, err = c.mac.Room(ctx, "~"); err != nil {
		return d, fmt.Errorf("how much of the disk is free can't be read: %w", err)
	}
	seen := map[string]bool{}
	for _, b := range builds {
		ref, ok := tartcli.ParseRef(schema.Text(b, "source"))
		if digest := schema.Text(b, "digest"); digest != "" {
			ref.Version = digest
		}
		name := ref.String()
		if _, cached := list.Cached[name]; !ok || cached || seen[name] {
			continue
		}
		seen[name] = true
		p := Pull{Ref: name}
		if image, err := c.remote.resolve(ctx, name); err == nil {
			p.Compressed, p.Unpacked = image.DownloadBytes, image.DiskBytes
		}
		d.Pulls = append(d.Pulls, p)
	}
	waste, err := GC(ctx, env, known, true)
	for _, w := range waste {
		d.Garbage += w.Bytes
	}
	return d, err
}
