// Package folder owns the reading of a configuration folder: its files, in
// either syntax, and those of the folders that it includes.
//
// Every folder is read once, however often it is included, and folders that
// include each other are an error. Hidden files and editors' backups are no
// configuration. Whatever stands in a file, reading it comes back, with one
// diagnostic for each mistake in its syntax (parse.go).
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty/function"

	"hostler/hcl/internal/functions"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
)

// Reader reads one configuration folder with its includes.
type Reader struct {
	Dir string // the configuration folder
	// Settings answers which folders the files of a folder include.
	Settings func(files []*File, root bool) []Include

	Files   []*File
	Sources map[string]*hcl.File // by name as in ranges
	// Lost is set when a file can't be read whole: names that are not
	// declared may be declared there.
	Lost  bool
	Diags hcl.Diagnostics

	read map[string]bool // by real path
}

// Include is a folder to read, relative to the one whose settings name it.
type Include struct {
	Path string
	At   hcl.Range
}

// File is one file, as it was parsed.
type File struct {
	Name   string // as in ranges
	Folder *Folder
	Body   hcl.Body
	Broken bool // has a syntax error: only settings can be looked for
}

// Folder is where paths in its files and the functions that read files start.
type Folder struct {
	Rel       string // to the configuration folder, with slashes
	Functions map[string]function.Function
}

// Path makes a path in files of f one relative to the configuration folder.
func (f *Folder) Path(p string) string {
	if p == "" || path.IsAbs(p) || p == "~" || strings.HasPrefix(p, "~/") {
		return p
	}
	return path.Join(f.Rel, p)
}

// Read fills in Files, Sources, Lost and Diags.
func (r *Reader) Read() {
	r.Sources, r.read = map[string]*hcl.File{}, map[string]bool{}
	r.folder(".", nil, nil)
}

// Path is where a folder or file, relative to Config.Dir, is on disk.
func (r *Reader) Path(rel string) string {
	if filepath.IsAbs(rel) {
		return filepath.FromSlash(rel)
	}
	return filepath.Join(r.Dir, filepath.FromSlash(rel))
}

// included is one link of a chain of includes.
type included struct {
	rel, real string
	from      *hcl.Range // where it was asked for
}

// folder reads the files of a folder and then those it includes. from is
// where it was asked for, nil for the configuration folder itself.
func (r *Reader) folder(rel string, chain []included, from *hcl.Range) {
	dir := r.Path(rel)
	fail := func(summary, format string, args ...any) {
		d := report.At(hcl.Range{}, summary, format, args...)
		d.Subject = from
		r.err(d)
	}
	entries, err := os.ReadDir(dir)
	real := dir
	if err == nil {
		real, err = filepath.EvalSymlinks(dir)
	}
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		fail("Configuration folder can't be read", "%s. Check the path; one in include is relative to the folder of the file it stands in.", Reason(dir, err))
		r.Lost = true
		return
	}
	if at := slices.IndexFunc(chain, func(i included) bool { return i.real == real }); at >= 0 {
		var lines []string
		for i, link := range append(slices.Clone(chain[at+1:]), included{chain[at].rel, real, from}) {
			lines = append(lines, fmt.Sprintf("  - %s includes %s at %s:%d,%d", chain[at+i].rel, link.rel, link.from.Filename, link.from.Start.Line, link.from.Start.Column))
		}
		fail("Folders include each other", "Each of these folders includes the next, and the last includes the first:\n%s\nLeave one of them out of its include list.", strings.Join(lines, "\n"))
		return
	}
	if r.read[real] {
		return
	}
	r.read[real] = true
	f := &Folder{Rel: rel, Functions: functions.Table(dir, marks.Sensitive)}
	var own []*File
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); !isConfig(e.Name()) || err == nil && !info.Mode().IsRegular() {
			continue // a folder, or a pipe that nobody may ever write to
		}
		own = append(own, r.file(f, e.Name()))
	}
	if len(own) == 0 {
		fail("No configuration files", "The folder %s has no *.hcl files. Go to the folder that has them, name it with --chdir, or start one with `hostler init`.", dir)
	}
	r.Files = append(r.Files, own...)
	for _, i := range r.Settings(own, from == nil) {
		next := i.Path
		if !filepath.IsAbs(next) {
			next = path.Join(rel, filepath.ToSlash(next))
		} else if abs, err := filepath.Abs(r.Dir); err == nil {
			if rel, err := filepath.Rel(abs, next); err == nil {
				next = filepath.ToSlash(rel)
			}
		}
		r.folder(next, append(slices.Clone(chain), included{rel, real, from}), &i.At)
	}
}

// Reason is what went wrong with a file, without Go's names for operations.
func Reason(name string, err error) string {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "There is no " + name
	case errors.As(err, &pathErr):
		return name + ": " + pathErr.Err.Error()
	}
	return name + ": " + err.Error()
}

// isConfig tells files of the language from hidden ones and editors' backups.
func isConfig(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") &&
		(strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json"))
}

func (r *Reader) file(f *Folder, name string) *File {
	out := &File{Name: path.Join(f.Rel, name), Folder: f, Body: hcl.EmptyBody()}
	raw, err := os.ReadFile(filepath.Join(r.Path(f.Rel), name))
	if err != nil {
		r.Lost = true
		reason := Reason(out.Name, err)
		if errors.Is(err, fs.ErrNotExist) {
			reason = out.Name + " is a link to a file that does not exist"
		}
		r.err(report.At(hcl.Range{Filename: out.Name, Start: hcl.InitialPos, End: hcl.InitialPos}, "File can't be read", "%s. Correct that, or remove the file.", reason))
		return out
	}
	parsed, diags := Parse(raw, out.Name)
	r.Sources[out.Name] = parsed
	if diags.HasErrors() {
		r.Lost, out.Broken = true, true
		for _, d := range mistakes(raw, out.Name, diags) {
			r.err(report.Syntax(d, raw))
		}
	}
	if parsed.Body != nil {
		out.Body = parsed.Body
	}
	return out
}

func (r *Reader) err(d *hcl.Diagnostic) { r.Diags = append(r.Diags, d) }
