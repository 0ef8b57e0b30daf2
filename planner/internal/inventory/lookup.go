package inventory

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
)

// Lookup shows providers the configuration; it is a providers.Lookup.
type Lookup struct {
	Config *hcl.Config
	// Objects may have been resolved already; nil shows blocks as they are
	// written.
	Objects *Inventory
}

// Get prefers the resolved value: blocks are resolved dependencies first.
func (l Lookup) Get(a addr.Addr) (cty.Value, bool) {
	if l.Objects != nil {
		if o := l.Objects.objects[a]; o != nil && o.Resolved != cty.NilVal {
			return o.Resolved, true
		}
	}
	if b := l.Config.Block(a); b != nil {
		return b.Value, true
	}
	return cty.NilVal, false
}

// All looks only at blocks of the type: they stand together.
func (l Lookup) All(blockType string) []addr.Addr {
	byType := func(b *hcl.Block, t string) int { return strings.Compare(b.Addr.Type, t) }
	first, _ := slices.BinarySearchFunc(l.Config.Blocks, blockType, byType)
	var out []addr.Addr
	for _, b := range l.Config.Blocks[first:] {
		if b.Addr.Type != blockType {
			break
		}
		out = append(out, b.Addr)
	}
	return out
}
