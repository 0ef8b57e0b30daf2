package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"hostler/state/internal/book"
	"hostler/state/internal/durable"
)

// source is one file and what could be read of it.
type source struct {
	path    string
	missing bool
	problem string        // why it is not, or not all, readable
	snap    *Snapshot     // of a state file, if it can be used
	journal *book.Journal // of a journal, if it can be used
	lost    int           // lines at a journal's end that cannot be read
}

func (f *source) name() string { return filepath.Base(f.path) }

// survey is everything there is to recover from.
type survey struct {
	state, backup, older, journal source
	edited                        *Snapshot // the state file without regard to its checksum
}

// survey reads all files. It is an error if one was written by a newer hostler:
// then nothing is broken, and we would break it.
func (s *Store) survey(keepEdits bool) (*survey, error) {
	v := &survey{
		state:   source{path: s.path},
		backup:  source{path: s.backupPath()},
		older:   source{path: s.journalBackupPath()},
		journal: source{path: s.journalPath()},
	}
	for _, f := range v.files() {
		data, err := durable.Read(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			f.missing, f.problem = true, "is missing"
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("recover state: %w", err)
		}
		switch f {
		case &v.state, &v.backup:
			f.snap, err = s.format.Decode(data, false)
		default:
			f.journal, f.lost, err = book.Salvage(data)
		}
		if d, isDamage := errors.AsType[*book.Damage](err); isDamage && d.Kind == book.Newer {
			return nil, damagedAt(f.path, err)
		}
		if err != nil {
			f.problem = err.Error()
		}
		if f == &v.state && f.snap == nil {
			v.edited, err = s.format.Decode(data, true)
			if keepEdits && err != nil {
				return nil, fmt.Errorf("recover state %q: the edit cannot be kept: the file %w", s.path, err)
			}
		}
	}
	return v, nil
}

func (v *survey) files() []*source {
	return []*source{&v.state, &v.backup, &v.older, &v.journal}
}

func (v *survey) describe() string {
	var parts []string
	for _, f := range v.files() {
		says := f.problem
		switch {
		case says != "":
		case f.snap != nil:
			says = fmt.Sprintf("is at serial %d with %d resources", f.snap.Serial, len(f.snap.Resources))
		default:
			says = fmt.Sprintf("leads from serial %d to %d", f.journal.Start, f.journal.End)
		}
		parts = append(parts, f.name()+" "+says)
	}
	return strings.Join(parts, "; ")
}

// claimed is the serial that an unsound state file of this lineage gives.
func (v *survey) claimed(lineage string) uint64 {
	if v.edited == nil || v.edited.Lineage != lineage {
		return 0
	}
	return v.edited.Serial
}

// attempt is a state made from sources.
type attempt struct {
	view    *book.View
	used    []*source
	notes   []string
	inexact bool // it is not exactly a state that was recorded
	lost    int  // changes at the end that may be missing
}

// best makes every state that the sources allow and returns the latest one,
// or nil.
func (v *survey) best(keepEdits bool) *attempt {
	if keepEdits && v.edited != nil {
		return v.replay(&source{path: v.state.path, snap: v.edited}, true)
	}
	tries := []*attempt{}
	if v.state.snap != nil {
		tries = append(tries, v.replay(&v.state, false))
	}
	// A backup is older than the state was, unless the journal that follows
	// it is there; and serial 0 is always the empty state.
	for _, j := range []*source{&v.older, &v.journal} {
		if j.journal == nil {
			continue
		}
		if b := v.backup.snap; b != nil && j.journal.Continues(b.Lineage, b.Serial) {
			tries = append(tries, v.replay(&v.backup, false))
		}
		lineage := j.journal.Lineage
		if j.journal.Start == 0 && lineage != "" && (v.state.snap == nil || v.state.snap.Lineage == lineage) {
			tries = append(tries, v.replay(&source{snap: &Snapshot{Lineage: lineage}}, false))
		}
	}
	var best *attempt
	for _, a := range tries {
		if a != nil && (best == nil || a.view.Serial() > best.view.Serial()) {
			best = a
		}
	}
	return best
}

// replay applies the journals to a state file, or returns nil if one of them
// is of another state or begins later than the state is.
func (v *survey) replay(from *source, edited bool) *attempt {
	a := &attempt{view: book.NewView(book.NewView(from.snap).Snapshot()), inexact: edited}
	if from.path != "" {
		a.used = append(a.used, from)
	}
	for _, f := range []*source{&v.older, &v.journal} {
		if f.journal == nil {
			if f == &v.journal && !f.missing {
				a.doubt(f)
			}
			continue
		}
		if !a.continueWith(f, f == &v.journal) {
			return nil
		}
	}
	return a
}

// continueWith applies one journal, and reports false if it does not fit.
func (a *attempt) continueWith(f *source, last bool) bool {
	j := f.journal
	switch {
	case j.Continues(a.view.Lineage(), a.view.Serial()):
		for _, problem := range a.view.FollowSalvaged(j) {
			a.notes, a.inexact = append(a.notes, f.name()+" "+problem), true
		}
		if !j.Empty() {
			a.used = append(a.used, f)
		}
	case j.Lineage != a.view.Lineage() && j.Lineage != "":
		return !last // an older journal of another state proves nothing
	case j.End <= a.view.Serial():
		a.view.FollowIntents(j)
	default:
		return false
	}
	if f.problem != "" {
		a.doubt(f)
	}
	return true
}

// doubt notes that not all of a journal could be read.
func (a *attempt) doubt(f *source) {
	a.notes = append(a.notes, f.name()+" "+f.problem)
	a.inexact = true
	a.lost += f.lost
}

// contains reports whether everything the file says is in the recovered state,
// so that the file may be replaced.
func (a *attempt) contains(f *source) bool {
	switch {
	case f.problem != "":
		return false
	case slices.ContainsFunc(a.used, func(u *source) bool { return u.path == f.path }):
		return true
	case f.journal != nil:
		return f.journal.Lineage == a.view.Lineage() && f.journal.End <= a.view.Serial()
	case strings.HasSuffix(f.path, ".backup"):
		return f.snap.Lineage == a.view.Lineage() && f.snap.Serial <= a.view.Serial()
	}
	return false // a sound state file that is not what we made the state from
}
