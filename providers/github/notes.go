package github

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"hostler/providers/internal/settings"
	"hostler/providers/secret"
)

// notesFile holds the key of fingerprints, and what GitHub said of each secret
// when it was set here.
const notesFile = "github-secrets.json"

type notes struct {
	Key     string            `json:"key"`     // base64, of this Mac alone
	Updated map[string]string `json:"updated"` // by OWNER/NAME or OWNER/REPOSITORY/NAME: as of GitHub's clock
	Prints  map[string]string `json:"fingerprints"`
}

func (s *secrets) store() settings.Store { return settings.Store{Mac: s.mac} }

// notes reads what is noted. Without notes, or with broken ones, every secret
// is set anew.
func (s *secrets) notes() (notes, error) {
	var n notes
	flaw, err := s.store().Read(notesFile, &n)
	if errors.Is(err, fs.ErrNotExist) || err == nil && flaw != settings.Sound {
		n, err = notes{}, nil
	}
	if n.Updated == nil || n.Prints == nil {
		n.Updated, n.Prints = map[string]string{}, map[string]string{}
	}
	return n, err
}

// note changes what is noted.
func (s *secrets) note(change func(*notes)) (notes, error) {
	s.notesMu.Lock()
	defer s.notesMu.Unlock()
	n, err := s.notes()
	if err != nil {
		return n, err
	}
	change(&n)
	if len(n.Updated) == 0 && n.Key == "" {
		return n, s.store().Remove(notesFile)
	}
	return n, s.store().Write(notesFile, n)
}

// key is the key of fingerprints; the first one makes it. It goes with the last
// secret, and yet is the same for all of a run: one that is made anew is known
// by the fingerprint that its plan has.
func (s *secrets) key() ([]byte, error) {
	n, err := s.notes()
	if err != nil {
		return nil, err
	}
	if n.Key == "" {
		n, err = s.note(func(n *notes) {
			if n.Key == "" {
				n.Key = cmp.Or(s.last, base64.StdEncoding.EncodeToString([]byte(rand.Text()+rand.Text())))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	s.notesMu.Lock()
	s.last = n.Key
	s.notesMu.Unlock()
	return base64.StdEncoding.DecodeString(n.Key)
}

// fingerprint is the keyed hash of a secret's value. The name is part of it,
// so that equal values don't show.
func (s *secrets) fingerprint(name string, value secret.Value) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s\n%s", name, value.Reveal())
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
