package functions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

const mark = "secret"

func evaluate(t *testing.T, dir, text string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", text, diags)
	}
	unknown := map[string]cty.Value{
		"unknown": cty.UnknownVal(cty.String), "any": cty.DynamicVal, "list": cty.UnknownVal(cty.List(cty.String)),
		"null": cty.NullVal(cty.String),
	}
	return expr.Value(&hcl.EvalContext{Functions: Table(dir, mark), Variables: map[string]cty.Value{"v": cty.ObjectVal(unknown)}})
}

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "hello", "sub/b.txt": "b", "sub/c.md": "c", "bin": "\xff\x00",
		"t.tmpl": "%{ for n in names ~}${upper(n)};%{ endfor ~}${file(\"a.txt\")}",
		"v.tmpl": "${tonumber(x)}", "bad.tmpl": "${", "self.tmpl": `${templatefile("self.tmpl", {})}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The examples are those of Terraform's manual where it has some.
func TestTable(t *testing.T) {
	dir := folder(t)
	for expr, want := range map[string]string{
		`abs(-3)`: `3`, `ceil(1.1)`: `2`, `floor(1.9)`: `1`, `log(16, 2)`: `4`, `pow(2, 3)`: `8`, `signum(-9)`: `-1`, `parseint("ff", 16)`: `255`,
		`max(1, 3, 2)`: `3`, `min(1, 3, 2)`: `1`, `sum([1, 2, 3.5])`: `6.5`, `sum(toset([1, 2]))`: `3`, `range(3)`: `[0,1,2]`,
		`length("héllo")`: `5`, `length([1, 2])`: `2`, `length({ a = 1 })`: `1`, `length(toset(["a", "a"]))`: `1`, `length(tomap({}))`: `0`,
		`upper("a")`: `"A"`, `lower("A")`: `"a"`, `title("a b")`: `"A B"`, `trimspace(" a ")`: `"a"`, `trim("?!a!", "!?")`: `"a"`,
		`trimprefix("ab", "a")`: `"b"`, `trimsuffix("ab", "b")`: `"a"`, `chomp("a\n")`: `"a"`, `strrev("ab")`: `"ba"`, `substr("hello", 1, 2)`: `"el"`,
		`indent(2, "a\nb")`: `"a\n  b"`, `join("-", ["a", "b"])`: `"a-b"`, `split(",", "a,b")`: `["a","b"]`,
		`format("%s has %d", "a", 2)`: `"a has 2"`, `formatlist("%s!", ["a"])`: `["a!"]`, `formatdate("YYYY", "2020-01-02T00:00:00Z")`: `"2020"`,
		`timeadd("2020-01-02T00:00:00Z", "1h")`: `"2020-01-02T01:00:00Z"`,
		`replace("1 + 2", "+", "-")`:            `"1 - 2"`, `replace("hello world", "/w.*d/", "all")`: `"hello all"`, `replace("a/b", "/", "_")`: `"a_b"`,
		`regex("[a-z]+", "12ab")`: `"ab"`, `regexall("[a-z]", "a1b")`: `["a","b"]`,
		`startswith("hello", "he")`: `true`, `endswith("hello", "he")`: `false`, `strcontains("hello", "ell")`: `true`,
		`basename("/a/b.txt")`: `"b.txt"`, `dirname("/a/b.txt")`: `"/a"`, `urlencode("a b&")`: `"a+b%26"`,
		`base64encode("hi")`: `"aGk="`, `base64decode("aGk=")`: `"hi"`,
		`md5("hi")`: `"49f68a5c8493ec2c0bf489821c21fc3b"`, `sha1("hi")`: `"c22b5f9178342609428d6f51b2c5af4c0bde6a42"`,
		`sha256("hi")`:               `"8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"`,
		`base64sha256("hi")`:         `"j0NDRmSPa5bfid2pAcUXaxCm2Dlh3TwayItZstwyeqQ="`,
		`substr(sha512("hi"), 0, 8)`: `"150a14ed"`, `substr(base64sha512("hi"), 0, 8)`: `"FQoU7Vvq"`,
		`concat([1], [2])`: `[1,2]`, `contains(["a"], "a")`: `true`, `distinct(["a", "a"])`: `["a"]`, `element(["a", "b"], 3)`: `"b"`,
		`flatten([[1], [2, [3]]])`: `[1,2,3]`, `keys({ b = 1, a = 2 })`: `["a","b"]`, `values({ b = 1, a = 2 })`: `[2,1]`,
		`lookup({ a = 1 }, "b", 2)`: `2`, `lookup({ a = 1 }, "a", "x")`: `1`, `lookup({ a = 1 }, "b", null)`: `null`, `lookup(tomap({ a = 1 }), "b", null)`: `null`, `lookup(tomap({ a = 1 }), "a", null)`: `1`, `merge({ a = 1 }, { b = 2 })`: `{"a":1,"b":2}`, `reverse([1, 2])`: `[2,1]`, `slice([1, 2, 3], 1, 2)`: `[2]`,
		`sort(["b", "a"])`: `["a","b"]`, `zipmap(["a"], [1])`: `{"a":1}`, `chunklist([1, 2, 3], 2)`: `[[1,2],[3]]`, `compact(["a", "", null])`: `["a"]`,
		`coalesce(null, "a")`: `"a"`, `coalesce("", null, "a", "b")`: `"a"`, `coalesce(0, 1)`: `0`, `coalescelist([], ["a"])`: `["a"]`, `setunion(["a"], ["b"])`: `["a","b"]`, `setintersection(["a"], ["a", "b"])`: `["a"]`,
		`setsubtract(["a", "b"], ["a"])`: `["b"]`, `setproduct(["a"], ["b"])`: `[["a","b"]]`,
		`index(["a", "b"], "b")`: `1`, `one([])`: `null`, `one(["a"])`: `"a"`, `one(toset(["a"]))`: `"a"`, `one(tolist([]))`: `null`,
		`alltrue([true, true])`: `true`, `alltrue([true, null])`: `false`, `alltrue([])`: `true`, `anytrue([false, true])`: `true`, `anytrue([])`: `false`, `anytrue([null])`: `false`,
		`matchkeys(["i1", "i2"], ["z1", "z2"], ["z2"])`: `["i2"]`, `matchkeys(["i1"], ["z1"], [])`: `[]`,
		`transpose({ a = ["1", "2"], b = ["2"] })`: `{"1":["a"],"2":["a","b"]}`, `transpose({})`: `{}`,
		`jsonencode({ a = [1] })`: `"{\"a\":[1]}"`, `jsondecode("[1]")`: `[1]`, `yamldecode("a: 1")`: `{"a":1}`, `yamlencode({ a = 1 })`: `"\"a\": 1\n"`, `csvdecode("a,b\n1,2")`: `[{"a":"1","b":"2"}]`,
		`tostring(1)`: `"1"`, `tonumber("1")`: `1`, `tobool("true")`: `true`, `tolist(["a", 1])`: `["a","1"]`, `toset(["b", "a", "a"])`: `["a","b"]`, `tomap({ a = 1 })`: `{"a":1}`,
		`try({}.a, "no")`: `"no"`, `can({}.a)`: `false`,
		`issensitive(sensitive("a"))`: `true`, `issensitive("a")`: `false`, `nonsensitive(sensitive("a"))`: `"a"`, `nonsensitive("a")`: `"a"`,
		`nonsensitive([sensitive("a")])`: `["a"]`,
		`file("a.txt")`:                  `"hello"`, `fileexists("a.txt")`: `true`, `fileexists("none")`: `false`, `filebase64("bin")`: `"/wA="`,
		`filesha256("a.txt")`: `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`,
		`filemd5("a.txt")`:    `"5d41402abc4b2a76b9719d911017c592"`, `filesha1("a.txt")`: `"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"`, `substr(filesha512("a.txt"), 0, 8)`: `"9b71d224"`,
		`filebase64sha256("a.txt")`: `"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="`, `substr(filebase64sha512("a.txt"), 0, 8)`: `"m3HSJL1i"`,
		`fileset(".", "**/*.txt")`: `["a.txt","sub/b.txt"]`, `fileset("sub", "*")`: `["b.txt","c.md"]`, `fileset("none", "*")`: `[]`,
		`templatefile("t.tmpl", { names = ["a", "b"] })`: `"A;B;hello"`, `file("` + filepath.Join(dir, "a.txt") + `")`: `"hello"`,
	} {
		v, diags := evaluate(t, dir, expr)
		if diags.HasErrors() {
			t.Errorf("%s: %s", expr, diags)
			continue
		}
		got, err := ctyjson.Marshal(v, v.Type())
		if err != nil || string(got) != want {
			t.Errorf("%s is %s, want %s (%v)", expr, got, want, err)
		}
	}
}

func TestErrors(t *testing.T) {
	dir := folder(t)
	for expr, want := range map[string]string{
		`file("none.txt")`: `no file "none.txt"`, `file("sub")`: `"sub": is a directory`, `file("bin")`: "not UTF-8", `fileexists("sub")`: "not a regular file",
		`fileset(".", "[")`: "not a pattern", `templatefile("none", {})`: "no file", `templatefile("bad.tmpl", {})`: "bad.tmpl:1", `templatefile("v.tmpl", {})`: `does not contain key "x"`,
		`templatefile("v.tmpl", { x = "a" })`: "v.tmpl:1", `templatefile("v.tmpl", [])`: "map or an object", `templatefile("self.tmpl", {})`: "call it outside", `coalesce("", null)`: "neither null", `coalesce("a", [])`: "same type", `lookup(tomap({ a = 1 }), "b", [])`: "same type", `lookup([], "b", 1)`: "requires a map", `lookup({}, null, 1)`: "null",
		`base64decode("!")`: "not base64", `base64decode("/wA=")`: "not UTF-8", `length(5)`: "must be a string", `index(["a"], "b")`: "not found", `index("a", "b")`: "must be a list",
		`one(["a", "b"])`: "zero or one", `one("a")`: "zero or one", `one(toset(["a", "b"]))`: "zero or one", `sum([])`: "at least one", `sum(["a"])`: "at least one", `sum([1, null])`: "null",
		`matchkeys(["a"], [], [])`: "equal", `transpose({ a = null })`: "null", `transpose({ a = [null] })`: "null", `replace("a", "/(/", "")`: "regex",
		`timestamp()`: "no function", `uuid()`: "no function", `env("HOME")`: "no function", `tonumber("a")`: "decimal",
	} {
		_, diags := evaluate(t, dir, expr)
		if !diags.HasErrors() || !strings.Contains(diags.Error(), want) || strings.Contains(diags.Error(), "..") {
			t.Errorf("%s: %v, want %q", expr, diags, want)
		}
	}
}

// No function fails, or makes up an answer, because an argument is unknown.
func TestUnknown(t *testing.T) {
	for _, expr := range []string{
		`length(v.unknown)`, `coalesce("", v.unknown, "a")`, `lookup({ a = 1 }, v.unknown, 1)`, `lookup(v.any, "a", 1)`, `lookup(tomap({ a = v.unknown }), "a", 1)`, `lookup({}, "a", v.unknown)`, `length(v.any)`, `length(v.list)`, `index(["a", v.unknown], "b")`, `index(v.list, "a")`, `one(v.list)`, `one([v.unknown])`,
		`sum([1, v.any])`, `sum(v.any)`, `alltrue([true, tobool(v.unknown)])`, `anytrue([tobool(v.unknown)])`, `alltrue(v.any)`, `matchkeys(["a"], [v.unknown], ["b"])`,
		`transpose({ a = [v.unknown] })`, `replace(v.unknown, "a", "b")`, `startswith(v.unknown, "a")`, `sha256(v.unknown)`, `file(v.unknown)`, `fileexists(v.unknown)`, `fileset(".", v.unknown)`,
		`templatefile(v.unknown, {})`, `templatefile("t.tmpl", v.any)`, `templatefile("v.tmpl", { x = v.unknown })`, `nonsensitive(v.any)`,
	} {
		v, diags := evaluate(t, folder(t), expr)
		if diags.HasErrors() || v.IsWhollyKnown() {
			t.Errorf("%s is %#v, %v", expr, v, diags)
		}
	}
	for expr, want := range map[string]cty.Value{`alltrue([false, tobool(v.unknown)])`: cty.False, `anytrue([true, tobool(v.unknown)])`: cty.True, `length([v.unknown])`: cty.NumberIntVal(1)} {
		if v, diags := evaluate(t, t.TempDir(), expr); diags.HasErrors() || !v.RawEquals(want) {
			t.Errorf("%s is %#v, %v", expr, v, diags)
		}
	}
}

// What is made of sensitive values is sensitive, whichever function made it.
func TestMarksFlow(t *testing.T) {
	dir := folder(t)
	for _, expr := range []string{
		`upper(sensitive("a"))`, `coalesce("", sensitive("a"))`, `lookup(sensitive({ a = 1 }), "a", 1)`, `lookup({ a = sensitive(1) }, "a", 1)`, `lookup({ a = 1 }, sensitive("a"), 1)`, `lookup({}, "a", sensitive(1))`, `length(sensitive("a"))`, `length(sensitive(["a"]))`, `index(["a"], sensitive("a"))`, `one([sensitive("a")])`, `sum([sensitive(1)])`,
		`alltrue([sensitive(true)])`, `matchkeys(["a"], ["k"], [sensitive("k")])`, `transpose({ a = [sensitive("b")] })`, `sha256(sensitive("a"))`, `file(sensitive("a.txt"))`,
		`templatefile("t.tmpl", { names = [sensitive("a")] })`, `try(sensitive("a"), 1)`, `tostring(sensitive(1))`, `fileset(".", sensitive("*"))`,
	} {
		v, diags := evaluate(t, dir, expr)
		if _, marks := v.UnmarkDeep(); diags.HasErrors() || len(marks) != 1 {
			t.Errorf("%s is %#v, %v", expr, v, diags)
		}
	}
}
