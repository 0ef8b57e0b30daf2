package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"

	"hostler/hcl/addr"
	"hostler/state/internal/book"
	"hostler/state/internal/durable"
	"hostler/state/internal/lockfile"
)

// Lock is the right to write, of one process at a time. Its methods may be
// called from several goroutines; those that record something return when it
// is durable, and share the sync that makes it so.
//
// After an error of the disk every later call fails with the same error; what
// was acknowledged before is safe.
type Lock struct {
	store   *Store
	guard   *lockfile.Guard
	start   *Snapshot
	lineage string // also while there is no state file yet
	base    uint64 // serial of the state file

	// mu guards the order of records: what is in view is what the journal says
	// or will say once the batches have been written.
	mu     sync.Mutex
	view   *book.View
	next   *batch // gathers records while another is being written
	err    error  // the first of the disk
	closed bool

	// writing guards the files.
	writing sync.Mutex
	exists  bool
	journal *durable.Log
	syncs   int
}

// batch is lines that are written with one sync. done is closed when that has
// happened; err says how it went.
type batch struct {
	lines []byte
	done  chan struct{}
	err   error
}

// Lock waits for the lock until ctx ends, and then reads the state; it first
// folds what an earlier run left in the journal. A passed deadline is a
// *LockedError, a state that cannot be trusted a *DamagedError.
func (s *Store) Lock(ctx context.Context, who LockInfo) (*Lock, error) {
	g, err := s.lockFile().Acquire(ctx, who)
	if err != nil {
		return nil, err
	}
	l, err := s.openLocked(g)
	if err != nil {
		return nil, errors.Join(err, g.Release())
	}
	return l, nil
}

func (s *Store) openLocked(g *lockfile.Guard) (*Lock, error) {
	d, err := s.load()
	if err != nil {
		return nil, err
	}
	s.tidy()
	if d, err = s.settle(d); err != nil {
		return nil, err
	}
	l := &Lock{store: s, guard: g, start: d.view.Snapshot(), view: d.view,
		lineage: d.view.Lineage(), base: d.fileSerial, exists: d.exists}
	if !d.exists {
		l.lineage = rand.Text()
	}
	if d.journal != nil {
		if l.journal, err = durable.OpenLog(s.journalPath(), d.journal.Size); err != nil {
			return nil, fmt.Errorf("open the journal: %w", err)
		}
	}
	return l, nil
}

// Snapshot returns the state as it was when the lock was taken, with the
// unfinished intents of earlier runs. Every call gives the same one; the
// caller may change it.
func (l *Lock) Snapshot() *Snapshot { return l.start }

// Begin records what is about to be done to the object of a, before it is.
func (l *Lock) Begin(a addr.Addr, intent Intent) error {
	err := l.record(func() ([]byte, error) { return l.view.Begin(a, intent) })
	if err != nil {
		return fmt.Errorf("record intent to %s %s: %w", intent.Op, a, err)
	}
	return nil
}

// Put records the object of a as it is now, nil if there is none, and closes
// what was begun on it. To put what is there already changes nothing.
func (l *Lock) Put(a addr.Addr, r *Resource) error {
	err := l.record(func() ([]byte, error) { return l.view.Put(a, r) })
	if err != nil {
		return fmt.Errorf("record %s: %w", a, err)
	}
	return nil
}

// Move gives the object of from the address to, also in the dependencies of
// others. It is an error if there is none, or one at to.
func (l *Lock) Move(from, to addr.Addr) error {
	err := l.record(func() ([]byte, error) { return l.view.Move(from, to) })
	if err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	return nil
}

// SetOutputs records all output values. To set those that are there already
// changes nothing.
func (l *Lock) SetOutputs(outputs map[string]Output) error {
	err := l.record(func() ([]byte, error) { return l.view.SetOutputs(outputs) })
	if err != nil {
		return fmt.Errorf("record outputs: %w", err)
	}
	return nil
}

// record writes the line that change makes of the view, and returns when it is
// durable, and with it everything that the view says; change is called under
// mu.
func (l *Lock) record(change func() (line []byte, err error)) error {
	l.mu.Lock()
	b, first, err := l.enqueue(change)
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case first:
		l.writing.Lock()
		defer l.writing.Unlock()
		l.write(b)
	default:
		<-b.done
	}
	return b.err
}

// enqueue puts the line into the batch that is written next; first says that
// the caller is the one to write it.
func (l *Lock) enqueue(change func() ([]byte, error)) (b *batch, first bool, err error) {
	if l.closed {
		return nil, false, errors.New("the state is not locked any more")
	}
	if l.err != nil {
		return nil, false, l.err
	}
	line, err := change()
	if err != nil {
		return nil, false, err
	}
	if first = l.next == nil; first {
		l.next = &batch{done: make(chan struct{})}
	}
	l.next.lines = append(l.next.lines, line...)
	return l.next, first, nil
}

// write closes the batch to further records and makes it durable, unless that
// has been done. The caller holds writing.
func (l *Lock) write(b *batch) {
	l.mu.Lock()
	if l.next == b {
		l.next = nil
	}
	err := l.err
	l.mu.Unlock()
	select {
	case <-b.done:
		return
	default:
	}
	if err == nil {
		err = l.append(b.lines)
	}
	if err != nil {
		l.mu.Lock()
		if l.err == nil {
			l.err = err
		}
		l.mu.Unlock()
	}
	b.err = err
	close(b.done)
}

// append makes lines durable, with the files they need.
func (l *Lock) append(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if err := l.guard.Check(); err != nil {
		return err
	}
	if !l.exists {
		if err := l.store.create(l.lineage); err != nil {
			return err
		}
		l.exists = true
	}
	if l.journal == nil {
		if err := l.openNew(); err != nil {
			return err
		}
	}
	l.syncs++
	return l.journal.Append(lines)
}

func (l *Lock) openNew() error {
	path := l.store.journalPath()
	if err := l.store.startJournal(l.lineage, l.base, nil); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	l.journal, err = durable.OpenLog(path, info.Size())
	return err
}

// Close folds the journal into the state file and frees the lock. If that
// fails, or writing has failed before, the journal stays and is folded by
// whoever locks next: nothing is lost.
func (l *Lock) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	again, rest := l.closed, l.next
	l.closed = true
	l.mu.Unlock()
	if again {
		return nil
	}
	if rest != nil {
		l.write(rest)
	}
	l.mu.Lock()
	err := l.err
	l.mu.Unlock()
	if l.journal != nil {
		err = errors.Join(err, l.journal.Close())
		if err == nil {
			err = l.guard.Check()
		}
		if err == nil {
			err = l.store.fold()
		}
	}
	if err != nil {
		err = fmt.Errorf("close state %q (the journal keeps what was recorded): %w", l.store.path, err)
	}
	return errors.Join(err, l.guard.Release())
}

// ForceUnlock takes the lock with that ID away from a holder on another host,
// which can no longer write then. A live holder on this host is refused, and
// a dead one needs none of this: if nobody holds the lock the error is
// ErrNotLocked.
func (s *Store) ForceUnlock(id string) error { return s.lockFile().ForceUnlock(id) }
