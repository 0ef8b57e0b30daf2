// Package book owns what the state says and how that is written down: as the
// state file, a whole Snapshot, and as the journal, a line for every change.
// It is given bytes and gives bytes; files, locks and syncs are others' work.
//
// Invariants:
//
//  1. Equal snapshots give equal bytes, and whatever is read is read the same
//     after it was written: what could not be read back is refused before it
//     is written.
//  2. Nothing is guessed. Bytes that are not exactly what was written once are
//     a *Damage; only Format.Decode with acceptEdits and Salvage look past one,
//     for the recovery.
//  3. A change adds one to the serial, an intent nothing. Every line of a
//     journal tells the serial that it leads to, so a missing one is noticed,
//     and a journal whose end a snapshot has reached does not count twice.
//
// Start reading at View, which is a Snapshot while lines are added to it;
// format.go has the state file, journal.go the journal.
package book

import (
	"encoding/json"

	"hostler/hcl/addr"
)

// Snapshot is the state at one serial: everything hostler has applied and
// still owns.
type Snapshot struct {
	Lineage   string // random, made with the first state, kept for life
	Serial    uint64 // grows with every recorded change
	Resources map[addr.Addr]*Resource
	Outputs   map[string]Output
	// Unfinished are the intents of a run that died between Begin and Put,
	// in the order in which they were begun. The objects may or may not exist.
	Unfinished []Unfinished
}

// Encode writes the snapshot as a state file. Unfinished intents are not in
// it; the journal has those.
func (s *Snapshot) Encode() ([]byte, error) { return Format{Version: Version}.Encode(s) }

// Resource is what state remembers of one object.
type Resource struct {
	SchemaVersion int             `json:"schema_version"`
	Attributes    json.RawMessage `json:"attributes"`             // one JSON object
	Deps          []addr.Addr     `json:"dependencies,omitempty"` // destroyed after this one
	Tainted       bool            `json:"tainted,omitempty"`      // created but not finished
	// PreventDestroy also protects a resource whose block left the files.
	PreventDestroy bool `json:"prevent_destroy,omitempty"`
}

// Output is one output value as last applied. A sensitive one has no Value.
type Output struct {
	Type      json.RawMessage `json:"type"`
	Value     json.RawMessage `json:"value"`
	Sensitive bool            `json:"sensitive,omitempty"`
}

// Operation is what an intent announces.
type Operation string

const (
	Create Operation = "create"
	Update Operation = "update"
	Delete Operation = "delete"
)

// Intent is what is about to be done to one object. Resource is the wanted
// one, or for a delete the one to go.
type Intent struct {
	Op       Operation `json:"op"`
	Resource *Resource `json:"resource"`
}

// Unfinished is an intent without its result.
type Unfinished struct {
	Addr addr.Addr
	Intent
}
