package moves

import (
	"fmt"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

func parse(t *testing.T, text string) addr.Addr {
	t.Helper()
	a, err := addr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func given(t *testing.T, pairs ...string) Moves {
	t.Helper()
	var blocks []hcl.Moved
	for i := 0; i < len(pairs); i += 2 {
		blocks = append(blocks, hcl.Moved{From: parse(t, pairs[i]), To: parse(t, pairs[i+1])})
	}
	return Of(blocks)
}

func TestFollow(t *testing.T) {
	m := given(t,
		"x.a", "x.b", "x.b", "x.c", // a whole block, twice
		"x.one", `x.one["k"]`, // for_each was added
		`x.two["k"]`, "x.two", // and dropped
		`x.key["old"]`, `x.key["new"]`,
		"x.all", "x.rest", `x.all["special"]`, "x.special", // one instance goes elsewhere
		"x.round", "x.and", "x.and", "x.round",
	)
	for from, want := range map[string]string{
		"x.a": "x.c", `x.a["k"]`: `x.c["k"]`, `x.b["k"]`: `x.c["k"]`, "x.c": "x.c", "y.a": "y.a",
		"x.one": `x.one["k"]`, `x.one["k"]`: `x.one["k"]`, `x.one["l"]`: `x.one["l"]`,
		`x.two["k"]`: "x.two", `x.two["l"]`: `x.two["l"]`, "x.two": "x.two",
		`x.key["old"]`: `x.key["new"]`,
		"x.all":        "x.rest", `x.all["k"]`: `x.rest["k"]`, `x.all["special"]`: "x.special",
	} {
		if to, ok := m.Follow(parse(t, from)); !ok || to.String() != want {
			t.Errorf("%s leads to %s, %v; want %s", from, to, ok, want)
		}
	}
	if to, ok := m.Follow(parse(t, "x.round")); ok || to.String() != "x.round" {
		t.Errorf("a circle leads to %s, %v", to, ok)
	}
	if to, ok := (Moves{}).Follow(parse(t, "x.a")); !ok || to.String() != "x.a" {
		t.Errorf("no move leads to %s, %v", to, ok)
	}
}

func TestDeps(t *testing.T) {
	m := given(t, "x.a", "x.z")
	deps := []addr.Addr{parse(t, `x.a["k"]`), parse(t, "x.b")}
	if got := fmt.Sprint(m.Deps(deps)); got != `[x.z["k"] x.b]` {
		t.Error(got)
	}
	if deps[0].Name != "a" {
		t.Error("the list given was changed")
	}
}

// TestObject: references follow wherever a schema can have them, and text that
// only looks like one does not.
func TestObject(t *testing.T) {
	ref := schema.RefTo("x")
	nested := func(mode schema.Mode, typ string) schema.Nested {
		return schema.Nested{Mode: mode, Block: schema.Block{Type: typ, Attrs: []schema.Attr{{Name: "ref", Type: ref}}}}
	}
	s := &schema.Block{
		Type: "thing",
		Attrs: []schema.Attr{
			{Name: "ref", Type: ref}, {Name: "none", Type: ref}, {Name: "text", Type: schema.String},
			{Name: "either", Type: schema.RefOrText("x")},
			{Name: "list", Type: schema.ListOf(ref)}, {Name: "empty", Type: schema.ListOf(ref)}, {Name: "map", Type: schema.MapOf(ref)},
			{Name: "object", Type: schema.ObjectOf(schema.Attr{Name: "ref", Type: ref}, schema.Attr{Name: "n", Type: schema.Int})},
		},
		Blocks: []schema.Nested{nested(schema.Optional, "absent"), nested(schema.Defaulted, "one"), nested(schema.List, "many")},
	}
	object := func(name string) cty.Value {
		at := cty.StringVal(name)
		inner := cty.ObjectVal(map[string]cty.Value{"ref": at})
		return cty.ObjectVal(map[string]cty.Value{
			"ref": at, "none": cty.NullVal(cty.String), "text": cty.StringVal("x.a"), "either": cty.StringVal("ghcr.io/x.a:latest"),
			"list": cty.ListVal([]cty.Value{at, cty.StringVal("x.b")}), "empty": cty.ListValEmpty(cty.String), "map": cty.MapVal(map[string]cty.Value{"k": at}),
			"object": cty.ObjectVal(map[string]cty.Value{"ref": at, "n": cty.NumberIntVal(1)}),
			"absent": cty.NullVal(inner.Type()), "one": inner, "many": cty.ListVal([]cty.Value{inner, inner}),
		})
	}
	m := given(t, "x.a", "x.z")
	if got, want := m.Object(s, object("x.a"), nil), object("x.z"); !got.RawEquals(want) {
		t.Errorf("%#v\nwant %#v", got, want)
	}
	null := cty.NullVal(s.Value())
	if got := m.Object(s, null, nil); !got.RawEquals(null) {
		t.Errorf("%#v", got)
	}
}

// TestOneInstanceOrAll: x.a was one object, and now has instances.
func TestOneInstanceOrAll(t *testing.T) {
	s := &schema.Block{Type: "thing", Attrs: []schema.Attr{{Name: "ref", Type: schema.RefTo("x")}}}
	m := given(t, "x.a", `x.a["k"]`)
	for dep, want := range map[string]string{"x.a": `x.a["k"]`, `x.a["k"]`: "x.a"} {
		v := cty.ObjectVal(map[string]cty.Value{"ref": cty.StringVal("x.a")})
		if got := m.Object(s, v, []addr.Addr{parse(t, dep)}).GetAttr("ref").AsString(); got != want {
			t.Errorf("with %s as its dependency, x.a is %s, want %s", dep, got, want)
		}
	}
}
