// Package shelf owns the VMs that belong to an image, and what is known of
// each. The VMs of the image NAME are
//
//	NAME              the image: the build that jobs are cloned from
//	NAME--kept-HASH   an earlier build, kept for rollback
//	NAME--step-HASH   a checkpoint: a build as it was after a step
//	NAME--build-HASH  a build under way, or what a killed one left
//
// Invariants:
//
//  1. Names of images contain none of these marks, so whatever has such a name
//     is ours.
//  2. What stands under an image's own name is ours if its random MAC address
//     was noted down before it got there. A foreign VM is never renamed,
//     changed or deleted.
//  3. An image gets another VM by renames alone. What they shall do is noted
//     down first: whoever comes next finishes what was cut short, or undoes it.
//  4. What runs is neither renamed nor deleted. A build under way may be
//     stopped, since nobody else needs it.
//  5. A build that hostler did not make, since it was imported, is kept until
//     its image is deleted.
//
// Start at note, then Promote (swap.go).
package shelf

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"hostler/providers/internal/settings"
	"hostler/providers/internal/tartcli"
)

// Shelf is the VMs of all images of one Mac.
type Shelf struct {
	Tart  *tartcli.Tart
	Notes settings.Store
}

// Build is what is known of a VM that was built.
type Build struct {
	MAC     string `json:"mac"` // its birthmark: 46 random bits
	Source  string `json:"source,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Content string `json:"content,omitempty"` // "" for one that hostler did not make
	// Outdated says that it shall be built anew, though nothing it was made of has
	// changed.
	Outdated bool `json:"outdated,omitempty"`
	DiskGB   int  `json:"disk_gb,omitempty"` // as it was built; it may have grown since
	// Chain is the hash of what it was cloned from, and one for each step; the
	// last one is Content.
	Chain  []string `json:"chain,omitempty"`
	Runner string   `json:"runner_version,omitempty"`
}

// note is what is written down about the VMs of one image.
type note struct {
	Builds []Build  `json:"builds,omitempty"` // the one that became the image last comes first
	Keep   int      `json:"keep"`             // how many earlier builds shall stay
	Swap   *swap    `json:"swap,omitempty"`   // under way
	Under  string   `json:"under,omitempty"`  // VM of the build under way
	Base   string   `json:"base,omitempty"`   // image of a registry that the last build began with
	Logs   []string `json:"logs,omitempty"`   // contents of builds that have a log
}

func document(image string) string { return "builds/" + image + ".json" }

// read is the note of an image; what was never written, or can't be read, says
// nothing.
func (s Shelf) read(image string) (note, error) {
	var n note
	_, err := s.Notes.Read(document(image), &n)
	if errors.Is(err, fs.ErrNotExist) {
		return note{}, nil
	}
	return n, err
}

// write replaces the note; one that says nothing any more is removed.
func (s Shelf) write(image string, n note) error {
	if len(n.Builds) == 0 && n.Under == "" && len(n.Logs) == 0 {
		return s.Notes.Remove(document(image))
	}
	return s.Notes.Write(document(image), n)
}

// of is the build with that MAC address, or nil.
func (n note) of(mac string) *Build {
	i := slices.IndexFunc(n.Builds, func(b Build) bool { return b.MAC == mac })
	if i < 0 || mac == "" {
		return nil
	}
	return &n.Builds[i]
}

// Role is what a VM is to its image.
type Role string

const (
	Image      Role = "image"
	Kept       Role = "kept"
	Checkpoint Role = "checkpoint"
	Unfinished Role = "unfinished"
)

// marks stand between an image's name and a hash.
func marks() map[Role]string {
	return map[Role]string{Kept: "--kept-", Checkpoint: "--step-", Unfinished: "--build-"}
}

// Of takes a VM's name apart. What carries no mark may be an image.
func Of(vm string) (image string, role Role) {
	for role, mark := range marks() {
		if image, hash, ok := strings.Cut(vm, mark); ok && image != "" && !strings.Contains(hash, "--") {
			return image, role
		}
	}
	return vm, Image
}

// CheckpointOf is the VM that is the image's build as it was after the step
// with that hash.
func CheckpointOf(image, hash string) string { return image + marks()[Checkpoint] + short(hash) }

// newPrivate is a name for a build of the content. No two are the same: a tart
// that outlives a killed run must not meet the VM of the next one.
func newPrivate(image, content string) string {
	return image + marks()[Unfinished] + short(content)[:8] + strings.ToLower(rand.Text()[:8])
}

// aside is where a build goes that is the image no more. Two builds can have
// one content, since the disk of one has grown: the second is named after its
// MAC address.
func (s Shelf) aside(image string, b Build) (string, error) {
	vm := image + marks()[Kept] + short(b.Content)
	taken, err := s.Tart.Exists(vm)
	if b.Content == "" || taken {
		vm = image + marks()[Kept] + strings.ReplaceAll(b.MAC, ":", "")
	}
	return vm, err
}

// short is as much of a hash as a name needs.
func short(hash string) string {
	hash = strings.TrimPrefix(hash, "sha256:")
	return hash[:min(len(hash), 16)]
}

// Standing is the VM that is an image at the moment.
type Standing struct {
	VM     string // not the image's own name in the middle of a swap
	Config tartcli.Config
	Build  *Build // nil when nothing is known of it
	// Foreign says that builds of this image are known, and this is none of
	// them.
	Foreign bool
}

// Stand finds the image's VM. The kinds of its errors are those of
// tartcli.Config.
func (s Shelf) Stand(image string) (Standing, error) {
	n, err := s.read(image)
	if err != nil {
		return Standing{}, err
	}
	st := Standing{VM: image}
	st.Config, err = s.Tart.Config(image)
	if pending, _ := s.pending(n); pending && tartcli.Is(err, tartcli.NotFound) && n.Swap.Old != "" {
		if config, between := s.Tart.Config(n.Swap.Aside); between == nil && config.MAC == n.Swap.Old {
			st.VM, st.Config, err = n.Swap.Aside, config, nil
		}
	}
	if err != nil {
		return Standing{}, err
	}
	st.Build = n.of(st.Config.MAC)
	st.Foreign = st.Build == nil && len(n.Builds) > 0
	return st, nil
}

// Relabel notes down that the image's VM is from elsewhere than it was, and yet
// the same.
func (s Shelf) Relabel(image, source, digest string) error {
	n, err := s.read(image)
	if err != nil {
		return err
	}
	mac, err := s.mac(image)
	if err != nil {
		return err
	}
	b := n.of(mac)
	if b == nil {
		return nil
	}
	b.Source, b.Digest = source, digest
	return s.write(image, n)
}

// Outdate notes that the image shall be built anew, and deletes its checkpoints:
// so that build begins with what the image is from.
func (s Shelf) Outdate(ctx context.Context, image string) error {
	if _, err := s.Settle(ctx, image); err != nil {
		return err
	}
	st, err := s.Stand(image)
	switch {
	case tartcli.Is(err, tartcli.NotFound):
		return fmt.Errorf("there is no image %q on this Mac", image)
	case err != nil:
		return err
	case st.Build == nil:
		return fmt.Errorf("VM %q was not built by hostler: how it was made is not known, so it can't be made anew", image)
	}
	checkpoints, err := s.names(ctx, image, Checkpoint)
	if err != nil {
		return err
	}
	for _, vm := range checkpoints {
		if err := s.Tart.Delete(ctx, vm); err != nil {
			return err
		}
	}
	n, err := s.read(image)
	if err != nil {
		return err
	}
	n.of(st.Build.MAC).Outdated = true
	return s.write(image, n)
}
