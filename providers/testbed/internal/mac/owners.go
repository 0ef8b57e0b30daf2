package mac

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const ownersFile = "owners.json"

// Owner says whom a file of the Mac belongs to.
type Owner struct{ User, Group string }

// claim is an entry of the table of ownership. An unprivileged simulation can't
// chown, so the table stands in for it; it holds for one very file, so that
// writing over it without root is seen as what it would be on a Mac.
type claim struct {
	Owner
	Inode   uint64
	ModTime time.Time
	Size    int64
}

// Chown records that the file at the Mac's path belongs to o from now on.
func (m *Mac) Chown(path string, o Owner) error {
	id, err := identify(m.Path(path))
	if err != nil {
		return err
	}
	id.Owner = o
	return Update(m, ownersFile, func(all *map[string]claim) error {
		if *all == nil {
			*all = map[string]claim{}
		}
		(*all)[filepath.Clean(path)] = id
		return nil
	})
}

// OwnerOf tells whom the file at the Mac's path belongs to: what Chown
// recorded; else root for folders outside of the user's, the user for the rest.
func (m *Mac) OwnerOf(path string) (Owner, error) {
	path = filepath.Clean(path)
	s, err := m.Settings()
	if err != nil {
		return Owner{}, err
	}
	have, err := identify(m.Path(path))
	if err != nil {
		return Owner{}, err
	}
	all, err := Load[map[string]claim](m, ownersFile)
	if err != nil {
		return Owner{}, err
	}
	info, err := os.Lstat(m.Path(path))
	if err != nil {
		return Owner{}, err
	}
	if c, ok := all[path]; ok && c.Inode == have.Inode && (info.IsDir() || c.ModTime.Equal(have.ModTime) && c.Size == have.Size) {
		return c.Owner, nil
	}
	if info.IsDir() && !s.owns(path) {
		return Owner{User: "root", Group: "wheel"}, nil
	}
	return Owner{User: s.User, Group: "staff"}, nil
}

// CanWrite reports whether uid may make, replace or remove entries of the
// folder at the Mac's path.
func (m *Mac) CanWrite(uid int, dir string) bool {
	if uid == 0 {
		return true
	}
	s, err := m.Settings()
	if err != nil {
		return false
	}
	o, err := m.OwnerOf(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return uid == s.UID && s.owns(dir)
	}
	return err == nil && o.User == s.Name(uid)
}

// owns reports whether path lies where the user may write on a fresh Mac.
func (s Settings) owns(path string) bool {
	for _, d := range []string{s.Home(), "/tmp", "/private/tmp", "/opt/homebrew", "/Users/Shared"} {
		if path == d || strings.HasPrefix(path, d+"/") {
			return true
		}
	}
	return false
}

func identify(real string) (claim, error) {
	info, err := os.Lstat(real)
	if err != nil {
		return claim{}, err
	}
	c := claim{ModTime: info.ModTime(), Size: info.Size()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		c.Inode = st.Ino
	}
	return c, nil
}
