package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hostler/state/internal/durable"
)

// Report says what Recover did.
type Report struct {
	// Healthy says that there was nothing to recover.
	Healthy bool
	// Sources are the names of the files the state was made from, in order.
	Sources []string
	// Kept are the names of the copies of files that were damaged or not used.
	Kept []string
	// Notes say what could not be read or used, for people.
	Notes     []string
	Serial    uint64
	Resources int
}

// Recover makes a readable state again from whatever is there: the state file
// if it is sound, otherwise its backup and the journals. With keepEdits it
// accepts a state file that was changed by hand, as long as it parses. It
// never throws anything away: what was damaged is kept as NAME.damaged-N. If
// the result could be older than the state was, it refuses and says what is
// there.
func (s *Store) Recover(ctx context.Context, who LockInfo, keepEdits bool) (r Report, err error) {
	g, err := s.lockFile().Acquire(ctx, who)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, g.Release()) }()

	d, err := s.load()
	damaged, isDamage := errors.AsType[*DamagedError](err)
	switch {
	case err == nil:
		return s.healthy(d)
	case !isDamage:
		return Report{}, err
	}
	found, err := s.survey(keepEdits)
	if err != nil {
		return Report{}, err
	}
	best := found.best(keepEdits)
	if best == nil && keepEdits && found.edited != nil {
		return Report{}, fmt.Errorf("recover state %q: the edit cannot be kept: the journals do not continue it: %s", s.path, found.describe())
	}
	if best == nil {
		return Report{}, fmt.Errorf("%w\nnothing to rebuild it from: %s", damaged, found.describe())
	}
	if claimed := found.claimed(best.view.Lineage()); claimed > best.view.Serial() {
		return Report{}, fmt.Errorf("%w\nit says serial %d, but backup and journals lead to %d only (%s): "+
			"`hostler state recover --keep-edits` accepts the file as it is", damaged, claimed, best.view.Serial(), found.describe())
	}
	if best.inexact {
		// It is a state that nobody has seen: plans made before are stale,
		// also those that have seen the changes that are lost.
		best.view.Skip(1 + uint64(best.lost))
	}
	return s.rebuild(found, best)
}

func (s *Store) healthy(d *disk) (Report, error) {
	r := Report{Healthy: true, Serial: d.view.Serial(), Resources: d.view.Len()}
	if d.exists {
		r.Sources = append(r.Sources, filepath.Base(s.path))
	}
	if d.journal != nil {
		r.Sources = append(r.Sources, filepath.Base(s.journalPath()))
	}
	_, err := s.settle(d)
	return r, err
}

// rebuild puts the recovered state in place of everything else. Until the
// state file has been renamed nothing has changed; after that it is sound, so
// that running Recover again completes an interrupted one.
func (s *Store) rebuild(found *survey, best *attempt) (Report, error) {
	r := Report{Notes: best.notes, Serial: best.view.Serial(), Resources: best.view.Len()}
	for _, f := range best.used {
		r.Sources = append(r.Sources, f.name())
	}
	fail := func(err error) (Report, error) {
		return Report{}, fmt.Errorf("recover state %q: %w", s.path, err)
	}
	for _, f := range found.files() {
		if f.missing || best.contains(f) {
			continue
		}
		kept, err := keep(f.path)
		if err != nil {
			return fail(err)
		}
		r.Kept = append(r.Kept, filepath.Base(kept))
	}
	if err := s.prepare(best.view.Snapshot()); err != nil {
		return fail(err)
	}
	// The copies come first: what is damaged loses its name now.
	if err := durable.SyncFolder(s.path); err != nil {
		return fail(err)
	}
	if err := durable.Commit(s.path); err != nil {
		return fail(err)
	}
	if err := s.rebase(best.view, nil); err != nil {
		return fail(err)
	}
	return r, nil
}

// keep gives the file a second name, unless it has one already from a Recover
// that was interrupted.
func keep(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		kept := fmt.Sprintf("%s.damaged-%d", path, n)
		err := durable.Link(path, kept)
		if !errors.Is(err, fs.ErrExist) {
			return kept, err
		}
		if have, err := os.ReadFile(kept); err == nil && bytes.Equal(have, data) {
			return kept, nil
		}
	}
}
