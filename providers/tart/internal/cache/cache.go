// Package cache drives what tart keeps of the images that it has pulled. It
// complements tartcli, which knows local VMs.
//
// An image is cached under its digest; a tag is a link to one. Start at Cache.
package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hostler/providers/internal/machine"
)

// Cache is the cache of one Mac's tart.
type Cache struct{ Mac *machine.Machine }

func (c Cache) tart(ctx context.Context, args ...string) ([]byte, error) {
	out, err := c.Mac.Run(ctx, machine.Command{
		Program: "tart", Args: args, Env: []string{"CI=true", "TART_NO_AUTO_PRUNE=1"}, Pass: []string{"TART_"},
	})
	return out.Stdout, err
}

// Digest is the digest that a tag has in the cache. It may have moved in the
// registry since.
func (c Cache) Digest(ctx context.Context, ref string) (string, error) {
	out, err := c.tart(ctx, "fqn", ref)
	if err != nil {
		return "", err
	}
	_, digest, ok := strings.Cut(strings.TrimSpace(string(out)), "@")
	if !ok {
		return "", fmt.Errorf("tart fqn %q printed %q, which names no digest", ref, out)
	}
	return digest, nil
}

// Remove deletes an image from the cache.
func (c Cache) Remove(ctx context.Context, ref string) error {
	_, err := c.tart(ctx, "delete", ref)
	return err
}

// Sizes are the bytes that local VMs and cached images occupy, by name. What
// clones share on the disk is counted with each of them.
func (c Cache) Sizes(ctx context.Context) (map[string]uint64, error) {
	out, err := c.tart(ctx, "list", "--format", "json")
	if err != nil {
		return nil, err
	}
	var lines []struct {
		Name string
		Size uint64 // decimal gigabytes
	}
	if err := json.Unmarshal(out, &lines); err != nil {
		return nil, fmt.Errorf("tart list: its JSON can't be read: %w", err)
	}
	sizes := map[string]uint64{}
	for _, l := range lines {
		sizes[l.Name] = l.Size * 1_000_000_000
	}
	return sizes, nil
}
