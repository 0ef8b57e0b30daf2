package workflow

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v3"

	"hostler/hcl/addr"
)

// rendered is what a template gives, without the first line.
func (b *bed) rendered(template string, set attrs) (string, error) {
	b.t.Helper()
	b.template("t.yml.tmpl", template)
	all := attrs{"directory": "/Users/admin/app", "template": "t.yml.tmpl", "path": "t.yml"}
	for k, v := range set {
		all[k] = v
	}
	v, err := b.resolve(b.value(all), b.Null())
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(text(v, "content"), "\n")
	if !strings.HasPrefix(first, "# Managed by hostler from t.yml.tmpl: ") {
		b.t.Errorf("the first line is %q", first)
	}
	return rest, nil
}

func TestRender(t *testing.T) {
	for name, c := range map[string]struct {
		template, want string
		set            attrs
	}{
		"name":            {"a: <% .name %>", "a: ci\n", nil},
		"GitHub's own":    {"a: ${{ github.ref }} [[ x ]]", "a: ${{ github.ref }} [[ x ]]\n", nil},
		"with":            {"a: <% .with.x %>", "a: 1\n", attrs{"with": map[string]string{"x": "1"}}},
		"optional with":   {`a: "<% index .with "x" %>"`, "a: \"\"\n", nil},
		"no profile":      {"a: <% if .profile %>1<% else %>2<% end %>", "a: 2\n", nil},
		"profile":         {"a: [<% .profile.name %>, <% .profile.cpus %>, <% .profile.memory %>, <% .profile.timeout %>, <% .profile.trust %>]", "a: [developer, 6, 8GiB, 60, branch]\n", attrs{"profile": "profile.developer"}},
		"default label":   {"a: <% json .profile.labels %>", "a: [\"developer\"]\n", attrs{"profile": "profile.developer"}},
		"labels":          {"a: <% range .profile.labels %>-<% . %><% end %>", "a: -test-small\n", attrs{"profile": "profile.tester"}},
		"whole minutes":   {"a: <% .profile.timeout %>", "a: 11\n", attrs{"profile": "profile.tester"}},
		"json":            {"a: <% json .with.x %>", `a: "1 < 2 && \"x: y\" # no\n"` + "\n", attrs{"with": map[string]string{"x": "1 < 2 && \"x: y\" # no\n"}}},
		"json of a map":   {"a: <% json .with %>", `a: {"x":"1","y":"2"}` + "\n", attrs{"with": map[string]string{"y": "2", "x": "1"}}},
		"json of none":    {"a: <% json .with %>", "a: {}\n", nil},
		"indent":          {"a: |\n    <% indent 4 .with.x %>", "a: |\n    one\n    \n    two\n", attrs{"with": map[string]string{"x": "one\n\ntwo"}}},
		"indent by less":  {"a: <% indent -1 .name %>", "a: ci\n", nil},
		"quote":           {"a: |\n  echo <% quote .with.x %>", "a: |\n  echo 'it'\\''s $1'\n", attrs{"with": map[string]string{"x": "it's $1"}}},
		"trimmed":         {"a: 1\n\n\n", "a: 1\n", nil},
		"anchors":         {"a: &x [1]\nb: *x", "a: &x [1]\nb: *x\n", nil},
		"one document":    {"---\na: 1\n...\n", "---\na: 1\n...\n", nil},
		"CRLF":            {"a: |\r\n  one\r\n  two\r\n", "a: |\n  one\n  two\n", nil},
		"CRLF in with":    {"a: |\n  <% indent 2 .with.x %>", "a: |\n  one\n  two\n", attrs{"with": map[string]string{"x": "one\r\ntwo"}}},
		"byte order mark": {"\ufeffa: 1\n", "a: 1\n", nil},
		"composed":        {"a: cafe\u0301", "a: caf\u00e9\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newBed(t).rendered(c.template, c.set)
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestInstanceOfAProfile(t *testing.T) {
	b := newBed(t)
	b.blocks[`profile.dev["a"]`] = profile(2, "4GiB", "1h")
	got, err := b.rendered("a: <% .profile.name %> <% json .profile.labels %>", attrs{"profile": `profile.dev["a"]`})
	if err != nil || got != "a: dev-a [\"dev-a\"]\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// What json writes, YAML reads as the same text, whatever is in it.
func TestJSONIsYAML(t *testing.T) {
	b := newBed(t)
	var all strings.Builder
	for r := rune(1); r <= 0x1_0400; r++ {
		if r != 0xfffd && !unicode.Is(unicode.Cs, r) {
			all.WriteRune(r)
			all.WriteByte('x')
		}
	}
	x := cty.StringVal(all.String()).AsString() // normalized, as any with is
	got, err := b.rendered("a: <% json .with.x %>\n", attrs{"with": map[string]string{"x": x}})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ A string }
	if err := yaml.Unmarshal([]byte(got), &doc); err != nil {
		t.Fatal(err)
	}
	back, sent := []rune(doc.A), []rune(x)
	for i := range min(len(back), len(sent)) {
		if back[i] != sent[i] {
			t.Fatalf("character %d, %U, is read as %U", i, sent[i], back[i])
		}
	}
	if len(back) != len(sent) {
		t.Errorf("%d characters are read as %d", len(sent), len(back))
	}
}

func TestRefusedTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		template string
		set      attrs
		says     []string
	}{
		"not a template":     {"a: 1\nb: <% if %>\n", nil, []string{"t.yml.tmpl:2:", "missing value for if"}},
		"unknown function":   {"a: <% shout .name %>", nil, []string{"t.yml.tmpl:1:", `function "shout" not defined`}},
		"missing value":      {"on: push\na: <% .with.run %>\n", attrs{"with": map[string]string{"test": "1"}}, []string{"t.yml.tmpl:2:", `no entry for key "run"`, "add it to with"}},
		"no with at all":     {"a: <% .with.run %>\n", nil, []string{`no entry for key "run"`, "add it to with"}},
		"missing profile":    {"a: <% .profile.name %>\n", nil, []string{`no entry for key "name"`, "set profile"}},
		"unknown fact":       {"a: <% .profile.disk %>\n", attrs{"profile": "profile.tester"}, []string{`no entry for key "disk"`}},
		"unknown word":       {"a: <% .wiht %>\n", nil, []string{`no entry for key "wiht"`, ".name, .with and .profile"}},
		"quote of a number":  {"a: <% quote .profile.cpus %>\n", attrs{"profile": "profile.tester"}, []string{".profile.cpus", "expected string"}},
		"endless indent":     {"a: <% indent 9223372036854775807 .with.x %>\n", attrs{"with": map[string]string{"x": "1\n2"}}, []string{"indent"}},
		"empty":              {"", nil, []string{"empty"}},
		"only a comment":     {"# nothing\n", nil, []string{"empty"}},
		"null":               {"---\n", nil, []string{"empty"}},
		"two documents":      {"a: 1\n---\nb: 2\n", nil, []string{"more than one document"}},
		"an empty second":    {"a: 1\n---\n", nil, []string{"more than one document"}},
		"a broken second":    {"a: 1\n---\nb: [\n", nil, []string{"more than one document"}},
		"a list":             {"- a\n- b\n", nil, []string{"no mapping"}},
		"a text":             {"just words\n", nil, []string{"no mapping"}},
		"numbers as keys":    {"on: push\n1: x\n", nil, []string{"no mapping"}},
		"doubled key":        {"a: 1\nb: 2\na: 3\n", nil, []string{`"a" already defined`, `rendered line 4 is "a: 3"`}},
		"doubled below":      {"j:\n  x: 1\n  x: 2\n", nil, []string{`"x" already defined`, `rendered line 4 is "x: 2"`}},
		"two doubled":        {"a: 1\na: 2\nb: 1\nb: 2\n", nil, []string{`"a" already defined`, `rendered line 3 is "a: 2"`}},
		"tab":                {"a:\n\tb: 1\n", nil, []string{`rendered line 3 is "b: 1"`}},
		"colon":              {"a: 1\nb: c: d\n", nil, []string{`rendered line 3 is "b: c: d"`}},
		"too deep":           {"name: x\n  b: y\n", nil, []string{`rendered line 3 is "b: y"`}},
		"between two levels": {"name: x\njobs:\n  a:\n    - b\n   c: d\nd: 1\n", nil, []string{`rendered line 6 is "c: d"`}},
		"open bracket":       {"a: 1\nb: [1, 2\nc: 3\n", nil, []string{`rendered line 3 is "b: [1, 2"`}},
		"open quote":         {"a: 'x\nb: 3\n", nil, []string{`rendered line 2 is "a: 'x"`}},
		"block too shallow":  {"j:\n  - run: |\n      a\n    b\n  - c: d\n", nil, []string{`rendered line 5 is "b"`}},
		"unknown anchor":     {"a: 1\nb: *x\nc: 1\n", nil, []string{`rendered line 3 is "b: *x"`}},
		"control character":  {"a: 1\nb: \x01\nc: 1\n", nil, []string{"control characters", `rendered line 3 is "b: \x01"`}},
		"not UTF-8":          {"a: 1\nb: caf\xe9 au lait\nc: 1\n", nil, []string{"UTF-8", "rendered line 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newBed(t).rendered(c.template, c.set)
			if !pointsAt(err, "template") {
				t.Fatalf("%q, %v; want an error at template", got, err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v\ndoes not say %q", err, s)
				}
			}
		})
	}
}

// The error's place is found in a long file as well, and soon.
func TestTheLineOfALongFile(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "k%d:\n  - run: |\n      a\n", i)
		if i == 2000 {
			b.WriteString("   - run: b\n")
		}
	}
	_, err := newBed(t).rendered(b.String(), nil)
	if err == nil || !strings.Contains(err.Error(), `rendered line 6005 is "- run: b"`) {
		t.Error(err)
	}
}

// Templates are part of the configuration, so that validate sees to them too.
func TestTheTemplateMustBeThere(t *testing.T) {
	b := newBed(t)
	b.must(os.Mkdir(filepath.Join(b.dir, "folder.tmpl"), 0o755))
	b.template("broken.tmpl", "a: <% if %>\n")
	for name, says := range map[string]string{
		"nowhere.yml.tmpl": "there is no template " + filepath.Join(b.dir, "nowhere.yml.tmpl"),
		"folder.tmpl":      filepath.Join(b.dir, "folder.tmpl") + ": is a directory",
		"broken.tmpl":      "broken.tmpl:1: missing value for if",
	} {
		want := b.value(attrs{"directory": "/x", "template": name, "profile": "profile.gone"})
		if err := b.Validate(addr.New("workflow", "x"), want, b.blocks); !pointsAt(err, "template") || !strings.Contains(err.Error(), says) {
			t.Errorf("validate of %s: %v", name, err)
		}
		want = b.value(attrs{"directory": "/x", "template": name})
		if _, err := b.resolve(want, b.Null()); !pointsAt(err, "template") || !strings.Contains(err.Error(), says) {
			t.Errorf("resolve of %s: %v", name, err)
		}
	}
	b.must(b.Validate(addr.New("workflow", "x"), b.simple(nil), b.blocks))
	if all := b.files(); len(all) > 0 {
		t.Errorf("made: %v", all)
	}
}

func TestTheProfileMustBeThere(t *testing.T) {
	b := newBed(t)
	_, err := b.rendered("a: 1\n", attrs{"profile": "profile.gone"})
	if !pointsAt(err, "profile") || !strings.Contains(err.Error(), "there is no profile.gone") {
		t.Error(err)
	}
}

// A template that is edited while hostler runs counts as it then is, also
// when the edit shows neither in its size nor in its time.
func TestATemplateEditedDuringARun(t *testing.T) {
	b := newBed(t)
	name := filepath.Join(b.dir, "t.yml.tmpl")
	if got, err := b.rendered("a: 1\n", nil); err != nil || got != "a: 1\n" {
		t.Fatalf("%q, %v", got, err)
	}
	info, err := os.Stat(name)
	b.must(err)
	b.must(os.WriteFile(name, []byte("a: 2\n"), 0o644))
	b.must(os.Chtimes(name, info.ModTime(), info.ModTime()))
	want := b.resolved(b.value(attrs{"directory": "/Users/admin/app", "template": "t.yml.tmpl", "path": "t.yml"}), b.Null())
	if !strings.HasSuffix(text(want, "content"), "\na: 2\n") {
		t.Errorf("after the edit: %q", text(want, "content"))
	}
	// What was planned is what is written.
	b.must(os.Remove(name))
	if _, err := b.Create(t.Context(), want); err != nil || b.holds("/Users/admin/app/t.yml") != text(want, "content") {
		t.Errorf("%q, %v; the plan had %q", b.holds("/Users/admin/app/t.yml"), err, text(want, "content"))
	}
}

// A template beside another file, and one named from elsewhere.
func TestWhereTemplatesLie(t *testing.T) {
	b := newBed(t)
	b.template("files/deep/t.yml.tmpl", "a: 1\n")
	for _, name := range []string{"files/deep/t.yml.tmpl", filepath.Join(b.dir, "files/deep/t.yml.tmpl")} {
		v := b.resolved(b.value(attrs{"directory": "/Users/admin/app", "template": name, "path": "t.yml"}), b.Null())
		want := "# Managed by hostler from " + name + ": change the template, then apply; edits here are undone.\na: 1\n"
		if text(v, "content") != want || text(v, "template") != name {
			t.Errorf("%q, %q", text(v, "content"), text(v, "template"))
		}
	}
}
