package book

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"hostler/hcl/addr"
)

// record is one line of a journal, after the first.
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
			return errors.New("no intent")
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
	case doPut:
		if rec.Resource == nil {
			return errors.New("no resource")
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
		return errors.New("does not begin with a checksum")
	}
	if crc32.ChecksumIEEE(text) != uint32(want) {
		return errors.New("does not match its checksum")
	}
	return strictly(text, v)
}

// decodeRecord reads the nth line of a journal.
func decodeRecord(n int, line []byte) (record, error) {
	rec := record{line: n}
	if err := decodeLine(line, &rec); err != nil {
		return rec, err
	}
	if err := rec.check(); err != nil {
		return rec, fmt.Errorf("is not valid: %w", err)
	}
	return rec, nil
}
