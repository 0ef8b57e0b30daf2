// Package vm owns what tart keeps on disk: the folders of VMs and cached
// images below TART_HOME, their config.json, and the locks that say which VM
// runs.
//
// Invariants:
//
//   - A VM runs exactly while some process holds the fcntl lock of its
//     config.json. The holder opens that file once and never again: closing
//     any other descriptor of it would drop the lock.
//   - config.json is rewritten in place, because a rename would leave the lock
//     on a file that nobody sees any more.
//   - A VM appears under its name by one rename of a complete folder.
//
// Start reading at Home, then Dir.
package vm

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// Home is TART_HOME, as a path of this machine.
type Home string

// Open makes the folders tart expects.
func (h Home) Open() error {
	for _, d := range []string{"vms", "cache/OCIs", "cache/IPSWs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(string(h), d), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// Lock waits for the lock that clones and starts take turns by.
func (h Home) Lock() (unlock func(), err error) { return mac.Flock(string(h)) }

// Local is the folder of the local VM name, whether it exists or not.
func (h Home) Local(name string) Dir { return Dir(filepath.Join(string(h), "vms", name)) }

// Named is a VM and the name it goes by.
type Named struct {
	Name string
	Dir  Dir
}

// Locals are the local VMs that have all their files, by name.
func (h Home) Locals() ([]Named, error) {
	root := filepath.Join(string(h), "vms")
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []Named
	for _, e := range entries {
		if d := Dir(filepath.Join(root, e.Name())); d.Complete() {
			all = append(all, Named{e.Name(), d})
		}
	}
	return all, nil
}

// Temp makes a folder in tmp that is collected as soon as unlock is called or
// the process ends.
func (h Home) Temp() (d Dir, unlock func(), err error) { return h.temp(rand.Text) }

// TempFor is Temp for a download: what an earlier one left is still there,
// unless it was collected.
func (h Home) TempFor(digest string) (d Dir, unlock func(), err error) {
	return h.temp(func() string { return "pull-" + digest })
}

func (h Home) temp(name func() string) (d Dir, unlock func(), err error) {
	for {
		d = Dir(filepath.Join(string(h), "tmp", name()))
		if err := os.MkdirAll(string(d), 0o755); err != nil {
			return "", nil, err
		}
		unlock, ok, err := mac.TryFlock(string(d))
		// Between the two steps the folder looks abandoned, and another process
		// can have begun to collect it.
		if errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if d.Exists() {
			return d, unlock, nil
		}
		unlock()
	}
}

// Collect removes everything in tmp that no process locks.
func (h Home) Collect() error {
	root := filepath.Join(string(h), "tmp")
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		unlock, free, err := mac.TryFlock(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if free {
			err = os.RemoveAll(path)
			unlock()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Images are the cached images by name, each pulled tag and each digest.
func (h Home) Images() ([]Named, error) {
	root := filepath.Join(string(h), "cache", "OCIs")
	var all []Named
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, relErr := filepath.Rel(root, path)
		if relErr != nil {
			return relErr
		}
		repo, last := filepath.Split(name)
		repo = strings.Replace(strings.TrimSuffix(repo, "/"), "%3A", ":", 1)
		switch {
		case e.Type()&fs.ModeSymlink != 0 && Dir(path).Complete():
			all = append(all, Named{repo + ":" + last, Dir(path)})
		case e.IsDir() && Dir(path).Complete():
			all = append(all, Named{repo + "@" + last, Dir(path)})
			return fs.SkipDir
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Named) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// Touch marks an image or a VM as used at t; the least recently used images
// are pruned first.
func (d Dir) Touch(t time.Time) error { return os.Chtimes(string(d), t, t) }

// Accessed is when Touch was last called, or the VM was made.
func (d Dir) Accessed() (time.Time, error) {
	info, err := os.Stat(string(d))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
