// Package state owns the state file: what hostler has applied and still owns.
// Its promise is that nothing acknowledged is ever lost: once Begin or Put has
// returned, kill -9, a power cut or a full disk cannot take the record away.
//
// Beside NAME (hostler.state.json) stand, all with mode 0600:
//
//	NAME.journal         what was recorded since NAME was written, a line each
//	NAME.backup          NAME as it was before the last fold
//	NAME.journal.backup  the journal that turned NAME.backup into NAME
//	NAME.lock            flock'ed by the one writer; never renamed, never removed
//
// Invariants:
//
//  1. The state is NAME with NAME.journal replayed over it. A journal names the
//     serial it begins at and every line the serial it leads to, so a journal
//     whose end is NAME's serial is known to be folded already and does not
//     count twice. Any other mismatch is damage, and damage is refused: it is
//     never read as "no state" and never overwritten.
//  2. NAME.backup, NAME.journal.backup and NAME.journal rebuild the state
//     without NAME, at every moment. For this a backup counts only together
//     with the journal that follows it.
//  3. A journal never stands without its NAME, and carries every open intent:
//     when it is replaced, the intents that are still open begin the new one.
//  4. Nothing is changed in place, but for lines added to the journal's end.
//     Everything else is written aside, synced and renamed.
//
// A fold (see fold.go) is: write and sync a new NAME aside; let NAME.backup be
// the old NAME; rename the new one over NAME; sync the folder; let
// NAME.journal.backup be the journal; sync the folder. In that order because
// until NAME is renamed the old NAME and the journal say everything, afterwards
// NAME does and the journal is seen to be folded; the backup moves on before
// the journal that continues it is put away; and the folder is synced in
// between, since otherwise a power cut could keep the second rename and lose
// the first. Stopping between any two of these steps leaves a complete state,
// and the next lock carries on: with a sync of the folder, because a dead run
// may have owed one.
//
// A record that changes something adds one to the serial: so a saved plan is
// stale exactly when the state is another one. An intent changes nothing.
//
// What is written is book's knowledge, how it gets to the disk durable's, who
// may write lockfile's (all in internal); here is the order of the steps. Start
// reading at Store.Lock, then Lock.record, then Store.fold.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hostler/state/internal/book"
	"hostler/state/internal/durable"
	"hostler/state/internal/lockfile"
)

// Store is the state kept in one file. Its methods may be used by several
// goroutines and processes.
type Store struct {
	// Now is the clock; it only dates the lock.
	Now func() time.Time
	// OnWait is told once who holds the lock when Lock has to wait; the zero
	// LockInfo if that is not known. It may be nil.
	OnWait func(holder LockInfo)

	path   string
	format book.Format
}

// Open returns the store of the state file at path, following a symbolic
// link, so that the link stays and its target is replaced. No file has to be
// there, and none is made.
func Open(path string) *Store {
	return &Store{Now: time.Now, path: resolve(path), format: book.Format{Version: Version}}
}

// Path is where the state file is, symbolic links followed.
func (s *Store) Path() string { return s.path }

func (s *Store) journalPath() string       { return s.path + ".journal" }
func (s *Store) backupPath() string        { return s.path + ".backup" }
func (s *Store) journalBackupPath() string { return s.path + ".journal.backup" }

func (s *Store) lockFile() lockfile.File {
	return lockfile.File{Path: s.path + ".lock", State: s.path, Now: s.Now, OnWait: s.OnWait}
}

// Read returns the state as it is now; no lock is needed. Without any file it
// is an empty Snapshot of no lineage. A state that cannot be trusted is a
// *DamagedError.
func (s *Store) Read() (*Snapshot, error) {
	// Files read one after the other while a run folds can contradict each
	// other; damage is only what two looks at unmoving files agree on.
	for attempt := 0; ; attempt++ {
		before := s.look()
		d, err := s.load()
		if err == nil {
			return d.view.Snapshot(), nil
		}
		if attempt == 10 || before.same(s.look()) {
			return nil, err
		}
	}
}

// look is how the files stood at one moment.
type look []fs.FileInfo

func (s *Store) look() look {
	var l look
	for _, path := range []string{s.path, s.journalPath(), s.backupPath(), s.journalBackupPath()} {
		info, _ := os.Stat(path)
		l = append(l, info)
	}
	return l
}

func (l look) same(m look) bool {
	for i, a := range l {
		b := m[i]
		if (a == nil) != (b == nil) {
			return false
		}
		if a != nil && (!os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime())) {
			return false
		}
	}
	return true
}

// disk is what the files say.
type disk struct {
	view       *book.View    // the state, journal included
	exists     bool          // there is a state file
	fileSerial uint64        // its serial
	journal    *book.Journal // nil if there is none
}

// load reads the files. The journal comes first: when a fold gets in between,
// the newer state file still contains what the older journal says.
func (s *Store) load() (*disk, error) {
	lines, err := durable.Read(s.journalPath())
	hasJournal := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read state: %w", err)
	}
	data, err := durable.Read(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		if left := s.leftovers(); left != "" {
			return nil, &DamagedError{Path: s.path, Reason: "is missing, but " + filepath.Base(left) + " is there",
				Advice: adviceMissing}
		}
		return &disk{view: book.NewView(&Snapshot{})}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	snap, err := s.format.Decode(data, false)
	if err != nil {
		return nil, damagedAt(s.path, err)
	}
	d := &disk{view: book.NewView(snap), exists: true, fileSerial: snap.Serial}
	if !hasJournal {
		return d, nil
	}
	if d.journal, err = book.ParseJournal(lines); err == nil {
		err = d.view.Follow(d.journal)
	}
	if err != nil {
		return nil, damagedAt(s.journalPath(), err)
	}
	return d, nil
}

// leftovers names a file that proves that there was a state, or "".
func (s *Store) leftovers() string {
	for _, path := range []string{s.journalPath(), s.backupPath(), s.journalBackupPath()} {
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// resolve follows path while it is a symbolic link, whether or not its target
// exists.
func resolve(path string) string {
	for range 40 {
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				break
			}
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return path
}
