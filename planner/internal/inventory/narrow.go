package inventory

import (
	"hostler/hcl/addr"
)

// Set is addresses as the command line names them: of a resource, or of a
// block with all its instances.
type Set map[addr.Addr]bool

// SetOf is the set of those addresses.
func SetOf(list []addr.Addr) Set {
	s := make(Set, len(list))
	for _, a := range list {
		s[a] = true
	}
	return s
}

// Covers reports whether one of the addresses means a.
func (s Set) Covers(a addr.Addr) bool { return s[a] || s[a.Block()] }

// Unknown are those of the addresses that mean no object.
func (inv *Inventory) Unknown(list []addr.Addr) (unknown []addr.Addr) {
	known := Set{}
	for a := range inv.objects {
		known[a], known[a.Block()] = true, true
	}
	for _, a := range list {
		if !known[a] {
			unknown = append(unknown, a)
		}
	}
	return unknown
}

// Narrow leaves out what the targets do not bring along: a target brings what
// it depends on, or when it is to be destroyed, what depends on it. With
// destroy everything is.
func (inv *Inventory) Narrow(targets []addr.Addr, destroy bool) {
	if len(targets) == 0 {
		return
	}
	dependents := map[addr.Addr][]addr.Addr{}
	for a, o := range inv.objects {
		for _, d := range o.Deps {
			dependents[d] = append(dependents[d], a)
		}
	}
	keep := map[addr.Addr]*Object{}
	var visit func(addr.Addr)
	visit = func(a addr.Addr) {
		o := inv.objects[a]
		if o == nil || keep[a] != nil {
			return
		}
		keep[a] = o
		brings := dependents[a]
		if o.Block != nil && !destroy {
			brings = o.Block.Deps
		}
		for _, b := range brings {
			visit(b)
		}
	}
	wanted := SetOf(targets)
	for a := range inv.objects {
		if wanted.Covers(a) {
			visit(a)
		}
	}
	inv.left = map[addr.Addr]*Object{}
	for a, o := range inv.objects {
		if keep[a] == nil {
			inv.left[a] = o
		}
	}
	inv.objects, inv.sorted = keep, nil
}
