package host

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
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

// bed is the type host on a simulated Mac of 16 GiB.
type bed struct {
	*providers.Type
	*testbed.Mac
	t *testing.T
}

func newBed(t *testing.T) *bed { return newBedOf(t, testbed.Spec{}) }

func newBedOf(t *testing.T, spec testbed.Spec) *bed {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	env := providers.Env{Root: mac.Root(), Environ: mac.Environ()}
	return &bed{New(env).Types[0], mac, t}
}

func (b *bed) file() string {
	return b.Path("/Users/admin/Library/Application Support/hostler/host.json")
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func wanted(memory, disk string, guests int64) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.NullVal(cty.String), "document": cty.NullVal(cty.String), "macos_guests": cty.NumberIntVal(guests),
		"reserve":  cty.ObjectVal(map[string]cty.Value{"memory": cty.StringVal(memory), "disk": cty.StringVal(disk)}),
		"settings": cty.NullVal(block().Nested("settings").Cty()),
		"serve":    served(false), "binary": cty.NullVal(cty.String), "service": cty.NullVal(cty.String),
	})
}

// served is the block serve.
func served(enabled bool, clients ...string) cty.Value {
	list := cty.NullVal(cty.List(cty.String))
	for _, c := range clients {
		list = cty.ListVal([]cty.Value{cty.StringVal(c)})
	}
	return cty.ObjectVal(map[string]cty.Value{"enabled": cty.BoolVal(enabled), "token": cty.NullVal(cty.String), "clients": list, "group": cty.StringVal(ghapi.DefaultGroup),
		"metrics": cty.StringVal("127.0.0.1:9750"), "hook": cty.ListVal([]cty.Value{cty.StringVal("/usr/local/bin/notify")})})
}

// carrying is a wanted host that carries the service.
func carrying(host cty.Value, clients ...string) cty.Value {
	attrs := host.AsValueMap()
	attrs["serve"] = served(true, clients...)
	return cty.ObjectVal(attrs)
}

// with is a wanted host with settings, by name.
func with(host cty.Value, settings map[string]any) cty.Value {
	attrs, typ := host.AsValueMap(), block().Nested("settings").Cty()
	values := map[string]cty.Value{}
	for name, t := range typ.AttributeTypes() {
		values[name] = cty.NullVal(t)
	}
	for name, v := range settings {
		switch v := v.(type) {
		case string:
			values[name] = cty.StringVal(v)
		case bool:
			values[name] = cty.BoolVal(v)
		case int:
			values[name] = cty.NumberIntVal(int64(v))
		case []string:
			var list []cty.Value
			for _, e := range v {
				list = append(list, cty.StringVal(e))
			}
			values[name] = cty.ListVal(list)
		}
	}
	attrs["settings"] = cty.ObjectVal(values)
	return cty.ObjectVal(attrs)
}

func (b *bed) resolve(want, have cty.Value) (cty.Value, error) {
	return b.Resolve(b.t.Context(), providers.Resolution{
		Addr: addr.New("host", "mini"), Want: want, Have: have, Config: blocks{}, Warn: func(string, string) {},
	})
}

func (b *bed) resolved(want, have cty.Value) cty.Value {
	b.t.Helper()
	v, err := b.resolve(want, have)
	b.must(err)
	return v
}

func (b *bed) read(have cty.Value) cty.Value {
	b.t.Helper()
	got, err := b.Read(b.t.Context(), []cty.Value{have})
	b.must(err)
	b.must(got[0].Err)
	return got[0].Object
}

func TestSchema(t *testing.T) {
	block().Must()
	guests := block().Attr("macos_guests")
	for n, good := range map[int64]bool{-1: false, 0: true, 2: true, 3: false} {
		_, err := guests.Normalize(cty.NumberIntVal(n))
		if good != (err == nil) {
			t.Errorf("%d: %v", n, err)
		}
		if !good && !strings.Contains(err.Error(), "Apple's limit is 2") {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved(wanted("4GiB", "20GiB", 2), b.Null())
	made, err := b.Create(t.Context(), want)
	b.must(err)
	if !made.RawEquals(want) || b.ID(made) != "mini" {
		t.Errorf("made %#v", made)
	}
	data, err := os.ReadFile(b.file())
	b.must(err)
	const text = `{
  "name": "mini",
  "reserve": {
    "memory": "4GiB",
    "disk": "20GiB"
  },
  "macos_guests": 2,
  "serve": {
    "enabled": false,
    "group": "Default",
    "metrics": "127.0.0.1:9750",
    "hook": [
      "/usr/local/bin/notify"
    ]
  }
}
`
	if string(data) != text {
		t.Errorf("%s", data)
	}
	if got := b.read(made); !got.RawEquals(b.resolved(wanted("4GiB", "20GiB", 2), got)) {
		t.Errorf("a second plan differs: %#v", got)
	}
	want = b.resolved(wanted("6GiB", "50GB", 0), made)
	changed, err := b.Update(t.Context(), made, want)
	b.must(err)
	if !changed.RawEquals(want) {
		t.Errorf("updated to %#v", changed)
	}
	for range 2 {
		b.must(b.Delete(t.Context(), changed))
	}
	if !b.read(changed).IsNull() {
		t.Error("it still stands")
	}
}

func TestAForeignDocumentIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved(wanted("4GiB", "20GiB", 2), b.Null())
	const foreign = `{"name": "other", "reserve": {"memory": "1GiB", "disk": "1GiB"}, "macos_guests": 1}`
	b.must(os.MkdirAll(filepath.Dir(b.file()), 0o700))
	b.must(os.WriteFile(b.file(), []byte(foreign), 0o600))
	var exists *providers.ExistsError
	if _, err := b.resolve(wanted("4GiB", "20GiB", 2), b.Null()); !errors.As(err, &exists) || exists.ID != "other" {
		t.Errorf("resolve: %v", err)
	}
	if _, err := b.Create(t.Context(), want); !errors.As(err, &exists) {
		t.Errorf("create: %v", err)
	}
	if _, _, err := b.Find(t.Context(), want); err == nil {
		t.Error("find adopts it")
	}
	if data, _ := os.ReadFile(b.file()); string(data) != foreign {
		t.Errorf("it was touched: %s", data)
	}
	if _, _, err := b.Import(t.Context(), "mini"); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("import under a wrong name: %v", err)
	}
	got, _, err := b.Import(t.Context(), "other")
	b.must(err)
	if got.GetAttr("name").AsString() != "other" || !got.GetAttr("macos_guests").RawEquals(cty.NumberIntVal(1)) {
		t.Errorf("%#v", got)
	}
	if name := b.resolved(wanted("4GiB", "20GiB", 2), got).GetAttr("name").AsString(); name != "mini" {
		t.Errorf("keeps the name %q", name)
	}
}

func TestTheReserveMustFit(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, memory := range []string{"16GiB", "1TiB"} {
		_, err := b.resolve(wanted(memory, "20GiB", 2), b.Null())
		var at *providers.AttrError
		if !errors.As(err, &at) || !at.Path.Equals(cty.GetAttrPath("reserve").GetAttr("memory")) ||
			!strings.Contains(err.Error(), memory) || !strings.Contains(err.Error(), "this Mac has 16GiB") {
			t.Errorf("%s: %v", memory, err)
		}
	}
	b.resolved(wanted("15GiB", "20GiB", 2), b.Null())
}

func TestFactsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.must(b.Inject(testbed.Fault{Tool: "sysctl", Kind: testbed.Fail, Code: 1, Stderr: "sysctl: unknown oid\n"}))
	_, err := b.resolve(wanted("4GiB", "20GiB", 2), b.Null())
	if err == nil || !strings.Contains(err.Error(), "host.mini") || !strings.Contains(err.Error(), "unknown oid") {
		t.Errorf("%v", err)
	}
}

func TestTwoHostsAreOneMac(t *testing.T) {
	b := &bed{Type: New(providers.Env{Root: t.TempDir()}).Types[0], t: t}
	one := wanted("4GiB", "20GiB", 2)
	a, two := addr.New("host", "a"), blocks{"host.a": one, "host.b": one, "image.c": one}
	b.must(b.Validate(a, one, blocks{"host.a": one}))
	b.must(b.Validate(a, one, two))
	err := b.Validate(addr.New("host", "b"), one, two)
	if err == nil || !strings.Contains(err.Error(), "host.a and host.b both mean") {
		t.Errorf("%v", err)
	}
}
