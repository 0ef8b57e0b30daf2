package state

import (
	"errors"
	"fmt"

	"hostler/state/internal/book"
)

// DamagedError refuses files that cannot be trusted. Nothing was changed.
type DamagedError struct {
	Path   string // the file at fault
	Reason string // what is wrong with it, such as "is empty"
	Advice string // what to do
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("state file %q %s", e.Path, e.Reason) + "; " + e.Advice
}

const (
	adviceRecover = "run `hostler state recover` to rebuild the state from its backup and journal"
	adviceEdited  = "run `hostler state recover --keep-edits` to accept the edit, or `hostler state recover` to undo it"
	adviceMissing = "run `hostler state recover` to rebuild it, or move the other files away too to begin with an empty state"
	adviceForeign = "name another file in `state`, or, if this one took the place of hostler's, run `hostler state recover`"
	adviceNewer   = "use that hostler or a later one (`hostler state recover` cannot help: nothing is broken)"
)

// damagedAt says in which file the damage is.
func damagedAt(path string, err error) error {
	var d *book.Damage
	if !errors.As(err, &d) {
		return fmt.Errorf("read state %q: %w", path, err)
	}
	advice := [...]string{book.Broken: adviceRecover, book.Edited: adviceEdited, book.Foreign: adviceForeign, book.Newer: adviceNewer}
	return &DamagedError{Path: path, Reason: d.Reason, Advice: advice[d.Kind]}
}
