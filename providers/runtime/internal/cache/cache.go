// Package cache keeps what jobs may reuse: a folder for each profile and
// repository, which a VM sees as the share "cache".
//
// Invariants:
//
//  1. With snapshot, a VM writes to a copy of its own, which costs nothing on
//     APFS until it differs. The copy becomes the cache only when its job
//     succeeded and the profile's code is trusted; else it is removed.
//  2. What becomes the cache does so by renames: it is the old one or the new
//     one, whole, whatever crashes when.
//  3. A cache that is too large is not kept, and one that is too old is begun
//     anew, so that neither grows or rots for ever.
//  4. Nothing here follows a symlink of a job's.
//
// Start at Store.
package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
)

// Folder is where all caches of a Mac lie.
const Folder = settings.Folder + "/caches"

// Quota and Age are how large and how old a cache may become: bytes, and time
// from its first write.
const (
	Quota = 20 << 30
	Age   = 30 * 24 * time.Hour
)

// The words of a profile's cache attribute.
const (
	Snapshot = "snapshot"
	ReadOnly = "read-only"
	Shared   = "shared"
	None     = "none"
)

// Store is the caches of one Mac. It is safe for concurrent use.
type Store struct {
	Mac *machine.Machine
	Now func() time.Time

	mu sync.Mutex
}

// Use is one lease's use of a cache.
type Use struct {
	Profile    string
	Repository string
	Mode       string // one of the words above
	Lease      string
}

// Manifest tells where a cache comes from. It lies beside it.
type Manifest struct {
	Profile    string    `json:"profile"`
	Repository string    `json:"repository"`
	Lease      string    `json:"lease"` // that it was kept from
	Bytes      uint64    `json:"bytes"`
	Began      time.Time `json:"began"` // with nothing
	Kept       time.Time `json:"kept"`
}

func (u Use) folder() string {
	repository := strings.ReplaceAll(u.Repository, "/", "--")
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(repository) {
		repository = "by-hand"
	}
	return path.Join(Folder, u.Profile, strings.ToLower(repository))
}

func (u Use) base() string     { return path.Join(u.folder(), "base") }
func (u Use) old() string      { return path.Join(u.folder(), "base.old") }
func (u Use) manifest() string { return path.Join(u.folder(), "manifest.json") }
func (u Use) copied() string   { return path.Join(u.folder(), "lease-"+u.Lease) }

// Option is what `tart run` needs for the VM to see the cache; "" for none.
func (u Use) Option(m *machine.Machine) (string, error) {
	dir, suffix := u.base(), ""
	switch u.Mode {
	case Snapshot:
		dir = u.copied()
	case ReadOnly:
		suffix = ":ro"
	case Shared:
	default:
		return "", nil
	}
	dir, err := m.Expand(dir)
	return "--dir=cache:" + dir + suffix, err
}

// Open makes what the VM will see. note is a line that people should know of it.
// It may be repeated.
func (s *Store) Open(ctx context.Context, u Use) (note string, err error) {
	if u.Mode == None || u.Mode == "" {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if note, err = s.mend(u); err != nil {
		return "", err
	}
	if err := s.Mac.Folder(u.base(), 0o700); err != nil || u.Mode != Snapshot {
		return note, err
	}
	if err := s.Mac.RemoveAll(u.copied()); err != nil {
		return "", err
	}
	slow, err := s.clone(ctx, u)
	if slow != "" {
		note = slow
	}
	return note, err
}

// mend brings back a cache whose promotion broke off, and drops one that is too
// old.
func (s *Store) mend(u Use) (note string, err error) {
	switch _, err := s.Mac.Stat(u.base()); {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := s.Mac.Stat(u.old()); err == nil {
			return "", s.Mac.Rename(u.old(), u.base())
		}
		return "", nil
	case err != nil:
		return "", err
	}
	m, err := s.Read(u)
	if err != nil {
		return "", err
	}
	if m != nil && s.Now().Sub(m.Began) > Age {
		return fmt.Sprintf("the cache was begun %d days ago, and is begun anew\n", int(s.Now().Sub(m.Began).Hours()/24)),
			errors.Join(s.Mac.RemoveAll(u.base()), s.Mac.Remove(u.manifest()))
	}
	return "", s.Mac.RemoveAll(u.old())
}

// Read is the manifest of the cache, nil if it was never kept.
func (s *Store) Read(u Use) (*Manifest, error) {
	data, err := s.Mac.ReadFile(u.manifest())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var m Manifest
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	return &m, err
}

// clone copies the cache for one VM: by clonefile, or byte by byte where the
// volume is not APFS, which it says.
func (s *Store) clone(ctx context.Context, u Use) (note string, err error) {
	from, err := s.Mac.Expand(u.base())
	if err != nil {
		return "", err
	}
	to, err := s.Mac.Expand(u.copied())
	if err != nil {
		return "", err
	}
	_, err = s.Mac.Run(ctx, machine.Command{Program: "cp", Args: []string{"-cRp", from, to}})
	if err == nil || ctx.Err() != nil {
		return "", err
	}
	if err := s.Mac.RemoveAll(u.copied()); err != nil {
		return "", err
	}
	if _, slow := s.Mac.Run(ctx, machine.Command{Program: "cp", Args: []string{"-Rp", from, to}}); slow != nil {
		return "", errors.Join(err, slow)
	}
	return "the cache was copied byte by byte, since its volume can't clone files: " + err.Error() + "\n", nil
}

// Close ends the use of a cache. With keep, what the VM wrote becomes the cache.
// note is what people should know. It may be repeated.
func (s *Store) Close(ctx context.Context, u Use, keep bool) (note string, err error) {
	if u.Mode != Snapshot {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.Mac.Stat(u.copied()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return "", err
	}
	if !keep {
		return "", s.Mac.RemoveAll(u.copied())
	}
	bytes, err := s.Size(ctx, u.copied())
	if err != nil {
		return "", err
	}
	if bytes > Quota {
		return fmt.Sprintf("the cache was not kept: it has %d GiB, and %d are the limit\n", bytes>>30, Quota>>30), s.Mac.RemoveAll(u.copied())
	}
	return "", s.promote(u, bytes)
}

// promote makes the copy the cache. Between the two renames, there is none under
// its name: mend knows that.
func (s *Store) promote(u Use, bytes uint64) error {
	was, err := s.Read(u)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	m := Manifest{Profile: u.Profile, Repository: u.Repository, Lease: u.Lease, Bytes: bytes, Began: now, Kept: now}
	if was != nil {
		m.Began = was.Began
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := s.Mac.RemoveAll(u.old()); err != nil {
		return err
	}
	if err := s.Mac.Rename(u.base(), u.old()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.Mac.Rename(u.copied(), u.base()); err != nil {
		return err
	}
	return errors.Join(s.Mac.WriteFile(u.manifest(), append(data, '\n'), 0o600), s.Mac.RemoveAll(u.old()))
}

// Size is how many bytes a folder takes.
func (s *Store) Size(ctx context.Context, dir string) (uint64, error) {
	dir, err := s.Mac.Expand(dir)
	if err != nil {
		return 0, err
	}
	// Files that vanish beneath du, as a job's do, make it fail after it has counted
	// the others.
	out, err := s.Mac.Run(ctx, machine.Command{Program: "du", Args: []string{"-sk", dir}})
	var exit *machine.ExitError
	text, _, counted := strings.Cut(string(out.Stdout), "\t")
	if err != nil && !(counted && errors.As(err, &exit)) {
		return 0, err
	}
	kib, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("du -sk %s printed %q", dir, out.Stdout)
	}
	return kib << 10, nil
}
