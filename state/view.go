package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"hostler/hcl/addr"
)

// view is the state while records are applied to it: of one journal when it
// is read, of one run while the lock is held.
type view struct {
	lineage   string
	serial    uint64
	resources map[addr.Addr]*Resource // never changed, only replaced
	outputs   map[string]Output
	intents   intents
	// dependents are the resources that name an address in Deps. It is made
	// by the first move and kept up to date from then on.
	dependents map[addr.Addr]map[addr.Addr]bool
}

// newView begins at a snapshot as a state file holds it, without intents, and
// takes over its maps.
func newView(s *Snapshot) *view {
	v := &view{lineage: s.Lineage, serial: s.Serial, resources: s.Resources, outputs: s.Outputs}
	if v.resources == nil {
		v.resources = map[addr.Addr]*Resource{}
	}
	if v.outputs == nil {
		v.outputs = map[string]Output{}
	}
	return v
}

// snapshot returns a copy that shares nothing with the view, so that whoever
// gets it may change it.
func (v *view) snapshot() *Snapshot {
	s := &Snapshot{
		Lineage:    v.lineage,
		Serial:     v.serial,
		Resources:  make(map[addr.Addr]*Resource, len(v.resources)),
		Outputs:    make(map[string]Output, len(v.outputs)),
		Unfinished: v.intents.list(),
	}
	for a, r := range v.resources {
		s.Resources[a] = r.clone()
	}
	for name, o := range v.outputs {
		o.Type, o.Value = slices.Clone(o.Type), slices.Clone(o.Value)
		s.Outputs[name] = o
	}
	for i, u := range s.Unfinished {
		s.Unfinished[i].Resource = u.Resource.clone()
	}
	return s
}

// follow replays a journal, or only takes over its open intents when the view
// contains the rest already.
func (v *view) follow(j *journalFile) error {
	if j.header.Lineage != v.lineage {
		return damagef("has lineage %s, but the state has %s: they are not of the same state", j.header.Lineage, v.lineage)
	}
	// Every journal carries all intents that are open.
	v.intents = intents{}
	switch v.serial {
	case j.header.Serial:
		for _, rec := range j.records {
			if err := v.apply(rec); err != nil {
				return damagef("line %d: %v", rec.line, err)
			}
		}
	case j.end:
		v.takeIntents(j)
	default:
		return damagef("leads from serial %d to %d, but the state is at serial %d", j.header.Serial, j.end, v.serial)
	}
	return nil
}

func (v *view) takeIntents(j *journalFile) {
	for _, rec := range j.records {
		v.intents.follow(rec)
	}
}

// apply does what one record says. An error means that nothing was applied.
func (v *view) apply(rec record) error {
	switch rec.Do {
	case doPut:
		v.set(rec.Address, rec.Resource)
	case doRemove:
		v.set(rec.Address, nil)
	case doMove:
		if err := v.canMove(rec.Address, rec.To); err != nil {
			return err
		}
		v.move(rec.Address, rec.To)
	case doOutputs:
		v.outputs = rec.Outputs
	}
	v.intents.follow(rec)
	v.serial = rec.Serial
	return nil
}

func (v *view) canMove(from, to addr.Addr) error {
	if v.resources[from] == nil {
		return fmt.Errorf("%s is not in the state", from)
	}
	if v.resources[to] != nil {
		return fmt.Errorf("%s is in the state already", to)
	}
	return nil
}

func (v *view) move(from, to addr.Addr) {
	if v.dependents == nil {
		v.dependents = map[addr.Addr]map[addr.Addr]bool{}
		for a, r := range v.resources {
			v.index(a, r, true)
		}
	}
	r := v.resources[from]
	v.set(from, nil)
	v.set(to, r)
	for a := range maps.Clone(v.dependents[from]) {
		v.set(a, v.resources[a].renamed(from, to))
	}
}

// set puts r at a, or removes what is there.
func (v *view) set(a addr.Addr, r *Resource) {
	if old := v.resources[a]; old != nil {
		v.index(a, old, false)
	}
	if r == nil {
		delete(v.resources, a)
		return
	}
	v.resources[a] = r
	v.index(a, r, true)
}

func (v *view) index(a addr.Addr, r *Resource, add bool) {
	if v.dependents == nil {
		return
	}
	for _, dep := range r.Deps {
		switch {
		case !add:
			delete(v.dependents[dep], a)
		case v.dependents[dep] == nil:
			v.dependents[dep] = map[addr.Addr]bool{a: true}
		default:
			v.dependents[dep][a] = true
		}
	}
}

// intents are those begun and not yet put.
type intents struct {
	open  map[addr.Addr][]begun
	count int // of all ever begun, to keep their order
}

type begun struct {
	nth int
	Intent
}

// follow opens, closes or renames what a record is about. An address can have
// several: when the run that came to finish one died as well.
func (in *intents) follow(rec record) {
	switch rec.Do {
	case doBegin:
		if in.open == nil {
			in.open = map[addr.Addr][]begun{}
		}
		in.count++
		in.open[rec.Address] = append(in.open[rec.Address], begun{in.count, *rec.Intent})
	case doPut, doRemove:
		delete(in.open, rec.Address)
	case doMove:
		if moved := in.open[rec.Address]; moved != nil {
			delete(in.open, rec.Address)
			in.open[rec.To] = append(in.open[rec.To], moved...)
		}
		for _, list := range in.open {
			for i := range list {
				list[i].Resource = list[i].Resource.renamed(rec.Address, rec.To)
			}
		}
	}
}

// list returns them in the order in which they were begun.
func (in *intents) list() []Unfinished {
	type entry struct {
		nth int
		Unfinished
	}
	var entries []entry
	for a, list := range in.open {
		for _, b := range list {
			entries = append(entries, entry{b.nth, Unfinished{a, b.Intent}})
		}
	}
	slices.SortFunc(entries, func(x, y entry) int { return cmp.Compare(x.nth, y.nth) })
	var out []Unfinished
	for _, e := range entries {
		out = append(out, e.Unfinished)
	}
	return out
}
