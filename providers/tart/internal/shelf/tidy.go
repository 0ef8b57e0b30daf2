package shelf

import (
	"context"
	"errors"
	"maps"
	"slices"

	"hostler/providers/internal/tartcli"
)

// Begin notes down that a build of the content begins, and names its VM. base
// is the image of a registry that it begins with, "" for none; keep is as in
// Tidy. logged says that it will have a log.
func (s Shelf) Begin(image, content, base string, keep int, logged bool) (vm string, err error) {
	n, err := s.read(image)
	if err != nil {
		return "", err
	}
	n.Under, n.Base, n.Keep = newPrivate(image, content), base, keep
	if logged && !slices.Contains(n.Logs, content) {
		n.Logs = append(n.Logs, content)
	}
	return n.Under, s.write(image, n)
}

// Clear takes away what builds that were not finished left. One that runs is
// stopped first.
func (s Shelf) Clear(ctx context.Context, image string) error {
	if err := s.Notes.Mac.Sweep(s.Notes.Path(document(image))); err != nil {
		return err
	}
	n, err := s.read(image)
	if err != nil {
		return err
	}
	names, err := s.names(ctx, image, Unfinished)
	if err != nil {
		return err
	}
	pending, err := s.pending(n)
	if err != nil {
		return err
	}
	if n.Under != "" {
		names = append(names, n.Under) // it may be damaged, and then tart does not list it
	}
	for _, vm := range names {
		if pending && vm == n.Swap.From {
			continue
		}
		if err := s.discard(ctx, vm); err != nil {
			return err
		}
	}
	if n.Under == "" {
		return nil
	}
	n.Under = ""
	return s.write(image, n)
}

// discard deletes a VM that nobody needs, running or not.
func (s Shelf) discard(ctx context.Context, vm string) error {
	if pid, err := s.Tart.Holder(vm); err != nil {
		return err
	} else if pid != 0 {
		if err := s.Tart.Stop(ctx, vm); err != nil {
			return err
		}
	}
	return errors.Join(s.Tart.Delete(ctx, vm), s.Forget(vm))
}

// The files that a build has while it runs: what tart prints, and the key of
// the guest's SSH server.
func Console(vm string) string { return logs + vm + ".console" }
func HostKey(vm string) string { return logs + vm + ".hostkey" }

// Forget removes them.
func (s Shelf) Forget(vm string) error {
	return errors.Join(s.erase(Console(vm)), s.erase(HostKey(vm)))
}

// erase removes a file, and what a killed write of it left.
func (s Shelf) erase(path string) error {
	return errors.Join(s.Notes.Mac.Sweep(path), s.Notes.Mac.Remove(path))
}

// names are the VMs that are of that role to the image, sorted.
func (s Shelf) names(ctx context.Context, image string, role Role) ([]string, error) {
	list, err := s.Tart.Relist(ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	for vm := range list.Local {
		if of, is := Of(vm); of == image && is == role {
			all = append(all, vm)
		}
	}
	slices.Sort(all)
	return all, nil
}

// Tidy deletes what the image no longer needs: earlier builds beyond keep, the
// checkpoints of other builds, and their logs. What runs is left for later.
func (s Shelf) Tidy(ctx context.Context, image string, keep int) error {
	n, err := s.read(image)
	if err != nil {
		return err
	}
	list, err := s.Tart.Relist(ctx)
	if err != nil {
		return err
	}
	before := n
	n.Keep = keep
	surplus, err := s.surplus(n, image, list)
	if err != nil {
		return err
	}
	for _, vm := range surplus {
		if err := s.Tart.Delete(ctx, vm); err != nil && !tartcli.Is(err, tartcli.Running) {
			return err
		}
	}
	if len(n.Builds) == 0 {
		return nil // imported, and never built since
	}
	if n.Builds, err = s.present(n, image, list); err != nil {
		return err
	}
	stale := slices.DeleteFunc(slices.Clone(n.Logs), n.made)
	n.Logs = slices.DeleteFunc(slices.Clone(n.Logs), func(c string) bool { return !n.made(c) })
	for _, content := range stale {
		if err := s.erase(Log(image, content)); err != nil {
			return err
		}
	}
	pending, err := s.pending(n)
	if err != nil {
		return err
	}
	if !pending {
		n.Swap = nil
	}
	if n.Keep == before.Keep && n.Swap == before.Swap && len(n.Builds) == len(before.Builds) && len(stale) == 0 {
		return nil
	}
	return s.write(image, n)
}

// made reports whether a build of that content is known.
func (n note) made(content string) bool {
	return slices.ContainsFunc(n.Builds, func(b Build) bool { return b.Content == content })
}

// surplus are the kept builds and checkpoints that the image does not need.
func (s Shelf) surplus(n note, image string, list tartcli.Listing) ([]string, error) {
	needed := map[string]bool{}
	current, err := s.mac(image)
	if err != nil {
		return nil, err
	}
	if b := n.of(current); b != nil {
		for _, hash := range b.Chain {
			needed[CheckpointOf(image, hash)] = true
		}
	}
	kept, err := s.kept(image, list)
	if err != nil {
		return nil, err
	}
	left := n.Keep
	for _, b := range n.Builds {
		vm := kept[b.MAC]
		if vm == "" || b.MAC == current {
			continue
		}
		if b.Content == "" || left > 0 {
			needed[vm] = true
		}
		if b.Content != "" {
			left--
		}
	}
	all := slices.Collect(maps.Values(kept))
	for vm := range list.Local {
		if of, role := Of(vm); of == image && role == Checkpoint {
			all = append(all, vm)
		}
	}
	all = slices.DeleteFunc(all, func(vm string) bool { return needed[vm] })
	slices.Sort(all)
	return all, nil
}

// kept are the VMs of earlier builds by their MAC addresses. One that can't be
// read is nobody's business but the user's.
func (s Shelf) kept(image string, list tartcli.Listing) (map[string]string, error) {
	all := map[string]string{}
	for vm := range list.Local {
		if of, role := Of(vm); of != image || role != Kept {
			continue
		}
		mac, err := s.mac(vm)
		if err != nil && !tartcli.Is(err, tartcli.Corrupt) {
			return nil, err
		}
		if mac != "" {
			all[mac] = vm
		}
	}
	return all, nil
}

// present are the builds whose VM stands.
func (s Shelf) present(n note, image string, list tartcli.Listing) ([]Build, error) {
	current, err := s.mac(image)
	if err != nil {
		return nil, err
	}
	kept, err := s.kept(image, list)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(n.Builds), func(b Build) bool { return b.MAC != current && kept[b.MAC] == "" }), nil
}

// Remove deletes the image with all that belongs to it. While the image runs
// nothing is touched.
func (s Shelf) Remove(ctx context.Context, image string) error {
	pid, err := s.Tart.Holder(image)
	switch {
	case err != nil:
		return err
	case pid != 0:
		return &tartcli.Error{Kind: tartcli.Running, Op: "delete", VM: image}
	}
	n, err := s.read(image)
	if err != nil {
		return err
	}
	if pending, err := s.pending(n); err != nil {
		return err
	} else if pending { // what was to become the image is deleted all the same
		n.Swap = nil
		if err := s.write(image, n); err != nil {
			return err
		}
	}
	if err := s.Clear(ctx, image); err != nil {
		return err
	}
	for _, role := range []Role{Checkpoint, Kept} {
		names, err := s.names(ctx, image, role)
		if err != nil {
			return err
		}
		for _, vm := range names {
			if err := s.Tart.Delete(ctx, vm); err != nil {
				return err
			}
		}
	}
	for _, content := range n.Logs {
		if err := s.erase(Log(image, content)); err != nil {
			return err
		}
	}
	// Last: as long as it stands, the rest is not forgotten.
	if err := s.Tart.Delete(ctx, image); err != nil {
		return err
	}
	return s.Notes.Remove(document(image))
}

// logs is the folder of what is printed while images are built.
const logs = "~/Library/Logs/hostler/images/"

// Log is the file of what was printed in builds of that content.
func Log(image, content string) string {
	return logs + image + "-" + short(content) + ".log"
}
