package hcl

import (
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// FuzzLoad: whatever stands in a file, Load comes back, its diagnostics point
// into the file, and the Config is wholly known and closed.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(fleet), false)
	files, _ := filepath.Glob("testdata/broken/*/*.hcl*")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, filepath.Ext(name) == ".json")
	}
	f.Add([]byte(`{"host": {"h": [{"for_each": {"a": 1}, "labels": ["${each.key}"]}]}, "locals": {"x": "${host.h}"}}`), true)
	f.Add([]byte(`"`), true)
	lang := language()
	f.Fuzz(func(t *testing.T, text []byte, json bool) {
		name := "main.hcl"
		if json {
			name += ".json"
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, vars := range []Vars{{}, {Unset: true}} {
			c, diags := Load(dir, lang, vars)
			for _, d := range diags {
				if d.Summary == "" || d.Detail == "" {
					t.Errorf("empty diagnostic %#v", d)
				}
				if d.Subject != nil && d.Subject.Filename == name && !d.Subject.CanSliceBytes(c.Files[name].Bytes) {
					t.Errorf("%s is outside the file", d.Subject)
				}
			}
			for _, b := range c.Blocks {
				if !b.Value.IsWhollyKnown() || b.Value.ContainsMarked() || !b.Value.Type().Equals(lang.Blocks[b.Addr.Type].Value()) {
					t.Errorf("%s is %#v", b.Addr, b.Value)
				}
				for _, dep := range b.Deps {
					if c.Block(dep) == nil && !diags.HasErrors() && !vars.Unset {
						t.Errorf("%s depends on %s, which is not there", b.Addr, dep)
					}
				}
			}
		}
		Format(name, text)
	})
}

// TestMutated swaps, drops and doubles tokens of every configuration of the
// tests: mistakes that still look like the language.
func TestMutated(t *testing.T) {
	texts := []string{fleet}
	files, _ := filepath.Glob("testdata/broken/*/*.hcl")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(raw))
	}
	token := regexp.MustCompile(`[\w.]+|\s+|.`)
	var words []string
	for _, text := range texts {
		words = append(words, token.FindAllString(text, -1)...)
	}
	rng := rand.New(rand.NewSource(7))
	lang, dir := language(), t.TempDir()
	for i := range 2000 {
		tokens := token.FindAllString(texts[i%len(texts)], -1)
		for range 1 + rng.Intn(4) {
			at := rng.Intn(len(tokens))
			switch rng.Intn(3) {
			case 0:
				tokens[at] = words[rng.Intn(len(words))]
			case 1:
				tokens = slices.Delete(tokens, at, min(at+1+rng.Intn(3), len(tokens)))
			case 2:
				tokens = slices.Insert(tokens, at, words[rng.Intn(len(words))])
			}
			if len(tokens) == 0 {
				break
			}
		}
		text := strings.Join(tokens, "")
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("%v\n%s\n%s", r, debug.Stack(), text)
				}
			}()
			Load(dir, lang, Vars{Unset: i%2 == 0})
		}()
	}
}
