package main

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	tfjson "github.com/hashicorp/terraform-json"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestBrokenConfigurations shows what a newcomer reads for each usual mistake:
// testdata/broken/NAME.hcl is the mistake, NAME.txt what validate says.
func TestBrokenConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.hcl")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d broken configurations: %v", len(files), err)
	}
	exe := builtHostler(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hcl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.hcl"), src, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe, "--chdir", dir, "validate")
			cmd.Env = []string{"PATH=/usr/bin:/bin"}
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("validate accepts it:\n%s", out)
			}
			got := strings.ReplaceAll(string(out), filepath.Dir(dir), "PARENT")
			golden := strings.TrimSuffix(file, ".hcl") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("a sensitive value is shown")
			}
			cmd = exec.Command(exe, "--chdir", dir, "validate", "--json")
			cmd.Env = []string{"PATH=/usr/bin:/bin"}
			out, _ = cmd.Output()
			exact(t, out, src)
		})
	}
}

// exact wants each range of a `validate --json` to be right to the byte: line and
// column are those of the byte, and what the snippet marks is what stands there.
func exact(t *testing.T, out, src []byte) {
	t.Helper()
	var v tfjson.ValidateOutput
	if err := json.Unmarshal(out, &v); err != nil || v.Valid || v.ErrorCount == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	at := func(p tfjson.Pos) bool {
		if p.Byte < 0 || p.Byte > len(src) {
			return false
		}
		before := string(src[:p.Byte])
		line := before[strings.LastIndex(before, "\n")+1:]
		columns, err := textseg.TokenCount([]byte(line), textseg.ScanGraphemeClusters)
		return err == nil && p.Line == strings.Count(before, "\n")+1 && p.Column == columns+1
	}
	for _, d := range v.Diagnostics {
		r := d.Range
		if r == nil || r.Filename != "main.hcl" {
			continue
		}
		if !at(r.Start) || !at(r.End) || r.Start.Byte > r.End.Byte {
			t.Errorf("%s: range %+v", d.Summary, *r)
			continue
		}
		s := d.Snippet
		if s == nil || s.HighlightEndOffset > len(s.Code) || s.StartLine < 1 {
			t.Errorf("%s: snippet %+v", d.Summary, s)
			continue
		}
		marked, _, _ := strings.Cut(string(src[r.Start.Byte:r.End.Byte]), "\n")
		if shown := s.Code[s.HighlightStartOffset:s.HighlightEndOffset]; !strings.HasPrefix(shown, marked) && !strings.HasPrefix(marked, shown) {
			t.Errorf("%s: marks %q, and the range holds %q", d.Summary, shown, marked)
		}
	}
}
