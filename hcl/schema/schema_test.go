package schema

import (
	"errors"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestNearest(t *testing.T) {
	words := []string{"name", "memory", "org", "host", "base", "cpus"}
	for given, want := range map[string]string{
		"nmae": "name", "memroy": "memory", "ogr": "org", "hots": "host", "bsae": "base", "cpu": "cpus", "Memory": "memory", "HOST": "host",
		"x": "", "": "", "pull": "", "disk": "", "labels": "",
	} {
		if got := Nearest(given, words); got != want {
			t.Errorf("%q is nearest to %q, want %q", given, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]string{
		"8GiB": "8GiB", "8192MiB": "8GiB", "80GB": "80GB", "80 gb": "80GB", "1000MB": "1GB", "1024KiB": "1MiB", "0GiB": "0B", "3kB": "3KB",
		"8": "", "GiB": "", "1.5GiB": "", "-1GiB": "", "8GG": "", "99999999999TiB": "", "": "",
	} {
		n, err := ParseSize(text)
		if got := n.String(); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q is %s, %v; want %q", text, got, err, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]string{"60m": "1h", "90s": "1m30s", "1h0m5s": "1h0m5s", "100ms": "100ms", "0s": "0s", "10m0s": "10m", "60": "", "-1s": "", "1 day": ""} {
		d, err := ParseDuration(text)
		if got := d.String(); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q is %s, %v; want %q", text, got, err, want)
		}
	}
}

// Normal forms are fixed points, and an error's path leads to what is wrong.
func TestNormalize(t *testing.T) {
	object := ObjectOf(
		Attr{Name: "size", Doc: "s", Type: Bytes, Required: true},
		Attr{Name: "mode", Doc: "m", Type: String, Default: cty.StringVal("a"), Check: OneOf("a", "b")},
	)
	attr := Attr{Name: "disks", Type: ListOf(object)}
	disk := func(size, mode cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"size": size, "mode": mode})
	}
	text, null, unknown := cty.StringVal, cty.NullVal(cty.String), cty.UnknownVal(cty.String)
	got, err := attr.Normalize(cty.ListVal([]cty.Value{disk(text("1024MiB"), null), disk(unknown, unknown)}))
	want := cty.ListVal([]cty.Value{disk(text("1GiB"), text("a")), disk(unknown, unknown)})
	if err != nil || !got.RawEquals(want) {
		t.Fatalf("%#v, %v", got, err)
	}
	if again, err := attr.Normalize(got); err != nil || !again.RawEquals(got) {
		t.Errorf("not a fixed point: %#v, %v", again, err)
	}
	for _, test := range []struct {
		disk cty.Value
		path cty.Path
	}{
		{disk(text("1"), null), cty.IndexIntPath(1).GetAttr("size")},
		{disk(null, null), cty.IndexIntPath(1).GetAttr("size")},
		{disk(text("1GiB"), text("c")), cty.IndexIntPath(1).GetAttr("mode")},
		{cty.NullVal(object.Cty()), cty.IndexIntPath(1)},
	} {
		_, err := attr.Normalize(cty.ListVal([]cty.Value{disk(text("1GiB"), null), test.disk}))
		var at cty.PathError
		if !errors.As(err, &at) || !at.Path.Equals(test.path) {
			t.Errorf("%#v: %v at %#v", test.disk, err, at.Path)
		}
	}
}

func TestMust(t *testing.T) {
	for name, b := range map[string]*Block{
		"twice":     {Attrs: []Attr{{Name: "a", Doc: "d"}, {Name: "a", Doc: "d"}}},
		"no doc":    {Attrs: []Attr{{Name: "a"}}},
		"computed":  {Attrs: []Attr{{Name: "a", Doc: "d", Computed: true, Required: true}}},
		"default":   {Attrs: []Attr{{Name: "a", Doc: "d", Type: Bytes, Default: cty.StringVal("1024MiB")}}},
		"labels":    {Blocks: []Nested{{Block: Block{Type: "n"}, Mode: Defaulted, Labels: []string{"x"}}}},
		"nested":    {Blocks: []Nested{{Block: Block{Type: "n", Attrs: []Attr{{Name: "a"}}}}}},
		"same name": {Attrs: []Attr{{Name: "a", Doc: "d"}}, Blocks: []Nested{{Block: Block{Type: "a"}}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			b.Must()
		}()
	}
}
