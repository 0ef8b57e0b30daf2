package shelf

import (
	"context"
	"maps"
	"slices"
	"strings"

	"hostler/providers/internal/tartcli"
)

// Item is one VM of an image.
type Item struct {
	Image string
	VM    string
	Role  Role
	Build Build // of a checkpoint, nothing; else as far as it is known
}

// Items are the VMs of all images that hostler built, by image; an image comes
// before its earlier builds, and those that were the image last before others.
func (s Shelf) Items(ctx context.Context) ([]Item, error) {
	list, err := s.Tart.Relist(ctx)
	if err != nil {
		return nil, err
	}
	var all []Item
	order := map[string]int{}
	for _, vm := range slices.Sorted(maps.Keys(list.Local)) {
		image, role := Of(vm)
		n, err := s.read(image)
		if err != nil {
			return nil, err
		}
		i := Item{Image: image, VM: vm, Role: role}
		mac := ""
		if role == Image || role == Kept {
			if mac, err = s.mac(vm); err != nil {
				return nil, err
			}
		}
		if b := n.of(mac); b != nil {
			i.Build = *b
		} else if role == Image {
			continue // none of ours, or one of which nothing is known
		}
		order[vm] = slices.IndexFunc(n.Builds, func(b Build) bool { return b.MAC == mac })
		all = append(all, i)
	}
	rank := map[Role]int{Image: 0, Kept: 1, Checkpoint: 2, Unfinished: 3}
	slices.SortStableFunc(all, func(a, b Item) int {
		if d := strings.Compare(a.Image, b.Image); d != 0 {
			return d
		}
		if d := rank[a.Role] - rank[b.Role]; d != 0 {
			return d
		}
		return order[a.VM] - order[b.VM]
	})
	return all, nil
}

// Newest is the earlier build that was the image last; ok is false when there
// is none.
func (s Shelf) Newest(ctx context.Context, image string) (kept Item, ok bool, err error) {
	all, err := s.Items(ctx)
	if err != nil {
		return Item{}, false, err
	}
	i := slices.IndexFunc(all, func(i Item) bool { return i.Image == image && i.Role == Kept && i.Build.MAC != "" })
	if i < 0 {
		return Item{}, false, nil
	}
	return all[i], true, nil
}

// Waste is a VM, or an image of a registry in tart's cache, that nobody needs.
type Waste struct {
	Name string
	Why  string

	image string // "" for a cached one
	role  Role
}

// Cached reports whether it is an image in tart's cache.
func (w Waste) Cached() bool { return w.image == "" }

// Wastes lists what nobody needs any more. known are the images that state
// records. Those that stand count as known, too: another state may have them.
func (s Shelf) Wastes(ctx context.Context, known []string) ([]Waste, error) {
	list, err := s.Tart.Relist(ctx)
	if err != nil {
		return nil, err
	}
	members := map[string][]string{}
	for _, image := range known {
		members[image] = nil
	}
	for vm := range list.Local {
		image, role := Of(vm)
		of := members[image]
		if role != Image {
			of = append(of, vm)
		}
		members[image] = of
	}
	needed := map[string]bool{}
	var all []Waste
	for _, image := range slices.Sorted(maps.Keys(members)) {
		n, err := s.read(image)
		if err != nil {
			return nil, err
		}
		if list.Local[image].Name == "" && !slices.Contains(known, image) {
			all = append(all, orphans(image, members[image], list)...)
			continue
		}
		for _, base := range n.bases() {
			needed[base] = true
		}
		pending, err := s.pending(n)
		if err != nil {
			return nil, err
		}
		if pending {
			continue // whoever finishes the swap tidies up, too
		}
		wastes, err := s.wastes(n, image, members[image], list)
		if err != nil {
			return nil, err
		}
		all = append(all, wastes...)
	}
	for _, name := range slices.Sorted(maps.Keys(list.Cached)) {
		if strings.Contains(name, "@") && !needed[name] {
			all = append(all, Waste{Name: name, Why: "no image is made of it"})
		}
	}
	return all, nil
}

// orphans are the VMs of an image that is gone. One that runs may be being
// built for another state.
func orphans(image string, members []string, list tartcli.Listing) (all []Waste) {
	slices.Sort(members)
	for _, vm := range members {
		if _, role := Of(vm); list.Local[vm].State != "running" {
			all = append(all, Waste{Name: vm, Why: "its image is gone", image: image, role: role})
		}
	}
	return all
}

// wastes are the VMs that an image does not need. An earlier build or a
// checkpoint that somebody runs is needed by him.
func (s Shelf) wastes(n note, image string, members []string, list tartcli.Listing) (all []Waste, err error) {
	surplus, err := s.surplus(n, image, list)
	if err != nil {
		return nil, err
	}
	why := map[Role]string{
		Kept: "more earlier builds are kept than its image says", Checkpoint: "no build that stands begins with it",
		Unfinished: "left over from a build that was not finished",
	}
	slices.Sort(members)
	for _, vm := range members {
		if _, role := Of(vm); role == Unfinished || slices.Contains(surplus, vm) && list.Local[vm].State != "running" {
			all = append(all, Waste{Name: vm, Why: why[role], image: image, role: role})
		}
	}
	return all, nil
}

// bases are the images of registries that the image may be built from again.
func (n note) bases() (all []string) {
	if n.Base != "" {
		all = append(all, n.Base)
	}
	for _, b := range n.Builds {
		if ref, ok := tartcli.ParseRef(b.Source); ok && b.Digest != "" {
			ref.Version = b.Digest
			all = append(all, ref.String())
		}
	}
	return all
}

// Discard deletes a VM that is waste.
func (s Shelf) Discard(ctx context.Context, w Waste) error {
	if w.role == Unfinished {
		return s.discard(ctx, w.Name)
	}
	return s.Tart.Delete(ctx, w.Name)
}

// Forsake removes what is noted of images that are gone with all their VMs.
func (s Shelf) Forsake(ctx context.Context, wastes []Waste) error {
	list, err := s.Tart.Relist(ctx)
	if err != nil {
		return err
	}
	stands := map[string]bool{}
	for vm := range list.Local {
		image, _ := Of(vm)
		stands[image] = true
	}
	for _, w := range wastes {
		if w.Cached() || stands[w.image] {
			continue
		}
		if err := s.Remove(ctx, w.image); err != nil {
			return err
		}
	}
	return nil
}
