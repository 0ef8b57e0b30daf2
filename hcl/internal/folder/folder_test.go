package folder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// read reads a folder whose files' first lines are lists of includes.
func read(dir string) *Reader {
	r := &Reader{Dir: dir}
	r.Settings = func(files []*File, root bool) (out []Include) {
		for _, f := range files {
			first, _, _ := strings.Cut(strings.TrimPrefix(string(r.Sources[f.Name].Bytes), "#"), "\n")
			for _, p := range strings.Fields(first) {
				out = append(out, Include{Path: p, At: hcl.Range{Filename: f.Name, Start: hcl.InitialPos, End: hcl.InitialPos}})
			}
		}
		return out
	}
	r.Read()
	return r
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func TestIncludes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a/x.hcl": "# ../b ../linked ../b/\n", "b/x.hcl": "# ../c\n", "c/x.hcl": "#\n",
		"self/x.hcl": "# .\n", "one/x.hcl": "# ../two\n", "two/x.hcl": "# ../three\n", "three/x.hcl": "# ../one\n",
		"broken/x.hcl": "# ../loop ../none ../a/x.hcl\n",
	})
	link(t, "c", filepath.Join(dir, "linked"))
	link(t, "loop", filepath.Join(dir, "loop"))
	for root, want := range map[string]string{
		"a":      "",
		"self":   "  - . includes . at x.hcl:1,1",
		"one":    "  - . includes ../two at x.hcl:1,1\n  - ../two includes ../three at ../two/x.hcl:1,1\n  - ../three includes . at ../three/x.hcl:1,1\n",
		"broken": "too many levels of symbolic links; There is no; not a directory",
	} {
		r := read(filepath.Join(dir, root))
		for _, part := range strings.Split(want, "; ") {
			if (len(r.Diags) > 0) != (want != "") || !strings.Contains(r.Diags.Error()+detail(r.Diags), part) {
				t.Errorf("%s: %s\nwant %s", root, detail(r.Diags), part)
			}
		}
		if files := len(r.Files); root == "a" && files != 3 || root == "one" && files != 3 {
			t.Errorf("%s: %d files", root, files)
		}
	}
}

func detail(diags hcl.Diagnostics) (out string) {
	for _, d := range diags {
		out += d.Summary + "\n" + d.Detail + "\n"
	}
	return out
}

// What is no regular file is no configuration, but a link to nothing is a
// mistake.
func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.hcl": "#\n", "folder.hcl/x.hcl": "#\n"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.hcl"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := read(dir); len(r.Diags) > 0 || len(r.Files) != 1 || r.Lost {
		t.Errorf("%s %d", detail(r.Diags), len(r.Files))
	}
	link(t, "nowhere", filepath.Join(dir, "dangling.hcl"))
	r := &Reader{Dir: dir, Settings: func([]*File, bool) []Include { return nil }}
	r.Read()
	if len(r.Diags) != 1 || !strings.Contains(r.Diags[0].Detail, "dangling.hcl is a link to a file that does not exist") || !r.Lost {
		t.Error(detail(r.Diags))
	}
}

// However deep a file is nested, reading it ends with a diagnostic and not
// with a full stack; text and comments do not count.
func TestDepth(t *testing.T) {
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for name, text := range map[string]func(n int) string{
		"lists.hcl":      func(n int) string { return "a = " + nest("[", "1", "]", n) },
		"parens.hcl":     func(n int) string { return "a = " + nest("(", "1", ")", n) },
		"objects.hcl":    func(n int) string { return "a = " + nest("{ a = ", "1", "}", n) },
		"signs.hcl":      func(n int) string { return "a = " + nest("- !", "1", "", n/2) },
		"blocks.hcl":     func(n int) string { return nest("a {\n", "", "}\n", n) },
		"templates.hcl":  func(n int) string { return "a = " + nest("\"${", "1", "}\"", n) },
		"lists.hcl.json": func(n int) string { return `{"a": ` + nest("[", "1", "]", n) + "}" },
		"open.hcl":       func(n int) string { return "a = " + strings.Repeat("[", n) },
	} {
		if _, diags := Parse([]byte(text(maxDepth/2)), name); diags.HasErrors() && name != "open.hcl" {
			t.Errorf("%s: %s", name, diags)
		}
		for _, n := range []int{maxDepth + 2, 5_000} {
			_, diags := Parse([]byte(text(n)), name)
			if len(diags) != 1 || diags[0].Summary != deepNesting {
				t.Errorf("%s of %d: %s", name, n, diags)
			}
		}
	}
	if _, diags := Parse([]byte("a = "+strings.Repeat("[", 100_000)), "x.hcl"); len(diags) != 1 {
		t.Error(diags)
	}
	many := strings.Repeat("[{(- ", maxDepth)
	for name, text := range map[string]string{
		"text.hcl": "a = \"" + many + "\"\n", "comment.hcl": "# " + many + "\n/* " + many + " */\n", "heredoc.hcl": "a = <<EOT\n" + many + "\nEOT\n",
		"text.hcl.json": `{"a": "\"` + many + `"}`, "many.hcl": strings.Repeat("a {\n b = -1\n}\n", 2*maxDepth),
	} {
		if _, diags := Parse([]byte(text), name); diags.HasErrors() {
			t.Errorf("%s: %s", name, diags)
		}
	}
}

func TestNotText(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\n":            "",
		"\ufeffa = \"ä\"\n":  "",
		"a = \"\ufffd\"\n":   "",
		"ä = 1\nb = \"ü\xff": "x.hcl:2,7-8",
		"a = \"x\x00\"\n":    "x.hcl:1,7-8",
		"\xff\xfea\x00":      "x.hcl:1,1-2",
	} {
		_, diags := Parse([]byte(text), "x.hcl")
		got := ""
		if diags.HasErrors() {
			got = diags[0].Subject.String()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, diags, want)
		}
	}
}

// One mistake in the syntax is one diagnostic, and each is told.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"host \"a {\n}\nhost \"b\" {\n a = \"x\n}\n":                         "1",
		"host 'a' {\n a = 'x'\n}\n":                                          "1 2",
		"host \"a\" {\n a: 1\n}\nhost \"b\" {\n b 2\n c = \"x\n}\n":          "2 5 6",
		"host \"a\"\n a = 1\n}\nhost \"b\" {\n}\n":                           "1",
		"host \"a\"\n{\n a = 1\n}\n":                                         "1",
		"host \"a\" {\n a = [\"x\"\n}\nhost \"b\" {\n}\n":                    "3",
		"host \"a\" {\n b {\n}\nhost \"b\" {\n}\n":                           "1",
		"host \"a\" {\n}\n}\nhost \"b\" {\n c 1\n}\n":                        "3",
		"host \"a\" {\n a = [\n  \"x\"\n  \"y\"\n ]\n b: 1\n}\n":             "4 6",
		"/* never closed\nhost \"a\" {\n}\nfree text, no code\n":             "1",
		"host \"a\" {\n a = <<EOT\nx\n}\n":                                   "5",
		"a = \"${\"\nb = \"${x\"\n":                                          "1 2",
		strings.Repeat("a: 1\n", 50):                                         "1 10 2 3 4 5 6 7 8 9",
		"host \"a\" {\n a = \"${b(\"x\")\n}\nhost \"b\" {\n a = {x = 1\n}\n": "3",
	} {
		_, diags := Parse([]byte(text), "x.hcl")
		var lines []string
		for _, d := range mistakes([]byte(text), "x.hcl", diags) {
			lines = append(lines, fmt.Sprint(d.Subject.Start.Line))
		}
		slices.Sort(lines)
		if got := strings.Join(lines, " "); got != want {
			t.Errorf("%s\nmistakes in lines %s, want %s", text, got, want)
		}
	}
}
