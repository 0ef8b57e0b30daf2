// Package addr owns resource addresses: the names by which the configuration,
// the state, the plan and the command line mean the same resource.
//
// An address is written type.name or type.name["key"], and an Addr is
// comparable, so it serves as a map key. Parse and String are inverses:
// Parse(a.String()) == a for every valid a, and every string that Parse
// accepts is written back unchanged.
package addr

import (
	"fmt"
	"strings"
)

// Addr is the address of one resource, or of a block and all its instances
// (see Block). The zero Addr is no address.
type Addr struct {
	Type string // block type, such as "image"
	Name string // first label of the block
	Key  string // for_each key; meaningful only when HasKey is set
	// HasKey tells image.base (false) from image.base[""] (true).
	HasKey bool
}

// New returns the address type.name.
func New(typ, name string) Addr { return Addr{Type: typ, Name: name} }

// Instance returns the address of the for_each instance of a with that key.
func (a Addr) Instance(key string) Addr {
	a.Key, a.HasKey = key, true
	return a
}

// Block returns the address without its instance key.
func (a Addr) Block() Addr { return Addr{Type: a.Type, Name: a.Name} }

// IsZero reports whether a is no address at all.
func (a Addr) IsZero() bool { return a == Addr{} }

// Covers reports whether a means b: the same resource, or a's block has b
// among its instances.
func (a Addr) Covers(b Addr) bool {
	return a == b || !a.HasKey && a == b.Block()
}

// String writes the address the way Parse reads it.
func (a Addr) String() string {
	if !a.HasKey {
		return a.Type + "." + a.Name
	}
	return a.Type + "." + a.Name + "[" + quote(a.Key) + "]"
}

// Compare orders addresses by type, name and key, a block before its
// instances.
func Compare(a, b Addr) int {
	if c := strings.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	if a.HasKey != b.HasKey {
		if b.HasKey {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Key, b.Key)
}

// MarshalText writes the address as String does; addresses are map keys and
// values in state and plan files.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Addr) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// SyntaxError says where and why a string is no address.
type SyntaxError struct {
	Input  string
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("address %q: %s", e.Input, e.Reason)
}
