// Package ledger is what the dispatch service must not forget: who waits
// (tickets), what is lent (leases), what can't be explained (quarantine), and
// what was (history). It decides nothing.
//
// Invariants:
//
//  1. A call that returned without an error is on disk. Concurrent calls share
//     one sync.
//  2. A transition is whole: a ticket becomes a lease, or a lease history, in
//     one transaction; no crash leaves both or neither.
//  3. Every lease has a deadline, and a VM name that nothing else has.
//  4. A file that is damaged, foreign or newer is refused, never replaced.
//  5. One process writes; others may read while it does not run.
//
// Times are wall clock, in UTC. Start at Ledger, then records.go.
package ledger

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// version is that of the records' form.
const version = "1"

// Errors of this package, beside those of the disk.
var (
	ErrBusy    = errors.New("the service has the ledger open")
	ErrMissing = errors.New("no such record")
)

// The buckets of the file.
const (
	meta       = "meta"
	tickets    = "tickets"
	leases     = "leases"
	quarantine = "quarantine"
	history    = "history"
)

var buckets = []string{meta, tickets, leases, quarantine, history}

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	db *bbolt.DB
	// Observe, if not nil, is told of each event once it is on disk, by whoever
	// brought it about. It is set before the ledger is used.
	Observe func(Event)
}

// Close closes the file.
func (l *Ledger) Close() error { return l.db.Close() }

// write runs a transition, together with others that come at the same time.
func (l *Ledger) write(do func(tx *bbolt.Tx) error) error {
	err := l.db.Batch(do)
	if err != nil && !errors.Is(err, ErrMissing) {
		return fmt.Errorf("ledger: %w", err)
	}
	return err
}

func put(tx *bbolt.Tx, bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), data)
}

func get[T any](tx *bbolt.Tx, bucket, key string) (T, error) {
	var v T
	data := tx.Bucket([]byte(bucket)).Get([]byte(key))
	if data == nil {
		return v, fmt.Errorf("%s of %s: %w", key, bucket, ErrMissing)
	}
	return v, json.Unmarshal(data, &v)
}

func all[T any](tx *bbolt.Tx, bucket string) (out []T, err error) {
	err = tx.Bucket([]byte(bucket)).ForEach(func(k, data []byte) error {
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			return fmt.Errorf("%s of %s: %w", k, bucket, err)
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

func remove(tx *bbolt.Tx, bucket, key string) error {
	return tx.Bucket([]byte(bucket)).Delete([]byte(key))
}

// Enqueue makes a ticket, with an ID. Who asks again by the same Key gets the
// ticket that still waits, or the lease that it became.
func (l *Ledger) Enqueue(t Ticket) (ticket Ticket, lease *Lease, err error) {
	fresh := false
	err = l.write(func(tx *bbolt.Tx) error {
		ticket, lease, fresh = t, nil, false
		if t.Key != "" {
			waiting, err := all[Ticket](tx, tickets)
			if err != nil {
				return err
			}
			lent, err := all[Lease](tx, leases)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(waiting, func(w Ticket) bool { return w.Key == t.Key }); i >= 0 {
				ticket = waiting[i]
				return nil
			}
			if i := slices.IndexFunc(lent, func(have Lease) bool { return have.Ticket.Key == t.Key }); i >= 0 {
				ticket, lease = lent[i].Ticket, &lent[i]
				return nil
			}
		}
		n, err := tx.Bucket([]byte(tickets)).NextSequence()
		if err != nil {
			return err
		}
		ticket.ID = fmt.Sprintf("t%d", n)
		fresh = true
		return put(tx, tickets, ticket.ID, ticket)
	})
	if err == nil && fresh {
		l.tell(Event{Kind: Queued, Ticket: ticket})
	}
	return ticket, lease, err
}

// Withdraw removes a ticket; one that is gone is success.
func (l *Ledger) Withdraw(id string) error {
	return l.write(func(tx *bbolt.Tx) error { return remove(tx, tickets, id) })
}

// Grant turns a ticket into a lease, whose ID and VM it names.
func (l *Ledger) Grant(ticket string, lease Lease) (granted Lease, err error) {
	err = l.write(func(tx *bbolt.Tx) error {
		t, err := get[Ticket](tx, tickets, ticket)
		if err != nil {
			return err
		}
		granted = lease
		granted.ID = newID(tx)
		granted.Ticket = t
		granted.VM = Prefix + t.Profile + "-" + granted.ID
		if granted.Deadline.IsZero() {
			return errors.New("a lease without a deadline")
		}
		if err := remove(tx, tickets, ticket); err != nil {
			return err
		}
		return put(tx, leases, granted.ID, granted)
	})
	if err == nil {
		l.tell(Event{Kind: Granted, Lease: granted})
	}
	return granted, err
}

// newID is short, since people type it, and new.
func newID(tx *bbolt.Tx) string {
	for n := 3; ; n++ {
		id := strings.ToLower(rand.Text()[:n])
		_, lent := get[Lease](tx, leases, id)
		_, past := get[Lease](tx, history, id)
		if lent != nil && past != nil {
			return id
		}
	}
}

// Change changes a lease; what change answers with an error is not kept.
func (l *Ledger) Change(id string, change func(*Lease) error) (lease Lease, err error) {
	var before Lease
	err = l.write(func(tx *bbolt.Tx) error {
		if lease, err = get[Lease](tx, leases, id); err != nil {
			return err
		}
		before = lease
		if err := change(&lease); err != nil {
			return err
		}
		return put(tx, leases, id, lease)
	})
	if err == nil && lease.Phase != before.Phase {
		l.tell(Event{Kind: Moved, Lease: lease, Before: before})
	}
	return lease, err
}

// Release moves a lease to history. One that is to be requeued leaves its ticket
// in the queue, where that stood before; it counts as a try if it failed.
func (l *Ledger) Release(id string, at time.Time) error {
	var lease Lease
	err := l.write(func(tx *bbolt.Tx) (err error) {
		if lease, err = get[Lease](tx, leases, id); err != nil {
			return err
		}
		lease.Released = at
		if lease.Requeue {
			t := lease.Ticket
			if lease.End != nil && lease.End.Class != Withdrawn {
				t.Tries++
			}
			if err := put(tx, tickets, t.ID, t); err != nil {
				return err
			}
		}
		if err := remove(tx, leases, id); err != nil {
			return err
		}
		return put(tx, history, id, lease)
	})
	if err == nil {
		l.tell(Event{Kind: Finished, Lease: lease})
	}
	return err
}

// Read is all but history, at one moment: tickets as they came, leases as they
// began.
func (l *Ledger) Read() (s Snapshot, err error) {
	err = l.db.View(func(tx *bbolt.Tx) error {
		if s.Tickets, err = all[Ticket](tx, tickets); err != nil {
			return err
		}
		if s.Leases, err = all[Lease](tx, leases); err != nil {
			return err
		}
		if s.Quarantine, err = all[Quarantine](tx, quarantine); err != nil {
			return err
		}
		s.State, err = get[State](tx, meta, "state")
		if errors.Is(err, ErrMissing) {
			err = nil
		}
		return err
	})
	slices.SortFunc(s.Tickets, func(a, b Ticket) int { return order(a.Enqueued, b.Enqueued, a.ID, b.ID) })
	slices.SortFunc(s.Leases, func(a, b Lease) int { return order(a.Granted, b.Granted, a.ID, b.ID) })
	return s, err
}

func order(a, b time.Time, x, y string) int {
	if c := a.Compare(b); c != 0 {
		return c
	}
	if d := len(x) - len(y); d != 0 {
		return d
	}
	return strings.Compare(x, y)
}

// Past are the leases that are over, the last one first; at most n, all with 0.
func (l *Ledger) Past(n int) (past []Lease, err error) {
	err = l.db.View(func(tx *bbolt.Tx) error {
		past, err = all[Lease](tx, history)
		return err
	})
	slices.SortFunc(past, func(a, b Lease) int { return order(b.Released, a.Released, b.ID, a.ID) })
	if n > 0 && len(past) > n {
		past = past[:n]
	}
	return past, err
}

// Prune forgets what was released before a time, and all but the last keep. It
// returns what it forgot.
func (l *Ledger) Prune(before time.Time, keep int) (gone []Lease, err error) {
	past, err := l.Past(0)
	if err != nil {
		return nil, err
	}
	for i, p := range past {
		if i >= keep || p.Released.Before(before) {
			gone = append(gone, p)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return gone, l.write(func(tx *bbolt.Tx) error {
		for _, p := range gone {
			if err := remove(tx, history, p.ID); err != nil {
				return err
			}
		}
		return nil
	})
}
