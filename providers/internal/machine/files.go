package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Info is what Stat tells of a file.
type Info struct {
	Size     int64
	Mode     fs.FileMode
	Modified time.Time
}

// ReadFile reads a whole file. A missing one is fs.ErrNotExist.
func (m *Machine) ReadFile(p string) ([]byte, error) {
	name, err := m.local(p)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(name)
	return data, m.inMac(err, p)
}

// Sum is the SHA-256 of a file, in hexadecimal; the file may be large.
func (m *Machine) Sum(p string) (string, error) {
	name, err := m.local(p)
	if err != nil {
		return "", err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", m.inMac(err, p)
	}
	defer f.Close()
	h := sha256.New()
	// A buffer of its own: the file may have tens of megabytes.
	_, err = io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, 1<<18))
	return hex.EncodeToString(h.Sum(nil)), m.inMac(err, p)
}

// Stat follows symlinks. A missing file is fs.ErrNotExist.
func (m *Machine) Stat(p string) (Info, error) {
	name, err := m.local(p)
	if err != nil {
		return Info{}, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, m.inMac(err, p)
	}
	return Info{Size: info.Size(), Mode: info.Mode(), Modified: info.ModTime()}, nil
}

// Lstat is Stat of the file itself: a symlink is told as one.
func (m *Machine) Lstat(p string) (Info, error) {
	name, err := m.local(p)
	if err != nil {
		return Info{}, err
	}
	info, err := os.Lstat(name)
	if err != nil {
		return Info{}, m.inMac(err, p)
	}
	return Info{Size: info.Size(), Mode: info.Mode(), Modified: info.ModTime()}, nil
}

// List are the names of what a folder holds, sorted. A missing one is
// fs.ErrNotExist.
func (m *Machine) List(p string) ([]string, error) {
	name, err := m.local(p)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(name)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, m.inMac(err, p)
}

// Append adds to the end of a file, which is made as needed, with its folder. It
// is not synced: for logs.
func (m *Machine) Append(p string, data []byte, perm fs.FileMode) error {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return m.inMac(err, p)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, perm)
	if err != nil {
		return m.inMac(err, p)
	}
	_, err = f.Write(data)
	return m.inMac(errors.Join(err, f.Close()), p)
}

// Where is the path by which this process itself reaches a file of the
// machine: for a database, or a socket.
func (m *Machine) Where(p string) (string, error) { return m.local(p) }

// WriteFile replaces or makes a file atomically and durably, with folders as
// needed.
func (m *Machine) WriteFile(p string, data []byte, perm fs.FileMode) error {
	return m.place(p, data, perm, os.Rename)
}

// CreateFile makes a file atomically and durably; one that is already there,
// even a dangling symlink, is fs.ErrExist and stays as it is.
func (m *Machine) CreateFile(p string, data []byte, perm fs.FileMode) error {
	return m.place(p, data, perm, func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

// place writes a temporary file beside p and puts it in p's stead by put.
func (m *Machine) place(p string, data []byte, perm fs.FileMode, put func(from, to string) error) (err error) {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return m.inMac(err, p)
	}
	temp := func() (*os.File, error) { return os.OpenFile(tempName(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) }
	f, err := temp()
	if errors.Is(err, fs.ErrExist) {
		// A killed CreateFile may have left its temporary file as a second name
		// of the finished one: to write into it would tear that.
		if err := m.Sweep(p); err != nil {
			return err
		}
		f, err = temp()
	}
	if err != nil {
		return m.inMac(err, p)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = m.inMac(err, p)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := put(f.Name(), name); err != nil {
		return err
	}
	return syncDir(dir)
}

// tempName is one fixed name for each file, so that what a killed place left
// behind is reused by the next one, or swept.
func tempName(name string) string {
	return filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".hostler-tmp")
}

// Sweep removes what a killed WriteFile or CreateFile of p left beside it.
func (m *Machine) Sweep(p string) error {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	if err := os.Remove(tempName(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m.inMac(err, p)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Folder makes a folder, with those above it as needed, and gives it perm.
func (m *Machine) Folder(p string, perm fs.FileMode) error {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return m.inMac(err, p)
	}
	if err := os.MkdirAll(name, perm); err != nil {
		return m.inMac(err, p)
	}
	return m.inMac(os.Chmod(name, perm), p)
}

// Chmod gives a file a mode.
func (m *Machine) Chmod(p string, perm fs.FileMode) error {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	return m.inMac(os.Chmod(name, perm), p)
}

// Rename moves a file onto another of the same file system.
func (m *Machine) Rename(from, to string) error {
	a, err := m.local(from)
	if err != nil {
		return err
	}
	b, err := m.local(to)
	if err != nil {
		return err
	}
	return m.inMac(os.Rename(a, b), from)
}

// Remove deletes a file; one that is gone already is success.
func (m *Machine) Remove(p string) error {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m.inMac(err, p)
	}
	return nil
}

// RemoveAll deletes a folder with all that is in it; gone already is success.
func (m *Machine) RemoveAll(p string) error {
	name, err := m.local(p)
	if err != nil {
		return err
	}
	return m.inMac(os.RemoveAll(name), p)
}

// inMac names the machine's path in an error, not where a simulated Mac keeps
// it.
func (m *Machine) inMac(err error, p string) error {
	if err == nil {
		return nil
	}
	var link *os.LinkError
	var at *fs.PathError
	switch {
	case errors.As(err, &link):
		return fmt.Errorf("%s %s: %w", link.Op, p, link.Err)
	case errors.As(err, &at):
		return fmt.Errorf("%s %s: %w", at.Op, p, at.Err)
	}
	return fmt.Errorf("%s: %w", p, err)
}
