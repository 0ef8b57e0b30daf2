// Package secret owns the two halves of a secret: the Ref, which says where it
// is and may be stored and shown, and the Value, which may not.
//
// Invariants:
//
//  1. A Value prints as "(secret)" under every verb and logger, also inside
//     other structs, and can't be marshalled. Reveal is the only way out.
//  2. No error of this package contains a value, or what a program that was
//     asked for one printed.
//  3. ParseRef takes exactly what the language takes as a secret reference.
//  4. The package starts no process and reads no file by itself: a Source
//     says how.
//
// Start at Ref, then Source.Resolve (source.go).
package secret

import (
	"errors"
	"strings"
)

// Ref is a reference to a secret, such as "env:GITHUB_TOKEN". It is
// comparable; the zero Ref is none.
type Ref struct{ scheme, rest string }

// The schemes of a Ref.
const (
	schemeEnv      = "env"      // env:NAME
	schemeFile     = "file"     // file:PATH
	schemeKeychain = "keychain" // keychain:SERVICE or keychain:SERVICE/ACCOUNT
	schemeCommand  = "command"  // command:PROGRAM ARGS
	schemeLiteral  = "literal"  // literal:TEXT
)

// ParseRef reads a reference. Its errors never repeat the text, which may be
// the secret itself pasted by mistake.
func ParseRef(s string) (Ref, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case schemeEnv, schemeFile, schemeKeychain, schemeCommand, schemeLiteral:
		if rest == "" {
			return Ref{}, errors.New("the secret reference names nothing after its scheme; write it as in env:NAME")
		}
		return Ref{scheme, rest}, nil
	}
	return Ref{}, errors.New("not a secret reference; write env:NAME, file:PATH, keychain:SERVICE[/ACCOUNT], command:PROGRAM ARGS or literal:TEXT")
}

// IsZero reports whether r refers to nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// IsLiteral reports whether the reference is itself the secret, which is only
// fit for passwords that everyone knows.
func (r Ref) IsLiteral() bool { return r.scheme == schemeLiteral }

// String writes the reference the way ParseRef reads it.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return r.scheme + ":" + r.rest
}

// MarshalText writes String.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRef; no text is the zero Ref.
func (r *Ref) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*r = Ref{}
		return nil
	}
	*r, err = ParseRef(string(text))
	return err
}
