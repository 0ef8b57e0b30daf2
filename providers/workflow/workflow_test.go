package workflow

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

// ci is where workflow.ci lies, unless it says otherwise.
const ci = "/Users/admin/app/.github/workflows/ci.yml"

// blocks is the rest of a configuration.
type blocks map[string]cty.Value

func (b blocks) Get(a addr.Addr) (cty.Value, bool) { v, ok := b[a.String()]; return v, ok }
func (b blocks) All(blockType string) []addr.Addr {
	var all []addr.Addr
	for _, s := range slices.Sorted(maps.Keys(b)) {
		if a, err := addr.Parse(s); err == nil && a.Type == blockType {
			all = append(all, a)
		}
	}
	return all
}

// profile is a profile block as the planner shows it. Without labels they are
// null, as when they are left out.
func profile(cpus int64, memory, timeout string, labels ...string) cty.Value {
	list := cty.NullVal(cty.List(cty.String))
	if len(labels) > 0 {
		list = words(labels...)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"cpus": cty.NumberIntVal(cpus), "memory": cty.StringVal(memory), "timeout": cty.StringVal(timeout),
		"trust": cty.StringVal("branch"), "labels": list,
	})
}

func words(list ...string) cty.Value {
	var all []cty.Value
	for _, w := range list {
		all = append(all, cty.StringVal(w))
	}
	return cty.ListVal(all)
}

func profiles() blocks {
	return blocks{
		"profile.developer": profile(6, "8GiB", "1h"),
		"profile.tester":    profile(2, "4GiB", "10m30s", "test", "small"),
	}
}

// attrs are what a block writes; a with is a map[string]string.
type attrs map[string]any

// value is the block as the language hands it over.
func value(set attrs) (cty.Value, error) {
	all := map[string]cty.Value{}
	for _, a := range block().Attrs {
		v := cty.NullVal(a.Type.Cty())
		switch s := set[a.Name].(type) {
		case string:
			v = cty.StringVal(s)
		case []string:
			v = words(s...)
		case map[string]string:
			elems := map[string]cty.Value{}
			for k, e := range s {
				elems[k] = cty.StringVal(e)
			}
			v = cty.MapVal(elems)
		}
		v, err := a.Normalize(v)
		if err != nil {
			return cty.NilVal, err
		}
		all[a.Name] = v
	}
	return cty.ObjectVal(all), nil
}

// bed is the type workflow between a configuration folder and a Mac's files.
type bed struct {
	*providers.Type
	t      *testing.T
	dir    string // of the configuration
	root   string // of the Mac
	blocks blocks
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t: t, dir: t.TempDir(), root: t.TempDir(), blocks: profiles()}
	b.Type = New(b.env()).Types[0]
	return b
}

func (b *bed) env() providers.Env {
	return providers.Env{Dir: b.dir, Root: b.root, Environ: []string{"HOME=/Users/admin"}}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// template writes a template into the configuration folder.
func (b *bed) template(name, text string) {
	b.t.Helper()
	b.must(os.MkdirAll(filepath.Dir(filepath.Join(b.dir, name)), 0o755))
	b.must(os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644))
}

// on is where the Mac's path lies.
func (b *bed) on(mac string) string { return filepath.Join(b.root, mac) }

// put writes a file of the Mac, behind hostler's back.
func (b *bed) put(mac, text string) {
	b.t.Helper()
	b.must(os.MkdirAll(filepath.Dir(b.on(mac)), 0o755))
	b.must(os.WriteFile(b.on(mac), []byte(text), 0o644))
}

// holds is what the Mac's file holds; "" when there is none.
func (b *bed) holds(mac string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.on(mac))
	if !errors.Is(err, os.ErrNotExist) {
		b.must(err)
	}
	return string(data)
}

// files are all files of the Mac, symlinks among them.
func (b *bed) files() []string {
	b.t.Helper()
	var all []string
	b.must(filepath.WalkDir(b.root, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, p[len(b.root):])
		}
		return err
	}))
	return all
}

func (b *bed) value(set attrs) cty.Value {
	b.t.Helper()
	v, err := value(set)
	b.must(err)
	return v
}

// simple is a block with the template simple.yml.tmpl, which it writes.
func (b *bed) simple(set attrs) cty.Value {
	b.t.Helper()
	b.template("simple.yml.tmpl", "on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n")
	all := attrs{"directory": "/Users/admin/app", "template": "simple.yml.tmpl"}
	maps.Copy(all, set)
	return b.value(all)
}

// resolveAs is what the planner asks about workflow.NAME.
func (b *bed) resolveAs(name string, want, have cty.Value, replacing bool) (cty.Value, error) {
	a := addr.New("workflow", name)
	v, err := b.Resolve(b.t.Context(), providers.Resolution{
		Addr: a, Want: want, Have: have, Replacing: replacing, Config: b.blocks, Warn: func(string, string) {},
	})
	if err == nil {
		b.blocks[a.String()] = v // as the planner shows it from now on
	}
	return v, err
}

func (b *bed) resolve(want, have cty.Value) (cty.Value, error) {
	return b.resolveAs("ci", want, have, false)
}

func (b *bed) resolved(want, have cty.Value) cty.Value {
	b.t.Helper()
	v, err := b.resolve(want, have)
	b.must(err)
	return v
}

// created is a new object of a block.
func (b *bed) created(want cty.Value) cty.Value {
	b.t.Helper()
	made, err := b.Create(b.t.Context(), b.resolved(want, b.Null()))
	b.must(err)
	return made
}

func (b *bed) tryRead(have cty.Value) (cty.Value, error) {
	b.t.Helper()
	got, err := b.Read(b.t.Context(), []cty.Value{have})
	b.must(err)
	return got[0].Object, got[0].Err
}

func (b *bed) read(have cty.Value) cty.Value {
	b.t.Helper()
	v, err := b.tryRead(have)
	b.must(err)
	return v
}

func text(v cty.Value, attr string) string {
	if a := v.GetAttr(attr); !a.IsNull() {
		return a.AsString()
	}
	return ""
}

// pointsAt reports whether err is about that attribute.
func pointsAt(err error, attr string) bool {
	var at *providers.AttrError
	return errors.As(err, &at) && at.Path.Equals(cty.GetAttrPath(attr))
}
