package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"hostler/hcl/addr"
	"hostler/hcl/internal/marks"
)

func place(byte int) hcl.Range {
	pos := hcl.Pos{Line: 1, Column: byte + 1, Byte: byte}
	return hcl.Range{Filename: "x", Start: pos, End: pos}
}

// What was said in the same words about the same place is said once; all else
// is kept, in the order of the files.
func TestSettle(t *testing.T) {
	nowhere := &hcl.Diagnostic{Summary: "s", Detail: "d"}
	diags := Settle(hcl.Diagnostics{At(place(9), "s", "d"), At(place(5), "s", "second"), At(place(5), "s", "first"), At(place(5), "s", "second"), nowhere, nowhere}, nil)
	var got []string
	for _, d := range diags {
		got = append(got, d.Detail)
	}
	if want := []string{"d", "d", "second", "first", "d"}; !slices.Equal(got, want) || diags[0].Subject != nil {
		t.Errorf("%q", got)
	}
}

// In JSON, | marks what HCL's ranges mean, and escapes stand before and in it.
func TestPlace(t *testing.T) {
	for _, test := range []struct {
		json, text string // the text is what the last string means
		reference  bool
	}{
		{json: `{"a": "${upper(\"x\")} ${|var.x|}"}`, text: `${upper("x")} ${|var.x|}`},
		{json: `{"a": "${|\"x\"|.y}"}`, text: `${|"x"|.y}`},
		{json: "{\"b\": 1,\n\"ä\": \"ä\\n\\u00e4\\ud83d\\ude00\\ud83d\\u0041${|a|}\"}", text: "ä\nä😀\ufffdA${|a|}"},
		{json: `{"a": "|host.x|"}`, text: `|host.x|`, reference: true},
		{json: `{"a": "|host.x[\"y\"]|"}`, text: `|host.x["y"]|`, reference: true},
		{json: `{"a": "${|"}`, text: `${|`},
	} {
		src := strings.ReplaceAll(test.json, "|", "")
		begin := strings.LastIndex(src, `: "`) + 2
		from := strings.Index(test.text, "|")
		to := strings.LastIndex(test.text, "|") - 1
		if to < from {
			to = from
		}
		if !test.reference {
			from, to = from+1, to+1
		}
		rng := hcl.Range{Filename: "x.json", Start: hcl.Pos{Line: 7, Byte: begin + from}, End: hcl.Pos{Line: 7, Byte: begin + to}}
		got := Place(rng, map[string]*hcl.File{"x.json": {Bytes: []byte(src)}})
		marked := src[:got.Start.Byte] + "|" + src[got.Start.Byte:got.End.Byte] + "|" + src[got.End.Byte:]
		if want := test.json; marked != want && strings.Replace(marked, "||", "|", 1) != want {
			t.Errorf("%s: %s", want, marked)
		}
		if line := 1 + strings.Count(src[:got.Start.Byte], "\n"); got.Start.Line != line {
			t.Errorf("%s: line %d, want %d", test.json, got.Start.Line, line)
		}
	}
	// HCL misses a closing quote after the end.
	beyond := hcl.Range{Filename: "x.json", Start: hcl.Pos{Line: 1, Column: 2, Byte: 1}, End: hcl.Pos{Line: 1, Column: 3, Byte: 2}}
	if got := Place(beyond, map[string]*hcl.File{"x.json": {Bytes: []byte(`"`)}}); got.String() != "x.json:1,2-2" || got.End.Byte != 1 {
		t.Error(got)
	}
	// What is no part of a string stays where it is.
	src := `{"a": {"b": "\"c\""}, "d": 5}`
	files := map[string]*hcl.File{"x.json": {Bytes: []byte(src)}, "x.hcl": {Bytes: []byte(src)}}
	for _, part := range []string{`"a"`, `{"b"`, `"\"c\""`, `5`, `}`} {
		at := strings.Index(src, part)
		for name := range files {
			rng := hcl.Range{Filename: name, Start: hcl.Pos{Byte: at}, End: hcl.Pos{Byte: at + len(part)}}
			if got := Place(rng, files); got != rng {
				t.Errorf("%s in %s: %v", part, name, got)
			}
		}
	}
}

// Instances say the same with other values; each mistake is told once, two
// mistakes at one place twice.
func TestTold(t *testing.T) {
	told := Told{}
	if n := len(told.News(hcl.Diagnostics{At(place(1), "s", "a is missing"), At(place(2), "s", "1 is wrong")})); n != 2 {
		t.Errorf("%d of 2", n)
	}
	news := told.News(hcl.Diagnostics{At(place(1), "s", "a is missing"), At(place(1), "s", "b is missing"), At(place(2), "s", "2 is wrong"), {Summary: "nowhere"}})
	if len(news) != 2 || news[0].Detail != "b is missing" || news[1].Summary != "nowhere" {
		t.Error(news)
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"a = |8GiB": "8GiB", "a = 8|GiB\n": "8GiB", "x(|ghcr.io/a/b:1)": "ghcr.io/a/b:1", "a = |": "", "|": "", "a = b |+ c": "", "[a.b|, c]": "a.b",
	} {
		before, after, _ := strings.Cut(text, "|")
		if got := Word([]byte(before+after), len(before)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestDiscreet(t *testing.T) {
	many := cty.MapVal(map[string]cty.Value{"alpha": cty.EmptyObjectVal, "beta": cty.EmptyObjectVal}).Mark(marks.InstancesOf(addr.New("host", "m")))
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"o": cty.ObjectVal(map[string]cty.Value{"size": cty.True, "many": many}),
			"m": cty.MapVal(map[string]cty.Value{"alpha": cty.True}), "none": cty.MapValEmpty(cty.String), "null": cty.NullVal(cty.Map(cty.String)), "k": cty.StringVal("alhpa"),
		},
		Functions: map[string]function.Function{"lower": stdlib.LowerFunc, "log": stdlib.LogFunc, "values": stdlib.ValuesFunc},
	}
	for expr, want := range map[string]string{
		`o.sise`:                `does not have an attribute named "sise". Did you mean "size"?`,
		`o["sise"]`:             `Did you mean "size"?`,
		`o.x`:                   `does not have an attribute named "x".`,
		`m.alhpa`:               `Did you mean "alpha"?`,
		`m[k]`:                  `Did you mean "alpha"?`,
		`none.a`:                `element with the key "a".`,
		`null.a`:                `null`,
		`o.many["aplha"].x`:     `host.m has no instance with the key "aplha"; it has "alpha", "beta". Did you mean "alpha"?`,
		`o.many[k]`:             `host.m has no instance with the key "alhpa"`,
		`o.many[*].x`:           `values(…)[*]`,
		`lowr("X")`:             `There is no function named "lowr". Did you mean "lower"?`,
		`[for x in [1]: xyz()]`: `There is no function named "xyz".`,
		`timestamp()`:           `the same files must always give the same plan`,
	} {
		parsed, _ := hclsyntax.ParseExpression([]byte(expr), "x", hcl.InitialPos)
		_, diags := parsed.Value(ctx)
		if diags = Discreet(diags, ctx); len(diags) != 1 || !strings.HasSuffix(diags[0].Detail, want) && !strings.Contains(diags[0].Detail, want) {
			t.Errorf("%s: %v, want %q", expr, diags, want)
		}
	}
	// Where a sensitive value takes part, only the names of functions are hints.
	ctx.Variables["k"] = cty.StringVal("alhpa").Mark(marks.Sensitive)
	for expr, want := range map[string]string{`m[k]`: "in this collection value.", `o.many[k]`: "in this collection value.", `lowr(k)`: `Did you mean "lower"?`} {
		parsed, _ := hclsyntax.ParseExpression([]byte(expr), "x", hcl.InitialPos)
		_, diags := parsed.Value(ctx)
		if diags = Discreet(diags, ctx); len(diags) != 1 || !strings.HasSuffix(diags[0].Detail, want) {
			t.Errorf("%s: %v, want %q", expr, diags, want)
		}
	}
	if diags := Discreet(nil, ctx); diags != nil {
		t.Error(diags)
	}
}
