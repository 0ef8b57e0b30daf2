package schema

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. In files it has a unit, binary ("8GiB") or
// decimal ("80GB", as tart counts disks).
type Size uint64

// The units, largest first, binary before decimal of the same rank: String
// takes the first that divides the size.
var units = []struct {
	name  string
	bytes uint64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// ParseSize reads a whole number and a unit, such as "8GiB" or "80 GB".
func ParseSize(s string) (Size, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := s[len(digits):]
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a size; write a whole number and a unit, such as \"8GiB\" or \"80GB\"", s)
	case unit == "":
		return 0, fmt.Errorf("size %q has no unit; write \"%dGiB\", \"%dMiB\" or \"%dGB\"", s, n, n, n)
	}
	for _, u := range units {
		if strings.EqualFold(u.name, unit) || u.name == "KB" && unit == "kB" {
			high, bytes := bits.Mul64(n, u.bytes)
			if high != 0 {
				return 0, fmt.Errorf("size %q is larger than any machine's", s)
			}
			return Size(bytes), nil
		}
	}
	return 0, fmt.Errorf("size %q has the unknown unit %q; the units are B, KB, KiB, MB, MiB, GB, GiB, TB and TiB", s, unit)
}

// String is the size in the largest unit that needs no fraction.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && uint64(s)%u.bytes == 0 {
			return strconv.FormatUint(uint64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// MarshalText writes String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// Duration is a length of time, at least zero.
type Duration time.Duration

// ParseDuration reads a Go duration such as "90s", "60m" or "1h30m".
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write a number and a unit, such as \"30s\", \"60m\" or \"1h30m\"", s)
	}
	if d < 0 {
		return 0, fmt.Errorf("duration %q is negative", s)
	}
	return Duration(d), nil
}

// String is Go's spelling without trailing zero parts: "1h", not "1h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDuration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// secretSchemes are the ways to refer to a secret.
var secretSchemes = []string{"env", "file", "keychain", "command", "literal"}

// CheckSecretRef reports what is wrong with a secret reference. Its error
// never repeats the text, which may be the secret itself pasted by mistake.
func CheckSecretRef(s string) error {
	scheme, rest, ok := strings.Cut(s, ":")
	for _, known := range secretSchemes {
		if ok && scheme == known {
			if rest == "" {
				return fmt.Errorf("the secret reference %q names nothing after the colon", s)
			}
			return nil
		}
	}
	hint := ""
	if near := Nearest(scheme, secretSchemes); ok && near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near+":")
	}
	return fmt.Errorf("this is not a secret reference; write env:NAME, file:PATH, keychain:SERVICE, command:PROGRAM ARGS or literal:TEXT, so that the secret itself stays out of files and state%s", hint)
}
