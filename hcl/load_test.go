package hcl

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/report"
)

// fleet uses most of the language, one block or comment a paragraph.
const fleet = `variable "org" {
  type    = string
  default = "acme"
}

variable "sizes" {
  type    = map(object({ cpus = number, memory = optional(string, "6GiB") }))
  default = { small = { cpus = 2 }, large = { cpus = 8, memory = "16GiB" } }
}

locals {
  hosts = toset(["a", "b"])
}

locals {
  minis = host.mini
  first = local.minis["a"]
}

github {
  owner = var.org
}

host "mini" {
  for_each = local.hosts
  labels   = [each.key, "${each.value}!"]
  ssh {
    address = "${each.key}.local"
  }
}

image "base" {
  for_each = host.mini
  host     = each.value
  from     = "ghcr.io/acme/base"
  memory   = local.minis[each.key].reserve.memory
  step "setup" {
    script = "scripts/setup.sh"
    env    = { OWNER = github.owner }
  }
  step "tools" {
    run     = "brew install jq"
    timeout = "1h0m"
  }
  prevent_destroy = each.key == "a"
  ignore_changes  = [memory, cpus]
}

image "dev" {
  host       = local.first
  from       = image.base["a"]
  depends_on = [host.mini["b"]]
}

profile "sized" {
  for_each = var.sizes
  image    = image.base
  cpus     = each.value.cpus
}

runner "r" {
  host           = host.mini["b"]
  image          = image.base
  ignore_changes = all
}

output "memory" {
  description = "Of the images."
  value       = { for k, i in image.base : k => i.memory }
}

output "address" {
  value = image.dev.address
}

moved {
  from = image.old
  to   = image.dev
}

import {
  to = runner.r
  id = "runner-${var.org}"
}

removed {
  from = image.gone["x"]
}
`

func TestFleet(t *testing.T) {
	c := good(t, fleet)
	var got []string
	for _, b := range c.Blocks {
		got = append(got, fmt.Sprint(b.Addr, " ", b.Deps))
	}
	want := []string{
		`github.github []`,
		`host.mini["a"] []`,
		`host.mini["b"] []`,
		`image.base["a"] [github.github host.mini["a"]]`,
		`image.base["b"] [github.github host.mini["b"]]`,
		`image.dev [host.mini["a"] host.mini["b"] image.base["a"]]`,
		`profile.sized["large"] [image.base["a"] image.base["b"]]`,
		`profile.sized["small"] [image.base["a"] image.base["b"]]`,
		`runner.r [host.mini["b"] image.base["b"]]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	base := c.Block(addr.New("image", "base").Instance("a"))
	if !base.Value.Type().Equals(language().Blocks["image"].Value()) {
		t.Errorf("type %#v", base.Value.Type())
	}
	for path, want := range map[string]string{
		"memory": "4GiB", "host": `host.mini["a"]`, "from": "ghcr.io/acme/base",
		"step.0.name": "setup", "step.0.timeout": "30m", "step.1.timeout": "1h", "step.0.env.OWNER": "acme", "step.0.script": "scripts/setup.sh",
	} {
		if got := at(base.Value, path); !got.RawEquals(cty.StringVal(want)) {
			t.Errorf("%s is %#v, want %q", path, got, want)
		}
	}
	if !at(base.Value, "digest").IsNull() || !at(c.Block(addr.New("profile", "sized").Instance("small")).Value, "image").RawEquals(cty.StringVal("image.base")) {
		t.Error("computed attribute set, or reference to all instances wrong")
	}
	if !base.PreventDestroy || c.Block(addr.New("image", "base").Instance("b")).PreventDestroy {
		t.Error("prevent_destroy is evaluated for each instance")
	}
	if !slices.Equal(base.IgnoreChanges, []string{"cpus", "memory"}) || !slices.Equal(c.Block(addr.New("runner", "r")).IgnoreChanges, []string{"*"}) {
		t.Error("ignore_changes")
	}
	if c.Block(addr.New("image", "none")) != nil {
		t.Error("found a block that is not there")
	}
	if len(c.Outputs) != 2 || !c.Outputs[0].Value.RawEquals(cty.StringVal("image.dev")) || c.Outputs[1].Description != "Of the images." {
		t.Errorf("outputs %+v", c.Outputs)
	}
	if len(c.Moved) != 1 || c.Moved[0].To != addr.New("image", "dev") || len(c.Removed) != 1 || c.Removed[0].From.Key != "x" ||
		len(c.Imports) != 1 || c.Imports[0].ID != "runner-acme" {
		t.Errorf("moved %v removed %v imports %v", c.Moved, c.Removed, c.Imports)
	}
	if got := c.Variables["sizes"].Index(cty.StringVal("small")).GetAttr("memory"); !got.RawEquals(cty.StringVal("6GiB")) {
		t.Errorf("default of an optional attribute: %#v", got)
	}
}

// at follows names and positions between dots.
func at(v cty.Value, path string) cty.Value {
	for _, step := range strings.Split(path, ".") {
		switch {
		case v.Type().IsListType():
			v = v.Index(cty.NumberIntVal(int64(step[0] - '0')))
		case v.Type().IsMapType():
			v = v.Index(cty.StringVal(step))
		default:
			v = v.GetAttr(step)
		}
	}
	return v
}

// The same blocks in any order, in any number of files, are the same
// configuration.
func TestOrderDoesNotMatter(t *testing.T) {
	want := render(good(t, fleet))
	blocks := strings.Split(fleet, "\n\n")
	rng := rand.New(rand.NewSource(1))
	for range 60 {
		rng.Shuffle(len(blocks), reflect.Swapper(blocks))
		files := map[string]string{}
		for _, b := range blocks {
			name := fmt.Sprintf("%c.hcl", 'a'+rng.Intn(4))
			files[name] += b + "\n"
		}
		var text strings.Builder
		for _, name := range report.SortedKeys(files) {
			fmt.Fprintf(&text, "-- %s --\n%s", name, files[name])
		}
		if got := render(good(t, text.String())); got != want {
			t.Fatalf("got:\n%s\nwant:\n%s\nfiles:\n%s", got, want, text.String())
		}
	}
}

// What Load allocates grows with the configuration, not with its square.
func TestLoadIsLinear(t *testing.T) {
	for name, text := range map[string]func(int) string{"for_each": forEachConfig, "blocks": blocksConfig} {
		bytes := func(n int) uint64 {
			dir, lang := write(t, text(n)), language()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, diags := Load(dir, lang, Vars{}); len(diags) > 0 {
				t.Fatal(plain(diags))
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		bytes(10)
		if small, large := bytes(100), bytes(1000); large > 14*small {
			t.Errorf("%s: ten times the blocks take %d times the memory", name, large/small)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := write(t, `-- b.hcl --
host "b" {}
-- a.hcl.json --
{"//": "a comment", "host": {"a": {"labels": ["${upper(\"x\")}"], "ssh": {"address": "a.local"}, "depends_on": ["host.b"], "ignore_changes": ["guests"]}}}
-- .hidden.hcl --
nonsense
-- #main.hcl --
nonsense
-- main.hcl~ --
nonsense
-- notes.txt --
nonsense
-- folder.hcl/x.txt --
nonsense
-- folder.auto.hclvars/x.txt --
nonsense
`)
	target := filepath.Join(filepath.Dir(dir), "elsewhere")
	bom := "\ufeff"
	for name, text := range map[string]string{"linked": "host \"linked\" {}\n", "bom.hcl": bom + "host \"bom\" {}\n", "bom.hcl.json": bom + `{"host": {"bomjson": {}}}`} {
		file := target
		if name != "linked" {
			file = filepath.Join(dir, name)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(target, filepath.Join(dir, "z.hcl")); err != nil {
		t.Fatal(err)
	}
	c, diags := Load(dir, language(), Vars{})
	if len(diags) > 0 {
		t.Fatal(plain(diags))
	}
	var names []string
	for _, b := range c.Blocks {
		names = append(names, b.Addr.Name)
	}
	if got := strings.Join(names, " "); got != "a b bom bomjson linked" {
		t.Errorf("got %s", got)
	}
	a := c.Block(addr.New("host", "a"))
	if got := a.Source.Range().String(); got != "a.hcl.json:1,30-33" {
		t.Errorf("header of a JSON block at %s", got)
	}
	if !at(a.Value, "labels.0").RawEquals(cty.StringVal("X")) || len(a.Deps) != 1 || len(a.IgnoreChanges) != 1 {
		t.Errorf("JSON block %#v %v", a.Value, a.Deps)
	}
	if c.Files["z.hcl"] == nil || c.Files[".hidden.hcl"] != nil {
		t.Error("files")
	}
}

func TestNothingThere(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		c, diags := Load(dir, language(), Vars{})
		if len(diags) != 1 || c == nil || c.Files == nil || c.Dir != dir {
			t.Errorf("%v\n%s", c, plain(diags))
		}
	}
}

func TestIncludes(t *testing.T) {
	text := `-- site/main.hcl --
hostler {
  include = ["../common", "../more", "sub"]
  state   = "var/state.json"
}
image "here" {
  from = "x"
  step "s" {
    script = "./scripts/../setup.sh"
  }
  step "home" {
    script = "~/setup.sh"
  }
  step "root" {
    script = "/opt/setup.sh"
  }
}
-- site/sub/main.hcl --
image "sub" {
  from = "x"
  step "s" {
    script = "setup.sh"
  }
}
-- site/vars.auto.hclvars --
guests = 3
-- common/main.hcl --
hostler {
  include = ["../more/", "../site/../more"]
}
variable "guests" {
  type    = number
  default = 1
}
host "mini" {
  guests = var.guests
  labels = [file("label.txt"), fileexists("setup.sh") ? "yes" : "no"]
}
image "common" {
  from = image.here
  step "s" {
    script = "setup.sh"
  }
}
-- common/label.txt --
common
-- common/ignored.auto.hclvars --
guests = 4
-- more/main.hcl --
hostler {
  required_version = "~> 0.3"
}
locals {
  more = 1
}
output "nonsense" {
  value = local.more
}
`
	dir := write(t, text)
	site := filepath.Join(dir, "site")
	c, diags := Load(site+string(filepath.Separator), language(), Vars{})
	if len(diags) > 0 {
		t.Fatal(plain(diags))
	}
	if c.Dir != site || c.State != filepath.Join(site, "var/state.json") {
		t.Errorf("dir %s, state %s", c.Dir, c.State)
	}
	if got := strings.Join(report.SortedKeys(c.Files), " "); got != "../common/main.hcl ../more/main.hcl main.hcl sub/main.hcl vars.auto.hclvars" {
		t.Errorf("files %s", got)
	}
	for image, want := range map[string]string{"here": "setup.sh", "sub": "sub/setup.sh", "common": "../common/setup.sh"} {
		if got := at(c.Block(addr.New("image", image)).Value, "step.0.script").AsString(); got != want {
			t.Errorf("script of %s is %s, want %s", image, got, want)
		}
	}
	here := c.Block(addr.New("image", "here")).Value
	if at(here, "step.1.script").AsString() != "~/setup.sh" || at(here, "step.2.script").AsString() != "/opt/setup.sh" {
		t.Error("paths that start elsewhere are kept")
	}
	host := c.Block(addr.New("host", "mini")).Value
	if !at(host, "guests").RawEquals(cty.NumberIntVal(3)) || at(host, "labels.0").AsString() != "common" || at(host, "labels.1").AsString() != "no" {
		t.Errorf("host %#v", host)
	}
	t.Chdir(site)
	if c, diags := Load(".", language(), Vars{}); len(diags) > 0 || c.State != "var/state.json" || c.Files["../common/main.hcl"] == nil {
		t.Errorf("relative folder: %s, %v\n%s", c.State, report.SortedKeys(c.Files), plain(diags))
	}
}

func TestVersion(t *testing.T) {
	for constraint, ok := range map[string]bool{">= 0.3.0": true, ">= 0.2, < 0.4": true, "~> 0.3.0": true, "0.3.0": true, "> 0.3.0": false, "< 0.3": false} {
		_, diags := load(t, "hostler {\n  required_version = \""+constraint+"\"\n}\nnonsense {}\n", Vars{})
		// A version that does not fit is the only thing said.
		if want := map[bool]string{true: "Unsupported block type", false: "Unsupported hostler version"}[ok]; len(diags) != 1 || diags[0].Summary != want {
			t.Errorf("%s: %s", constraint, plain(diags))
		}
	}
	lang := language()
	lang.Version = ""
	if _, diags := Load(write(t, "hostler {\n  required_version = \"> 9\"\n}\n"), lang, Vars{}); len(diags) > 0 {
		t.Errorf("a build without version reads everything: %s", plain(diags))
	}
}

func TestSource(t *testing.T) {
	text := `host "mini" {
  labels = ["a", "b"]
  ssh {
    address = "x"
  }
}
image "i" {
  from = "x"
  step "one" {
    run = "1"
  }
  step "two" {
    run = "2"
    env = { A = "1", "B" = "2" }
  }
}
`
	c := good(t, text)
	image := cty.GetAttrPath
	for _, test := range []struct {
		block string
		path  cty.Path
		want  string
	}{
		{"image", nil, `image "i"`},
		{"image", image("memory"), `image "i"`},
		{"image", image("nonsense").GetAttr("x"), `image "i"`},
		{"image", image("from"), `"x"`},
		{"image", image("step"), `step "one"`},
		{"image", image("step").IndexInt(1), `step "two"`},
		{"image", image("step").IndexInt(7), `image "i"`},
		{"image", image("step").IndexInt(1).GetAttr("name"), `"two"`},
		{"image", image("step").IndexInt(1).GetAttr("timeout"), `step "two"`},
		{"image", image("step").IndexInt(1).GetAttr("env"), `{ A = "1", "B" = "2" }`},
		{"image", image("step").IndexInt(1).GetAttr("env").IndexString("B"), `"2"`},
		{"image", image("step").IndexInt(1).GetAttr("env").IndexString("C"), `{ A = "1", "B" = "2" }`},
		{"host", image("labels").IndexInt(1), `"b"`},
		{"host", image("labels").IndexInt(2), `["a", "b"]`},
		{"host", image("ssh").GetAttr("port"), `ssh`},
		{"host", image("reserve").GetAttr("memory"), `host "mini"`},
	} {
		name := map[string]string{"image": "i", "host": "mini"}[test.block]
		got := string(c.Block(addr.New(test.block, name)).Source.Attr(test.path).SliceBytes([]byte(text)))
		if got != test.want {
			t.Errorf("%s%#v is at %s, want %s", test.block, test.path, got, test.want)
		}
	}
	if (Source{}).Range() != (Range{}) || (Source{}).Attr(image("x")) != (Range{}) {
		t.Error("the zero Source is nowhere")
	}
}

func TestFormat(t *testing.T) {
	got, diags := Format("x.hcl", []byte("a=1\nlonger = 2\n"))
	if string(got) != "a      = 1\nlonger = 2\n" || len(diags) > 0 {
		t.Errorf("%q %v", got, diags)
	}
	for name, src := range map[string]string{"x.hcl": "a = \"\n b = \"\n", "x.hcl.json": "{", "y.hcl.json": "{\"a\":  1}"} {
		got, diags := Format(name, []byte(src))
		if wantErr := name[0] == 'x'; string(got) != src || wantErr != (len(diags) == 1) {
			t.Errorf("%s: %q %v", name, got, diags)
		}
	}
}

func TestReservedCovers(t *testing.T) {
	for _, b := range Reserved() {
		b.Must()
		if b.Doc == "" {
			t.Errorf("%s has no doc", b.Type)
		}
	}
	for _, a := range Meta() {
		if a.Doc == "" || a.Type.Name() == "" {
			t.Errorf("%s is not described", a.Name)
		}
	}
}
