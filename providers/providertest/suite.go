// Package providertest is the conformance suite that every block type runs.
// A provider's test describes its type and the world it acts on as a Suite;
// Run holds the type to the promises of package providers, one rule each:
//
//	create     a created object is read back as it was wanted, and a second
//	           plan is empty
//	update     every attribute that can change in place does
//	drift      every attribute that exists in the world is read from there,
//	           and repaired
//	delete     deleting twice is success, what is gone reads as gone, nothing
//	           is left behind
//	foreign    an object that is not ours is refused and stays as it is
//	import     an object's ID finds it again
//	batch      many objects are read in as many calls as one
//	cancel     a cancelled context returns soon, with a sound object
//	wrong      a wrong attribute is pointed at
//	interrupt  a Create that is killed anywhere is found by Find: nothing is
//	           made twice, nothing is lost
//
// After each rule the canary must be in no file, argument or error. A rule
// that does not apply (no tools, no Finder) passes. The suite's own tests run
// it on types that each break one rule.
//
// Interrupted creates run in a child process: this test binary again, in the
// same test, so the test function must reach Run without making anything that
// outlives it, and TestMain must be mactest.Main.
//
// Start at Suite; rules.go has the list.
package providertest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/testbed"
)

// Suite describes one block type to the rules.
type Suite struct {
	// World makes a world in the folder dir if it is empty, and opens the one
	// that stands there if it is not. It is called for each run that the rules
	// pretend, with providers made anew.
	World func(dir string) (*World, error)
	Addr  addr.Addr
	// Want is a block as the language hands it over: normalized, computed
	// attributes null. It should set every attribute that it can.
	Want cty.Value
	// Changes are other values for attributes, by attribute: each that can be
	// written and does not replace the object.
	Changes map[string]cty.Value
	// OneWay are attributes whose change can't be taken back, such as a disk
	// that only grows.
	OneWay []string
	// Drifts change one attribute of the real object behind our back, by
	// attribute, or "attribute/what" where there are several ways. Every
	// attribute has one, except ConfigOnly ones, which exist in files only, and
	// Identity ones, by which the object is found.
	Drifts     map[string]func(w *World, have cty.Value) error
	ConfigOnly []string
	Identity   []string
	// Gone removes the real object behind our back.
	Gone func(w *World, have cty.Value) error
	// Foreign puts another object where want's would be.
	Foreign func(w *World, want cty.Value) error
	// ImportLoses are attributes that an import can't know.
	ImportLoses []string
	Wrong       []Wrong
	// Canary is a secret of the world.
	Canary string
}

// Wrong is a block that must be refused with an error at Path.
type Wrong struct {
	Name string
	Want cty.Value
	Path cty.Path
}

// World is where objects are.
type World struct {
	Type   *providers.Type
	Config providers.Lookup
	// Root is the folder of all files that the type may touch. Paths below it
	// that begin with one of Ignore are not looked at: what tools remember.
	Root   string
	Ignore []string
	// Double matches the files, by their path below the world's folder, in
	// which a double that runs in the provider's own process keeps what is real:
	// of its files only these are places to be killed at.
	Double *regexp.Regexp
	// Objects lists what stands in the world beside files; may be nil.
	Objects func() ([]string, error)
	Mac     *testbed.Mac // nil when no tools are called
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if ran, err := child(t.Name(), s); ran {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	name := t.Name()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if err := r.hold(&trial{Suite: s, test: name, temp: t.TempDir, patience: 5 * time.Second}); err != nil {
				t.Error(err)
			}
		})
	}
}

// rule is one promise.
type rule struct {
	name string
	hold func(*trial) error
}

// trial is one rule at work. Each world it makes is open from start to the
// next.
type trial struct {
	Suite
	test string // name of the test that called Run
	temp func() string
	// patience is how soon a cancelled call must return.
	patience time.Duration
	dir      string
	*World
	texts []string // of errors seen
}

// start makes a new world.
func (t *trial) start() error {
	t.dir = t.temp()
	return t.reopen()
}

// reopen is what a new run of hostler sees: the same world, with nothing
// remembered.
func (t *trial) reopen() error {
	w, err := t.Suite.World(t.dir)
	if t.World = w; err == nil {
		w.Type.Configure(w.Config)
	}
	return err
}

// resolve completes a wanted block.
func (t *trial) resolve(want, have cty.Value, replacing bool) (cty.Value, error) {
	if err := t.Type.Validate(t.Addr, want, t.Config); err != nil {
		return want, t.saw(err)
	}
	v, err := t.Type.Resolve(context.Background(), providers.Resolution{
		Addr: t.Addr, Want: want, Have: have, Replacing: replacing, Config: t.Config, Warn: func(string, string) {},
	})
	return v, t.saw(err)
}

// saw keeps an error's text for the search for the canary.
func (t *trial) saw(err error) error {
	if err != nil {
		t.texts = append(t.texts, err.Error())
	}
	return err
}

// read reads one object.
func (t *trial) read(have cty.Value) (cty.Value, error) {
	got, err := t.Type.Read(context.Background(), []cty.Value{have})
	if err != nil {
		return have, t.saw(err)
	}
	if len(got) != 1 {
		return have, fmt.Errorf("read of one object gave %d answers", len(got))
	}
	return got[0].Object, t.saw(got[0].Err)
}

// create makes a new world with the wanted object in it.
func (t *trial) create() (have cty.Value, err error) {
	if err := t.start(); err != nil {
		return have, err
	}
	want, err := t.resolve(t.Want, t.Type.Null(), false)
	if err != nil {
		return have, fmt.Errorf("resolve: %w", err)
	}
	have, err = t.Type.Create(context.Background(), want)
	if err != nil {
		return have, fmt.Errorf("create: %w", t.saw(err))
	}
	return have, nil
}

// converge brings the object to what the block wants, as the planner would,
// and proves that a further plan is empty. have may be null.
func (t *trial) converge(block, have cty.Value) (cty.Value, error) {
	ctx := context.Background()
	want, err := t.resolve(block, have, false)
	if err != nil {
		return have, fmt.Errorf("resolve: %w", err)
	}
	switch {
	case have.IsNull():
		have, err = t.Type.Create(ctx, want)
	case t.replaces(differing(have, want)):
		if want, err = t.resolve(block, have, true); err != nil {
			return have, fmt.Errorf("resolve of the replacement: %w", err)
		}
		if err := t.Type.Delete(ctx, have); err != nil {
			return have, fmt.Errorf("delete before the replacement: %w", t.saw(err))
		}
		have, err = t.Type.Create(ctx, want)
	case len(differing(have, want)) > 0:
		have, err = t.Type.Update(ctx, have, want)
	}
	if err != nil {
		return have, fmt.Errorf("change: %w", t.saw(err))
	}
	return have, t.settled(block, want, have)
}

// settled proves that the object is as wanted and a new plan is empty.
func (t *trial) settled(block, want, have cty.Value) error {
	if d := differing(want, have); len(d) > 0 {
		return fmt.Errorf("what the change answered differs from what was wanted in %s", show(d, want, have))
	}
	got, err := t.read(have)
	switch {
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case got.IsNull():
		return errors.New("the object reads as gone")
	}
	if d := differing(have, got); len(d) > 0 {
		return fmt.Errorf("what is read differs from what was wanted in %s", show(d, have, got))
	}
	again, err := t.resolve(block, got, false)
	if err != nil {
		return fmt.Errorf("second resolve: %w", err)
	}
	if d := differing(got, again); len(d) > 0 {
		return fmt.Errorf("a second plan is not empty: it would change %s", show(d, got, again))
	}
	return nil
}

// replaces reports whether one of the attributes can't change in place.
func (t *trial) replaces(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		a := t.Type.Schema.Attr(n)
		return a != nil && a.Replace
	})
}

// with is the block with another value for one attribute.
func with(block cty.Value, name string, v cty.Value) cty.Value {
	attrs := block.AsValueMap()
	attrs[name] = v
	return cty.ObjectVal(attrs)
}

// differing are the names of the attributes in which two objects differ,
// sorted.
func differing(a, b cty.Value) []string {
	if a.IsNull() || b.IsNull() {
		if a.IsNull() && b.IsNull() {
			return nil
		}
		return []string{"(the whole object)"}
	}
	var names []string
	other := b.AsValueMap()
	for name, v := range a.AsValueMap() {
		if !v.RawEquals(other[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func show(names []string, a, b cty.Value) string {
	var out []string
	for _, n := range names {
		if a.IsNull() || b.IsNull() {
			out = append(out, fmt.Sprintf("%s: %#v and %#v", n, a, b))
		} else {
			out = append(out, fmt.Sprintf("%s: %#v and %#v", n, a.GetAttr(n), b.GetAttr(n)))
		}
	}
	return strings.Join(out, "; ")
}
