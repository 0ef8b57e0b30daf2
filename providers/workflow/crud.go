package workflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers"
	"hostler/providers/internal/machine"
)

// fileMode is the mode of a new file.
const fileMode fs.FileMode = 0o644

// file is where the workflow lies on the Mac.
func file(f *File) string { return path.Join(f.Directory, f.Path) }

func exists(f *File) error {
	return &providers.ExistsError{What: "file " + file(f), ID: id(f)}
}

// look finds the file; fs.ErrNotExist when nothing stands there. The directory
// may lie behind symlinks, as checkouts do. Below it a symlink could lead out
// of the checkout, and git keeps nothing of what is behind one.
func (c *files) look(f *File) (info machine.Info, err error) {
	at, parts := f.Directory, strings.Split(f.Path, "/")
	for i, part := range parts {
		at = path.Join(at, part)
		last := i == len(parts)-1
		info, err = c.m.Lstat(at)
		switch {
		case err != nil:
			return info, err
		case info.Mode&fs.ModeSymlink != 0:
			return info, fmt.Errorf("%s is a symlink, which hostler neither follows nor replaces; move it out of the way", at)
		case !last && !info.Mode.IsDir():
			return info, fmt.Errorf("%s is no folder; move it out of the way", at)
		case last && !info.Mode.IsRegular():
			return info, fmt.Errorf("%s is no regular file; move it out of the way", at)
		}
	}
	return info, nil
}

// content reads the file; fs.ErrNotExist when there is none.
func (c *files) content(f *File) (string, fs.FileMode, error) {
	info, err := c.look(f)
	if err != nil {
		return "", 0, err
	}
	data, err := c.m.ReadFile(file(f))
	// Plans and state keep normalized Unicode and no other bytes; only what is
	// like them can be compared with what they keep.
	text := strings.ToValidUTF8(string(data), "\uFFFD")
	return cty.NormalizeString(text), info.Mode.Perm(), err
}

// Read reads the file. What only the configuration knows stays as it is.
func (c *files) Read(ctx context.Context, have *File) (*File, error) {
	all, err := c.Prefetch(ctx, []*File{have})
	if err != nil {
		return nil, err
	}
	return all[0].Object, all[0].Err
}

// Prefetch reads many files: those in repositories all at once.
func (c *files) Prefetch(ctx context.Context, have []*File) ([]providers.Fetched[File], error) {
	out := make([]providers.Fetched[File], len(have))
	look := c.standings()
	for i, h := range have {
		if h.Directory == "" {
			out[i].Object, out[i].Err = c.readRemote(ctx, h, look)
		} else {
			out[i].Object, out[i].Err = c.read(h)
		}
	}
	return out, nil
}

func (c *files) read(have *File) (*File, error) {
	text, _, err := c.content(have)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	got := *have
	got.Content = text
	return &got, nil
}

// Create writes the file where none stands.
func (c *files) Create(ctx context.Context, want *File) (*File, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if want.Directory == "" {
		return c.createRemote(ctx, want)
	}
	if _, err := c.look(want); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err := c.m.CreateFile(file(want), []byte(want.Content), fileMode)
	if errors.Is(err, fs.ErrExist) {
		err = exists(want)
	}
	if err != nil {
		return nil, err
	}
	return want, nil
}

// Update replaces the file if it still holds what the plan saw.
func (c *files) Update(ctx context.Context, have, want *File) (*File, error) {
	if err := context.Cause(ctx); err != nil {
		return have, err
	}
	if want.Directory == "" {
		return c.updateRemote(ctx, have, want)
	}
	text, mode, err := c.content(have)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s was removed after the plan was made; make a new plan", file(have))
	case err != nil:
		return nil, err
	case text != have.Content:
		now := *have
		now.Content = text
		return &now, changed(have)
	}
	if err := c.m.WriteFile(file(want), []byte(want.Content), mode); err != nil {
		return have, err
	}
	return want, nil
}

func changed(f *File) error {
	return fmt.Errorf("%s was changed after the plan was made; make a new plan, to see what would be lost", file(f))
}

// Delete removes the file if it still holds what the plan saw, and what a
// killed Update left beside it. Folders stay.
func (c *files) Delete(ctx context.Context, have *File) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if have.Directory == "" {
		_, err := c.updateRemote(ctx, have, &File{Path: have.Path, Owner: have.Owner, Branch: have.Branch, Delivery: have.Delivery})
		return err
	}
	text, _, err := c.content(have)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.m.Sweep(file(have))
	case err != nil:
		return err
	case text != have.Content:
		return changed(have)
	}
	return errors.Join(c.m.Sweep(file(have)), c.m.Remove(file(have)))
}

// Find clears away what a killed Create was writing. A file that holds what
// want gives, our first line with it, is ours.
func (c *files) Find(ctx context.Context, want *File) (*File, error) {
	got, err := c.Read(ctx, want)
	if want.Directory == "" {
		return c.findRemote(want, got, err)
	}
	if err == nil {
		err = c.m.Sweep(file(want))
	}
	switch {
	case err != nil:
		return nil, err
	case got != nil && got.Content != want.Content:
		return nil, fmt.Errorf("%s stands and is not what the interrupted run was writing; move it away, or forget the attempt with `hostler state rm` and import it as %q", file(want), id(want))
	}
	return got, nil
}

// Import reads DIRECTORY:PATH, the directory as a block may name it.
func (c *files) Import(ctx context.Context, name string) (*File, error) {
	i := strings.LastIndex(name, ":")
	if i <= 0 {
		return nil, fmt.Errorf("%q is no workflow file; write DIRECTORY:PATH, as in ~/src/app:.github/workflows/test.yml, or OWNER/REPOSITORY:PATH", name)
	}
	if owner, repo, ok := strings.Cut(name[:i], "/"); ok && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "~") && !strings.HasPrefix(name, ".") && !strings.Contains(repo, "/") {
		return c.importRemote(ctx, owner, repo, name[i+1:])
	}
	dir, err := c.local(name[:i])
	if err != nil {
		return nil, err
	}
	f := &File{Directory: dir, Path: path.Clean(name[i+1:])}
	if err := checkPath(cty.StringVal(f.Path)); err != nil {
		return nil, err
	}
	return c.Read(ctx, f)
}
