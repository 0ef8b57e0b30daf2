package ledger

import (
	"errors"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// What concerns the Mac rather than a lease.

// Quarantine notes what can't be proved; a note of the same VM is replaced, and
// keeps the time at which it began.
func (l *Ledger) Quarantine(q Quarantine) error {
	known := false
	err := l.write(func(tx *bbolt.Tx) error {
		old, err := get[Quarantine](tx, quarantine, q.VM)
		if known = err == nil; known {
			q.Since = old.Since
		}
		return put(tx, quarantine, q.VM, q)
	})
	if err == nil && !known {
		l.tell(Event{Kind: Quarantined, Quarantine: q})
	}
	return err
}

// Clear removes a note of Quarantine.
func (l *Ledger) Clear(vm string) error {
	return l.write(func(tx *bbolt.Tx) error { return remove(tx, quarantine, vm) })
}

// SetState replaces what concerns the service as a whole.
func (l *Ledger) SetState(change func(*State)) error {
	var before, after State
	err := l.write(func(tx *bbolt.Tx) (err error) {
		if after, err = get[State](tx, meta, "state"); err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
		before = after
		before.Stopped = maps.Clone(after.Stopped)
		change(&after)
		return put(tx, meta, "state", after)
	})
	if err != nil {
		return err
	}
	for _, profile := range slices.Sorted(maps.Keys(after.Stopped)) {
		if before.Stopped[profile] != after.Stopped[profile] {
			l.tell(Event{Kind: Degraded, Profile: profile, Reason: "profile " + profile + " gets no VM: " + after.Stopped[profile]})
		}
	}
	if after.Contended.After(before.Contended) {
		l.tell(Event{Kind: Degraded, Reason: "macOS refuses guests that the budget has room for: VMs of another tool, or a slot that was not given back"})
	}
	return nil
}
