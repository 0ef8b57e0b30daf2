package hcl

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

// TestBroken loads configurations with a newcomer's mistakes. A file named
// args has arguments, one a line: "var NAME=VALUE", "file PATH", "env A=B" or
// "unset".
func TestBroken(t *testing.T) {
	dirs, err := filepath.Glob("testdata/broken/*")
	if err != nil || len(dirs) < 40 {
		t.Fatalf("%d broken configurations, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var vars Vars
			args, _ := os.ReadFile(filepath.Join(dir, "args"))
			for _, line := range strings.Split(strings.TrimSpace(string(args)), "\n") {
				switch what, text, _ := strings.Cut(line, " "); what {
				case "var":
					vars.Args = append(vars.Args, VarArg{Text: text})
				case "file":
					vars.Args = append(vars.Args, VarArg{Text: filepath.Join(dir, text), File: true})
				case "env":
					vars.Environ = append(vars.Environ, text)
				case "unset":
					vars.Unset = true
				}
			}
			c, diags := Load(dir, language(), vars)
			if !diags.HasErrors() && !strings.HasPrefix(filepath.Base(dir), "warn-") {
				t.Error("no error")
			}
			for _, d := range diags {
				if d.Subject != nil && c.Files[d.Subject.Filename] != nil && !d.Subject.CanSliceBytes(c.Files[d.Subject.Filename].Bytes) {
					t.Errorf("subject of %q lies outside its file", d.Summary)
				}
				if text := d.Summary + d.Detail; strings.Contains(text, "hunter2") {
					t.Errorf("a secret in %q", text)
				}
			}
			golden := filepath.Join(dir, "diagnostics.txt")
			if *update {
				if err := os.WriteFile(golden, []byte(plain(diags)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := plain(diags); got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
