package state

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"

	"hostler/hcl/addr"
)

// journalVersion is the version of the journal's format.
const journalVersion = 1

// journalHeader is the first line of a journal.
type journalHeader struct {
	Journal int    `json:"journal"` // version
	Lineage string `json:"lineage"`
	Serial  uint64 `json:"serial"` // of the state file it continues
}

// record is every other line.
type record struct {
	Do       do                `json:"do"`
	Serial   uint64            `json:"serial"` // of the state after it
	Address  addr.Addr         `json:"address,omitzero"`
	To       addr.Addr         `json:"to,omitzero"`
	Intent   *Intent           `json:"intent,omitempty"`
	Resource *Resource         `json:"resource,omitempty"`
	Outputs  map[string]Output `json:"outputs,omitempty"`

	line int // in its file, from 1
}

type do string

const (
	doBegin   do = "begin"
	doPut     do = "put"
	doRemove  do = "remove"
	doMove    do = "move"
	doOutputs do = "outputs"
)

// check makes sure that the record is complete and can be read back, and
// brings its parts into the form in which they are kept.
func (rec *record) check() (err error) {
	if rec.Serial > maxSerial {
		return fmt.Errorf("serial %d is out of range", rec.Serial)
	}
	if rec.Do != doOutputs {
		if err := checkAddr(rec.Address); err != nil {
			return err
		}
	}
	switch rec.Do {
	case doBegin:
		if rec.Intent == nil {
			return fmt.Errorf("no intent")
		}
		in := *rec.Intent
		rec.Intent = &in
		switch in.Op {
		case Create, Update, Delete:
		default:
			return fmt.Errorf("unknown operation %q", in.Op)
		}
		if in.Resource != nil {
			in.Resource, err = in.Resource.checked()
		}
		rec.Intent = &in
	case doPut:
		if rec.Resource == nil {
			return fmt.Errorf("no resource")
		}
		rec.Resource, err = rec.Resource.checked()
	case doRemove:
	case doMove:
		err = checkAddr(rec.To)
	case doOutputs:
		rec.Outputs, err = checkedOutputs(rec.Outputs)
	default:
		err = fmt.Errorf("unknown record %q", rec.Do)
	}
	return err
}

// encodeLine frames a header or a record: its CRC, a space, its JSON.
func encodeLine(v any) ([]byte, error) {
	text, err := compact(v)
	if err != nil {
		return nil, err
	}
	return frame(text), nil
}

func frame(text []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text)
}

// decodeLine is the inverse, without the line's end.
func decodeLine(line []byte, v any) error {
	sum, text, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || len(sum) != 8 || err != nil {
		return fmt.Errorf("does not begin with a checksum")
	}
	if crc32.ChecksumIEEE(text) != uint32(want) {
		return fmt.Errorf("does not match its checksum")
	}
	return strictly(text, v)
}

// journalFile is a journal as read.
type journalFile struct {
	header  journalHeader
	records []record
	end     uint64 // the serial it leads to
	size    int64  // bytes of its whole lines
}

// changes reports whether it leads to another state than it begins at.
func (j *journalFile) changes() bool { return j.end != j.header.Serial }

// parseJournal reads a journal. What follows the last line's end was being
// written when the writer died, was never acknowledged and is left out; every
// other bad line is an error, a *damage.
func parseJournal(data []byte) (*journalFile, error) {
	j := &journalFile{}
	err := eachLine(data, func(n int, line []byte) error {
		if err := j.add(n, line); err != nil {
			if _, isDamage := errors.AsType[*damage](err); isDamage {
				return err
			}
			return damagef("line %d %v", n, err)
		}
		j.size += int64(len(line)) + 1
		return nil
	})
	if err == nil && j.header.Journal == 0 {
		return nil, damagef("has no first line")
	}
	return j, err
}

func (j *journalFile) add(n int, line []byte) error {
	if n == 1 {
		return j.begin(line)
	}
	rec := record{line: n}
	if err := decodeLine(line, &rec); err != nil {
		return err
	}
	if err := rec.check(); err != nil {
		return fmt.Errorf("is not valid: %w", err)
	}
	if err := j.follows(rec); err != nil {
		return err
	}
	j.records = append(j.records, rec)
	j.end = rec.Serial
	return nil
}

// follows makes sure that no record is missing before rec.
func (j *journalFile) follows(rec record) error {
	if rec.Serial != j.end && (rec.Serial != j.end+1 || rec.Do == doBegin) {
		return fmt.Errorf("has serial %d after %d: something is missing", rec.Serial, j.end)
	}
	return nil
}

func (j *journalFile) begin(line []byte) error {
	var h journalHeader
	if err := decodeLine(line, &h); err != nil {
		return err
	}
	if h.Journal > journalVersion {
		return &damage{kind: newer, reason: fmt.Sprintf("was written by a newer hostler: it has version %d, this one knows %d",
			h.Journal, journalVersion)}
	}
	if h.Journal != journalVersion {
		return fmt.Errorf("has version %d", h.Journal)
	}
	if h.Lineage == "" {
		return fmt.Errorf("has no lineage")
	}
	j.header, j.end = h, h.Serial
	return nil
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

// encodeJournal writes a new journal that begins at serial with these intents.
func encodeJournal(lineage string, serial uint64, open []Unfinished) ([]byte, error) {
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

// journal is a journal that is being written.
type journal struct {
	f    *os.File
	size int64 // bytes that are whole and synced
}

// openJournal opens a journal for more lines after its first size bytes.
func openJournal(path string, size int64) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	// A torn line goes first: a shorter one written over it would leave its rest.
	if info, err := f.Stat(); err == nil && info.Size() > size {
		if err := f.Truncate(size); err != nil {
			f.Close()
			return nil, err
		}
	}
	return &journal{f: f, size: size}, nil
}

// append writes lines durably. After an error nothing more may be appended.
func (j *journal) append(lines []byte) error {
	_, err := j.f.WriteAt(lines, j.size)
	if err == nil {
		err = syncFile(j.f)
	}
	if err != nil {
		// Only tidy: without it a torn line stays, which readers leave out, or
		// a whole one that nobody was promised.
		_ = j.f.Truncate(j.size)
		return err
	}
	j.size += int64(len(lines))
	return nil
}
