package excerpt

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wrapped "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
)

var update = flag.Bool("update", false, "write the golden files anew")

const document = `locals { m = { a = 1 } }

image "base" {
  from   = "x" # comment
  memory = local.m.zz + 1
	cpus   = var.token == "" ? var.many[0] : var.unknown
  login {
    user = "admin"
    password = trimspace(<<EOT
a
EOT
    )
  }
}
`

// at is the range of the n-th occurrence of a text.
func at(t *testing.T, text string, n int) *hcl.Range {
	t.Helper()
	start := -1
	for range n {
		next := strings.Index(document[start+1:], text)
		if next < 0 {
			t.Fatalf("%q stands less than %d times", text, n)
		}
		start += 1 + next
	}
	pos := func(offset int) hcl.Pos {
		before := document[:offset]
		return hcl.Pos{Line: 1 + strings.Count(before, "\n"), Column: offset - strings.LastIndex(before, "\n"), Byte: offset}
	}
	return &hcl.Range{Filename: "main.hcl", Start: pos(start), End: pos(start + len(text))}
}

// samples are diagnostics of every shape, out of order.
func samples(t *testing.T) (hcl.Diagnostics, map[string]*hcl.File) {
	file, problems := hclsyntax.ParseConfig([]byte(document), "main.hcl", hcl.Pos{Line: 1, Column: 1})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	expression := func(attr string) wrapped.Expression {
		return file.Body.(*hclsyntax.Body).Blocks[1].Body.Attributes[attr].Expr
	}
	ctx := &wrapped.EvalContext{Variables: map[string]cty.Value{
		"local": cty.ObjectVal(map[string]cty.Value{"m": cty.ObjectVal(map[string]cty.Value{"a": cty.NumberIntVal(1)})}),
		"var": cty.ObjectVal(map[string]cty.Value{
			"token": cty.StringVal("correct-horse-battery").Mark(hcl.Sensitive), "unknown": cty.UnknownVal(cty.String),
			"many": cty.ListVal([]cty.Value{cty.StringVal(strings.Repeat("long ", 40))}),
		}),
	}}
	long := "The first paragraph is longer than a line of a terminal and is therefore broken at a space somewhere.\n\n" +
		"    hostler apply --this-line-is-indented-and-is-not-broken --however-long-it-may-be --really\n\nThe last one."
	diags := hcl.Diagnostics{
		{Severity: hcl.DiagError, Summary: "Unsupported attribute", Detail: `This object does not have an attribute named "zz".`,
			Subject: at(t, ".zz", 1), Expression: expression("memory"), EvalContext: ctx},
		{Severity: hcl.DiagError, Summary: "No such image", Detail: long, Subject: at(t, `"x"`, 1), Extra: addr.New("image", "base")},
		{Severity: hcl.DiagError, Summary: "Wrong\x1b[2J type", Detail: "A \x1b[31mnumber\n is needed.", Subject: at(t, "\tcpus", 1),
			Expression: expression("cpus"), EvalContext: ctx},
		{Severity: hcl.DiagWarning, Summary: "Shared block", Subject: at(t, document[strings.Index(document, "image"):len(document)-1], 1)},
		{Severity: hcl.DiagWarning, Summary: "Resource targeting is in effect", Detail: "Not everything is planned."},
		{Severity: hcl.DiagError, Summary: "Not there", Subject: &hcl.Range{Filename: "gone.hcl", Start: hcl.Pos{Line: 3}}},
		{Severity: hcl.DiagError, Summary: "Several lines", Subject: at(t, "trimspace(<<EOT\na\nEOT\n    )", 1)},
		{Severity: hcl.DiagError, Summary: "Block header", Subject: at(t, "login ", 1)},
		{Severity: hcl.DiagError, Summary: "Shorter file", Subject: &hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 99, Byte: 9999}, End: hcl.Pos{Line: 99, Byte: 10000}}},
		{Severity: hcl.DiagError, Summary: "Missing bracket", Subject: &hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 14, Column: 2, Byte: len(document) - 1}, End: hcl.Pos{Line: 15, Column: 1, Byte: len(document)}}},
	}
	return diags, map[string]*hcl.File{"main.hcl": file}
}

func TestText(t *testing.T) {
	diags, files := samples(t)
	for name, w := range map[string]Writer{
		"plain.txt":   {Files: files, Width: 78},
		"colour.ansi": {Files: files, Width: 60, Paint: true},
	} {
		var b strings.Builder
		for _, diag := range Sorted(diags) {
			b.WriteString(w.Text(diag))
		}
		golden(t, name, b.String())
		if strings.Contains(b.String(), "correct-horse") || strings.Contains(b.String(), "\x1b[2J") {
			t.Errorf("%s shows what it must not", name)
		}
	}
}

func TestJSON(t *testing.T) {
	diags, files := samples(t)
	var list []Diagnostic
	for _, diag := range Sorted(diags) {
		d := JSON(diag, files)
		list = append(list, d)
		if d.Snippet == nil || diag.Summary == "Missing bracket" {
			continue
		}
		// The highlighted bytes are the bytes of the range.
		want := document[d.Range.Start.Byte:d.Range.End.Byte]
		if got := d.Snippet.Code[d.Snippet.From:d.Snippet.To]; got != want {
			t.Errorf("%s: highlights %q, want %q", d.Summary, got, want)
		}
	}
	doc, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "diagnostics.json", string(doc))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", path, got, want)
	}
}

// A file that was made without navigation still tells the block.
func TestContextWithoutNavigation(t *testing.T) {
	bare := &hcl.File{Bytes: []byte(document)}
	for offset, want := range map[int]string{
		strings.Index(document, "memory"): `image "base"`, strings.Index(document, "user"): `image "base"`,
		strings.Index(document, "m = {"): "locals", len(document): "",
	} {
		if got := contextOf(bare, offset); got != want {
			t.Errorf("at %d: %q, want %q", offset, got, want)
		}
	}
}

func TestStatement(t *testing.T) {
	for want, v := range map[string]cty.Value{
		"is null": cty.NullVal(cty.String), "is true": cty.True, "is 4": cty.NumberIntVal(4), `is "ab"`: cty.StringVal("ab"),
		"is (sensitive value)": cty.StringVal("x").Mark(hcl.Sensitive), "is a string, not known yet": cty.UnknownVal(cty.String),
		"is not known yet": cty.DynamicVal, "is empty list of string": cty.ListValEmpty(cty.String),
		"is set of number with 1 element":                       cty.SetVal([]cty.Value{cty.Zero}),
		"is map of bool with 2 elements":                        cty.MapVal(map[string]cty.Value{"a": cty.True, "b": cty.False}),
		"is object with no attributes":                          cty.EmptyObjectVal,
		`is object with 2 attributes "a", "b"`:                  cty.ObjectVal(map[string]cty.Value{"b": cty.True, "a": cty.StringVal("x").Mark(hcl.Sensitive)}),
		"is tuple with 1 element":                               cty.TupleVal([]cty.Value{cty.True}),
		`is "` + strings.Repeat("ä", 30) + `"… (31 characters)`: cty.StringVal(strings.Repeat("ä", 31)),
	} {
		if got := statement(v); got != want {
			t.Errorf("%#v %s, want %s", v, got, want)
		}
	}
}
