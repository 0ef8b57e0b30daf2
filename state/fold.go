package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// fold brings what the journal says into the state file and puts the journal
// away, or carries on with a fold that was interrupted. It trusts only what
// it reads back from the files. The lock must be held.
func (s *Store) fold() error {
	d, err := s.load()
	if err != nil || d.journal == nil {
		return err
	}
	put := s.retire
	if d.view.serial != d.fileSerial {
		if err := s.replace(d.view.snapshot()); err != nil {
			return fmt.Errorf("fold the journal: %w", err)
		}
	} else if d.journal.changes() && !s.backedUp(d.journal) {
		put = s.rebase // an interrupted Recover, not an interrupted fold
	}
	if err := put(d.view, d.journal); err != nil {
		return fmt.Errorf("put the journal away: %w", err)
	}
	return nil
}

// backedUp reports whether the backup is what the journal continues.
func (s *Store) backedUp(j *journalFile) bool {
	data, err := readFile(s.backupPath())
	if err != nil {
		return false
	}
	snap, err := s.format.decode(data, false)
	return err == nil && j.continues(snap)
}

// replace makes the state file's content the backup's, and snap the state
// file's, durably.
func (s *Store) replace(snap *Snapshot) error {
	if err := s.writeAside(s.path, snap); err != nil {
		return err
	}
	if err := linkOver(s.path, s.backupPath()); err != nil {
		return err
	}
	if err := os.Rename(aside(s.path), s.path); err != nil {
		return err
	}
	return s.syncDir()
}

// writeAside writes a state file under the name from which it is renamed.
func (s *Store) writeAside(path string, snap *Snapshot) error {
	data, err := s.format.encode(snap)
	if err != nil {
		return err
	}
	return writeFile(aside(path), data)
}

// retire puts a journal away that the state file contains, the view being
// what both say.
func (s *Store) retire(v *view, j *journalFile) error {
	open := v.intents.list()
	switch {
	case !j.changes() && len(open) > 0:
		return nil // it goes on
	case !j.changes():
		// It must not take the place of the journal that continues the backup.
		if err := os.Remove(s.journalPath()); err != nil {
			return err
		}
	case len(open) == 0:
		if err := os.Rename(s.journalPath(), s.journalBackupPath()); err != nil {
			return err
		}
	default:
		if err := linkOver(s.journalPath(), s.journalBackupPath()); err != nil {
			return err
		}
		return s.startJournal(v.lineage, v.serial, open)
	}
	return s.syncDir()
}

// rebase puts everything away that led to the state file, and makes a copy of
// that the backup: a link would be spoilt with it by an editor.
func (s *Store) rebase(v *view, _ *journalFile) error {
	following, err := encodeJournal(v.lineage, v.serial, nil)
	if err != nil {
		return err
	}
	data, err := readFile(s.path)
	if err != nil {
		return err
	}
	if err := writeOver(s.backupPath(), data); err != nil {
		return err
	}
	if err := writeOver(s.journalBackupPath(), following); err != nil {
		return err
	}
	if open := v.intents.list(); len(open) > 0 {
		return s.startJournal(v.lineage, v.serial, open)
	}
	if err := os.Remove(s.journalPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.syncDir()
}

// startJournal puts a new journal in place, durably.
func (s *Store) startJournal(lineage string, serial uint64, open []Unfinished) error {
	data, err := encodeJournal(lineage, serial, open)
	if err != nil {
		return err
	}
	if err := writeOver(s.journalPath(), data); err != nil {
		return err
	}
	return s.syncDir()
}

// create makes the first state file, durably.
func (s *Store) create(lineage string) error {
	if err := s.writeAside(s.path, &Snapshot{Lineage: lineage}); err != nil {
		return err
	}
	if err := os.Rename(aside(s.path), s.path); err != nil {
		return err
	}
	return s.syncDir()
}

// tidy removes what an interrupted run left aside.
func (s *Store) tidy() {
	for _, path := range []string{s.path, s.backupPath(), s.journalPath(), s.journalBackupPath()} {
		_ = os.Remove(aside(path))
	}
}

func (s *Store) syncDir() error {
	dir, err := os.Open(filepath.Dir(s.path))
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

// aside is the name under which the next content of path is written.
func aside(path string) string { return path + ".tmp" }

// writeFile makes a new file, durable but for its name. It removes what is
// there instead of truncating it, since that may be a link to a file in use.
func writeFile(path string, data []byte) (err error) {
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

// writeOver makes data the content of path in one step.
func writeOver(path string, data []byte) error {
	if err := writeFile(aside(path), data); err != nil {
		return err
	}
	return os.Rename(aside(path), path)
}

// linkOver makes to the same file as from, in one step. Where the file system
// has no links it makes a copy.
func linkOver(from, to string) error {
	if err := os.Remove(aside(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := linkOrCopy(from, aside(to)); err != nil {
		return err
	}
	if err := os.Rename(aside(to), to); err != nil {
		return err
	}
	// Renaming one link over another to the same file leaves both.
	if err := os.Remove(aside(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// linkOrCopy fails with fs.ErrExist if to exists.
func linkOrCopy(from, to string) error {
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
	return writeFile(to, data)
}

// syncFile makes a file durable: on macOS with F_FULLFSYNC, through the
// drive's cache, and with plain fsync on the file systems that do not know
// that.
func syncFile(f *os.File) error {
	err := f.Sync()
	if !unsupported(err) {
		return err
	}
	return syscall.Fsync(int(f.Fd()))
}

func unsupported(err error) bool {
	for _, code := range []syscall.Errno{syscall.EINVAL, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOTTY, syscall.ENOSYS} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
