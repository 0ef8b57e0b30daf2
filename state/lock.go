package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"

	"hostler/hcl/addr"
)

// Lock is the right to write, of one process at a time. Its methods may be
// called from several goroutines; those that record something return when it
// is durable, and share the sync that makes it so.
//
// After an error of the disk every later call fails with the same error; what
// was acknowledged before is safe.
type Lock struct {
	store   *Store
	guard   *guard
	start   *Snapshot
	lineage string // also while there is no state file yet
	base    uint64 // serial of the state file

	// mu guards the order of records: what is in view is what the journal says
	// or will say once the batches have been written.
	mu     sync.Mutex
	view   *view
	next   *batch // gathers records while another is being written
	err    error  // the first of the disk
	closed bool

	// writing guards the files.
	writing sync.Mutex
	exists  bool
	journal *journal
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
	g, err := s.acquire(ctx, who)
	if err != nil {
		return nil, err
	}
	l, err := s.openLocked(g)
	if err != nil {
		return nil, errors.Join(err, g.release())
	}
	return l, nil
}

func (s *Store) openLocked(g *guard) (*Lock, error) {
	d, err := s.load()
	if err != nil {
		return nil, err
	}
	s.tidy()
	if d.journal != nil {
		if err := s.settle(d); err != nil {
			return nil, err
		}
		if d, err = s.load(); err != nil {
			return nil, err
		}
	}
	l := &Lock{store: s, guard: g, start: d.view.snapshot(), view: d.view,
		lineage: d.view.lineage, base: d.fileSerial, exists: d.exists}
	if !d.exists {
		l.lineage = rand.Text()
	}
	if d.journal != nil {
		if l.journal, err = openJournal(s.journalPath(), d.journal.size); err != nil {
			return nil, fmt.Errorf("open the journal: %w", err)
		}
	}
	return l, nil
}

// settle makes what a dead run left in the journal as durable as if it had
// been acknowledged, drops its torn line, and folds.
func (s *Store) settle(d *disk) error {
	j, err := openJournal(s.journalPath(), d.journal.size)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	if err := errors.Join(syncFile(j.f), j.f.Close()); err != nil {
		return fmt.Errorf("settle the journal: %w", err)
	}
	return s.fold()
}

// Snapshot returns the state as it was when the lock was taken, with the
// unfinished intents of earlier runs. Every call gives the same one; the
// caller may change it.
func (l *Lock) Snapshot() *Snapshot { return l.start }

// Begin records what is about to be done to the object of a, before it is.
func (l *Lock) Begin(a addr.Addr, intent Intent) error {
	err := l.record(func() (record, bool, error) {
		return record{Do: doBegin, Address: a, Intent: &intent}, false, nil
	})
	if err != nil {
		return fmt.Errorf("record intent to %s %s: %w", intent.Op, a, err)
	}
	return nil
}

// Put records the object of a as it is now, nil if there is none, and closes
// what was begun on it. To put what is there already changes nothing.
func (l *Lock) Put(a addr.Addr, r *Resource) error {
	err := l.record(func() (record, bool, error) {
		have := l.view.resources[a]
		if r == nil {
			return record{Do: doRemove, Address: a}, have != nil, nil
		}
		same, err := equal(have, r)
		return record{Do: doPut, Address: a, Resource: r}, !same, err
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", a, err)
	}
	return nil
}

// Move gives the object of from the address to, also in the dependencies of
// others. It is an error if there is none, or one at to.
func (l *Lock) Move(from, to addr.Addr) error {
	err := l.record(func() (record, bool, error) {
		return record{Do: doMove, Address: from, To: to}, true, l.view.canMove(from, to)
	})
	if err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	return nil
}

// SetOutputs records all output values. To set those that are there already
// changes nothing.
func (l *Lock) SetOutputs(outputs map[string]Output) error {
	err := l.record(func() (record, bool, error) {
		checked, err := checkedOutputs(outputs)
		if err != nil {
			return record{}, false, err
		}
		same, err := equal(l.view.outputs, checked)
		return record{Do: doOutputs, Outputs: checked}, !same, err
	})
	if err != nil {
		return fmt.Errorf("record outputs: %w", err)
	}
	return nil
}

// equal reports whether two values are written the same.
func equal(a, b any) (bool, error) {
	x, err := compact(a)
	if err != nil {
		return false, err
	}
	y, err := compact(b)
	return bytes.Equal(x, y), err
}

// record adds one line to the journal and returns when it is durable. what is
// called under mu and says what to record and whether that changes the state;
// a record that neither does nor opens or closes an intent is left out.
func (l *Lock) record(what func() (record, bool, error)) error {
	l.mu.Lock()
	b, first, err := l.enqueue(what)
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

// enqueue puts the record into the batch that is written next; first says
// that the caller is the one to write it.
func (l *Lock) enqueue(what func() (record, bool, error)) (b *batch, first bool, err error) {
	if l.closed {
		return nil, false, errors.New("the state is not locked any more")
	}
	if l.err != nil {
		return nil, false, l.err
	}
	rec, changes, err := what()
	if err != nil {
		return nil, false, err
	}
	rec.Serial = l.view.serial
	if changes {
		rec.Serial++
	}
	if err := rec.check(); err != nil {
		return nil, false, err
	}
	var line []byte
	if changes || rec.Do == doBegin || l.view.intents.open[rec.Address] != nil {
		if line, err = encodeLine(rec); err != nil {
			return nil, false, err
		}
		if err := l.view.apply(rec); err != nil {
			return nil, false, err
		}
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
	if err := l.guard.check(); err != nil {
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
	return l.journal.append(lines)
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
	l.journal, err = openJournal(path, info.Size())
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
		err = errors.Join(err, l.journal.f.Close())
		if err == nil {
			err = l.guard.check()
		}
		if err == nil {
			err = l.store.fold()
		}
	}
	if err != nil {
		err = fmt.Errorf("close state %q (the journal keeps what was recorded): %w", l.store.path, err)
	}
	return errors.Join(err, l.guard.release())
}
