package planner

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

// configure shows every type the configuration, before anything is asked.
func (p *Planner) configure(config providers.Lookup) {
	for _, t := range p.Types {
		t.Configure(config)
	}
}

// planned shows providers what a plan will make or leave; it is a
// providers.Lookup.
type planned struct{ changes []*Change }

// Get finds the change by its address: they are sorted.
func (p planned) Get(a addr.Addr) (cty.Value, bool) {
	i, ok := slices.BinarySearchFunc(p.changes, a, func(c *Change, a addr.Addr) int { return addr.Compare(c.Addr, a) })
	if !ok || p.changes[i].After.IsNull() {
		return cty.NilVal, false
	}
	return p.changes[i].After, true
}

// All are the addresses of one type.
func (p planned) All(blockType string) []addr.Addr {
	var out []addr.Addr
	for _, c := range p.changes {
		if c.Addr.Type == blockType && !c.After.IsNull() {
			out = append(out, c.Addr)
		}
	}
	return out
}
