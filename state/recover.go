package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	g, err := s.acquire(ctx, who)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, g.release()) }()

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
	if claimed := found.claimed(best.view.lineage); claimed > best.view.serial {
		return Report{}, fmt.Errorf("%w\nit says serial %d, but backup and journals lead to %d only (%s): "+
			"`hostler state recover --keep-edits` accepts the file as it is", damaged, claimed, best.view.serial, found.describe())
	}
	if best.inexact {
		// It is a state that nobody has seen: plans made before are stale.
		best.view.serial++
	}
	return s.rebuild(found, best)
}

func (s *Store) healthy(d *disk) (Report, error) {
	r := Report{Healthy: true, Serial: d.view.serial, Resources: len(d.view.resources)}
	if d.exists {
		r.Sources = append(r.Sources, filepath.Base(s.path))
	}
	if d.journal != nil {
		r.Sources = append(r.Sources, filepath.Base(s.journalPath()))
		return r, s.settle(d)
	}
	return r, nil
}

// source is one file and what could be read of it.
type source struct {
	path    string
	missing bool
	problem string       // why it is not, or not all, readable
	snap    *Snapshot    // of a state file, if it can be used
	journal *journalFile // of a journal, if it can be used
}

func (f *source) name() string { return filepath.Base(f.path) }

// survey is everything there is to recover from.
type survey struct {
	state, backup, older, journal source
	edited                        *Snapshot // the state file without regard to its checksum
}

func (s *Store) survey(keepEdits bool) (*survey, error) {
	v := &survey{
		state:   source{path: s.path},
		backup:  source{path: s.backupPath()},
		older:   source{path: s.journalBackupPath()},
		journal: source{path: s.journalPath()},
	}
	for _, f := range v.files() {
		data, err := readFile(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			f.missing, f.problem = true, "is missing"
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("recover state: %w", err)
		}
		switch f {
		case &v.state, &v.backup:
			f.snap, err = s.format.decode(data, false)
		default:
			f.journal, err = salvage(data)
		}
		if d, isDamage := errors.AsType[*damage](err); isDamage && d.kind == newer {
			return nil, damagedAt(f.path, err) // nothing is broken, and we would break it
		}
		if err != nil {
			f.problem = err.Error()
		}
		if f == &v.state && f.snap == nil {
			v.edited, err = s.format.decode(data, true)
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
			says = fmt.Sprintf("leads from serial %d to %d", f.journal.header.Serial, f.journal.end)
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
	view    *view
	used    []*source
	notes   []string
	inexact bool // it is not exactly a state that was recorded
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
		if b := v.backup.snap; b != nil && j.journal.continues(b) {
			tries = append(tries, v.replay(&v.backup, false))
		}
		lineage := j.journal.header.Lineage
		if j.journal.header.Serial == 0 && lineage != "" && (v.state.snap == nil || v.state.snap.Lineage == lineage) {
			tries = append(tries, v.replay(&source{snap: &Snapshot{Lineage: lineage}}, false))
		}
	}
	var best *attempt
	for _, a := range tries {
		if a != nil && (best == nil || a.view.serial > best.view.serial) {
			best = a
		}
	}
	return best
}

// continues reports whether the journal begins where the snapshot is. One that
// lost its first line has no lineage.
func (j *journalFile) continues(snap *Snapshot) bool {
	return j.header.Serial == snap.Serial && (j.header.Lineage == snap.Lineage || j.header.Lineage == "")
}

// replay applies the journals to a state file, or returns nil if one of them
// is of another state or begins later than the state is.
func (v *survey) replay(from *source, edited bool) *attempt {
	a := &attempt{view: newView(newView(from.snap).snapshot()), inexact: edited}
	if from.path != "" {
		a.used = append(a.used, from)
	}
	for _, f := range []*source{&v.older, &v.journal} {
		if f.journal == nil {
			if f == &v.journal && !f.missing {
				a.notes, a.inexact = append(a.notes, f.name()+" "+f.problem), true
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
	at := &Snapshot{Lineage: a.view.lineage, Serial: a.view.serial}
	switch {
	case j.continues(at):
		a.view.intents = intents{}
		for _, rec := range j.records {
			if err := a.view.apply(rec); err != nil {
				a.notes, a.inexact = append(a.notes, fmt.Sprintf("%s line %d: %v", f.name(), rec.line, err)), true
			}
		}
		if len(j.records) > 0 {
			a.used = append(a.used, f)
		}
	case j.header.Lineage != a.view.lineage && j.header.Lineage != "":
		return !last // an older journal of another state proves nothing
	case j.end <= a.view.serial:
		a.view.intents = intents{}
		a.view.takeIntents(j)
	default:
		return false
	}
	if f.problem != "" {
		a.notes, a.inexact = append(a.notes, f.name()+" "+f.problem), true
	}
	return true
}

// salvage reads what it can of a journal. The error names the lines that it
// could not; the journal is nil if that is all of them.
func salvage(data []byte) (*journalFile, error) {
	var bad []string
	j := &journalFile{}
	err := eachLine(data, func(n int, line []byte) error {
		var err error
		if n == 1 {
			err = j.begin(line)
		} else {
			err = j.salvageLine(n, line)
		}
		if d, isDamage := errors.AsType[*damage](err); isDamage && d.kind == newer {
			return err
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("line %d %v", n, err))
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case j.header.Journal == 0 && len(j.records) == 0:
		return nil, damagef("has no line that can be read")
	case len(bad) > 0:
		return j, damagef("%s", strings.Join(bad, ", "))
	}
	return j, nil
}

// salvageLine accepts a record after lost ones, but tells of them. When the first line is among
// those, the first record tells where the journal began.
func (j *journalFile) salvageLine(n int, line []byte) error {
	rec := record{line: n}
	if err := decodeLine(line, &rec); err != nil {
		return err
	}
	if err := rec.check(); err != nil {
		return fmt.Errorf("is not valid: %w", err)
	}
	if j.header.Journal == 0 && len(j.records) == 0 {
		j.header.Serial = rec.Serial
		if rec.Do != doBegin && rec.Serial > 0 {
			j.header.Serial--
		}
		j.end = j.header.Serial
	}
	err := j.follows(rec)
	j.records = append(j.records, rec)
	j.end = max(j.end, rec.Serial)
	return err
}

// rebuild puts the recovered state in place of everything else. Until the
// state file has been renamed nothing has changed; after that it is sound, so
// that running Recover again completes an interrupted one.
func (s *Store) rebuild(found *survey, best *attempt) (Report, error) {
	r := Report{Notes: best.notes, Serial: best.view.serial, Resources: len(best.view.resources)}
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
	if err := s.writeAside(s.path, best.view.snapshot()); err != nil {
		return fail(err)
	}
	if err := s.syncDir(); err != nil {
		return fail(err)
	}
	if err := os.Rename(aside(s.path), s.path); err != nil {
		return fail(err)
	}
	if err := s.syncDir(); err != nil {
		return fail(err)
	}
	if err := s.rebase(best.view, nil); err != nil {
		return fail(err)
	}
	return r, nil
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
		return f.journal.header.Lineage == a.view.lineage && f.journal.end <= a.view.serial
	case strings.HasSuffix(f.path, ".backup"):
		return f.snap.Lineage == a.view.lineage && f.snap.Serial <= a.view.serial
	}
	return false // a sound state file that is not what we made the state from
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
		err := linkOrCopy(path, kept)
		if !errors.Is(err, fs.ErrExist) {
			return kept, err
		}
		if have, err := os.ReadFile(kept); err == nil && bytes.Equal(have, data) {
			return kept, nil
		}
	}
}
