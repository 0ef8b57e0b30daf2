package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Source is where references are looked up: the functions reach one machine.
type Source struct {
	Getenv func(name string) string
	// ReadFile returns a file and its mode; "~/" is the user's home.
	ReadFile func(path string) ([]byte, fs.FileMode, error)
	// Run runs a program to its end. The error is one of not running it at
	// all; it must not contain what the program printed.
	Run func(ctx context.Context, program string, args ...string) (stdout []byte, code int, err error)
}

// Resolve reads the secret. Line ends at its end are no part of it. A secret
// that is empty is an error.
func (s Source) Resolve(ctx context.Context, r Ref) (Value, error) {
	text, err := s.read(ctx, r)
	if err != nil {
		return Value{}, fmt.Errorf("secret %s: %w", r.shown(), err)
	}
	if !r.IsLiteral() {
		text = strings.TrimRight(text, "\r\n")
	}
	if text == "" {
		return Value{}, fmt.Errorf("secret %s: it is empty", r.shown())
	}
	return NewValue(text), nil
}

// shown is the reference as errors name it: a literal is the secret itself.
func (r Ref) shown() string {
	if r.IsLiteral() {
		return schemeLiteral + ":…"
	}
	return r.String()
}

func (s Source) read(ctx context.Context, r Ref) (string, error) {
	switch r.scheme {
	case schemeEnv:
		text := s.Getenv(r.rest)
		if text == "" {
			return "", fmt.Errorf("the environment variable %s is not set", r.rest)
		}
		return text, nil
	case schemeFile:
		return s.file(r.rest)
	case schemeKeychain:
		return s.keychain(ctx, r.rest)
	case schemeCommand:
		return s.command(ctx, r.rest)
	case schemeLiteral:
		return r.rest, nil
	}
	return "", errors.New("there is no reference")
}

func (s Source) file(path string) (string, error) {
	data, mode, err := s.ReadFile(path)
	if err != nil {
		return "", err
	}
	if mode.Perm()&0o077 != 0 {
		return "", fmt.Errorf("other users may read the file (its mode is %#o); run: chmod 600 %s", mode.Perm(), path)
	}
	return string(data), nil
}

// The exit statuses of `security`: the low byte of the OSStatus.
const (
	itemNotFound       = 44 // errSecItemNotFound, -25300
	interactionRefused = 36 // errSecInteractionNotAllowed, -25308
	authFailed         = 51 // errSecAuthFailed, -25293
)

func (s Source) keychain(ctx context.Context, rest string) (string, error) {
	service, account := rest, ""
	if i := strings.LastIndex(rest, "/"); i >= 0 {
		service, account = rest[:i], rest[i+1:]
		if service == "" || account == "" {
			return "", errors.New("write keychain:SERVICE or keychain:SERVICE/ACCOUNT")
		}
	}
	args := []string{"find-generic-password", "-w", "-s", service}
	add := "security add-generic-password -s " + service + ` -a "$USER" -w`
	if account != "" {
		args = append(args, "-a", account)
		add = "security add-generic-password -s " + service + " -a " + account + " -w"
	}
	out, code, err := s.Run(ctx, "security", args...)
	switch {
	case err != nil:
		return "", err
	case code == itemNotFound:
		return "", fmt.Errorf("the keychain has no such item; add it with: %s", add)
	case code == interactionRefused, code == authFailed:
		return "", fmt.Errorf("the keychain is locked or refuses this program (security ended with status %d); run: security unlock-keychain", code)
	case code != 0:
		return "", fmt.Errorf("security ended with status %d", code)
	}
	return string(out), nil
}

func (s Source) command(ctx context.Context, line string) (string, error) {
	words, err := split(line)
	if err != nil {
		return "", err
	}
	if len(words) == 0 {
		return "", errors.New("write command:PROGRAM ARGS")
	}
	out, code, err := s.Run(ctx, words[0], words[1:]...)
	if err != nil {
		return "", err
	}
	if code != 0 {
		return "", fmt.Errorf("%s ended with status %d; run it by hand to see why, its output is not shown here", words[0], code)
	}
	return string(out), nil
}

// split cuts a command at blanks; '…' and "…" keep blanks together. There is
// no shell: nothing is expanded.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, open := rune(0), false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, open = c, true
		case c == ' ' || c == '\t':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the command has an opening %c without its end", quote)
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
