package runtime

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
	"hostler/hcl/schema"
	"hostler/providers"
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

// bed is the type profile on a simulated Mac of 16 GiB and 8 CPUs, with a
// host block that keeps 4 GiB and a macOS image that needs 4.
type bed struct {
	*providers.Type
	*testbed.Mac
	t      *testing.T
	blocks blocks
	warned []string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), testbed.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	env := providers.Env{Root: mac.Root(), Environ: mac.Environ()}
	b := &bed{Type: New(env).Types[0], Mac: mac, t: t, blocks: blocks{}}
	b.host("host.mini", 2)
	b.image("image.base", "host.mini", "darwin", "4GiB")
	return b
}

func (b *bed) host(address string, guests int64) {
	b.blocks[address] = cty.ObjectVal(map[string]cty.Value{
		"reserve":      cty.ObjectVal(map[string]cty.Value{"memory": cty.StringVal("4GiB")}),
		"macos_guests": cty.NumberIntVal(guests),
	})
}

// image adds an image block as it is once resolved; "" is not known.
func (b *bed) image(address, host, os, least string) {
	known := func(s string) cty.Value {
		if s == "" {
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(s)
	}
	b.blocks[address] = cty.ObjectVal(map[string]cty.Value{
		"host": cty.StringVal(host), "vm": cty.StringVal("vm-of-" + strings.NewReplacer("image.", "", `["`, "-", `"]`, "").Replace(address)),
		"os": known(os), "memory_min": known(least),
		"login": cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("admin"), "password": cty.StringVal("literal:admin")}),
	})
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

type attrs map[string]cty.Value

// value is a profile as the language hands it over: normalized, with defaults.
func (b *bed) value(set attrs) cty.Value {
	b.t.Helper()
	all := map[string]cty.Value{}
	for _, a := range b.Schema.Attrs {
		v, ok := set[a.Name]
		if !ok {
			v = map[string]cty.Value{"image": word("image.base"), "memory": word("8GiB"), "cpus": number(4)}[a.Name]
		}
		if v == cty.NilVal {
			v = cty.NullVal(a.Type.Cty())
		}
		v, err := a.Normalize(v)
		b.must(err)
		all[a.Name] = v
	}
	return cty.ObjectVal(all)
}

func word(s string) cty.Value  { return cty.StringVal(s) }
func number(n int64) cty.Value { return cty.NumberIntVal(n) }
func words(all ...string) cty.Value {
	var list []cty.Value
	for _, s := range all {
		list = append(list, cty.StringVal(s))
	}
	return cty.ListVal(list)
}
func mount(name, path string, readOnly cty.Value) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"name": word(name), "path": word(path), "read_only": readOnly})
}

func (b *bed) resolve(name string, want, have cty.Value) (cty.Value, error) {
	return b.Resolve(b.t.Context(), providers.Resolution{
		Addr: addr.New("profile", name), Want: want, Have: have, Config: b.blocks,
		Warn: func(attr, text string) { b.warned = append(b.warned, attr+": "+text) },
	})
}

func (b *bed) resolved(name string, want, have cty.Value) cty.Value {
	b.t.Helper()
	v, err := b.resolve(name, want, have)
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

func (b *bed) file(name string) string {
	return b.Path("/Users/admin/Library/Application Support/hostler/profiles/" + name + ".json")
}

func (b *bed) wantAttr(err error, attr string, parts ...string) {
	b.t.Helper()
	var at *providers.AttrError
	if !errors.As(err, &at) || !at.Path.HasPrefix(cty.GetAttrPath(attr)) {
		b.t.Errorf("error %v (%T); want one about %s", err, err, attr)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			b.t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// full sets every attribute to something that is not its default.
func full() attrs {
	return attrs{
		"memory": word("12GiB"), "cpus": number(8), "timeout": word("90m"), "labels": words("dev", "xcode"), "priority": number(-3),
		"trust": word("pull_request"), "cache": word("none"), "network": word("softnet"), "allow": words("10.0.0.0/8"),
		"mounts": cty.ListVal([]cty.Value{mount("xcode", "/Applications/Xcode.app", cty.False)}),
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("developer", b.value(nil), b.Null())
	made, err := b.Create(t.Context(), want)
	b.must(err)
	if !made.RawEquals(want) || b.ID(made) != "developer" {
		t.Errorf("made %#v", made)
	}
	data, err := os.ReadFile(b.file("developer"))
	b.must(err)
	const text = `{
  "image": "image.base",
  "vm": "vm-of-base",
  "memory": "8GiB",
  "cpus": 4,
  "timeout": "1h",
  "labels": [
    "developer"
  ],
  "priority": 0,
  "trust": "branch",
  "cache": "snapshot",
  "network": "nat",
  "user": "admin",
  "password": "literal:admin"
}
`
	if string(data) != text {
		t.Errorf("%s", data)
	}
	if got := b.read(made); !got.RawEquals(b.resolved("developer", b.value(nil), got)) {
		t.Errorf("a second plan differs: %#v", got)
	}
	want = b.resolved("developer", b.value(full()), made)
	for name, v := range want.AsValueMap() {
		kept := name == "name" || name == "image" || name == "vm" || name == "user" || name == "password" || name == "document"
		if v.RawEquals(made.GetAttr(name)) != kept {
			t.Errorf("%s is %#v", name, v)
		}
	}
	changed, err := b.Update(t.Context(), made, want)
	b.must(err)
	if got := b.read(changed); !changed.RawEquals(want) || !got.RawEquals(want) {
		t.Errorf("updated to %#v, reads %#v", changed, got)
	}
	if got, _, err := b.Import(t.Context(), "developer"); err != nil || !got.RawEquals(want) {
		t.Errorf("import: %#v, %v", got, err)
	}
	for range 2 {
		b.must(b.Delete(t.Context(), changed))
	}
	if !b.read(changed).IsNull() {
		t.Error("it still stands")
	}
	if got, _, err := b.Import(t.Context(), "developer"); err != nil || !got.IsNull() {
		t.Errorf("import of nothing: %#v, %v", got, err)
	}
	if _, _, err := b.Import(t.Context(), "../host"); err == nil {
		t.Error("import leaves its folder")
	}
}

func TestExistence(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("p", b.value(nil), b.Null())
	made, err := b.Create(t.Context(), want)
	b.must(err)
	if found, _, err := b.Find(t.Context(), want); err != nil || !found.RawEquals(want) {
		t.Errorf("find: %#v, %v", found, err)
	}
	var exists *providers.ExistsError
	if _, err := b.resolve("p", b.value(nil), b.Null()); !errors.As(err, &exists) || exists.ID != "p" {
		t.Errorf("resolve: %v", err)
	}
	other := b.resolved("q", b.value(attrs{"cpus": number(2)}), b.Null()).AsValueMap()
	other["name"] = word("p")
	if _, err := b.Create(t.Context(), cty.ObjectVal(other)); !errors.As(err, &exists) {
		t.Errorf("create: %v", err)
	}
	if found, _, err := b.Find(t.Context(), cty.ObjectVal(other)); err == nil {
		t.Errorf("find adopts %#v", found)
	}
	if got := b.read(made); !got.RawEquals(made) {
		t.Error("it was touched")
	}
	// A moved block has another name, hence another document.
	moved := b.resolved("q", b.value(nil), made)
	if a := b.Schema.Attr("name"); !a.Replace || moved.GetAttr("name").AsString() != "q" {
		t.Errorf("%#v", moved)
	}
}

func TestSchema(t *testing.T) {
	block().Must()
	for _, c := range []struct {
		attr string
		v    cty.Value
		why  string // "" is fine
	}{
		{"memory", word("8GiB"), ""}, {"memory", word("8GB"), "whole number of MiB"}, {"memory", word("0GiB"), "whole number of MiB"},
		{"cpus", number(0), "between"}, {"timeout", word("0s"), "ends every job"},
		{"trust", word("nobody"), "not one of"}, {"cache", word("snapshots"), `did you mean "snapshot"`}, {"network", word("bridged"), "not one of"},
		{"labels", words("a", "b.c-d_e"), ""}, {"labels", words("a,b"), "comma"}, {"labels", words("a b"), "comma"}, {"labels", words("a\x00"), "comma"},
		{"labels", words(""), "empty"}, {"labels", words("x", "X"), "twice"}, {"labels", words("macos"), "added to every runner"},
		{"labels", cty.ListValEmpty(cty.String), "without a label"},
		{"allow", words("10.0.0.0/8", "192.168.1.7/32"), ""}, {"allow", words("10.0.0.0"), "address/bits"}, {"allow", words("10.0.0.1/8"), `did you mean "10.0.0.0/8"`},
		{"allow", words("fd00::/8"), "IPv4"},
		{"mounts", cty.ListVal([]cty.Value{mount("a", "/x", cty.True), mount("b", "/x", cty.True)}), ""},
		{"mounts", cty.ListVal([]cty.Value{mount("a", "/x", cty.True), mount("a", "/y", cty.True)}), `two mounts are called "a"`},
		{"mounts", cty.ListVal([]cty.Value{mount("a:b", "/x", cty.True)}), "may only have"},
		{"mounts", cty.ListVal([]cty.Value{mount("a", "x", cty.True)}), "not absolute"},
		{"mounts", cty.ListVal([]cty.Value{mount("a", "/x:ro", cty.True)}), "colon"},
	} {
		_, err := block().Attr(c.attr).Normalize(c.v)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s = %#v: %v", c.attr, c.v, err)
		}
	}
	v, err := block().Attr("mounts").Normalize(cty.ListVal([]cty.Value{mount("a", "/x", cty.NullVal(cty.Bool))}))
	if err != nil || !v.Index(number(0)).GetAttr("read_only").True() {
		t.Errorf("read_only by default: %#v, %v", v, err)
	}
}

func TestValidate(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		set  attrs
		attr string // "" is fine
	}{
		{nil, ""}, {full(), ""},
		{attrs{"allow": words("10.0.0.0/8")}, "allow"},
		{attrs{"cache": word("shared")}, ""},
		{attrs{"cache": word("shared"), "trust": word("agent")}, "cache"},
		{attrs{"cache": word("shared"), "trust": word("pull_request")}, "cache"},
		{attrs{"cache": word("read-only"), "trust": word("agent")}, ""},
	} {
		err := b.Validate(addr.New("profile", "x"), b.value(c.set), b.blocks)
		if c.attr == "" {
			b.must(err)
			continue
		}
		b.wantAttr(err, c.attr)
	}
}

func TestALabelBelongsToOneProfileOfAMac(t *testing.T) {
	b := newBed(t)
	b.image("image.else", "host.else", "darwin", "4GiB")
	b.image(`image.each["a"]`, "host.mini", "darwin", "4GiB")
	b.image(`image.each["b"]`, "host.else", "darwin", "4GiB")
	self, mine := addr.New("profile", "mine"), b.value(attrs{"labels": words("own", "Dev")})
	b.blocks["profile.mine"] = mine
	for _, c := range []struct {
		name  string
		other attrs
		clash bool
	}{
		{"profile.other", attrs{"labels": words("other")}, false},
		{"profile.other", attrs{"labels": words("x", "dev")}, true},
		{"profile.dev", attrs{}, true},
		{`profile.d["ev"]`, attrs{}, false},
		{"profile.other", attrs{"labels": words("dev"), "image": word("image.else")}, false},
		{"profile.other", attrs{"labels": words("dev"), "image": word("image.each")}, true},
		{"profile.other", attrs{"labels": words("dev"), "image": word(`image.each["b"]`)}, false},
	} {
		with := maps.Clone(b.blocks)
		with[c.name] = b.value(c.other)
		other, err := addr.Parse(c.name)
		b.must(err)
		// The later of the two says so, and it alone.
		errs := []error{b.Validate(other, with[c.name], with), b.Validate(self, mine, with)}
		b.must(errs[map[bool]int{true: 0, false: 1}[addr.Compare(self, other) > 0]])
		err = errors.Join(errs...)
		if !c.clash {
			b.must(err)
			continue
		}
		b.wantAttr(err, "labels", "profile.mine", c.name)
	}
	// What is not known yet claims nothing.
	unknown := b.value(attrs{}).AsValueMap()
	unknown["labels"] = cty.UnknownVal(cty.List(cty.String))
	unknown["image"] = cty.UnknownVal(cty.String)
	b.blocks["profile.unknown"] = cty.ObjectVal(unknown)
	b.must(b.Validate(self, mine, b.blocks))
}

func TestWhatCanNeverRun(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.image("image.linux", "host.mini", "linux", "")
	b.image("image.unseen", "host.mini", "", "")
	b.host("host.none", 0)
	b.image("image.mac", "host.none", "darwin", "4GiB")
	b.image("image.tux", "host.none", "linux", "")
	b.image(`image.each["a"]`, "host.mini", "linux", "")
	b.image(`image.each["b"]`, "host.none", "linux", "10GiB")
	for _, c := range []struct {
		set   attrs
		attr  string
		parts []string
	}{
		{attrs{"memory": word("12GiB")}, "", nil},
		{attrs{"memory": word("13GiB")}, "memory", []string{"host.mini lends 12GiB", "it has 16GiB and keeps 4GiB", "13GiB"}},
		{attrs{"cpus": number(9)}, "cpus", []string{"8 CPUs"}},
		{attrs{"memory": word("2GiB")}, "memory", []string{"image.base needs 4GiB", `memory = "4GiB"`}},
		{attrs{"memory": word("2GiB"), "image": word("image.linux")}, "", nil},
		{attrs{"memory": word("2GiB"), "image": word("image.unseen")}, "", nil},
		{attrs{"image": word("image.mac")}, "image", []string{"macos_guests = 0"}},
		{attrs{"image": word("image.tux")}, "", nil},
		{attrs{"image": word("image.each")}, "memory", []string{`image.each["b"] needs 10GiB`}},
	} {
		_, err := b.resolve("p", b.value(c.set), b.Null())
		if c.attr == "" {
			b.must(err)
			continue
		}
		b.wantAttr(err, c.attr, c.parts...)
	}
}

func TestOneImageForEachMac(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.image(`image.each["a"]`, "host.mini", "linux", "")
	each := b.value(attrs{"image": word("image.each")})
	if vm := b.resolved("p", each, b.Null()).GetAttr("vm").AsString(); vm != "vm-of-each-a" {
		t.Errorf("vm %q", vm)
	}
	b.image(`image.each["b"]`, "host.mini", "linux", "")
	_, err := b.resolve("p", each, b.Null())
	b.wantAttr(err, "image", `image.each["a"]`, `image.each["b"]`)
	one := b.value(attrs{"image": word(`image.each["b"]`)})
	if vm := b.resolved("p", one, b.Null()).GetAttr("vm").AsString(); vm != "vm-of-each-b" {
		t.Errorf("vm %q", vm)
	}
}

func TestNamesAndDefaults(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, good := range map[string]bool{"a": true, "a-b.c_9": true, "A": false, "a/b": false, "../x": false, ".x": false, "a b": false, "linux": false} {
		_, err := b.resolve(name, b.value(nil), b.Null())
		if good != (err == nil) {
			t.Errorf("%q: %v", name, err)
		}
	}
	b.warned = nil
	b.resolved("p", b.value(attrs{"cache": word("shared")}), b.Null())
	if len(b.warned) != 1 || !strings.HasPrefix(b.warned[0], "cache: ") {
		t.Errorf("warned %q", b.warned)
	}
	if d, ok := block().Attr("timeout").Default.AsString(), schema.Duration(3600e9).String(); d != ok {
		t.Errorf("timeout %q", d)
	}
}

func TestFactsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.must(b.Inject(testbed.Fault{Tool: "sysctl", Kind: testbed.Fail, Code: 1, Stderr: "sysctl: unknown oid\n"}))
	if _, err := b.resolve("p", b.value(nil), b.Null()); err == nil || !strings.Contains(err.Error(), "unknown oid") {
		t.Errorf("%v", err)
	}
}
