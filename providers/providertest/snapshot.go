package providertest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// snapshot is a world at one time: what each file holds, and what stands
// beside files. Folders don't count: they may stay.
type snapshot map[string]string

func (t *trial) snapshot() (snapshot, error) {
	s := snapshot{}
	err := t.files(func(rel, full string, mode fs.FileMode) error {
		content := ""
		if mode&fs.ModeSymlink != 0 {
			target, err := os.Readlink(full)
			if err != nil {
				return err
			}
			content = "link to " + target
		} else {
			data, err := os.ReadFile(full)
			if err != nil {
				return err
			}
			content = string(data)
		}
		s["file "+rel] = fmt.Sprintf("%s %q", mode, content)
		return nil
	})
	if err != nil || t.Objects == nil {
		return s, err
	}
	all, err := t.Objects()
	for _, o := range all {
		s[o] = "there"
	}
	return s, err
}

// files visits what is no folder below the world's root.
func (t *trial) files(visit func(rel, full string, mode fs.FileMode) error) error {
	return filepath.WalkDir(t.Root, func(full string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(t.Root, full)
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(t.Ignore, func(p string) bool { return strings.HasPrefix(rel, p) }), d.IsDir():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return visit(rel, full, info.Mode())
	})
}

// diff says how b differs from a; "" if it does not.
func (a snapshot) diff(b snapshot) string {
	names := maps.Clone(a)
	maps.Copy(names, b)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, had := a[name]
		is, has := b[name]
		switch {
		case !had:
			out = append(out, name+" is new")
		case !has:
			out = append(out, name+" is gone")
		case was != is:
			out = append(out, fmt.Sprintf("%s was %.200s and is %.200s", name, was, is))
		}
	}
	return strings.Join(out, "; ")
}

// leaks looks for the canary in all files below the world's folder, in the
// arguments of all calls and in all errors.
func (t *trial) leaks() error {
	if t.Canary == "" || t.World == nil {
		return nil
	}
	var errs []error
	found := func(where string) { errs = append(errs, fmt.Errorf("the canary is in %s", where)) }
	for _, text := range t.texts {
		if strings.Contains(text, t.Canary) {
			found("an error: " + text)
		}
	}
	err := t.files(func(rel, full string, mode fs.FileMode) error {
		if !mode.IsRegular() {
			return nil
		}
		data, err := os.ReadFile(full)
		if bytes.Contains(data, []byte(t.Canary)) {
			found("the file " + rel)
		}
		return err
	})
	errs = append(errs, err)
	if t.Mac == nil {
		return errors.Join(errs...)
	}
	calls, err := t.Mac.Calls()
	for _, c := range calls {
		if strings.Contains(strings.Join(c.Args, " "), t.Canary) {
			found("the arguments of " + c.Tool)
		}
	}
	return errors.Join(append(errs, err)...)
}
