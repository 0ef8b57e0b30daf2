package hcl

import (
	"fmt"
	"testing"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// What says how to reach an object must be there for as long as the object.
func TestABlockDependsOnWhatItsTypeUses(t *testing.T) {
	lang := language()
	lang.Blocks["group"] = &schema.Block{Type: "group", Uses: []string{"github"}}
	const group = "group \"a\" {}\n"
	for src, want := range map[string]string{
		group: "[]",
		group + "github {\n  owner = \"acme\"\n}":                                           "[github.github]",
		group + "github {\n  owner = \"acme\"\n}\ngroup \"b\" {\n  for_each = { x = 1 }\n}": "[github.github]",
	} {
		cfg, diags := Load(write(t, src), lang, Vars{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range cfg.Blocks {
			if b.Addr.Type == "group" && fmt.Sprint(b.Deps) != want {
				t.Errorf("%s of %q depends on %v, want %s", b.Addr, src, b.Deps, want)
			}
		}
		if cfg.Block(addr.New("group", "a")) == nil {
			t.Errorf("no group in %q", src)
		}
	}
}
