package tart

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
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
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

const (
	sequoia = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
	ubuntu  = "ghcr.io/cirruslabs/ubuntu:latest"
	// canary is a secret of these tests.
	canary = "hunter2-canary"
	// childWant makes the test binary create the image it holds and exit, or
	// update the one that childHave holds.
	childWant = "HOSTLER_TEST_WANT"
	childHave = "HOSTLER_TEST_HAVE"
	childDir  = "HOSTLER_TEST_DIR"
)

func TestMain(m *testing.M) {
	if os.Getenv(childWant) != "" {
		os.Exit(child())
	}
	flag.Parse()
	// Most of what is tested here waits for simulated guests.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(mactest.Main(m))
}

func child() int {
	typ := provider(newImages(providers.Env{Dir: os.Getenv(childDir), Root: os.Getenv(testbed.EnvRoot), Environ: os.Environ()})).Types[0]
	want, err := typ.Decode(json.RawMessage(os.Getenv(childWant)), 0)
	if err == nil && os.Getenv(childHave) == "" {
		_, err = typ.Create(context.Background(), want)
	} else if err == nil {
		var have cty.Value
		if have, err = typ.Decode(json.RawMessage(os.Getenv(childHave)), 0); err == nil {
			_, err = typ.Update(context.Background(), have, want)
		}
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
	t   *testing.T
	dir string // of the configuration
	// blocks are the rest of the configuration.
	blocks blocks
	warned []string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	return newBedOf(t, testbed.Spec{})
}

func newBedOf(t *testing.T, spec testbed.Spec) *bed {
	t.Helper()
	dir := t.TempDir()
	mac, err := testbed.New(filepath.Join(dir, "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mac.Reboot(); err != nil {
			t.Error(err)
		}
	})
	b := &bed{Mac: mac, t: t, blocks: blocks{}, dir: dir}
	b.restart()
	return b
}

// restart is a new run of hostler: nothing is remembered.
func (b *bed) restart() {
	b.Type = provider(newImages(providers.Env{Dir: b.dir, Root: b.Root(), Environ: b.Environ(), Web: b.Registry()})).Types[0]
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
	all["host"], all["keep"] = cty.StringVal("host.mini"), cty.NumberIntVal(1)
	all["login"] = cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("admin"), "password": cty.StringVal("literal:admin")})
	for name, v := range set {
		switch v := v.(type) {
		case string:
			all[name] = cty.StringVal(v)
		case int:
			all[name] = cty.NumberIntVal(int64(v))
		case cty.Value:
			all[name] = v
		}
	}
	return cty.ObjectVal(all)
}

// steps and checks are nested blocks, with the defaults of what is left out.
func (b *bed) steps(all ...Step) cty.Value {
	b.t.Helper()
	var out []cty.Value
	for _, s := range all {
		env := cty.NullVal(cty.Map(cty.String))
		if len(s.Env) > 0 {
			vars := map[string]cty.Value{}
			for k, v := range s.Env {
				vars[k] = cty.StringVal(v)
			}
			env = cty.MapVal(vars)
		}
		out = append(out, cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(s.Name), "run": orNull(s.Run), "script": orNull(s.Script), "upload": orNull(s.Upload), "to": orNull(s.To),
			"env": env, "timeout": cty.StringVal(cmp.Or(s.Timeout, schema.Duration(30*time.Minute)).String()), "sha256": cty.NullVal(cty.String),
		}))
	}
	return cty.ListVal(out)
}

func (b *bed) checks(all ...Check) cty.Value {
	b.t.Helper()
	var out []cty.Value
	for _, k := range all {
		out = append(out, cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(k.Name), "run": orNull(k.Run), "expect": orNull(k.Expect),
			"timeout": cty.StringVal(cmp.Or(k.Timeout, schema.Duration(5*time.Minute)).String()),
		}))
	}
	return cty.ListVal(out)
}

func orNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
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

// update brings an image to what the attributes say.
func (b *bed) update(name string, have cty.Value, set attrs) cty.Value {
	b.t.Helper()
	made, err := b.Update(b.t.Context(), have, b.resolved(name, b.value(set), have))
	b.must(err)
	return made
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// wantSettled checks that the object is read back as it is and that the block
// wants nothing else.
func (b *bed) wantSettled(name string, block, have cty.Value) {
	b.t.Helper()
	b.restart()
	got, err := b.read(have)
	b.must(err)
	if !got.RawEquals(have) {
		b.t.Errorf("read %#v\nhave %#v", got, have)
	}
	if again := b.resolved(name, block, got); !again.RawEquals(got) {
		b.t.Errorf("a second plan differs:\n%#v\n%#v", again, got)
	}
}

// offline takes all registries off the network.
func (b *bed) offline() {
	b.t.Helper()
	b.must(b.Inject(testbed.Fault{Tool: testbed.Web, Kind: testbed.Fail}))
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
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
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
