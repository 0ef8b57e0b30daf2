package tart

import (
	"context"
	"fmt"

	"hostler/providers"
	"hostler/providers/internal/tartcli"
	"hostler/providers/tart/internal/build"
	"hostler/providers/tart/internal/shelf"
)

// What commands do with images beside plan and apply. They work on the Mac that
// env describes, and take the names of VMs: that of an image is its attribute
// vm. Whoever calls what changes something holds the lock of the state.

// Build is one VM that belongs to an image.
type Build struct {
	Image string `json:"image"` // the image's VM
	VM    string `json:"vm"`    // the same, if this is the image itself
	// Role is image, kept (an earlier build), checkpoint (a build as it was
	// after a step) or unfinished.
	Role string `json:"role"`
	// What it is made of, as in the attributes of image. A checkpoint and an
	// unfinished build have none of these, and an earlier build that was
	// imported no content.
	Source  string `json:"source,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Content string `json:"content,omitempty"`
	// RunnerVersion is that of the Actions runner in ~/actions-runner, if there
	// is one and the build had to boot. No plan can know it before.
	RunnerVersion string `json:"runner_version,omitempty"`
	// Bytes that it occupies, to the nearest decimal GB. What it shares with
	// the VM that it was cloned from is counted with both.
	Bytes uint64 `json:"bytes"`
}

// Builds are the VMs of all images that hostler built, by image: the image
// first, then its earlier builds, the one that a rollback would take first,
// then the rest. Imported images that were never built are not among them.
func Builds(ctx context.Context, env providers.Env) ([]Build, error) {
	c := newImages(env)
	items, err := c.shelf.Items(ctx)
	if err != nil {
		return nil, err
	}
	sizes, err := c.cache.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Build, len(items))
	for i, item := range items {
		b := item.Build
		all[i] = Build{
			Image: item.Image, VM: item.VM, Role: string(item.Role), Bytes: sizes[item.VM],
			Source: b.Source, Digest: b.Digest, Content: b.Content, RunnerVersion: b.Runner,
		}
	}
	return all, nil
}

// Rollback makes the earlier build that was the image last the image again, and
// returns it. The one that is it now is kept in its stead, so that a second
// Rollback undoes the first. The files still describe that one: the next plan
// builds it again, unless they are changed.
func Rollback(ctx context.Context, env providers.Env, image string) (Build, error) {
	c := newImages(env)
	if finished, err := c.shelf.Settle(ctx, image); err != nil {
		return Build{}, err
	} else if finished {
		providers.Report(ctx, "finished what an interrupted run had begun")
	}
	st, err := c.shelf.Stand(image)
	switch {
	case tartcli.Is(err, tartcli.NotFound):
		return Build{}, fmt.Errorf("there is no image %q on this Mac", image)
	case err != nil:
		return Build{}, err
	case st.Foreign:
		return Build{}, foreignError(image)
	}
	kept, ok, err := c.shelf.Newest(ctx, image)
	switch {
	case err != nil:
		return Build{}, err
	case !ok:
		return Build{}, fmt.Errorf("no earlier build of image %q is kept; the attribute keep says how many are", image)
	}
	if err := c.shelf.Promote(ctx, image, kept.VM, kept.Build, st.Config.MAC); err != nil {
		return Build{}, err
	}
	b := kept.Build
	return Build{Image: image, VM: image, Role: string(shelf.Image), Source: b.Source, Digest: b.Digest, Content: b.Content, RunnerVersion: b.Runner}, nil
}

// Outdate has the image built anew from the start by the next apply, though its
// files have not changed. Its checkpoints are removed; until that build has
// passed, jobs get the old one.
func Outdate(ctx context.Context, env providers.Env, image string) error {
	return newImages(env).shelf.Outdate(ctx, image)
}

// Garbage is something that no image needs.
type Garbage struct {
	Name string `json:"name"` // of a VM, or of an image in tart's cache
	Why  string `json:"why"`
	// Bytes that it occupies, as in Build: at most these are freed.
	Bytes uint64 `json:"bytes"`
}

// GC removes what no image needs: checkpoints that no build that stands begins
// with, earlier builds beyond keep, what unfinished builds left, all that
// belonged to images that are gone, and images in tart's cache that nothing is
// made of. It returns what it removed, also with an error; with dry set, what
// it would remove. known are the images that state records.
func GC(ctx context.Context, env providers.Env, known []string, dry bool) ([]Garbage, error) {
	c := newImages(env)
	if !dry {
		for _, image := range known {
			if _, err := c.shelf.Settle(ctx, image); err != nil {
				return nil, err
			}
		}
	}
	wastes, err := c.shelf.Wastes(ctx, known)
	if err != nil {
		return nil, err
	}
	sizes, err := c.cache.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	var all []Garbage
	for _, w := range wastes {
		if !dry {
			if err := c.remove(ctx, w); err != nil {
				return all, err
			}
		}
		all = append(all, Garbage{Name: w.Name, Why: w.Why, Bytes: sizes[w.Name]})
	}
	if dry {
		return all, nil
	}
	return all, c.shelf.Forsake(ctx, wastes)
}

func (c *images) remove(ctx context.Context, w shelf.Waste) error {
	providers.Report(ctx, "removing %s", w.Name)
	if w.Cached() {
		return c.cache.Remove(ctx, w.Name)
	}
	return c.shelf.Discard(ctx, w)
}

// Used is a VM, or an image in tart's cache, and what it occupies.
type Used = shelf.Used

// Usage is everything that tart has on the Mac, by name, and how much of the
// Mac's disk there is and is free, in bytes.
func Usage(ctx context.Context, env providers.Env) (all []Used, total, free uint64, err error) {
	c := newImages(env)
	if total, free, err = c.mac.Room(ctx, "~"); err != nil {
		return nil, 0, 0, err
	}
	sizes, err := c.cache.Sizes(ctx)
	if err != nil {
		return nil, total, free, err
	}
	all, err = c.shelf.Usage(ctx, sizes)
	return all, total, free, err
}

// Script is what a guest is given for the run of a step or a check: what a
// simulated one has to know to answer it.
func Script(run string) string { return build.Script(run) }
