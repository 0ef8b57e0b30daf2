package hcl

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
)

func output(t *testing.T, c *Config, name string) cty.Value {
	t.Helper()
	for _, o := range c.Outputs {
		if o.Name == name {
			return o.Value
		}
	}
	t.Fatalf("no output %q in %s", name, render(c))
	return cty.NilVal
}

// What a Ref attribute makes of the ways to write a reference.
func TestReferences(t *testing.T) {
	const common = `
host "one" {}
host "many" {
  for_each = toset(["a", "b"])
}
image "solo" {
  host = host.one
  from = "x"
}
image "each" {
  for_each = host.many
  host     = each.value
  from     = "x"
}
locals {
  solo  = image.solo
  many  = host.many
  pairs = { x = host.many["a"], y = host.one }
}
`
	for _, test := range []struct{ body, want string }{
		{"host = host.one\n image = image.solo", `host.one image.solo -`},
		{"host = host.one\n image = local.solo", `host.one image.solo -`},
		{"host = local.many[\"a\"]\n image = image.each", `host.many["a"] image.each["a"] -`},
		{"host = host.many[\"b\"]\n image = image.each[\"a\"]", `host.many["b"] image.each["a"] -`},
		{"host = local.pairs.x", `host.many["a"] - -`},
		{"host = image.each[\"b\"].host", `host.many["b"] - -`},
		{"host = values(local.pairs)[1]", `host.one - -`},
		{"host = true ? host.one : host.one", `host.one - -`},
		{"host = try(host.many.c, host.one)", ``},
		{"host = host.one\n image = null", `host.one - -`},
		{"host = host.one\n images = [image.solo, image.each[\"a\"]]", `host.one - image.solo,image.each["a"]`},
		{"host = host.one\n images = [for k, i in image.each : i]", `host.one - image.each["a"],image.each["b"]`},
		{"host = host.one\n images = values(image.each)", `host.one - image.each["a"],image.each["b"]`},
		{"for_each = host.many\n host = each.value\n image = image.each", `host.many["a"] image.each["a"] -`},
		{"for_each = host.many\n host = host.many[each.key]\n image = image.each", `host.many["a"] image.each["a"] -`},
	} {
		c, diags := load(t, common+"runner \"r\" {\n "+test.body+"\n}\n", Vars{})
		if test.want == "" {
			if !diags.HasErrors() {
				t.Errorf("%s: no error", test.body)
			}
			continue
		}
		if len(diags) > 0 {
			t.Errorf("%s: %s", test.body, plain(diags))
			continue
		}
		r := c.Block(addr.New("runner", "r"))
		if r == nil {
			r = c.Block(addr.New("runner", "r").Instance("a"))
		}
		show := func(v cty.Value) string {
			switch {
			case v.IsNull():
				return "-"
			case v.Type() == cty.String:
				return v.AsString()
			}
			var out []string
			for _, e := range v.AsValueSlice() {
				out = append(out, e.AsString())
			}
			return strings.Join(out, ",")
		}
		got := fmt.Sprintf("%s %s %s", show(at(r.Value, "host")), show(at(r.Value, "image")), show(at(r.Value, "images")))
		if got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.body, got, test.want)
		}
	}
}

// try, can and conditions may ask for an instance that is not there; where it
// is needed that is an error.
func TestMissingInstances(t *testing.T) {
	const common = "host \"m\" {\n  for_each = toset([\"a\"])\n}\n"
	for expr, want := range map[string]cty.Value{
		`try(host.m["b"].guests, 9)`: cty.NumberIntVal(9),
		`can(host.m["b"])`:           cty.False,
		`can(host.m["a"])`:           cty.True,
		`contains(keys(host.m), "b") ? host.m["b"].address : "nowhere"`: cty.StringVal("nowhere"),
		`lookup(host.m, "b", null) == null`:                             cty.True,
	} {
		c := good(t, common+"output \"x\" {\n  value = "+expr+"\n}\n")
		if got := output(t, c, "x"); !got.RawEquals(want) {
			t.Errorf("%s is %#v", expr, got)
		}
	}
	for _, expr := range []string{`host.m["b"].guests`, `try(host.m["b"].guests, host.m["c"].guests)`, `true ? host.m["b"] : host.m["a"]`} {
		if _, diags := load(t, common+"output \"x\" {\n  value = "+expr+"\n}\n", Vars{}); len(diags) != 1 || !diags.HasErrors() {
			t.Errorf("%s: %s", expr, plain(diags))
		}
	}
}

// A reference may also be an image's origin, where other text is one too.
func TestReferenceOrText(t *testing.T) {
	c := good(t, `
host "h" {}
image "a" {
  from = "ghcr.io/acme/image.base:1"
}
image "b" {
  from = image.a
}
image "c" {
  from = 5
}
`)
	for name, want := range map[string]string{"a": "ghcr.io/acme/image.base:1", "b": "image.a", "c": "5"} {
		b := c.Block(addr.New("image", name))
		if got := at(b.Value, "from").AsString(); got != want {
			t.Errorf("%s is from %q", name, got)
		}
		if wantDeps := map[string]int{"a": 1, "b": 2, "c": 1}[name]; len(b.Deps) != wantDeps { // the only host counts
			t.Errorf("%s depends on %v", name, b.Deps)
		}
	}
}

// Dependencies are the instances whose values end up in a block, however
// they got there, and depends_on.
func TestDependencies(t *testing.T) {
	const common = `
host "h" {
  for_each = { a = 1, b = 2, c = 3 }
  guests   = each.value
}
host "x" {}
locals {
  guests = { for k, h in host.h : k => h.guests }
  unused = host.x.guests
}
`
	for body, want := range map[string]string{
		`guests = host.h["a"].guests`:                               `[host.h["a"]]`,
		`guests = local.guests["b"]`:                                `[host.h["b"]]`,
		`guests = local.guests["a"] == 1 ? 2 : 1`:                   `[host.h["a"]]`,
		`guests = length(host.h)`:                                   `[]`,
		`guests = max(values(local.guests)...)`:                     `[host.h["a"] host.h["b"] host.h["c"]]`,
		`labels = ["${host.h["c"].guests}"]`:                        `[host.h["c"]]`,
		`labels = [jsonencode(host.x.labels)]`:                      `[host.x]`,
		`guests = true ? 1 : host.x.guests`:                         `[host.x]`,
		`depends_on = [host.x, host.h["a"]]`:                        `[host.h["a"] host.x]`,
		`depends_on = [host.h]`:                                     `[host.h["a"] host.h["b"] host.h["c"]]`,
		`prevent_destroy = host.x.guests > 100`:                     `[]`,
		"guests = 1\n for_each = { k = host.x }":                    `[]`,
		"guests = 1\n for_each = toset([\"k\"])":                    `[]`,
		"labels = [each.value.address]\n for_each = { k = host.x }": `[host.x]`,
	} {
		c := good(t, common+"host \"y\" {\n "+body+"\n}\n")
		y := c.Block(addr.New("host", "y"))
		if y == nil {
			y = c.Block(addr.New("host", "y").Instance("k"))
		}
		if got := fmt.Sprint(y.Deps); got != want {
			t.Errorf("%s: depends on %s, want %s", body, got, want)
		}
	}
}

func TestForEach(t *testing.T) {
	for expr, want := range map[string]string{
		`toset(["b", "a"])`:                  `h["a"]=a:a h["b"]=b:b `,
		`{ a = "x", b = "y" }`:               `h["a"]=a:x h["b"]=b:y `,
		`tomap({ a = 1 })`:                   `h["a"]=a:1 `,
		`{ for n in ["x"] : upper(n) => 7 }`: `h["X"]=X:7 `,
		`{ "with \"quotes\" \n" = 1 }`:       `h["with \"quotes\" \n"]=with "quotes" ` + "\n" + `:1 `,
		`{ "" = 1 }`:                         `h[""]=:1 `,
		`{}`:                                 ``,
		`toset([])`:                          ``,
		`var.set`:                            `h["s"]=s:s `,
	} {
		c := good(t, "variable \"set\" {\n  type = set(string)\n  default = [\"s\"]\n}\nhost \"h\" {\n  for_each = "+expr+"\n  labels = [\"${each.key}:${each.value}\"]\n}\n")
		var got strings.Builder
		for _, b := range c.Blocks {
			fmt.Fprintf(&got, "%s=%s ", strings.TrimPrefix(b.Addr.String(), "host."), at(b.Value, "labels.0").AsString())
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", expr, got.String(), want)
		}
	}
}

func TestVariablePrecedence(t *testing.T) {
	const decl = "-- main.hcl --\nvariable \"x\" {\n  default = \"default\"\n}\noutput \"x\" {\n  value = var.x\n}\n"
	auto := "-- b.auto.hclvars --\nx = \"b\"\n-- a.auto.hclvars.json --\n{\"x\": \"a\"}\n"
	env := []string{"HOSTLER_VAR_x=env", "OTHER=1", "HOSTLER_VAR_unknown=1"}
	for _, test := range []struct {
		name, files, want string
		vars              Vars
	}{
		{name: "default", files: decl, want: "default"},
		{name: "environment", files: decl, vars: Vars{Environ: env}, want: "env"},
		{name: "auto files in name order", files: decl + auto, vars: Vars{Environ: env}, want: "b"},
		{name: "file", files: decl + auto, vars: Vars{Args: []VarArg{{Text: "FILE", File: true}}}, want: "file"},
		{name: "last argument", files: decl + auto, vars: Vars{Args: []VarArg{{Text: "x=arg"}, {Text: "FILE", File: true}}}, want: "file"},
		{name: "last argument", files: decl + auto, vars: Vars{Args: []VarArg{{Text: "FILE", File: true}, {Text: "x=one"}, {Text: " x =a=b"}}}, want: "a=b"},
	} {
		dir := write(t, test.files+"-- other.hclvars --\nx = \"file\"\n")
		for i := range test.vars.Args {
			test.vars.Args[i].Text = strings.Replace(test.vars.Args[i].Text, "FILE", filepath.Join(dir, "other.hclvars"), 1)
		}
		c, diags := Load(dir, language(), test.vars)
		if len(diags) > 0 {
			t.Fatal(plain(diags))
		}
		if got := output(t, c, "x"); !got.RawEquals(cty.StringVal(test.want)) {
			t.Errorf("%s: %#v", test.name, got)
		}
	}
}

func TestVariableTypes(t *testing.T) {
	for _, test := range []struct {
		decl, given string
		want        cty.Value
	}{
		{`type = string`, `5`, cty.StringVal("5")},
		{`type = string`, `"quoted"`, cty.StringVal(`"quoted"`)},
		{`type = number`, `5`, cty.NumberIntVal(5)},
		{`type = bool`, `true`, cty.True},
		{``, `[1]`, cty.StringVal("[1]")},
		{`type = any`, `[1]`, cty.TupleVal([]cty.Value{cty.NumberIntVal(1)})},
		{`type = list(string)`, `["a", 1]`, cty.ListVal([]cty.Value{cty.StringVal("a"), cty.StringVal("1")})},
		{`type = object({ a = string, b = optional(number, 3) })`, `{ a = "x" }`, cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("x"), "b": cty.NumberIntVal(3)})},
		{`type = list(string)`, `null`, cty.NullVal(cty.List(cty.String))},
		{"type = list(string)\n nullable = false\n default = []", `null`, cty.ListValEmpty(cty.String)},
		{"type = number\n validation {\n condition = var.x > local.least\n error_message = \"No.\"\n}", "7", cty.NumberIntVal(7)},
	} {
		c, diags := load(t, "variable \"x\" {\n "+test.decl+"\n}\nlocals {\n least = 5\n}\noutput \"x\" {\n value = var.x\n}\n", Vars{Args: []VarArg{{Text: "x=" + test.given}}})
		if len(diags) > 0 || !c.Variables["x"].RawEquals(test.want) || !output(t, c, "x").RawEquals(test.want) {
			t.Errorf("%s given %s is %#v\n%s", test.decl, test.given, c.Variables["x"], plain(diags))
		}
	}
}

// Every way in which a sensitive value may get into a diagnostic or into the
// configuration. The secret is in no text that hcl can write.
func TestSensitiveStaysIn(t *testing.T) {
	const secret = "hunter2"
	vars := Vars{Args: []VarArg{{Text: "token=" + secret}}}
	c, diags := load(t, `
variable "token" {
  sensitive = true
}
locals {
  derived = "Bearer ${var.token}"
  length  = nonsensitive(length(var.token))
  marked  = sensitive("plain")
}
host "h" {
  guests = local.length > 3 ? 1 : 2
}
output "token" {
  value     = [local.derived, "x"]
  sensitive = true
}
output "tests" {
  value = [issensitive(local.derived), issensitive(local.length), nonsensitive(local.marked)]
}
`, vars)
	if len(diags) > 0 {
		t.Fatal(plain(diags))
	}
	if !output(t, c, "token").HasMark(Sensitive) || !c.Variables["token"].HasMark(Sensitive) {
		t.Error("marks are lost")
	}
	if got := output(t, c, "tests"); !got.RawEquals(cty.TupleVal([]cty.Value{cty.True, cty.False, cty.StringVal("plain")})) {
		t.Errorf("%#v", got)
	}

	for _, expr := range []string{
		`tonumber(var.token)`, `{ for x in [var.token, var.token] : x => 1 }`, `{ for x in split("", var.token) : "a" => [x] }`,
		`[for x in split("", var.token) : tonumber(x)]`, `file(var.token)`, `jsondecode(var.token)`, `var.token.x`, `var.token[0]`,
		`{ a = 1 }[var.token]`, `parseint(var.token, 10)`, `regex(var.token, "")`, `formatdate(var.token, var.token)`, `templatefile("t.tmpl", { x = var.token })`,
		`element([1], var.token)`, `merge(var.token, {})`, `tobool("${var.token}")`, `[for x in [var.token] : x.y]`, `try(tonumber(var.token))`, `lookup({}, var.token)`,
		`base64decode("${var.token}!")`, `fileset(".", "[${var.token}")`, `local.length`, `yamldecode("{${var.token}")`, `csvdecode("a,b\n\"${var.token}")`,
		`one([var.token, var.token])`, `zipmap([var.token], [])`, `var.token ? 1 : 2`, `-var.token`, `!var.token`, `range(var.token)`, `index([], var.token)`,
		`"${[var.token]}"`, `coalesce()`, `timeadd(var.token, var.token)`, `split(var.token)`, `setproduct(var.token)`, `substr(var.token, "x", 1)`,
	} {
		dir := write(t, fmt.Sprintf("-- main.hcl --\nvariable \"token\" {\n  sensitive = true\n}\nlocals {\n  length = length(%s)\n}\nhost \"h\" {\n  labels = [%s]\n}\noutput \"o\" {\n value = %s\n}\n-- t.tmpl --\n${tonumber(x)}", expr, expr, expr))
		c, diags := Load(dir, language(), vars)
		if !diags.HasErrors() {
			t.Errorf("%s: no error", expr)
		}
		var buf bytes.Buffer
		if err := hcl.NewDiagnosticTextWriter(&buf, c.Files, 78, false).WriteDiagnostics(diags); err != nil {
			t.Error(err)
		}
		buf.WriteString(plain(diags) + diags.Error() + fmt.Sprintf("%#v", c.Blocks))
		if strings.Contains(buf.String(), secret) {
			t.Errorf("%s: the secret is in\n%s", expr, buf.String())
		}
	}
}

// A diagnostic of a sensitive value that comes from a file does not show the
// line.
func TestSensitiveValuesFileIsNotShown(t *testing.T) {
	text := "-- main.hcl --\nvariable \"n\" {\n  type = number\n%s}\nhost \"h\" {\n guests = 1\n}\n-- x.auto.hclvars --\nn = \"text\"\n"
	c, diags := load(t, fmt.Sprintf(text, ""), Vars{})
	if len(diags) != 1 || c.Files["x.auto.hclvars"] == nil {
		t.Errorf("%v %s", c.Files, plain(diags))
	}
	c, diags = load(t, fmt.Sprintf(text, "  sensitive = true\n"), Vars{})
	if len(diags) != 1 || c.Files["x.auto.hclvars"] != nil {
		t.Errorf("%v %s", c.Files, plain(diags))
	}
}

// Neither does one of a variable that may have been meant to be sensitive.
func TestMisspeltSensitiveIsNotShown(t *testing.T) {
	for _, decl := range []string{"variable \"n\" {\n  sensitiv = true\n}", "varible \"n\" {\n  sensitive = true\n}"} {
		c, diags := load(t, "-- main.hcl --\n"+decl+"\nhost \"h\" {\n  guests = var.n\n}\n-- x.auto.hclvars --\nn = hunter2\n", Vars{})
		if c.Files["x.auto.hclvars"] != nil || strings.Contains(plain(diags), "hunter2") || !diags.HasErrors() {
			t.Errorf("%s: %s", decl, plain(diags))
		}
	}
}

// Diagnostics carry the values of what an expression refers to, without the
// marks of this package.
func TestDiagnosticShowsValues(t *testing.T) {
	c, diags := load(t, `
host "a" {
  guests = 3
}
locals {
  twice = host.a.guests * 2
}
host "b" {
  guests = local.twice
}
host "c" {
  for_each = { k = host.a }
  guests   = each.value.guests * 5
}
`, Vars{})
	var buf bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&buf, c.Files, 0, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"with local.twice as 6.", "with each.value.guests as 3.", `in host "b"`} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("%q is not in\n%s", want, buf.String())
		}
	}
}

// Without values for variables everything else is still checked, and the
// Config holds what does not need them.
func TestUnset(t *testing.T) {
	const text = `
variable "n" {
  type = number
  validation {
    condition     = var.n > 1
    error_message = "No."
  }
}
variable "hosts" {
  type      = map(object({ guests = number }))
  sensitive = false
}
variable "any" {}
host "known" {}
host "h" {
  guests = var.n
  labels = [var.any, "x"]
}
host "each" {
  for_each = var.hosts
  guests   = each.value.guests
}
image "i" {
  for_each = host.each
  host     = each.value
  from     = var.any
}
image "j" {
  host = host.each["x"]
  from = "x"
}
runner "r" {
  host   = host.known
  image  = image.i
  images = [var.any]
}
output "x" {
  value = var.n
}
`
	c, diags := load(t, text, Vars{Unset: true})
	if len(diags) > 0 {
		t.Fatal(plain(diags))
	}
	for _, b := range c.Blocks {
		if !b.Value.IsWhollyKnown() {
			t.Errorf("%s is unknown", b.Addr)
		}
	}
	if len(c.Blocks) != 1 || len(c.Outputs) != 0 || len(c.Variables) != 0 {
		t.Errorf("%s", render(c))
	}
}

func TestUnresolvedSole(t *testing.T) {
	c := good(t, "host \"h\" {\n  for_each = toset([\"only\"])\n}\nimage \"i\" {\n  from = \"x\"\n}\nvariable \"none\" {\n  default = null\n}\nimage \"j\" {\n  host = var.none\n  from = \"x\"\n}\n")
	for _, name := range []string{"i", "j"} {
		b := c.Block(addr.New("image", name))
		if at(b.Value, "host").AsString() != `host.h["only"]` || len(b.Deps) != 1 {
			t.Errorf("%s is on %#v, deps %v", name, at(b.Value, "host"), b.Deps)
		}
	}
}
