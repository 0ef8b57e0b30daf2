package addr

import (
	"errors"
	"testing"
)

func TestParse(t *testing.T) {
	for _, s := range []string{
		"image.base", "_a.b-1", `image.base["a"]`, `image.base[""]`,
		`image.base["a\"b\\c\n"]`, `image.base["$${x}"]`, `image.base["$$${x}"]`,
		`image.base["$a %b"]`, `image.base["]["]`, `image.base["ü"]`,
	} {
		a, err := Parse(s)
		if err != nil {
			t.Errorf("Parse(%s): %v", s, err)
			continue
		}
		if got := a.String(); got != s {
			t.Errorf("Parse(%s).String() = %s", s, got)
		}
	}
	for _, s := range []string{
		"", "image", "image.", ".base", "image.1a", "image.a.b", "image.base[0]", "image.base[a]",
		`image.base["a"`, `image.base["a"]x`, `image.base["a"b"]`, `image.base["\q"]`, `image.base["${x}"]`,
		"image.base[\"\n\"]", "image.b\xff",
	} {
		var syntax *SyntaxError
		if a, err := Parse(s); !errors.As(err, &syntax) {
			t.Errorf("Parse(%q) = %v, %v; want a *SyntaxError", s, a, err)
		}
	}
}

func TestCovers(t *testing.T) {
	block, a, b := New("image", "base"), New("image", "base").Instance("a"), New("image", "base").Instance("b")
	for _, c := range []struct {
		x, y Addr
		want bool
	}{{block, block, true}, {block, a, true}, {a, block, false}, {a, a, true}, {a, b, false}, {New("host", "base"), a, false}} {
		if got := c.x.Covers(c.y); got != c.want {
			t.Errorf("%s covers %s: %v", c.x, c.y, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"image.base", `image.base["a\\\"$${\n"]`, `a.b["%%{"]`, `a.b[`, "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		if a.String() != s {
			t.Fatalf("Parse(%q).String() = %q", s, a.String())
		}
		if again, err := Parse(a.String()); err != nil || again != a {
			t.Fatalf("second Parse(%q) = %v, %v", s, again, err)
		}
	})
}

// FuzzInstance goes the other way: every key has an address that reads back.
func FuzzInstance(f *testing.F) {
	f.Add("a")
	f.Add("${")
	f.Add("$$${x}")
	f.Fuzz(func(t *testing.T, key string) {
		a := New("image", "base").Instance(key)
		got, err := Parse(a.String())
		if err == nil && got != a {
			t.Fatalf("%q: %q reads back as %q", key, a, got)
		}
	})
}
