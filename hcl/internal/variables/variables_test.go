package variables

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/body"
	"hostler/hcl/internal/given"
	"hostler/hcl/internal/marks"
	"hostler/hcl/schema"
)

// declare makes a variable of the text between the braces of its block.
func declare(t *testing.T, text string) (*Variable, hcl.Diagnostics) {
	t.Helper()
	attr := func(name string) schema.Attr { return schema.Attr{Name: name, Type: schema.Any} }
	s := &schema.Block{
		Type:  "variable",
		Attrs: []schema.Attr{attr("type"), attr("default"), attr("description"), attr("sensitive"), attr("nullable")},
		Blocks: []schema.Nested{{Mode: schema.List, Block: schema.Block{
			Type: "validation", Attrs: []schema.Attr{attr("condition"), attr("error_message")},
		}}},
	}
	file, diags := hclsyntax.ParseConfig([]byte("variable \"x\" {\n"+text+"\n}\n"), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	content, _ := file.Body.Content(body.InFiles(map[string]*schema.Block{s.Type: s}))
	b, _ := body.Grammar{}.Split(content.Blocks[0], s, nil)
	return Declare("x", b)
}

func TestValue(t *testing.T) {
	const none = "\x00"
	for _, test := range []struct {
		decl, text string
		unset      bool
		want       cty.Value
		fails      string
	}{
		{decl: `default = 1`, text: none, want: cty.NumberIntVal(1)},
		{decl: `default = 1`, text: "[2]", want: cty.StringVal("[2]")},
		{decl: `type = any`, text: "[2]", want: cty.TupleVal([]cty.Value{cty.NumberIntVal(2)})},
		{decl: `type = any`, text: "x", fails: "var.x is of type any"},
		{decl: `type = set(string)`, text: "a, b", fails: "var.x is of type set(string), so its value is written as in files"},
		{decl: `type = map(string)`, text: "${a}", fails: "can't be read like that"},
		{decl: `type = number`, text: "two", fails: "a number is required"},
		{decl: ``, text: none, fails: "HOSTLER_VAR_x"},
		{decl: ``, text: none, unset: true, want: cty.DynamicVal},
		{decl: `type = bool`, text: none, unset: true, want: cty.UnknownVal(cty.Bool)},
		{decl: `defualt = 1`, text: none, want: cty.DynamicVal},
		{decl: "type = list(string)\nnullable = false\ndefault = [\"d\"]", text: "null", want: cty.ListVal([]cty.Value{cty.StringVal("d")})},
		{decl: "type = list(string)\nnullable = false", text: "null", fails: "not nullable"},
		{decl: "nullable = false\ndefault = null", text: none, fails: "Remove one of the two"},
		{decl: "type = object({ a = optional(number, 3) })\ndefault = {}", text: none, want: cty.ObjectVal(map[string]cty.Value{"a": cty.NumberIntVal(3)})},
		{decl: `sensitive = true`, text: "hunter2", want: cty.StringVal("hunter2").Mark(marks.Sensitive)},
		{decl: "sensitive = true\ntype = map(string)", text: `{ hunter2 = [] }`, fails: "its type is map(string)"},
		{decl: "sensitive = true\ntype = map(string)", text: `{ hunter2`, fails: "no valid expression"},
	} {
		v, diags := declare(t, test.decl)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		a := given.Value{Text: test.text, At: hcl.Range{Filename: "--var x=..."}}
		got, diags := v.Value(a, test.text != none, test.unset)
		if strings.Contains(diags.Error(), "hunter2") {
			t.Errorf("%s: the value is in %s", test.decl, diags)
		}
		if test.fails != "" {
			if len(diags) != 1 || !strings.Contains(diags[0].Detail, test.fails) || got.IsKnown() {
				t.Errorf("%s given %q: %s, %#v", test.decl, test.text, diags, got)
			}
			continue
		}
		if len(diags) > 0 || !got.RawEquals(test.want) {
			t.Errorf("%s given %q is %#v, %s", test.decl, test.text, got, diags)
		}
	}
}

func TestDeclare(t *testing.T) {
	for text, want := range map[string]string{
		`type = strng`: `Did you mean "string"?`, `type = "list"`: "type = list.", `type = list`: "element type", `type = list(strin)`: `Did you mean "string"?`,
		`sensitive = "maybe"`: "bool", `description = local.x`: "refers to nothing else", `nullable = 5`: "bool",
	} {
		if _, diags := declare(t, text); len(diags) != 1 || !strings.Contains(diags[0].Detail, want) {
			t.Errorf("%s: %s, want %q", text, diags, want)
		}
	}
}

func TestMeantToBeSensitive(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, `sensitive = false`: false, `sensitive = true`: true, `sensitive = "true"`: true, `sensitiv = true`: true, `sensitive = yes`: true, `sensitive = [true]`: true,
	} {
		if v, _ := declare(t, text); v.Sensitive != want {
			t.Errorf("%s: %v", text, v.Sensitive)
		}
	}
}

// Every rule that is broken is told, with a message that is no secret.
func TestCheck(t *testing.T) {
	v, diags := declare(t, `
validation {
  condition     = var.x > 3
  error_message = "${var.x} is not above 3."
}
validation {
  condition     = var.x > 4
  error_message = "Not ${local.secret}."
}
validation {
  condition     = var.x > 5
  error_message = [1]
}
validation {
  condition     = var.x < 5
  error_message = "Never."
}
validation {
  condition     = "perhaps"
  error_message = "Never."
}
validation {
  condition     = local.secret + 1 > 0
  error_message = "Never."
}`)
	if diags.HasErrors() || len(v.Uses()) != 7 {
		t.Fatal(diags, v.Uses())
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{
		"var":   cty.ObjectVal(map[string]cty.Value{"x": cty.NumberIntVal(1)}),
		"local": cty.ObjectVal(map[string]cty.Value{"secret": cty.StringVal("hunter2").Mark(marks.Sensitive)}),
	}}
	var got []string
	for _, d := range v.Check(ctx) {
		first, _, _ := strings.Cut(d.Detail, "\n")
		got = append(got, first)
	}
	want := []string{
		"1 is not above 3.",
		"The value of var.x breaks a rule, whose error_message is not shown because it contains a sensitive value.",
		"The value of var.x breaks a rule, whose error_message is not text.",
		"The condition must be true or false.",
		"A sensitive value takes part here, so the details are withheld: they could repeat it.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
