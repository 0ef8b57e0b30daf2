package book

import (
	"bytes"

	"hostler/hcl/addr"
)

// Begin adds an intent to the view and returns its line for the journal.
func (v *View) Begin(a addr.Addr, intent Intent) (line []byte, err error) {
	return v.add(record{Do: doBegin, Address: a, Intent: &intent}, false)
}

// Put makes r the object of a, none if nil, closes what was begun on it, and
// returns the line for the journal; no line if that is as it was.
func (v *View) Put(a addr.Addr, r *Resource) (line []byte, err error) {
	have := v.resources[a]
	if r == nil {
		return v.add(record{Do: doRemove, Address: a}, have != nil)
	}
	same, err := equal(have, r)
	if err != nil {
		return nil, err
	}
	return v.add(record{Do: doPut, Address: a, Resource: r}, !same)
}

// Move gives the object of from the address to, also in the dependencies of
// others, and returns the line for the journal. It is an error if there is no
// object at from, or one at to.
func (v *View) Move(from, to addr.Addr) (line []byte, err error) {
	if err := v.canMove(from, to); err != nil {
		return nil, err
	}
	return v.add(record{Do: doMove, Address: from, To: to}, true)
}

// SetOutputs makes these all outputs and returns the line for the journal; no
// line if they are as they were.
func (v *View) SetOutputs(outputs map[string]Output) (line []byte, err error) {
	outputs, err = checkedOutputs(outputs)
	if err != nil {
		return nil, err
	}
	same, err := equal(v.outputs, outputs)
	if err != nil {
		return nil, err
	}
	return v.add(record{Do: doOutputs, Outputs: outputs}, !same)
}

// add applies a record and returns its line. One that neither changes the
// state nor opens or closes an intent is left out. After an error the view is
// as it was.
func (v *View) add(rec record, changes bool) (line []byte, err error) {
	rec.Serial = v.serial
	if changes {
		rec.Serial++
	}
	if err := rec.check(); err != nil {
		return nil, err
	}
	if !changes && rec.Do != doBegin && v.intents.open[rec.Address] == nil {
		return nil, nil
	}
	if line, err = encodeLine(rec); err != nil {
		return nil, err
	}
	return line, v.apply(rec)
}

// equal reports whether two values are written the same.
func equal(a, b any) (bool, error) {
	x, err := compact(a)
	if err != nil {
		return false, err
	}
	y, err := compact(b)
	return bytes.Equal(x, y), err
}
