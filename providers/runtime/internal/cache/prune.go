package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"hostler/hcl/schema"
)

// Entry is what lies in the folder of one profile and repository.
type Entry struct {
	Profile    string    `json:"profile"`
	Repository string    `json:"repository"`
	Bytes      uint64    `json:"bytes"`           // of the cache and all copies; what they share is counted once for each
	Began      time.Time `json:"began,omitzero"`  // zero: nothing was ever kept
	Kept       time.Time `json:"kept,omitzero"`   // the last time
	Copies     []string  `json:"copies"`          // leases that have one, or had
	Lease      string    `json:"lease,omitempty"` // that it was kept from

	use   Use
	waste []string // what a promotion or a removal left when it broke off
}

// List is everything that lies in the folder of caches, by profile.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	all, err := s.entries()
	for i := range all {
		if all[i].Bytes, err = s.Size(ctx, all[i].use.folder()); err != nil {
			return nil, err
		}
	}
	return all, err
}

// entries are those of List, without their sizes: to measure them takes a while.
func (s *Store) entries() ([]Entry, error) {
	all := []Entry{}
	profiles, err := s.folders(Folder)
	if err != nil {
		return nil, err
	}
	for _, profile := range profiles {
		repositories, err := s.folders(path.Join(Folder, profile))
		if err != nil {
			return nil, err
		}
		for _, repository := range repositories {
			e, err := s.entry(profile, repository)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it went meanwhile
			}
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	return all, nil
}

func (s *Store) folders(p string) (names []string, err error) {
	all, err := s.Mac.List(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, name := range all {
		if info, gone := s.Mac.Lstat(path.Join(p, name)); gone == nil && info.Mode.IsDir() {
			names = append(names, name)
		}
	}
	return names, err
}

func (s *Store) entry(profile, folder string) (e Entry, err error) {
	e = Entry{Profile: profile, Repository: strings.Replace(folder, "--", "/", 1), Copies: []string{}}
	e.use = Use{Profile: profile, Repository: e.Repository}
	names, err := s.Mac.List(path.Join(Folder, profile, folder))
	if err != nil {
		return e, err
	}
	for _, name := range names {
		lease, copied := strings.CutPrefix(name, "lease-")
		switch {
		case copied:
			e.Copies = append(e.Copies, lease)
		case name != path.Base(e.use.base()) && name != path.Base(e.use.manifest()):
			e.waste = append(e.waste, name)
		}
	}
	if m, err := s.Read(e.use); err == nil && m != nil { // one that can't be read tells nothing
		e.Repository, e.Began, e.Kept, e.Lease = m.Repository, m.Began, m.Kept, m.Lease
	}
	return e, nil
}

// Wish is which caches are to go.
type Wish struct {
	All   bool          `json:"all"`            // that no lease uses
	Older time.Duration `json:"older,omitzero"` // that nothing was kept in for so long; 0: only those past their age
	Dry   bool          `json:"dry"`            // only say which
}

// Removed is something that was removed.
type Removed struct {
	Profile    string `json:"profile"`
	Repository string `json:"repository"`
	What       string `json:"what"`
	Why        string `json:"why"`
}

// Prune removes caches, and what lies about of leases that are over. What a
// lease uses stays: lent tells of all leases, and is asked when it is known what
// there is. Prune returns what it removed, also with an error.
func (s *Store) Prune(w Wish, lent func() ([]Use, error)) ([]Removed, error) {
	all := []Removed{}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := s.entries()
	if err != nil {
		return nil, err
	}
	used, err := lent()
	if err != nil {
		return nil, err
	}
	leases, folders := map[string]bool{}, map[string]bool{}
	for _, u := range used {
		leases[u.Lease], folders[u.folder()] = true, true
	}
	for _, e := range entries {
		remove := func(what, why string, do func() error) {
			if !w.Dry {
				if failed := do(); failed != nil {
					err = errors.Join(err, failed)
					return
				}
			}
			all = append(all, Removed{e.Profile, e.Repository, what, why})
		}
		for _, lease := range e.Copies {
			if !leases[lease] {
				e.use.Lease = lease
				remove("the copy of lease "+lease, "its lease is over", func() error { return s.Mac.RemoveAll(e.use.copied()) })
			}
		}
		if folders[e.use.folder()] {
			continue
		}
		for _, name := range e.waste {
			if p := path.Join(e.use.folder(), name); p != e.use.old() { // which may be the whole cache, see mend
				remove(name, "it was left when something broke off", func() error { return s.Mac.RemoveAll(p) })
			}
		}
		if why := w.why(e, s.Now()); why != "" {
			remove("the cache", why, func() error { return s.drop(e.use) })
		}
	}
	return all, err
}

// why is why a cache goes, "" if it stays.
func (w Wish) why(e Entry, now time.Time) string {
	switch {
	case w.All:
		return "no lease uses it"
	case e.Began.IsZero():
		return ""
	case now.Sub(e.Began) > Age:
		return fmt.Sprintf("it was begun %d days ago", int(now.Sub(e.Began).Hours()/24))
	case w.Older > 0 && now.Sub(e.Kept) > w.Older:
		return fmt.Sprintf("nothing was kept in it for more than %s", schema.Duration(w.Older))
	}
	return ""
}

// drop removes a cache: its name first, so that nobody is lent half of it.
func (s *Store) drop(u Use) error {
	gone := path.Join(u.folder(), "gone")
	if err := errors.Join(s.Mac.RemoveAll(gone), s.Mac.RemoveAll(u.old())); err != nil {
		return err
	}
	if err := s.Mac.Rename(u.base(), gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.Mac.Remove(u.manifest()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.Mac.RemoveAll(u.folder())
}
