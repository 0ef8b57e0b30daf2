package hcl

import (
	"fmt"
	"strings"
	"testing"
)

func forEachConfig(n int) string {
	return fmt.Sprintf(`
host "mini" {
  for_each = toset([for i in range(%d) : format("%%05d-%%05d", floor(i / 100), i)])
}
locals {
  memory = { for k, h in host.mini : k => h.reserve.memory }
}
image "base" {
  for_each = host.mini
  host     = each.value
  from     = "ghcr.io/x:latest"
  memory   = local.memory[each.key]
  step "one" {
    run = "echo ${host.mini[each.key].guests}"
  }
}
`, min(n, 1000)) // range() makes no more
}

func blocksConfig(n int) string {
	var b strings.Builder
	b.WriteString("variable \"tag\" {\n  default = \"latest\"\n}\nhost \"mini\" {}\n")
	for i := range n {
		fmt.Fprintf(&b, "image \"i%d\" {\n  from = \"ghcr.io/x:${var.tag}\"\n  memory = host.mini.reserve.memory\n  step \"one\" {\n    run = \"echo %d\"\n  }\n}\n", i, i)
	}
	return b.String()
}

func benchmarkLoad(b *testing.B, text string, blocks int) {
	dir, lang := write(b, text), language()
	b.ReportAllocs()
	for b.Loop() {
		c, diags := Load(dir, lang, Vars{})
		if diags.HasErrors() || len(c.Blocks) != blocks {
			b.Fatalf("%d blocks\n%s", len(c.Blocks), plain(diags))
		}
	}
}

func BenchmarkLoad1000ForEach(b *testing.B) { benchmarkLoad(b, forEachConfig(1000), 2000) }
func BenchmarkLoad1000Blocks(b *testing.B)  { benchmarkLoad(b, blocksConfig(1000), 1001) }
func BenchmarkLoad10000Blocks(b *testing.B) { benchmarkLoad(b, blocksConfig(10000), 10001) }
