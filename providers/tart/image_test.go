package tart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

const (
	sequoia = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
	ubuntu  = "ghcr.io/cirruslabs/ubuntu:latest"
	// childCreate makes the test binary create the image it holds and exit.
	childCreate = "HOSTLER_TEST_CREATE"
)

func TestMain(m *testing.M) {
	if want := os.Getenv(childCreate); want != "" {
		os.Exit(create(want))
	}
	os.Exit(mactest.Main(m))
}

func create(want string) int {
	typ := New(providers.Env{Root: os.Getenv(testbed.EnvRoot), Environ: os.Environ()}).Types[0]
	v, err := typ.Decode(json.RawMessage(want), 0)
	if err == nil {
		_, err = typ.Create(context.Background(), v)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// bed is a simulated Mac and the type image on it.
type bed struct {
	*testbed.Mac
	*providers.Type
	t *testing.T
	// blocks are the rest of the configuration.
	blocks blocks
	warned []string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), testbed.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mac.Reboot(); err != nil {
			t.Error(err)
		}
	})
	b := &bed{Mac: mac, t: t, blocks: blocks{}}
	b.restart()
	return b
}

// restart is a new run of hostler: nothing is remembered.
func (b *bed) restart() {
	b.Type = New(providers.Env{Root: b.Root(), Environ: b.Environ()}).Types[0]
}

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

type attrs map[string]any

// value is an image with those attributes, on host.mini.
func (b *bed) value(set attrs) cty.Value {
	b.t.Helper()
	all := map[string]cty.Value{}
	for name, typ := range b.Schema.Value().AttributeTypes() {
		all[name] = cty.NullVal(typ)
	}
	all["host"] = cty.StringVal("host.mini")
	for name, v := range set {
		switch v := v.(type) {
		case string:
			all[name] = cty.StringVal(v)
		case int:
			all[name] = cty.NumberIntVal(int64(v))
		}
	}
	return cty.ObjectVal(all)
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// resolve completes an image called name.
func (b *bed) resolve(name string, want, have cty.Value) (cty.Value, error) {
	return b.Resolve(b.t.Context(), providers.Resolution{
		Addr: addr.New("image", name), Want: want, Have: have, Config: b.blocks,
		Warn: func(_, text string) { b.warned = append(b.warned, text) },
	})
}

func (b *bed) resolved(name string, want, have cty.Value) cty.Value {
	b.t.Helper()
	v, err := b.resolve(name, want, have)
	b.must(err)
	return v
}

// made creates an image that nothing stands in the way of.
func (b *bed) made(name string, set attrs) cty.Value {
	b.t.Helper()
	v, err := b.Create(b.t.Context(), b.resolved(name, b.value(set), b.Null()))
	b.must(err)
	return v
}

func (b *bed) read(have cty.Value) (cty.Value, error) {
	b.t.Helper()
	got, err := b.Read(b.t.Context(), []cty.Value{have})
	if err != nil {
		return cty.NilVal, err
	}
	return got[0].Object, got[0].Err
}

// wantAttr checks that an error points at an attribute and says what to do.
func (b *bed) wantAttr(err error, attr string, parts ...string) {
	b.t.Helper()
	var at *providers.AttrError
	if !errors.As(err, &at) || !at.Path.Equals(cty.GetAttrPath(attr)) {
		b.t.Errorf("error %v (%T); want one about %s", err, err, attr)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			b.t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// names are all folders in which tart keeps local VMs.
func (b *bed) names() []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.Path("/Users/admin/.tart/vms"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func (b *bed) wantNames(names ...string) {
	b.t.Helper()
	if got := b.names(); !slices.Equal(got, names) {
		b.t.Errorf("VMs %q; want %q", got, names)
	}
}

func (b *bed) vm(name string) testbed.VM {
	b.t.Helper()
	all, err := b.VMs()
	b.must(err)
	i := slices.IndexFunc(all, func(v testbed.VM) bool { return v.Name == name })
	if i < 0 {
		return testbed.VM{}
	}
	return all[i]
}

// tart runs the simulated tart behind the provider's back.
func (b *bed) tart(args ...string) *exec.Cmd {
	cmd := exec.Command(b.Tool("tart"), args...)
	cmd.Env = b.Environ()
	return cmd
}

func (b *bed) run(args ...string) {
	b.t.Helper()
	if out, err := b.tart(args...).CombinedOutput(); err != nil {
		b.t.Fatalf("tart %v: %v\n%s", args, err, out)
	}
}

func (b *bed) boot(name string) {
	b.t.Helper()
	cmd := b.tart("run", name)
	b.must(cmd.Start())
	go cmd.Wait()
	b.until(name+" runs", func() bool { return b.vm(name).State == "running" })
}

func (b *bed) until(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never came true: %s", what)
		}
	}
}

// calls counts the calls of tart that begin with word.
func (b *bed) calls(word string) (n int) {
	b.t.Helper()
	all, err := b.Calls()
	b.must(err)
	for _, c := range all {
		if c.Tool == "tart" && len(c.Args) > 0 && c.Args[0] == word {
			n++
		}
	}
	return n
}
