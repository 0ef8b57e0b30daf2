package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"hostler/state/internal/book"
	"hostler/state/internal/durable"
)

// settle makes what a dead run left as durable as if it had been acknowledged,
// drops its torn line, folds, and returns what is there then.
func (s *Store) settle(d *disk) (*disk, error) {
	if !d.exists {
		return d, nil
	}
	// The run may have died between a rename and the sync of the folder. What
	// is built upon that name must not outlive it.
	if err := durable.SyncFolder(s.path); err != nil {
		return nil, fmt.Errorf("settle the state: %w", err)
	}
	if d.journal == nil {
		return d, nil
	}
	log, err := durable.OpenLog(s.journalPath(), d.journal.Size)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	if err := errors.Join(log.Sync(), log.Close()); err != nil {
		return nil, fmt.Errorf("settle the journal: %w", err)
	}
	if err := s.fold(); err != nil {
		return nil, err
	}
	return s.load()
}

// fold brings what the journal says into the state file and puts the journal
// away, or carries on with a fold that was interrupted. It trusts only what
// it reads back from the files. The lock must be held.
func (s *Store) fold() error {
	d, err := s.load()
	if err != nil || d.journal == nil {
		return err
	}
	put := s.retire
	if d.view.Serial() != d.fileSerial {
		if err := s.replace(d.view.Snapshot()); err != nil {
			return fmt.Errorf("fold the journal: %w", err)
		}
	} else if d.journal.Changes() && !s.backedUp(d.journal) {
		put = s.rebase // an interrupted Recover, not an interrupted fold
	}
	if err := put(d.view, d.journal); err != nil {
		return fmt.Errorf("put the journal away: %w", err)
	}
	return nil
}

// backedUp reports whether the backup is what the journal continues.
func (s *Store) backedUp(j *book.Journal) bool {
	data, err := durable.Read(s.backupPath())
	if err != nil {
		return false
	}
	snap, err := s.format.Decode(data, false)
	return err == nil && j.Continues(snap.Lineage, snap.Serial)
}

// replace makes the state file's content the backup's, and snap the state
// file's, durably.
func (s *Store) replace(snap *Snapshot) error {
	if err := s.prepare(snap); err != nil {
		return err
	}
	if err := durable.LinkOver(s.path, s.backupPath()); err != nil {
		return err
	}
	return durable.Commit(s.path)
}

// prepare writes the next state file aside.
func (s *Store) prepare(snap *Snapshot) error {
	data, err := s.format.Encode(snap)
	if err != nil {
		return err
	}
	return durable.Prepare(s.path, data)
}

// retire puts a journal away that the state file contains, the view being
// what both say.
func (s *Store) retire(v *book.View, j *book.Journal) error {
	open := v.Open()
	switch {
	case !j.Changes() && len(open) > 0:
		return nil // it goes on
	case !j.Changes():
		// It must not take the place of the journal that continues the backup.
		if err := os.Remove(s.journalPath()); err != nil {
			return err
		}
	case len(open) == 0:
		if err := os.Rename(s.journalPath(), s.journalBackupPath()); err != nil {
			return err
		}
	default:
		if err := durable.LinkOver(s.journalPath(), s.journalBackupPath()); err != nil {
			return err
		}
		// Were the new journal to outlive this, the backup would have none.
		if err := durable.SyncFolder(s.path); err != nil {
			return err
		}
		return s.startJournal(v.Lineage(), v.Serial(), open)
	}
	return durable.SyncFolder(s.path)
}

// rebase puts everything away that led to the state file, and makes a copy of
// that the backup: a link would be spoilt with it by an editor.
func (s *Store) rebase(v *book.View, _ *book.Journal) error {
	following, err := book.EncodeJournal(v.Lineage(), v.Serial(), nil)
	if err != nil {
		return err
	}
	data, err := durable.Read(s.path)
	if err != nil {
		return err
	}
	if err := durable.Replace(s.backupPath(), data); err != nil {
		return err
	}
	if err := durable.Replace(s.journalBackupPath(), following); err != nil {
		return err
	}
	if open := v.Open(); len(open) > 0 {
		return s.startJournal(v.Lineage(), v.Serial(), open)
	}
	if err := os.Remove(s.journalPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncFolder(s.path)
}

// startJournal puts a new journal in place, durably.
func (s *Store) startJournal(lineage string, serial uint64, open []Unfinished) error {
	data, err := book.EncodeJournal(lineage, serial, open)
	if err != nil {
		return err
	}
	return durable.Replace(s.journalPath(), data)
}

// create makes the first state file, durably.
func (s *Store) create(lineage string) error {
	if err := s.prepare(&Snapshot{Lineage: lineage}); err != nil {
		return err
	}
	return durable.Commit(s.path)
}

// tidy removes what an interrupted run left aside.
func (s *Store) tidy() {
	for _, path := range []string{s.path, s.backupPath(), s.journalPath(), s.journalBackupPath()} {
		_ = durable.Discard(path)
	}
}
