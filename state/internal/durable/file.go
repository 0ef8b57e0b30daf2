// Package durable owns how bytes get into files so that a kill, a power cut or
// a full disk cannot leave less than what was there before.
//
// Invariants:
//
//  1. No file is changed in place, but for lines that a Log adds to its end.
//     New content is written aside, to PATH.tmp, and synced before a rename
//     gives it its name; so under PATH is the whole old content or the whole
//     new one, also for a file that is linked elsewhere.
//  2. What happened to a name, a rename above all, is durable once the folder
//     has been synced, and until then each name for itself: where one change
//     must not outlive another, a sync stands between them.
//  3. What is left aside by a process that died means nothing; Discard it.
//
// Start reading at Replace, then Log.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Read reads a regular file; opening a named pipe would hang.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		kind := "not a regular file"
		if info.IsDir() {
			kind = "a directory, not a file"
		}
		return nil, fmt.Errorf("%s is %s", path, kind)
	}
	return os.ReadFile(path)
}

// Replace makes data the content of path in one step, durably.
func Replace(path string, data []byte) error {
	if err := Prepare(path, data); err != nil {
		return err
	}
	return Commit(path)
}

// Prepare writes and syncs the content that Commit will give to path.
func Prepare(path string, data []byte) error { return write(aside(path), data) }

// Commit makes what was prepared the content of path, durably.
func Commit(path string) error {
	if err := os.Rename(aside(path), path); err != nil {
		return err
	}
	return SyncFolder(path)
}

// Discard removes what was prepared for path and never committed.
func Discard(path string) error {
	if err := os.Remove(aside(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// aside is the name under which the next content of path is written.
func aside(path string) string { return path + ".tmp" }

// LinkOver makes to the same file as from, in one step; SyncFolder makes that
// durable. Where the file system has no links it makes a copy.
func LinkOver(from, to string) error {
	if err := Discard(to); err != nil {
		return err
	}
	if err := Link(from, aside(to)); err != nil {
		return err
	}
	if err := os.Rename(aside(to), to); err != nil {
		return err
	}
	// Renaming one link over another to the same file leaves both.
	return Discard(to)
}

// Link gives a file a second name, or a copy where the file system has no
// links. It fails with fs.ErrExist if the name is taken.
func Link(from, to string) error {
	err := os.Link(from, to)
	if !unsupported(err) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, fs.ErrExist)
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return write(to, data)
}

// write makes a new file, durable but for its name. It removes what is there
// instead of truncating it, since that may be a link to a file in use.
func write(path string, data []byte) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = syncFile(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// SyncFolder makes the names in the folder of path durable.
func SyncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	err = syncFile(dir)
	if unsupported(err) { // some network file systems cannot, and need not
		return nil
	}
	return err
}
