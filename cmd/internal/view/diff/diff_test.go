package diff

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/cmd/internal/view/value"
	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// delta draws the difference of one attribute.
func delta(before, after cty.Value) string {
	var w Writer
	w.Named([]Entry{{Key: "a", Before: before, After: after}})
	return w.String()
}

func str(s string) cty.Value { return cty.StringVal(s) }

func words(s ...string) cty.Value {
	if len(s) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	list := make([]cty.Value, len(s))
	for i := range s {
		list[i] = str(s[i])
	}
	return cty.ListVal(list)
}

func numbered(from, to int, replace map[int]string) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if text, ok := replace[i]; ok {
			b.WriteString(text)
		} else {
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	return b.String()
}

func TestDelta(t *testing.T) {
	secret := str("hunter2").Mark(hcl.Sensitive)
	for _, c := range []struct {
		name          string
		before, after cty.Value
		want          string
	}{
		{"created", cty.NilVal, str("x"), `
  + a = "x"
`},
		{"removed", str("x"), cty.NullVal(cty.String), `
  - a = "x" -> null
`},
		{"changed", str("x"), cty.NumberFloatVal(1.5), `
  ~ a = "x" -> 1.5
`},
		{"became an object", str("x"), cty.ObjectVal(map[string]cty.Value{"b": cty.True}), `
  ~ a = "x" -> {
        b = true
    }
`},
		{"replaced in a list", words("x", "y", "z"), words("x", "Y", "z"), `
  ~ a = [
        "x",
      ~ "y" -> "Y",
        "z",
    ]
`},
		{"swapped in a list", words("x", "y"), words("y", "x"), `
  ~ a = [
      - "x",
        "y",
      + "x",
    ]
`},
		{"emptied", words("x"), words(), `
  ~ a = [
      - "x",
    ]
`},
		{"far in a list", words("1", "2", "3", "4", "5", "6", "7"), words("1", "2", "3", "4", "5", "6", "8"), `
  ~ a = [
        # (5 unchanged elements hidden)
        "6",
      ~ "7" -> "8",
    ]
`},
		{"sensitive", secret, str("x"), `
  ~ a = (sensitive value)
`},
		{"sensitive inside", cty.ObjectVal(map[string]cty.Value{"id": str("i"), "k": secret, "o": str("1")}),
			cty.ObjectVal(map[string]cty.Value{"id": str("i"), "k": str("y").Mark(hcl.Sensitive), "o": str("1")}), `
  ~ a = {
        id = "i"
      ~ k  = (sensitive value)
        # (1 unchanged attribute hidden)
    }
`},
		{"text", str(numbered(1, 20, nil)), str(numbered(1, 20, map[int]string{2: "two\n", 18: "", 19: "line 19\nmore\n"})), `
  ~ a = <<-EOT
        line 1
      - line 2
      + two
        line 3
        line 4
        line 5
        # (9 unchanged lines hidden)
        line 15
        line 16
        line 17
      - line 18
        line 19
      + more
        line 20
    EOT
`},
		{"last newline", str("x\ny\n"), str("x\ny"), `
  ~ a = <<-EOT
        x
      - y
      + y # (no newline at the end)
    EOT
`},
		{"escape codes", str("x\x1b[2J\n\r\n"), cty.NilVal, `
  - a = <<-EOT
        x␛[2J
        ␍
    EOT -> null
`},
		{"one line to many", str("x"), str("x\ny\n"), `
  ~ a = <<-EOT
      - x # (no newline at the end)
      + x
      + y
    EOT
`},
	} {
		if got := delta(c.before, c.after); "\n"+got != c.want {
			t.Errorf("%s: got\n%swant%s", c.name, got, c.want)
		}
	}
}

// random makes any value of the kinds that configuration, state and outputs
// can have, and some that they can't.
func random(r *rand.Rand, depth int) cty.Value {
	leaf := func() cty.Value {
		return []cty.Value{
			str(""), str("plain"), str("a\nb\n"), str("\x1b[31mred\x1b\n\x00\u202e"), str(`"\${x}%{y}`), str("日本\r\n語"),
			cty.True, cty.False, cty.Zero, cty.NumberFloatVal(1e40), cty.PositiveInfinity,
			cty.NullVal(cty.String), cty.NullVal(cty.DynamicPseudoType), cty.UnknownVal(cty.String), cty.DynamicVal,
		}[r.Intn(15)]
	}
	v := leaf()
	if depth > 0 {
		n := r.Intn(4)
		list, byKey := make([]cty.Value, n), map[string]cty.Value{}
		for i := range list {
			list[i] = random(r, depth-1)
			byKey[[]string{"id", "name", "a\x1b[1mb", "ü \"q\""}[i]] = list[i]
		}
		switch r.Intn(7) {
		case 0:
			v = cty.TupleVal(list)
		case 1:
			v = cty.ObjectVal(byKey)
		case 2:
			v = words([]string{"a", "b", "c", "d"}[:n]...)
		case 3:
			v = cty.SetVal([]cty.Value{cty.NumberIntVal(int64(n)), cty.Zero})
		case 4:
			v = cty.MapVal(map[string]cty.Value{"k": str(fmt.Sprint(n)), "": str("x\ny")})
		case 5:
			one := cty.ObjectVal(map[string]cty.Value{"label": str("l"), "x": cty.NumberIntVal(int64(n))})
			v = cty.ListVal([]cty.Value{one, one}[:1+n%2])
		}
	}
	if r.Intn(8) == 0 {
		v = v.Mark(hcl.Sensitive)
	}
	return v
}

// Whatever the values, drawing them ends, all colours are switched off on the
// line on which they are switched on, and no control character gets through.
func TestAnyValues(t *testing.T) {
	s := &schema.Block{Type: "t", Attrs: []schema.Attr{{Name: "id", Computed: true}, {Name: "a", Replace: true}},
		Blocks: []schema.Nested{
			{Block: schema.Block{Type: "name", Attrs: []schema.Attr{{Name: "x"}}}, Mode: schema.List, Labels: []string{"label"}},
			{Block: schema.Block{Type: "b", Attrs: []schema.Attr{{Name: "id"}}}},
		}}
	for seed := range int64(1500) {
		r := rand.New(rand.NewSource(seed))
		before, after := random(r, 3), random(r, 3)
		if r.Intn(3) == 0 {
			after = before
		}
		if seed%2 == 0 {
			both := func() cty.Value {
				return cty.ObjectVal(map[string]cty.Value{"id": random(r, 1), "a": random(r, 2), "name": random(r, 2), "b": random(r, 2)})
			}
			before, after = both(), both()
		}
		for _, w := range []*Writer{{}, {Paint: true}, {Plain: true, All: true}} {
			w.Object(s, addr.New("t", "x"), "~", before, Settled(s, before, after), []string{"a", "b.id"})
			w.Object(nil, addr.New("t", "x"), "-/+", before, after, nil)
			w.Named([]Entry{{Key: "k", Before: before, After: after, Keep: true}})
			check(t, seed, w.String(), bool(w.Paint))
		}
		check(t, seed, value.Text(before, ""), false)
	}
}

func check(t *testing.T, seed int64, drawn string, colour bool) {
	t.Helper()
	for line := range strings.Lines(drawn) {
		on := false
		for line != "" {
			switch {
			case !colour && line[0] == '\x1b':
				t.Fatalf("seed %d: an escape code without colours in %q", seed, drawn)
			case strings.HasPrefix(line, "\x1b[0m"):
				if !on {
					t.Fatalf("seed %d: switched off twice in %q", seed, drawn)
				}
				on, line = false, line[4:]
			case line[0] == '\x1b':
				end := strings.IndexByte(line, 'm')
				if on || end < 0 || strings.Trim(line[2:end], "0123456789;") != "" {
					t.Fatalf("seed %d: %q in %q", seed, line, drawn)
				}
				on, line = true, line[end+1:]
			case line[0] < ' ' && line[0] != '\n':
				t.Fatalf("seed %d: control character in %q", seed, drawn)
			default:
				line = line[1:]
			}
		}
		if on {
			t.Fatalf("seed %d: a colour goes on beyond its line in %q", seed, drawn)
		}
	}
}

// An alignment keeps both sequences whole and in order, pairs only what is
// equal, and finds as much in common as there is.
func TestAlign(t *testing.T) {
	for seed := range int64(2000) {
		r := rand.New(rand.NewSource(seed))
		a, b := make([]int, r.Intn(12)), make([]int, r.Intn(12))
		for i := range a {
			a[i] = r.Intn(4)
		}
		for i := range b {
			b[i] = r.Intn(4)
		}
		common, i, j := 0, 0, 0
		for _, p := range align(len(a), len(b), func(i, j int) bool { return a[i] == b[j] }) {
			if p.i >= 0 {
				if p.i != i {
					t.Fatalf("%v %v: %d follows %d", a, b, p.i, i)
				}
				i++
			}
			if p.j >= 0 {
				if p.j != j {
					t.Fatalf("%v %v: %d follows %d", a, b, p.j, j)
				}
				j++
			}
			if p.i >= 0 && p.j >= 0 {
				if a[p.i] != b[p.j] {
					t.Fatalf("%v %v: pairs %d and %d", a, b, p.i, p.j)
				}
				common++
			}
		}
		if i != len(a) || j != len(b) || common != longest(a, b) {
			t.Fatalf("%v %v: %d of %d and %d of %d elements, %d of %d in common", a, b, i, len(a), j, len(b), common, longest(a, b))
		}
	}
}

// longest is the length of a longest common subsequence, from the definition.
func longest(a, b []int) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		last := slices.Clone(row)
		for j, y := range b {
			if x == y {
				row[j+1] = last[j] + 1
			} else {
				row[j+1] = max(row[j], last[j+1])
			}
		}
	}
	return row[len(b)]
}

// Two long texts with nothing in common end up one after the other, soon.
func TestAlignBounded(t *testing.T) {
	const n = 100_000
	if got := len(align(n, n, func(i, j int) bool { return false })); got != 2*n {
		t.Errorf("%d lines, want %d", got, 2*n)
	}
}

// What the provider computes stays, where the plan doesn't say otherwise.
func TestSettled(t *testing.T) {
	s := &schema.Block{Attrs: []schema.Attr{{Name: "digest", Computed: true}, {Name: "from"}}}
	object := func(digest cty.Value, from string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"digest": digest, "from": str(from)})
	}
	unset, d, e := cty.NullVal(cty.String), str("d"), str("e")
	for _, c := range []struct{ before, after, want cty.Value }{
		{object(d, "x"), object(unset, "y"), object(d, "y")},
		{object(d, "x"), object(e, "y"), object(e, "y")},
		{cty.NullVal(cty.EmptyObject), object(unset, "y"), object(unset, "y")},
	} {
		if got := Settled(s, c.before, c.after); !got.RawEquals(c.want) {
			t.Errorf("got %#v, want %#v", got, c.want)
		}
	}
}

func TestForcesReplacement(t *testing.T) {
	s := &schema.Block{Attrs: []schema.Attr{{Name: "list"}, {Name: "from"}}, Blocks: []schema.Nested{{Block: schema.Block{Type: "login", Attrs: []schema.Attr{{Name: "user"}}}}}}
	object := func(from, user string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"list": words(from), "from": str(from), "login": cty.ObjectVal(map[string]cty.Value{"user": str(user)})})
	}
	w := Writer{Paint: term.Paint(false)}
	w.Object(s, addr.New("image", "a"), "-/+", object("x", "u"), object("y", "v"), []string{"list", "from", "login"})
	want := `-/+ image "a" {
      ~ list = [ # forces replacement
          ~ "x" -> "y",
        ]
      ~ from = "x" -> "y" # forces replacement

      ~ login { # forces replacement
          ~ user = "u" -> "v"
        }
    }
`
	if got := w.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
