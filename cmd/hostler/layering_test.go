package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The import table of the house: who may import whom. A folder stands for
// itself and, with "/...", for what lies below it. Test files are free to
// import more: doubles and conformance suites.
var mayImport = []struct {
	who  string
	whom []string
}{
	{"cmd/hostler", []string{"cmd/internal/...", "hcl/...", "planner/...", "providers/...", "state/...", "images/..."}},
	{"cmd/internal/...", []string{"cmd/internal/...", "hcl/...", "planner", "state", "providers/runtime/..."}},
	{"planner/planfile", []string{"hcl/...", "planner", "providers"}},
	{"planner/...", []string{"hcl/...", "planner/internal/...", "providers", "state"}},
	{"hcl/addr", nil},
	{"hcl/schema", nil},
	{"hcl/...", []string{"hcl/..."}},
	{"state/...", []string{"hcl/addr", "state/..."}},
	{"providers/testbed/...", []string{"providers/testbed/..."}},
	{"providers/providertest", []string{"hcl/addr", "hcl/schema", "providers", "providers/secret", "providers/testbed", "providers/testbed/tracer"}},
	{"providers/secret", nil},
	{"providers/runtime/ledger", nil},
	{"providers/internal/...", []string{"hcl/addr", "hcl/schema", "providers", "providers/secret", "providers/internal/..."}},
	// The doctor looks at everything.
	{"providers/doctor", []string{"hcl/schema", "providers", "providers/secret", "providers/internal/...", "providers/host", "providers/tart", "providers/runtime/..."}},
	// A provider never imports a sibling; "{self}" is its own folder.
	{"providers/*/...", []string{"hcl/addr", "hcl/schema", "providers", "providers/secret", "providers/internal/...", "{self}/..."}},
	{"providers", []string{"hcl/addr", "hcl/schema", "providers/secret"}},
	{"images/...", nil},
}

// onlyIn says which folders alone may import a package from outside.
var onlyIn = map[string]string{
	"github.com/hashicorp/hcl/v2/...":            "hcl/...",
	"os/exec":                                    "providers/internal/machine",
	"howett.net/plist":                           "providers/...",
	"golang.org/x/crypto/ssh/...":                "providers/internal/machine",
	"github.com/google/go-github/...":            "providers/internal/ghapi",
	"github.com/google/go-containerregistry/...": "providers/internal/registry",
}

// exempt names what breaks a limit for a reason.
var exempt = map[string]string{
	"os/exec in providers/testbed":                 "a double starts programs as the real one does, and shares no code with what it tests",
	"golang.org/x/crypto/ssh in providers/testbed": "the guests' sshd is a real one, and shares no code with what it tests",
	"cmd/hostler": "one small file for each command: it grows with their number, not in depth",
}

const (
	maxFile    = 400
	maxPackage = 1500
)

func TestHouse(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	found, err := violations(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// TestHouseSeesViolations plants one violation of each rule and wants each to
// be named.
func TestHouseSeesViolations(t *testing.T) {
	root := t.TempDir()
	plant := func(name, src string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plant("planner/a.go", "package planner\nimport _ \"hostler/providers/tart\"\n")
	plant("planner/b.go", "package planner\nimport \"os\"\nfunc f() { os.Exit(1) }\nfunc init() {}\n")
	plant("providers/tart/a.go", "package tart\nimport \"hostler/providers/launchd\"\nvar _ = launchd.X\n")
	plant("providers/testbed/a.go", "package testbed\nimport \"hostler/providers/secret\"\nvar _ = secret.X\n")
	plant("hcl/addr/a.go", "package addr\nimport \"hostler/hcl/schema\"\nvar _ = schema.X\n")
	plant("state/a.go", "package state\nimport (\"os/exec\"\n\"github.com/hashicorp/hcl/v2/hclsyntax\")\nvar _, _ = exec.Command, hclsyntax.X\n")
	plant("state/long.go", "package state\n"+strings.Repeat("//\n", maxFile))
	plant("elsewhere/a.go", "package elsewhere\n")
	found, err := violations(root)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(found, "\n")
	for _, want := range []string{
		"planner/a.go: planner may not import providers/tart",
		"planner/a.go: blank import",
		"planner/b.go: os.Exit outside package main",
		"planner/b.go: func init",
		"providers/tart/a.go: providers/tart may not import providers/launchd",
		"providers/testbed/a.go: providers/testbed may not import providers/secret",
		"hcl/addr/a.go: hcl/addr may not import hcl/schema",
		"state/a.go: os/exec is for providers/internal/machine alone",
		"state/a.go: github.com/hashicorp/hcl/v2/hclsyntax is for hcl/... alone",
		"state/long.go: 401 lines",
		"elsewhere: not in the import table",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missed: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("found:\n%s", text)
	}
}

// violations reads every Go file under root and lists what breaks the rules.
func violations(root string) ([]string, error) {
	var found []string
	lines := map[string]int{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != root || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		n := strings.Count(string(src), "\n")
		lines[path.Dir(rel)] += n
		if n > maxFile && exempt[rel] == "" {
			found = append(found, fmt.Sprintf("%s: %d lines, more than %d", rel, n, maxFile))
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found = append(found, inFile(rel, file)...)
		return nil
	})
	for dir, n := range lines {
		if n > maxPackage && exempt[dir] == "" {
			found = append(found, fmt.Sprintf("%s: %d lines, more than %d", dir, n, maxPackage))
		}
		if _, known := allowed(dir); !known {
			found = append(found, dir+": not in the import table")
		}
	}
	slices.Sort(found)
	return found, err
}

func inFile(rel string, file *ast.File) []string {
	var found []string
	dir := path.Dir(rel)
	say := func(format string, args ...any) { found = append(found, rel+": "+fmt.Sprintf(format, args...)) }
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if spec.Name != nil && spec.Name.Name == "_" {
			say("blank import of %s", imported)
		}
		if ours, ok := strings.CutPrefix(imported, "hostler/"); ok {
			if whom, _ := allowed(dir); !slices.ContainsFunc(whom, func(p string) bool { return within(ours, p) }) {
				say("%s may not import %s", dir, ours)
			}
			continue
		}
		for pattern, home := range onlyIn {
			if within(imported, pattern) && !within(dir, home) && !(within(dir, "providers/testbed/...") && exempt[imported+" in providers/testbed"] != "") {
				say("%s is for %s alone", imported, home)
			}
		}
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			say("func init")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && file.Name.Name != "main" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" && sel.Sel.Name == "Exit" {
				say("os.Exit outside package main")
			}
		}
		return true
	})
	return found
}

// allowed is the first row of the table that fits the folder.
func allowed(dir string) (whom []string, known bool) {
	for _, row := range mayImport {
		pattern := row.who
		if strings.HasPrefix(pattern, "providers/*") {
			parts := strings.SplitN(dir, "/", 3)
			if parts[0] != "providers" || len(parts) < 2 {
				continue
			}
			self := "providers/" + parts[1]
			out := slices.Clone(row.whom)
			for i := range out {
				out[i] = strings.ReplaceAll(out[i], "{self}", self)
			}
			return out, true
		}
		if within(dir, pattern) {
			return row.whom, true
		}
	}
	return nil, false
}

// within reports whether p is the folder of the pattern, or below it where
// the pattern ends in "/...".
func within(p, pattern string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return p == base || deep && strings.HasPrefix(p, base+"/")
}
