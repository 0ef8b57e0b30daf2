// Package settings owns the JSON documents that apply installs on a Mac for
// the runtime, under ~/Library/Application Support/hostler: what the host
// lends, which profiles there are. The runtime reads them and never parses
// HCL, so that a half-edited file can't change production.
//
// Invariants:
//
//  1. A document is replaced whole or not at all, is readable by its owner
//     alone (0600 in a 0700 folder), and the same object gives the same bytes.
//  2. A document that somebody edited or broke is drift: it is read as far as
//     it goes, with a word on what is wrong with it (the flaw), so that the
//     plan shows the difference and apply repairs it.
//  3. A document that nobody recorded is never overwritten.
//
// Start at Documents, which is a whole CRUD for a type whose objects are such
// documents.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"

	"hostler/providers/internal/machine"
)

// Folder is where the documents lie on a Mac.
const Folder = "~/Library/Application Support/hostler"

// Sound is the flaw of a document that has none.
const Sound = "ok"

// Store reads and writes the documents of one Mac. Names are paths below
// Folder.
type Store struct{ Mac *machine.Machine }

// Path is where the document lies.
func (s Store) Path(name string) string { return path.Join(Folder, name) }

// Create writes a document that must not be there yet: fs.ErrExist otherwise.
func (s Store) Create(name string, doc any) error { return s.put(name, doc, s.Mac.CreateFile) }

// Write writes a document, whatever is there.
func (s Store) Write(name string, doc any) error { return s.put(name, doc, s.Mac.WriteFile) }

func (s Store) put(name string, doc any, place func(string, []byte, fs.FileMode) error) error {
	data, err := encode(doc)
	if err != nil {
		return err
	}
	for _, dir := range folders(name) {
		if err := s.Mac.Folder(s.Path(dir), 0o700); err != nil {
			return err
		}
	}
	return place(s.Path(name), data, 0o600)
}

// folders are the folders that a document lies in, from Folder on down.
func folders(name string) []string {
	var all []string
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		all = append(all, dir)
		if dir == "." {
			slices.Reverse(all)
			return all
		}
	}
}

func encode(doc any) ([]byte, error) {
	data, err := json.MarshalIndent(doc, "", "  ")
	return append(data, '\n'), err
}

// Read fills doc, a pointer, as far as the document goes. The flaw says what
// is wrong with it, Sound if nothing is. A missing document is fs.ErrNotExist.
func (s Store) Read(name string, doc any) (flaw string, err error) {
	data, err := s.Mac.ReadFile(s.Path(name))
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(data, doc); err != nil {
		return "not as written: " + err.Error(), nil
	}
	canonical, err := encode(doc)
	if err != nil {
		return "", err
	}
	var found, wanted any
	if err := errors.Join(json.Unmarshal(data, &found), json.Unmarshal(canonical, &wanted)); err != nil {
		return "", err
	}
	if flaw := difference("", found, wanted); flaw != "" {
		return flaw, nil
	}
	return s.access(name)
}

// difference says what a document has beyond or instead of what was read from
// it; "" if nothing.
func difference(where string, found, wanted any) string {
	f, ok := found.(map[string]any)
	w, want := wanted.(map[string]any)
	if !ok || !want {
		if !reflect.DeepEqual(found, wanted) {
			return fmt.Sprintf("%s is not spelt as hostler writes it", where)
		}
		return ""
	}
	keys := map[string]bool{}
	for k := range f {
		keys[k] = true
	}
	for k := range w {
		keys[k] = true
	}
	for _, k := range sorted(keys) {
		at := k
		if where != "" {
			at = where + "." + k
		}
		switch {
		case w[k] == nil && f[k] != nil:
			return fmt.Sprintf("unknown key %q", at)
		case f[k] == nil && w[k] != nil:
			return fmt.Sprintf("key %q is missing", at)
		}
		if flaw := difference(at, f[k], w[k]); flaw != "" {
			return flaw
		}
	}
	return ""
}

func sorted(set map[string]bool) []string {
	var keys []string
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// access reports as a flaw that others than the owner may read the document.
func (s Store) access(name string) (flaw string, err error) {
	for _, dir := range folders(name) {
		info, err := s.Mac.Stat(s.Path(dir))
		if err != nil {
			return "", err
		}
		if mode := info.Mode.Perm(); mode != 0o700 {
			return fmt.Sprintf("its folder has mode %04o instead of 0700", mode), nil
		}
	}
	info, err := s.Mac.Stat(s.Path(name))
	if err != nil {
		return "", err
	}
	if mode := info.Mode.Perm(); mode != 0o600 {
		return fmt.Sprintf("mode %04o instead of 0600", mode), nil
	}
	return Sound, nil
}

// Remove deletes a document, and what a killed write left beside it; gone
// already is success.
func (s Store) Remove(name string) error {
	return errors.Join(s.Mac.Sweep(s.Path(name)), s.Mac.Remove(s.Path(name)))
}
