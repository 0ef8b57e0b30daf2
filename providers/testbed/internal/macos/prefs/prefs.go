// Package prefs owns the preferences of a simulated Mac: domains of keys, each
// a property list where macOS has it, and the program defaults.
//
// A domain is a path ("/Library/Preferences/X", with or without .plist) or a
// name, which means a file of the calling user's: root's own are in /var/root,
// also under sudo.
//
// Start reading at Defaults.
package prefs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"howett.net/plist"

	"hostler/providers/testbed/internal/mac"
)

// hardware is the identity by which preferences of one host are filed.
const hardware = "2F6C0B7E-5A51-5C9E-9D0B-0F5D6E1A7C44"

// file is the Mac's path of a domain.
func file(p *mac.Process, domain string, currentHost bool) string {
	if filepath.IsAbs(domain) {
		return strings.TrimSuffix(domain, ".plist") + ".plist"
	}
	if domain == "-g" || domain == "NSGlobalDomain" {
		domain = ".GlobalPreferences"
	}
	dir := p.Settings.Home()
	if p.Root() {
		dir = "/var/root"
	}
	dir += "/Library/Preferences"
	if currentHost {
		return dir + "/ByHost/" + domain + "." + hardware + ".plist"
	}
	return dir + "/" + domain + ".plist"
}

// load reads the keys of a file; nil when there is none.
func load(p *mac.Process, path string) (map[string]any, error) {
	data, err := os.ReadFile(p.Mac.Path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys := map[string]any{}
	_, err = plist.Unmarshal(data, &keys)
	return keys, err
}

// store replaces a file, as its user may.
func store(p *mac.Process, path string, keys map[string]any) error {
	dir := filepath.Dir(path)
	if !p.CanWrite(p.UID, dir) {
		return fs.ErrPermission
	}
	data, err := plist.Marshal(keys, plist.BinaryFormat)
	if err != nil {
		return err
	}
	real := p.Mac.Path(path)
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		return err
	}
	next := fmt.Sprintf("%s.%d", real, os.Getpid())
	if err := errors.Join(os.WriteFile(next, data, 0o644), os.Rename(next, real)); err != nil {
		return err
	}
	if p.Root() {
		return p.Chown(path, mac.Owner{User: "root", Group: "wheel"})
	}
	return nil
}

// Get is a preference of a domain; ok tells whether it was ever set.
func Get(p *mac.Process, domain, key string) (v any, ok bool, err error) {
	keys, err := load(p, file(p, domain, false))
	v, ok = keys[key]
	return v, ok, err
}

// Set sets a preference of a domain.
func Set(p *mac.Process, domain, key string, v any) error {
	path := file(p, domain, false)
	keys, err := load(p, path)
	if err != nil {
		return err
	}
	keys = maps.Clone(keys)
	if keys == nil {
		keys = map[string]any{}
	}
	keys[key] = v
	return store(p, path, keys)
}
