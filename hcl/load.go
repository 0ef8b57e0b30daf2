// Package hcl reads a folder of *.hcl files into one Config: wholly known,
// normalized, with the range in the files of everything that was written. It
// is the only importer of hashicorp/hcl.
//
// Load does, in this order:
//
//  1. read the files, with those of included folders (internal/folder);
//  2. declare a node for every variable, local value, block and output, its
//     content taken apart by its schema (parse.go, internal/body);
//  3. assign values from outside to variables (internal/given and variables);
//  4. link: find the node that each reference means (refs.go);
//  5. evaluate the nodes, those referred to first (internal/graph), blocks
//     once for each instance (managed.go, internal/meta and decode);
//  6. finish: check the addresses of moves (internal/moves), fill the Config.
//
// Invariants:
//
//  1. The order of files and blocks changes nothing.
//  2. One mistake is one diagnostic. What is wrong has an unknown value, and
//     nothing complains about what is unknown; so everything is evaluated,
//     and every mistake is told in one run.
//  3. No sensitive value is in a Block or in the text of a diagnostic.
//  4. The cost is that of what is written and used: for_each is evaluated
//     once, and a node sees only what it refers to.
//
// Start at Load. The language is defined by the schemas that it is given, and
// by Reserved and Meta.
package hcl

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/decode"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/functions"
	"hostler/hcl/internal/given"
	"hostler/hcl/internal/graph"
	"hostler/hcl/internal/moves"
	"hostler/hcl/internal/report"
	"hostler/hcl/internal/variables"
	"hostler/hcl/schema"
)

const defaultState = "hostler.state.json"

// loader is one run of Load.
type loader struct {
	lang    Language
	blocks  map[string]*schema.Block // reserved and managed
	meta    []schema.Attr
	grammar body.Grammar
	config  *Config
	files   folder.Reader
	refused *Diagnostic // this version may not read the files

	nodes     map[string]*graph.Node // by name
	order     []*graph.Node          // as declared
	managed   map[string]*managed    // by the name of their node
	groups    map[string]*group      // by block type
	variables map[string]*variables.Variable
	moves     []*moves.Move
	lost      map[string]map[string]bool // blocks that can't be used: see lose
	told      Range                      // where reference has reported text without quotes
	guesses   int                        // see maxGuesses
	diags     Diagnostics
}

// Load reads the folder dir with its includes and evaluates it. The Config is
// never nil; when there are errors it holds what is right, and Files always.
func Load(dir string, lang Language, vars Vars) (*Config, Diagnostics) {
	dir = filepath.Clean(dir)
	l := &loader{
		lang:      lang,
		blocks:    map[string]*schema.Block{},
		meta:      Meta(),
		grammar:   body.Grammar{},
		config:    &Config{Dir: dir, State: filepath.Join(dir, defaultState), Variables: map[string]cty.Value{}},
		nodes:     map[string]*graph.Node{},
		managed:   map[string]*managed{},
		groups:    map[string]*group{},
		lost:      map[string]map[string]bool{},
		variables: map[string]*variables.Variable{},
	}
	for _, b := range lang.Blocks {
		l.blocks[b.Type] = b
	}
	for _, b := range Reserved() {
		l.blocks[b.Type] = b
	}
	l.files = folder.Reader{Dir: dir, Settings: l.settings}
	l.files.Read()
	l.config.Files = l.files.Sources
	if l.refused != nil {
		return l.config, Diagnostics{l.refused}
	}
	l.declare()
	l.assign(vars)
	l.link()
	l.diags = append(l.diags, graph.Evaluate(l.order, l.config.Files)...)
	l.finish()
	return l.config, report.Settle(append(l.files.Diags, l.diags...), l.config.Files)
}

func (l *loader) err(d *Diagnostic) { l.diags = append(l.diags, d) }

// settings reads the hostler blocks of one folder's files.
func (l *loader) settings(files []*folder.File, root bool) (includes []folder.Include) {
	var first *Range
	for _, f := range files {
		content, _, _ := f.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "hostler"}}})
		for _, b := range content.Blocks {
			content := l.split(b, l.blocks["hostler"])
			d := decode.Decoder{Folder: f.Folder, Body: content}
			if at := content.Header; first != nil {
				l.err(report.At(at, "Duplicate hostler configuration", "The settings of this folder already stand at %s. Put them into one hostler block.", *first))
			} else {
				first = &at
			}
			v := d.Decode(nil)
			l.diags = append(l.diags, d.Diags...)
			if c := v.GetAttr("required_version"); body.IsString(c) {
				l.checkVersion(c.AsString(), content.Attrs["required_version"].Expr.Range())
			}
			if attr := content.Attrs["state"]; attr != nil && body.IsString(v.GetAttr("state")) {
				l.setState(v.GetAttr("state").AsString(), attr.Expr.Range(), root)
			}
			if list := v.GetAttr("include"); list.IsWhollyKnown() && !list.IsNull() {
				for i, rel := range list.AsValueSlice() {
					at, _ := content.Find(cty.GetAttrPath("include").IndexInt(i))
					includes = append(includes, folder.Include{Path: rel.AsString(), At: at})
				}
			}
		}
	}
	return includes
}

func (l *loader) setState(name string, at Range, root bool) {
	switch {
	case !root:
		l.err(report.At(at, "State file of an included folder", "Only the configuration folder itself says where state is kept. Remove this line, or move it there."))
	case name == "" || strings.HasPrefix(name, "~"):
		l.err(report.At(at, "Invalid path of the state file", "Write a path relative to the configuration folder, or an absolute one."))
	case filepath.IsAbs(name):
		l.config.State = filepath.Clean(name)
	default:
		l.config.State = l.files.Path(name)
	}
}

// checkVersion compares without pre-release parts: a development build counts
// as the version that it will be.
func (l *loader) checkVersion(constraint string, at Range) {
	allowed, err := version.NewConstraint(constraint)
	if err != nil {
		l.err(report.At(at, "Invalid version constraint", "%q is no version constraint. Write one such as \">= 0.1.0\" or \"~> 1.2\".", constraint))
		return
	}
	v, err := version.NewVersion(l.lang.Version)
	if err == nil && !allowed.Check(v.Core()) && l.refused == nil {
		l.refused = report.At(at, "Unsupported hostler version", "These files need hostler %s, and this is %s. Install a version that fits, or change required_version if it is wrong.", constraint, l.lang.Version)
	}
}

// assign gives every variable its value.
func (l *loader) assign(vars Vars) {
	lost := l.files.Lost || l.lost["var"] != nil
	r := given.Reader{
		Dir: l.config.Dir, Known: report.SortedKeys(l.variables), Open: lost, Secret: lost,
		Values: map[string]given.Value{}, Sources: l.config.Files,
	}
	for _, v := range l.variables {
		r.Secret = r.Secret || v.Sensitive
	}
	r.Environ(vars.Environ)
	r.Auto()
	for _, arg := range vars.Args {
		if arg.File {
			r.File(arg.Text)
		} else {
			r.Arg(arg.Text)
		}
	}
	l.diags = append(l.diags, r.Diags...)
	for _, name := range r.Known {
		from, ok := r.Values[name]
		value, diags := l.variables[name].Value(from, ok, vars.Unset || r.Lost)
		n := l.nodes["var."+name]
		n.Broken, n.Value = n.Broken || diags.HasErrors(), value
		l.diags = append(l.diags, diags...)
	}
}

// finish fills the Config from what was evaluated.
func (l *loader) finish() {
	c := l.config
	for _, m := range l.managed {
		if m.node.Broken {
			continue
		}
		for _, b := range m.blocks {
			if b.known {
				c.Blocks = append(c.Blocks, b)
			}
		}
	}
	good, diags := moves.Check(l.moves, l.exists)
	l.diags = append(l.diags, diags...)
	for _, m := range good {
		switch m.Kind {
		case "moved":
			c.Moved = append(c.Moved, Moved{From: m.From, To: m.To, Range: m.At})
		case "removed":
			c.Removed = append(c.Removed, Removed{From: m.From, Range: m.At})
		case "import":
			if m.IDKnown {
				c.Imports = append(c.Imports, Import{To: m.To, ID: m.ID, Range: m.At})
			}
		}
	}
	slices.SortFunc(c.Blocks, func(a, b *Block) int { return addr.Compare(a.Addr, b.Addr) })
	slices.SortFunc(c.Outputs, func(a, b *Output) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Moved, func(a, b Moved) int { return addr.Compare(a.From, b.From) })
	slices.SortFunc(c.Imports, func(a, b Import) int { return addr.Compare(a.To, b.To) })
	slices.SortFunc(c.Removed, func(a, b Removed) int { return addr.Compare(a.From, b.From) })
}

// Functions are the functions that expressions in files of folder dir may
// call, by name.
func Functions(dir string) map[string]function.Function { return functions.Table(dir, Sensitive) }
