package book

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// journalVersion is the version of the journal's format.
const journalVersion = 1

// journalHeader is the first line of a journal.
type journalHeader struct {
	Journal int    `json:"journal"` // version
	Lineage string `json:"lineage"`
	Serial  uint64 `json:"serial"` // of the state file it continues
}

// Journal is a journal as read.
type Journal struct {
	Lineage string // "" if the first line is lost
	Start   uint64 // serial of the state file it continues
	End     uint64 // serial it leads to
	Size    int64  // bytes of its whole lines, when none is bad
	records []record
}

// Changes reports whether it leads to another state than it begins at.
func (j *Journal) Changes() bool { return j.End != j.Start }

// Empty reports whether it says nothing.
func (j *Journal) Empty() bool { return len(j.records) == 0 }

// Continues reports whether the journal begins where the state is. One that
// lost its first line has no lineage.
func (j *Journal) Continues(lineage string, serial uint64) bool {
	return j.Start == serial && (j.Lineage == lineage || j.Lineage == "")
}

// EncodeJournal writes a new journal that begins at serial with these intents.
func EncodeJournal(lineage string, serial uint64, open []Unfinished) ([]byte, error) {
	out, err := encodeLine(journalHeader{journalVersion, lineage, serial})
	for _, u := range open {
		if err != nil {
			break
		}
		var line []byte
		line, err = encodeLine(record{Do: doBegin, Serial: serial, Address: u.Addr, Intent: &u.Intent})
		out = append(out, line...)
	}
	return out, err
}

// ParseJournal reads a journal. What follows the last line's end was being
// written when the writer died, was never acknowledged and is left out; every
// other bad line is an error, a *Damage.
func ParseJournal(data []byte) (*Journal, error) {
	j := &Journal{}
	err := eachLine(data, func(n int, line []byte) error {
		if err := j.add(n, line); err != nil {
			if _, isDamage := errors.AsType[*Damage](err); isDamage {
				return err
			}
			return damagef("line %d %v", n, err)
		}
		j.Size += int64(len(line)) + 1
		return nil
	})
	if err == nil && j.Lineage == "" {
		return nil, damagef("has no first line")
	}
	return j, err
}

func (j *Journal) add(n int, line []byte) error {
	if n == 1 {
		return j.begin(line)
	}
	rec, err := decodeRecord(n, line)
	if err != nil {
		return err
	}
	if err := j.follows(rec); err != nil {
		return err
	}
	j.records = append(j.records, rec)
	j.End = rec.Serial
	return nil
}

// follows makes sure that no record is missing before rec.
func (j *Journal) follows(rec record) error {
	if rec.Serial != j.End && (rec.Serial != j.End+1 || rec.Do == doBegin) {
		return fmt.Errorf("has serial %d after %d: something is missing", rec.Serial, j.End)
	}
	return nil
}

func (j *Journal) begin(line []byte) error {
	var h journalHeader
	if err := decodeLine(line, &h); err != nil {
		return err
	}
	if h.Journal > journalVersion {
		return &Damage{Kind: Newer, Reason: fmt.Sprintf("was written by a newer hostler: it has version %d, this one knows %d",
			h.Journal, journalVersion)}
	}
	if h.Journal != journalVersion {
		return fmt.Errorf("has version %d", h.Journal)
	}
	if h.Lineage == "" {
		return errors.New("has no lineage")
	}
	j.Lineage, j.Start, j.End = h.Lineage, h.Serial, h.Serial
	return nil
}

// Salvage reads what it can of a journal. The error names the lines that it
// could not, lost says how many of them are the last ones; the journal is nil
// if that is all.
func Salvage(data []byte) (j *Journal, lost int, err error) {
	var bad []string
	j = &Journal{}
	err = eachLine(data, func(n int, line []byte) error {
		known := len(j.records)
		err := j.salvage(n, line)
		if d, isDamage := errors.AsType[*Damage](err); isDamage && d.Kind == Newer {
			return err
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("line %d %v", n, err))
			lost++
		}
		if len(j.records) > known {
			lost = 0
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, 0, err
	case j.Lineage == "" && j.Empty():
		return nil, lost, damagef("has no line that can be read")
	case len(bad) > 0:
		return j, lost, damagef("%s", strings.Join(bad, ", "))
	}
	return j, 0, nil
}

// salvage accepts a record after lost ones, but tells of them. When the first
// line is among those, the first record tells where the journal began.
func (j *Journal) salvage(n int, line []byte) error {
	if n == 1 {
		return j.begin(line)
	}
	rec, err := decodeRecord(n, line)
	if err != nil {
		return err
	}
	if j.Lineage == "" && j.Empty() {
		j.Start = rec.Serial
		if rec.Do != doBegin && rec.Serial > 0 {
			j.Start--
		}
		j.End = j.Start
	}
	err = j.follows(rec)
	j.records = append(j.records, rec)
	j.End = max(j.End, rec.Serial)
	return err
}

// eachLine calls fn with every whole line and its number, from 1.
func eachLine(data []byte, fn func(n int, line []byte) error) error {
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return nil
		}
		if err := fn(n, line); err != nil {
			return err
		}
		data = rest
	}
}
