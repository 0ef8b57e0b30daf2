package providertest

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// Blocks is a configuration, by address.
type Blocks map[string]cty.Value

// Get returns a block.
func (b Blocks) Get(a addr.Addr) (cty.Value, bool) { v, ok := b[a.String()]; return v, ok }

// All returns none: what a test's provider looks for it names.
func (b Blocks) All(string) []addr.Addr { return nil }

// Word is a text.
func Word(s string) cty.Value { return cty.StringVal(s) }

// Words is a list of texts.
func Words(list ...string) cty.Value {
	var all []cty.Value
	for _, w := range list {
		all = append(all, Word(w))
	}
	return cty.ListVal(all)
}

// Block is a block of the type with these attributes and blocks, as a file's
// would be: normalized, with defaults, and without what is computed.
func Block(b *schema.Block, set map[string]cty.Value) cty.Value {
	out := map[string]cty.Value{}
	for _, a := range b.Attrs {
		v, ok := set[a.Name]
		if !ok {
			v = cty.NullVal(a.Type.Cty())
		}
		if a.Required && !ok || a.Computed || a.Type.Kind == schema.KindRef && ok {
			out[a.Name] = v
			continue
		}
		n, err := a.Normalize(v)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", a.Name, err))
		}
		out[a.Name] = n
	}
	for _, n := range b.Blocks {
		out[n.Type] = cty.NullVal(n.Cty())
		if v, ok := set[n.Type]; ok {
			out[n.Type] = v
		}
	}
	return cty.ObjectVal(out)
}
