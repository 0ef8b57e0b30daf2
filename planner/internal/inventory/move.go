package inventory

import (
	"fmt"

	"hostler/hcl/addr"
	"hostler/planner/internal/moves"
)

// move gives objects the addresses that moved blocks say, and lets references
// to them follow.
func (inv *Inventory) move(m moves.Moves) {
	if m.None() {
		return
	}
	arrived := map[addr.Addr]addr.Addr{}
	for _, from := range inv.Addresses() {
		o := inv.objects[from]
		to, ok := m.Follow(from)
		if o.Failed || ok && to == from {
			continue
		}
		stands, taken := arrived[to]
		if inv.objects[to] != nil {
			stands, taken = to, true
		}
		switch {
		case !ok:
			inv.fail(o, "Invalid move", fmt.Errorf("the moved blocks lead %s in a circle; remove one of them", from))
		case to.Type != from.Type:
			inv.fail(o, "Invalid move", fmt.Errorf("%s can't become %s: an object keeps its type", from, to))
		case inv.cfg.Block(from) != nil:
			inv.fail(o, "Moved object still exists", fmt.Errorf("%s has moved to %s, and yet a block %s stands in the files; remove that block, or the moved block", from, to, from))
		case taken:
			inv.fail(o, "Invalid move", fmt.Errorf("both %s and %s are in state, and both would be %s; destroy or forget one of them first", from, stands, to))
		default:
			arrived[to] = from
		}
	}
	for to, from := range arrived {
		o := inv.objects[from]
		delete(inv.objects, from)
		o.Addr, o.MovedFrom = to, from
		inv.objects[to] = o
	}
	for _, o := range inv.objects {
		if o.Failed {
			continue
		}
		o.Recorded = m.Object(o.Type.Schema, o.Recorded, o.Deps)
		o.Real = m.Object(o.Type.Schema, o.Real, o.Deps)
		o.Deps = m.Deps(o.Deps)
	}
}
