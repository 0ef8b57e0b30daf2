package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const hidden = "(secret)"

// Value is a secret in memory. The zero Value is empty.
type Value struct {
	// A function, because printers that reach unexported fields by reflection
	// follow strings and pointers but can't look into a function.
	reveal func() string
}

// NewValue hides a secret.
func NewValue(s string) Value { return Value{func() string { return s }} }

// Reveal returns the secret, for the one call that needs it.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return v.Reveal() == "" }

// Format answers every verb of fmt alike.
func (v Value) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// String does not return the secret.
func (v Value) String() string { return hidden }

// GoString does not return the secret.
func (v Value) GoString() string { return hidden }

// LogValue keeps the secret out of logs.
func (v Value) LogValue() slog.Value { return slog.StringValue(hidden) }

var errMarshal = errors.New("a secret can't be marshalled")

// MarshalText always fails; JSON, XML and YAML come through it.
func (v Value) MarshalText() ([]byte, error) { return nil, errMarshal }

// MarshalBinary always fails; gob comes through it.
func (v Value) MarshalBinary() ([]byte, error) { return nil, errMarshal }
