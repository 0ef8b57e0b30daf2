package launchd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/launchctl"
	"hostler/providers/secret"
)

// Validate refuses what a plist can't hold, and secrets, which it must not.
func (c *jobs) Validate(_ addr.Addr, want *Job, _ providers.Lookup) error {
	for name, value := range want.Env {
		at := cty.GetAttrPath("env").IndexString(name)
		if _, err := secret.ParseRef(value); err == nil {
			return &providers.AttrError{Path: at, Err: fmt.Errorf("this is a secret reference, and everyone on the Mac can read a property list; let the program read the secret itself")}
		}
		if name == "" || strings.Contains(name, "=") {
			return &providers.AttrError{Path: at, Err: fmt.Errorf("%q can't be the name of an environment variable", name)}
		}
		if err := printable(name + value); err != nil {
			return &providers.AttrError{Path: at, Err: err}
		}
	}
	for attr, list := range map[string][]string{
		"program": want.Program, "watch_paths": want.WatchPaths, "working_directory": {want.WorkingDirectory},
		"stdout": {want.Stdout}, "stderr": {want.Stderr},
	} {
		for _, s := range list {
			if err := printable(s); err != nil {
				return providers.AttrErrorf(attr, "%w", err)
			}
		}
	}
	return nil
}

// printable refuses what XML has no way to write.
func printable(s string) error {
	bad := func(r rune) bool {
		return unicode.IsControl(r) && r < 0x20 && !strings.ContainsRune("\t\n\r", r) || r == 0xfffe || r == 0xffff
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, bad) {
		return errors.New("a property list can't hold this text: it has a control character")
	}
	return nil
}

// isLabel reports whether s can be a label: a part of file names and of
// launchctl's targets.
func isLabel(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	})
}

// Resolve names the job, makes its paths absolute and states how launchd
// should hold it.
func (c *jobs) Resolve(_ context.Context, r *providers.Resolve[Job]) error {
	w := r.Want
	label := ""
	if r.Have != nil {
		label = r.Have.Label
	}
	if r.Have == nil || r.Replacing {
		if !isLabel(r.Name) {
			return fmt.Errorf("%q can't be part of a launchd label; use letters, digits, dots, _ and - in the block's name and its for_each keys", r.Name)
		}
		label = "hostler." + r.Name
	}
	w.Label = label
	if err := c.expand(r); err != nil {
		return err
	}
	p, err := c.place(w)
	if err != nil {
		return err
	}
	w.Loaded, w.Enabled, w.Owner, w.Mode = true, true, p.owner, fmt.Sprintf("%04o", launchctl.FileMode)
	w.Unexpected = &map[string]string{}
	if r.Have != nil {
		if old, err := c.place(r.Have); err != nil || old.file == p.file {
			return err
		}
	}
	switch _, err := c.m.Stat(p.file); {
	case err == nil:
		return exists(w)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

func exists(j *Job) error {
	return &providers.ExistsError{What: fmt.Sprintf("launchd job %q in domain %s", j.Label, j.Domain), ID: id(j)}
}

// expand writes home folders out, as launchd does not.
func (c *jobs) expand(r *providers.Resolve[Job]) error {
	paths := []*string{&r.Want.WorkingDirectory, &r.Want.Stdout, &r.Want.Stderr}
	for i := range r.Want.WatchPaths {
		paths = append(paths, &r.Want.WatchPaths[i])
	}
	for i, arg := range r.Want.Program {
		if i == 0 {
			paths = append(paths, &r.Want.Program[0])
		} else if strings.HasPrefix(arg, "~/") {
			r.Warn("program", fmt.Sprintf("The program gets the argument %q as it is written: neither launchd nor hostler expands ~ in arguments.", arg))
		}
	}
	for _, p := range paths {
		if !strings.HasPrefix(*p, "~/") {
			continue
		}
		var err error
		if *p, err = c.m.Expand(*p); err != nil {
			return err
		}
	}
	return nil
}
