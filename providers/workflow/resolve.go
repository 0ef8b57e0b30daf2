package workflow

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

// Validate wants the template to be there and to be one. It is part of the
// configuration; nothing of the Mac is looked at. One that was good is not read
// again for every file that is made of it: rendering does that.
func (c *files) Validate(_ addr.Addr, want *File, _ providers.Lookup) error {
	c.mu.Lock()
	good := c.templates[want.Template].tmpl != nil
	c.mu.Unlock()
	if good {
		return nil
	}
	_, err := c.template(want.Template)
	return err
}

// Resolve says where the file lies, and renders it.
func (c *files) Resolve(ctx context.Context, r *providers.Resolve[File]) error {
	if err := c.place(r); err != nil {
		return err
	}
	if err := c.alone(r); err != nil {
		return err
	}
	if err := trusted(r.Want, r.Config); err != nil {
		return err
	}
	var err error
	if r.Want.Content, err = c.render(r.Want, r.Name, r.Config); err != nil {
		return err
	}
	if err := c.inspect(r); err != nil {
		return err
	}
	if r.Want.Directory == "" {
		return c.vacantRemote(ctx, r)
	}
	if r.Have != nil && same(file(r.Have), file(r.Want)) {
		return nil
	}
	switch _, err := c.look(r.Want); {
	case err == nil:
		return exists(r.Want)
	case !errors.Is(err, fs.ErrNotExist):
		return providers.AttrErrorf("path", "%w", err)
	}
	return nil
}

// place fills in directory and path. A path that is left out stays what it
// is: the block may have been moved, or have taken over a file of that name.
func (c *files) place(r *providers.Resolve[File]) (err error) {
	w := r.Want
	if w.Directory == "" {
		err = c.placeRemote(r)
	} else if w.Directory, err = c.local(w.Directory); err != nil {
		err = providers.AttrErrorf("directory", "%w", err)
	}
	if err != nil {
		return err
	}
	switch {
	case w.Path != "":
	case r.Have != nil && !r.Replacing:
		w.Path = r.Have.Path
	case strings.ContainsAny(r.Name, `/\`), strings.ContainsFunc(r.Name, unicode.IsControl):
		return providers.AttrErrorf("path", "the default, .github/workflows/NAME.yml, needs a name that fits into a file's, and %q does not; set path", r.Name)
	default:
		w.Path = ".github/workflows/" + r.Name + ".yml"
	}
	return nil
}

// local is an absolute path; relative ones start at the configuration folder.
func (c *files) local(p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") {
		return c.m.Expand(p)
	}
	if filepath.IsAbs(p) {
		return filepath.Clean(p), nil
	}
	return filepath.Abs(filepath.Join(c.dir, p))
}

// alone refuses a second block for one file. Their IDs need not tell:
// directory "a" with path "b/c.yml" is directory "a/b" with path "c.yml".
func (c *files) alone(r *providers.Resolve[File]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range places(r.Want) {
		key := strings.ToLower(name)
		if other, known := c.blocks[key]; known && other != r.Addr {
			// That may have been an earlier plan's.
			if v, ok := r.Config.Get(other); ok && means(v, name) {
				return providers.AttrErrorf("path", "%s and %s both mean the file %s; give one of them another path, or remove it", other, r.Addr, name)
			}
		}
		c.blocks[key] = r.Addr
	}
	return nil
}

// places are the files that a block means: one, or one in each repository.
func places(f *File) []string {
	if f.Directory != "" {
		return []string{file(f)}
	}
	var all []string
	for _, repo := range f.Repositories {
		all = append(all, "GitHub's "+repo+"/"+f.Path)
	}
	return all
}

func means(block cty.Value, name string) bool {
	dir, p, repos := block.GetAttr("directory"), block.GetAttr("path"), block.GetAttr("repositories")
	if p.IsNull() {
		return false
	}
	f := &File{Path: p.AsString()}
	if !dir.IsNull() {
		f.Directory = dir.AsString()
	} else if !repos.IsNull() {
		for _, r := range repos.AsValueSlice() {
			f.Repositories = append(f.Repositories, r.AsString())
		}
	}
	return slices.ContainsFunc(places(f), func(p string) bool { return same(p, name) })
}

// same is for a Mac's file system, which as a rule doesn't tell capitals from
// small letters.
func same(a, b string) bool { return strings.EqualFold(a, b) }
