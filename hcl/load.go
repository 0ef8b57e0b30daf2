package hcl

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"hostler/hcl/internal/functions"
	"hostler/hcl/schema"
)

const defaultState = "hostler.state.json"

// loader is one run of Load.
type loader struct {
	lang    Language
	blocks  map[string]*schema.Block // reserved and managed
	meta    []schema.Attr
	grammar grammar
	config  *Config
	files   []*file
	folders map[string]*folder // by real path
	// lost is set when a file can't be read whole: names that are not
	// declared may be declared there.
	lost       bool
	lostValues bool        // the same for files of values
	refused    *Diagnostic // this version may not read the files

	nodes     map[string]*node // by name
	order     []*node          // as declared
	variables map[string]*variable
	moves     []*move
	diags     Diagnostics
}

type file struct {
	name   string // as in ranges
	folder *folder
	body   hcl.Body
	broken bool // has a syntax error: only the hostler block is looked for
}

// folder is where paths and files of functions start.
type folder struct {
	rel       string // to Config.Dir, with slashes
	functions map[string]function.Function
}

// Load reads the folder dir with its includes and evaluates it. The Config is
// never nil; when there are errors it holds what is right, and Files always.
func Load(dir string, lang Language, vars Vars) (*Config, Diagnostics) {
	dir = filepath.Clean(dir)
	l := &loader{
		lang:      lang,
		blocks:    map[string]*schema.Block{},
		meta:      Meta(),
		grammar:   grammar{},
		config:    &Config{Dir: dir, State: filepath.Join(dir, defaultState), Variables: map[string]cty.Value{}, Files: map[string]*File{}},
		folders:   map[string]*folder{},
		nodes:     map[string]*node{},
		variables: map[string]*variable{},
	}
	for _, b := range lang.Blocks {
		l.blocks[b.Type] = b
	}
	for _, b := range Reserved() {
		l.blocks[b.Type] = b
	}
	l.readFolder(".", nil, nil)
	if l.refused != nil {
		return l.config, Diagnostics{l.refused}
	}
	l.declare()
	l.assign(vars)
	l.link()
	l.evaluate()
	l.finish()
	return l.config, settle(l.diags)
}

func (l *loader) err(d *Diagnostic) { l.diags = append(l.diags, d) }

// path is where a folder or file, relative to Config.Dir, is on disk.
func (l *loader) path(rel string) string {
	if filepath.IsAbs(rel) {
		return filepath.FromSlash(rel)
	}
	return filepath.Join(l.config.Dir, filepath.FromSlash(rel))
}

// included is one link of a chain of includes.
type included struct{ rel, real string }

// readFolder reads the files of a folder and then those it includes. from is
// where it was asked for, nil for the configuration folder itself.
func (l *loader) readFolder(rel string, chain []included, from *Range) {
	dir := l.path(rel)
	fail := func(summary, format string, args ...any) {
		d := errorAt(Range{}, summary, format, args...)
		d.Subject = from
		l.err(d)
	}
	real, err := filepath.EvalSymlinks(dir)
	var entries []os.DirEntry
	if err == nil {
		real, _ = filepath.Abs(real)
		entries, err = os.ReadDir(dir)
	}
	if err != nil {
		fail("Configuration folder can't be read", "%s. Check the path; one in include is relative to the folder of the file it stands in.", reason(dir, err))
		l.lost = true
		return
	}
	if at := slices.IndexFunc(chain, func(i included) bool { return i.real == real }); at >= 0 {
		var names []string
		for _, i := range append(chain[at:], chain[at]) {
			names = append(names, i.rel)
		}
		fail("Folders include each other", "Each of these folders includes the next: %s. Leave one of them out of its include list.", strings.Join(names, " → "))
		return
	}
	if l.folders[real] != nil {
		return
	}
	f := &folder{rel: rel, functions: Functions(dir)}
	l.folders[real] = f
	var own []*file
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); !isConfig(e.Name()) || err == nil && info.IsDir() {
			continue
		}
		own = append(own, l.readFile(f, e.Name()))
	}
	if len(own) == 0 {
		fail("No configuration files", "The folder %s has no *.hcl files. Go to the folder that has them, name it with --chdir, or start one with hostler init.", dir)
	}
	l.files = append(l.files, own...)
	for _, i := range l.settings(own, from == nil) {
		next := i.rel
		if !filepath.IsAbs(next) {
			next = path.Join(rel, filepath.ToSlash(next))
		} else if abs, err := filepath.Abs(l.config.Dir); err == nil {
			if r, err := filepath.Rel(abs, next); err == nil {
				next = filepath.ToSlash(r)
			}
		}
		l.readFolder(next, append(slices.Clone(chain), included{rel, real}), &i.at)
	}
}

// reason is what went wrong with a file, without Go's names for operations.
func reason(name string, err error) string {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "There is no " + name
	case errors.As(err, &pathErr):
		return name + ": " + pathErr.Err.Error()
	}
	return err.Error()
}

// isConfig tells files of the language from hidden ones and editors' backups.
func isConfig(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#") &&
		(strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json"))
}

func (l *loader) readFile(f *folder, name string) *file {
	out := &file{name: path.Join(f.rel, name), folder: f, body: hcl.EmptyBody()}
	raw, err := os.ReadFile(filepath.Join(l.path(f.rel), name))
	if err != nil {
		l.lost = true
		l.err(errorAt(Range{Filename: out.name, Start: hcl.InitialPos, End: hcl.InitialPos}, "File can't be read", "%s.", reason(out.name, err)))
		return out
	}
	parsed, diags := parse(raw, out.name)
	l.config.Files[out.name] = parsed
	if diags.HasErrors() {
		l.lost, out.broken = true, true
		l.err(explainSyntax(diags[0])) // later ones mostly follow from the first
	}
	if parsed.Body != nil {
		out.body = parsed.Body
	}
	return out
}

// parse reads native or JSON syntax, by the name of the file.
func parse(raw []byte, name string) (*File, Diagnostics) {
	for at := 0; at < len(raw); {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			pos := hcl.Pos{Line: 1 + bytes.Count(raw[:at], []byte("\n")), Column: at - bytes.LastIndexByte(raw[:at], '\n'), Byte: at}
			return &File{Bytes: raw}, Diagnostics{errorAt(Range{Filename: name, Start: pos, End: pos}, "Invalid character encoding", "The file is not UTF-8 text. Save it as UTF-8.")}
		}
		at += size
	}
	if !strings.HasSuffix(name, ".json") {
		f, diags := hclsyntax.ParseConfig(raw, name, hcl.InitialPos)
		return f, diags
	}
	return json.Parse(bytes.TrimPrefix(raw, []byte("\ufeff")), name)
}

type include struct {
	rel string
	at  Range
}

// settings reads the hostler blocks of one folder's files.
func (l *loader) settings(files []*file, root bool) (includes []include) {
	var first *Range
	for _, f := range files {
		content, _, _ := f.body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "hostler"}}})
		for _, b := range content.Blocks {
			content := l.split(b, l.blocks["hostler"])
			d := decoder{l: l, folder: f.folder, body: content}
			if at := content.header; first != nil {
				l.err(errorAt(at, "Duplicate hostler configuration", "The settings of this folder already stand at %s. Put them into one hostler block.", *first))
			} else {
				first = &at
			}
			v := d.decode(nil)
			l.diags = append(l.diags, d.diags...)
			if c := v.GetAttr("required_version"); isString(c) {
				l.checkVersion(c.AsString(), content.attrs["required_version"].Expr.Range())
			}
			if attr := content.attrs["state"]; attr != nil && isString(v.GetAttr("state")) {
				l.setState(v.GetAttr("state").AsString(), attr.Expr.Range(), root)
			}
			if list := v.GetAttr("include"); list.IsWhollyKnown() && !list.IsNull() {
				for i, rel := range list.AsValueSlice() {
					at, _ := content.find(cty.GetAttrPath("include").IndexInt(i))
					includes = append(includes, include{rel.AsString(), at})
				}
			}
		}
	}
	return includes
}

func (l *loader) setState(name string, at Range, root bool) {
	switch {
	case !root:
		l.err(errorAt(at, "State file of an included folder", "Only the configuration folder itself says where state is kept. Remove this line, or move it there."))
	case name == "" || strings.HasPrefix(name, "~"):
		l.err(errorAt(at, "Invalid path of the state file", "Write a path relative to the configuration folder, or an absolute one."))
	case filepath.IsAbs(name):
		l.config.State = filepath.Clean(name)
	default:
		l.config.State = l.path(name)
	}
}

// checkVersion compares without pre-release parts: a development build counts
// as the version that it will be.
func (l *loader) checkVersion(constraint string, at Range) {
	allowed, err := version.NewConstraint(constraint)
	if err != nil {
		l.err(errorAt(at, "Invalid version constraint", "%q is no version constraint. Write one such as \">= 0.1.0\" or \"~> 1.2\".", constraint))
		return
	}
	v, err := version.NewVersion(l.lang.Version)
	if err == nil && !allowed.Check(v.Core()) && l.refused == nil {
		l.refused = errorAt(at, "Unsupported hostler version", "These files need hostler %s, and this is %s. Install a version that fits, or change required_version if it is wrong.", constraint, l.lang.Version)
	}
}

// Functions are the functions that expressions in files of folder dir may
// call, by name.
func Functions(dir string) map[string]function.Function { return functions.Table(dir, Sensitive) }
