package planner

import (
	"fmt"
	"maps"
	"slices"

	"hostler/hcl/addr"
	"hostler/planner/internal/moves"
	"hostler/state"
)

// Move gives recorded resources other addresses, as `hostler state mv` does;
// those that refer to them follow.
func (p *Planner) Move(rec Recorder, addresses map[addr.Addr]addr.Addr) error {
	now := rec.Snapshot()
	var m moves.Moves
	arrives := map[addr.Addr]bool{}
	for from, to := range addresses {
		m.Add(from, to)
		arrives[to] = true
	}
	for _, u := range now.Unfinished {
		if arrives[u.Addr] {
			return fmt.Errorf("an operation on %s is unfinished, so an object may stand there that is not recorded yet; run `hostler apply` first, or `hostler state rm '%s'` to forget the attempt", u.Addr, u.Addr)
		}
	}
	for from, to := range wholeBlocks(addresses, now.Resources) {
		m.Add(from, to)
	}
	for _, from := range slices.SortedFunc(maps.Keys(addresses), addr.Compare) {
		if err := rec.Move(from, addresses[from]); err != nil {
			return err
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(now.Resources), addr.Compare) {
		r := now.Resources[a]
		t := p.Types[a.Type]
		deps := m.Deps(r.Deps)
		if t == nil || slices.Equal(deps, r.Deps) {
			continue
		}
		moved := *r
		moved.Deps, moved.SchemaVersion = deps, t.Schema.Version
		v, err := t.Decode(r.Attributes, r.SchemaVersion)
		if err == nil {
			moved.Attributes, err = t.Encode(m.Object(t.Schema, v, r.Deps))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		at, _ := m.Follow(a)
		if err := rec.Put(at, &moved); err != nil {
			return err
		}
	}
	return nil
}

// wholeBlocks are the blocks all of whose recorded instances move to one other
// block and keep their keys: references that mean all of them follow.
func wholeBlocks(addresses map[addr.Addr]addr.Addr, have map[addr.Addr]*state.Resource) map[addr.Addr]addr.Addr {
	whole, partly := map[addr.Addr]addr.Addr{}, map[addr.Addr]bool{}
	for a := range have {
		block, to := a.Block(), addresses[a]
		if other, seen := whole[block]; !a.HasKey || to != to.Block().Instance(a.Key) || seen && other != to.Block() {
			partly[block] = true
		}
		whole[block] = to.Block()
	}
	maps.DeleteFunc(whole, func(block, _ addr.Addr) bool { return partly[block] })
	return whole
}
