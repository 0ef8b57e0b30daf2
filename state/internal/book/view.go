package book

import (
	"fmt"
	"maps"
	"slices"

	"hostler/hcl/addr"
)

// View is the state while lines are added to it: of one journal when it is
// read, of one run while the lock is held.
type View struct {
	lineage   string
	serial    uint64
	resources map[addr.Addr]*Resource // never changed, only replaced
	outputs   map[string]Output
	intents   intents
	// dependents are the resources that name an address in Deps. It is made
	// by the first move and kept up to date from then on.
	dependents map[addr.Addr]map[addr.Addr]bool
}

// NewView begins at a snapshot as a state file holds it, without intents, and
// takes over its maps.
func NewView(s *Snapshot) *View {
	v := &View{lineage: s.Lineage, serial: s.Serial, resources: s.Resources, outputs: s.Outputs}
	if v.resources == nil {
		v.resources = map[addr.Addr]*Resource{}
	}
	if v.outputs == nil {
		v.outputs = map[string]Output{}
	}
	return v
}

// Lineage is the state's, "" if there never was one.
func (v *View) Lineage() string { return v.lineage }

// Serial counts the changes up to now.
func (v *View) Serial() uint64 { return v.serial }

// Skip raises the serial by n, so that the state is another one than any that
// somebody may have seen.
func (v *View) Skip(n uint64) { v.serial += n }

// Len is how many objects there are.
func (v *View) Len() int { return len(v.resources) }

// Open returns the intents begun and not yet put, in order. They share their
// resources with the view.
func (v *View) Open() []Unfinished { return v.intents.list() }

// Snapshot returns a copy that shares nothing with the view, so that whoever
// gets it may change it.
func (v *View) Snapshot() *Snapshot {
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

// Follow replays a journal, or only takes over its open intents when the view
// contains the rest already. Its errors are *Damage.
func (v *View) Follow(j *Journal) error {
	if j.Lineage != v.lineage {
		return damagef("has lineage %s, but the state has %s: they are not of the same state", j.Lineage, v.lineage)
	}
	switch v.serial {
	case j.Start:
		// Every journal carries all intents that are open.
		v.intents = intents{}
		for _, rec := range j.records {
			if err := v.apply(rec); err != nil {
				return damagef("line %d: %v", rec.line, err)
			}
		}
	case j.End:
		v.FollowIntents(j)
	default:
		return damagef("leads from serial %d to %d, but the state is at serial %d", j.Start, j.End, v.serial)
	}
	return nil
}

// FollowIntents takes over the journal's open intents and nothing else.
func (v *View) FollowIntents(j *Journal) {
	v.intents = intents{}
	for _, rec := range j.records {
		v.intents.follow(rec)
	}
}

// FollowSalvaged replays what fits of a journal that has lost lines, and
// returns what does not.
func (v *View) FollowSalvaged(j *Journal) (problems []string) {
	v.intents = intents{}
	for _, rec := range j.records {
		if err := v.apply(rec); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", rec.line, err))
		}
	}
	return problems
}

// apply does what one record says. An error means that nothing was applied.
func (v *View) apply(rec record) error {
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

func (v *View) canMove(from, to addr.Addr) error {
	if v.resources[from] == nil {
		return fmt.Errorf("%s is not in the state", from)
	}
	if v.resources[to] != nil {
		return fmt.Errorf("%s is in the state already", to)
	}
	return nil
}

func (v *View) move(from, to addr.Addr) {
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
func (v *View) set(a addr.Addr, r *Resource) {
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

func (v *View) index(a addr.Addr, r *Resource, add bool) {
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
