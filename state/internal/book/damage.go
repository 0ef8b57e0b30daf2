package book

import "fmt"

// Damage is what speaks against the bytes of a state file or a journal.
type Damage struct {
	Kind   Kind
	Reason string // continues "the file ..."
}

// Kind tells what helps against a Damage.
type Kind int

const (
	Broken  Kind = iota
	Edited       // sound, but for its checksum perhaps
	Foreign      // never was a state of hostler
	Newer        // sound, for a newer hostler
)

func (d *Damage) Error() string { return d.Reason }

func damagef(format string, args ...any) *Damage {
	return &Damage{Reason: fmt.Sprintf(format, args...)}
}
