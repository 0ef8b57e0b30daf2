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
)

const fileMode fs.FileMode = 0o644

// Resolve renders the file.
func (c *files) Resolve(_ context.Context, r *providers.Resolve[File]) error {
	w := r.Want
	if w.Path == "" {
		if strings.ContainsAny(r.Name, "/\\\n") {
			return providers.AttrErrorf("path", "the default, .github/workflows/%s.yml, is no file name; set path", r.Name)
		}
		w.Path = ".github/workflows/" + r.Name + ".yml"
	}
	var err error
	if w.Directory, err = c.local(w.Directory); err != nil {
		return providers.AttrErrorf("directory", "%w", err)
	}
	if w.Content, err = c.render(w, r.Name, r.Config); err != nil {
		return err
	}
	if r.Have != nil && file(r.Have) == file(w) {
		return nil
	}
	switch _, err := c.m.Lstat(file(w)); {
	case err == nil:
		return exists(w)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// file is where the workflow lies on the Mac.
func file(f *File) string { return path.Join(f.Directory, f.Path) }

func exists(f *File) error {
	return &providers.ExistsError{What: "file " + file(f), ID: id(f)}
}

// content reads the file; ok is false when there is none.
func (c *files) content(f *File) (text string, ok bool, err error) {
	info, err := c.m.Lstat(file(f))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, err
	case info.Mode&fs.ModeSymlink != 0:
		return "", false, fmt.Errorf("%s is a symlink, which hostler neither follows nor replaces; remove it", file(f))
	case !info.Mode.IsRegular():
		return "", false, fmt.Errorf("%s is no regular file; remove it", file(f))
	}
	data, err := c.m.ReadFile(file(f))
	// Strings in plans and state are normalised, so they can only be compared
	// with one that is.
	return cty.NormalizeString(string(data)), err == nil, err
}

// Read reads the file. What only the configuration knows stays as it is.
func (c *files) Read(_ context.Context, have *File) (*File, error) {
	text, ok, err := c.content(have)
	if !ok {
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
	now, err := c.Read(ctx, have)
	switch {
	case err != nil:
		return nil, err
	case now == nil:
		return nil, fmt.Errorf("%s was removed after the plan was made; make a new plan", file(have))
	case now.Content != have.Content:
		return now, fmt.Errorf("%s was changed after the plan was made; make a new plan, to see what would be overwritten", file(have))
	}
	if err := c.m.WriteFile(file(want), []byte(want.Content), fileMode); err != nil {
		return now, err
	}
	return want, nil
}

// Delete removes the file and leaves its folders.
func (c *files) Delete(ctx context.Context, have *File) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if _, ok, err := c.content(have); !ok {
		return err
	}
	return c.m.Remove(file(have))
}

// Find clears away what a killed Create was writing. A file that holds what
// want gives, our first line with it, is ours.
func (c *files) Find(ctx context.Context, want *File) (*File, error) {
	if err := c.m.Sweep(file(want)); err != nil {
		return nil, err
	}
	got, err := c.Read(ctx, want)
	if err != nil || got == nil || got.Content == want.Content {
		return got, err
	}
	return nil, fmt.Errorf("%s stands and is not what hostler was about to write; look at it, then remove it, or import it as %q", file(want), id(want))
}

// Import reads DIRECTORY:PATH, the directory as a block may name it.
func (c *files) Import(ctx context.Context, name string) (*File, error) {
	i := strings.LastIndex(name, ":")
	if i < 0 {
		return nil, fmt.Errorf("%q is no workflow file; write DIRECTORY:PATH, as in ~/src/app:.github/workflows/test.yml", name)
	}
	dir, err := c.local(name[:i])
	if err != nil {
		return nil, err
	}
	return c.Read(ctx, &File{Directory: dir, Path: path.Clean(name[i+1:])})
}
