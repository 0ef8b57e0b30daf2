package tart

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

func TestStepsAndChecksAreChecked(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.must(os.WriteFile(filepath.Join(b.dir, "ok"), nil, 0o644))
	step, check := cty.GetAttrPath("step").IndexInt(1), cty.GetAttrPath("check").IndexInt(1)
	env := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, c := range []struct {
		step  Step
		check Check
		path  cty.Path // nil: nothing is wrong
		text  string
	}{
		{step: Step{Name: "b", Run: "true", Env: env("A_1", "x")}},
		{step: Step{Name: "b 2.x_y-z", Upload: "ok", To: "/etc/x"}},
		{check: Check{Name: "a2", Run: "true", Expect: `^v22\.`}},
		{step: Step{Name: "a", Run: "true"}, path: step.GetAttr("name"), text: `two steps of this image are called "a"`},
		{step: Step{Name: "", Run: "true"}, path: step.GetAttr("name")},
		{step: Step{Name: "a\nb", Run: "true"}, path: step.GetAttr("name")},
		{step: Step{Name: "b"}, path: step, text: "write run, script or upload"},
		{step: Step{Name: "b", Run: " \n"}, path: step, text: "does nothing"},
		{step: Step{Name: "b", Run: "true", Script: "ok"}, path: step.GetAttr("script"), text: "has run and script"},
		{step: Step{Name: "b", Script: "ok", Upload: "ok", To: "x"}, path: step.GetAttr("upload"), text: "a step for each"},
		{step: Step{Name: "b", Run: "true", To: "x"}, path: step.GetAttr("to")},
		{step: Step{Name: "b", Upload: "ok"}, path: step, text: `to = "~/ok"`},
		{step: Step{Name: "b", Upload: "ok", To: "etc/"}, path: step.GetAttr("to")},
		{step: Step{Name: "b", Upload: "ok", To: "x", Env: env("A", "x")}, path: step.GetAttr("env")},
		{step: Step{Name: "b", Run: "true", Env: env("1A", "x")}, path: step.GetAttr("env").IndexString("1A")},
		{step: Step{Name: "b", Run: "true", Env: env("A", "\x00")}, path: step.GetAttr("env").IndexString("A")},
		{check: Check{Name: "a", Run: "true"}, path: check.GetAttr("name"), text: `two checks of this image are called "a"`},
		// What only a look at the files shows.
		{step: Step{Name: "b", Script: "none"}, path: step.GetAttr("script"), text: "there is no file none"},
		{step: Step{Name: "b", Script: "~/none"}, path: step.GetAttr("script"), text: "there is no file ~/none"},
		{step: Step{Name: "b", Upload: ".", To: "x"}, path: step.GetAttr("upload"), text: "is no file"},
	} {
		set := attrs{"from": ubuntu}
		if c.step.Name != "" || c.check.Name == "" {
			set["step"] = b.steps(Step{Name: "a", Script: "ok"}, c.step)
		} else {
			set["check"] = b.checks(Check{Name: "a", Run: "true"}, c.check)
		}
		block := b.value(set)
		err := b.Validate(addr.New("image", "x"), block, b.blocks)
		if err == nil {
			_, err = b.resolve("base", block, b.Null())
		}
		if c.path == nil {
			b.must(err)
			continue
		}
		var at *providers.AttrError
		if !errors.As(err, &at) || !at.Path.Equals(c.path) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v, %+v: %v (%T)", c.step, c.check, err, err)
		}
	}
}

// What one attribute alone shows, the schema refuses.
func TestAttributesAreChecked(t *testing.T) {
	t.Parallel()
	s := block()
	for _, c := range []struct {
		block, attr string
		value       cty.Value
		good        bool
	}{
		{"", "keep", cty.NumberIntVal(0), true},
		{"", "keep", cty.NumberIntVal(-1), false},
		{"login", "user", cty.StringVal("ci_1.x-y"), true},
		{"login", "user", cty.StringVal("a b"), false},
		{"login", "password", cty.StringVal("keychain:guest"), true},
		{"login", "password", cty.StringVal("admin"), false},
		{"step", "timeout", cty.StringVal("0s"), false},
		{"check", "timeout", cty.StringVal("0s"), false},
		{"check", "timeout", cty.StringVal("1s"), true},
		{"check", "run", cty.StringVal(" "), false},
		{"check", "expect", cty.StringVal("("), false},
	} {
		of := s
		if c.block != "" {
			of = &s.Nested(c.block).Block
		}
		if _, err := of.Attr(c.attr).Normalize(c.value); (err == nil) != c.good {
			t.Errorf("%s.%s = %#v: %v", c.block, c.attr, c.value, err)
		}
	}
}

// The hash is of all that makes a difference, and of nothing else.
func TestChain(t *testing.T) {
	t.Parallel()
	image := func(change func(*Image, *Step)) []string {
		i := &Image{Login: &Login{User: "admin"}, Steps: []Step{{Name: "a", Run: "x", SHA256: "1", Env: map[string]string{"A": "1"}}, {Name: "b", Upload: "f", To: "t", SHA256: "2"}}}
		change(i, &i.Steps[0])
		return chain("sha256:0", i, 10*gigabyte)
	}
	same := image(func(*Image, *Step) {})
	for what, change := range map[string]func(*Image, *Step){
		"name": func(_ *Image, s *Step) { s.Name = "c" }, "timeout": func(_ *Image, s *Step) { s.Timeout = 1 },
		"check": func(i *Image, _ *Step) { i.Checks = []Check{{Name: "c"}} }, "password": func(i *Image, _ *Step) { i.Login = &Login{User: "admin"} },
		"path": func(i *Image, _ *Step) { i.Steps[1].Upload = "g" }, "empty env": func(i *Image, _ *Step) { i.Steps[1].Env = map[string]string{} },
	} {
		if last(image(change)) != last(same) {
			t.Errorf("%s makes another build", what)
		}
	}
	for what, change := range map[string]func(*Image, *Step){
		"bytes": func(_ *Image, s *Step) { s.SHA256 = "3" }, "kind": func(_ *Image, s *Step) { s.Run, s.Script = "", "x" },
		"value": func(_ *Image, s *Step) { s.Env = map[string]string{"A": "2"} }, "variable": func(_ *Image, s *Step) { s.Env = map[string]string{"B": "1"} },
		"to": func(i *Image, _ *Step) { i.Steps[1].To = "u" }, "user": func(i *Image, _ *Step) { i.Login.User = "ci" },
		"order": func(i *Image, _ *Step) { i.Steps[0], i.Steps[1] = i.Steps[1], i.Steps[0] }, "number": func(i *Image, _ *Step) { i.Steps = i.Steps[:1] },
	} {
		if last(image(change)) == last(same) {
			t.Errorf("%s makes no other build", what)
		}
	}
	if other := image(func(i *Image, _ *Step) { i.Steps[1].To = "u" }); other[0] != same[0] || other[1] != same[1] || other[2] == same[2] {
		t.Errorf("the unchanged beginning has another hash: %q, %q", same, other)
	}
	if chain("sha256:0", &Image{}, gigabyte)[0] == chain("sha256:0", &Image{}, 2*gigabyte)[0] || chain("sha256:0", &Image{}, 0)[0] == chain("sha256:1", &Image{}, 0)[0] {
		t.Error("base or disk make no difference")
	}
}
