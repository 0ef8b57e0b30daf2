// Package mac owns the folder of one simulated Mac: what the Mac is made of,
// its file system, its log of tool calls, its faults and its clock.
//
// The folder holds root/ (what stands for "/"), bin/ (the tools) and one JSON
// document for each thing the tools remember between calls. Invariants:
//
//   - A document is changed only under a flock and only by rename, so a tool
//     that dies at any point leaves the old document or the new one.
//   - Every path a program hands to a tool is a path of the Mac and is looked
//     up under root/, never on the machine that runs the simulation.
//   - Every call of a tool is in the log from before it acts, also when it
//     never returns.
//
// Start reading at Mac, then Process.Perform.
package mac

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Variables by which a program knows the simulated Mac it runs on.
const (
	EnvMac  = "HOSTLER_MAC"  // the Mac's folder
	EnvRoot = "HOSTLER_ROOT" // the folder that stands for "/"
)

// Mac is one simulated Mac.
type Mac struct{ dir string }

// Open returns the Mac whose folder is dir.
func Open(dir string) (*Mac, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &Mac{dir: abs}
	if _, err := m.Settings(); err != nil {
		return nil, fmt.Errorf("open simulated mac %q: %w", dir, err)
	}
	return m, nil
}

// Create makes the folder of a Mac. The folder must not exist or be empty.
func Create(dir string, s Settings) (*Mac, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(abs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("create simulated mac: %q is not empty", dir)
	}
	m := &Mac{dir: abs}
	for _, d := range []string{m.Bin(), m.Root(), m.file("locks")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	return m, Update(m, settingsFile, func(have *Settings) error { *have = s; return nil })
}

// Dir is the folder that holds all of the Mac.
func (m *Mac) Dir() string { return m.dir }

// Root is the folder that stands for "/".
func (m *Mac) Root() string { return filepath.Join(m.dir, "root") }

// Bin is the folder of the tools, the first of PATH.
func (m *Mac) Bin() string { return filepath.Join(m.dir, "bin") }

// Path is where the Mac's absolute path p lies on this machine.
func (m *Mac) Path(p string) string { return filepath.Join(m.Root(), p) }

func (m *Mac) file(name string) string { return filepath.Join(m.dir, name) }

// Load reads one of the Mac's documents; a document never written is the zero T.
func Load[T any](m *Mac, name string) (T, error) {
	var v T
	data, err := os.ReadFile(m.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// Update changes one of the Mac's documents while no other process does. An
// error of change leaves the document as it was and is returned as it is.
func Update[T any](m *Mac, name string, change func(*T) error) error {
	unlock, err := Flock(m.file(filepath.Join("locks", name)))
	if err != nil {
		return err
	}
	defer unlock()
	v, err := Load[T](m, name)
	if err != nil {
		return err
	}
	if err := change(&v); err != nil {
		return err
	}
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	next := m.file(name + ".next")
	if err := os.WriteFile(next, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(next, m.file(name))
}

// Flock waits for the exclusive flock of path, a file made when missing or a
// folder that exists. It is free again when the process ends, however it ends.
func Flock(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	}
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("flock %q: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// TryFlock takes the exclusive flock of path if it is free; ok tells whether.
func TryFlock(path string) (unlock func(), ok bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, err
	}
	return func() { f.Close() }, true, nil
}

// Now is the Mac's clock: the machine's, unless a test set another time.
func (m *Mac) Now() time.Time {
	if s, err := m.Settings(); err == nil && !s.Clock.IsZero() {
		return s.Clock
	}
	return time.Now()
}

// Gone reports whether the Mac that booted as bootID is no more: its folder was
// removed, or it was restarted. A process of the Mac that sees it must die.
func (m *Mac) Gone(bootID string) bool {
	s, err := m.Settings()
	return err != nil || s.BootID != bootID
}
