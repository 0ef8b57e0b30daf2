// Package lockfile owns the right to write: a file that one process at a time
// holds locked, and that says who.
//
// Invariants:
//
//  1. The lock is the kernel's (flock), so it is freed when its holder dies,
//     however that happens. What the file says is for people only.
//  2. The file is never removed, and replaced by ForceUnlock alone: two
//     processes could lock two files of one name. Who holds a file that was
//     replaced has been put out, and Guard.Check tells.
//
// Start reading at File.Acquire.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// How long to wait between two tries: the lock is mostly held for minutes, but
// a script that runs command after command should not be slowed down.
const (
	firstWait = 10 * time.Millisecond
	longWait  = 250 * time.Millisecond
	// A holder that has just got the lock has not yet said who it is.
	nameless = 3
)

// File is the lock file of one state.
type File struct {
	Path  string // of the lock file; it need not exist
	State string // the state file, for messages
	Now   func() time.Time
	// OnWait is told once who holds the lock when Acquire has to wait; the
	// zero Info if that is not known. It may be nil.
	OnWait func(holder Info)
}

// Guard is the lock, held.
type Guard struct {
	f    *os.File
	path string
	info fs.FileInfo
}

// Acquire gets the lock, or waits for it until ctx ends: a passed deadline is
// a *LockedError. It always tries once, unless ctx was cancelled.
func (f File) Acquire(ctx context.Context, who Info) (*Guard, error) {
	told := f.OnWait == nil
	for try, wait := 1, firstWait; ; try, wait = try+1, min(2*wait, longWait) {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fmt.Errorf("lock state %q: %w", f.State, ctx.Err())
		}
		g, err := take(f.Path)
		if err != nil {
			return nil, fmt.Errorf("lock state: %w", err)
		}
		if g != nil {
			if err := f.sign(g, who); err != nil {
				g.Release()
				return nil, fmt.Errorf("lock state: %w", err)
			}
			return g, nil
		}
		holder := f.holder()
		if ctx.Err() == nil && !told && (holder.ID != "" || try >= nameless) {
			f.OnWait(holder)
			told = true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, &LockedError{Path: f.State, Holder: holder}
			}
		}
	}
}

// take tries to get the lock; it returns nil without an error if someone else
// has it.
func take(path string) (*Guard, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, nil
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		g := &Guard{f, path, info}
		if g.Check() == nil {
			return g, nil
		}
		// ForceUnlock replaced the file after we had opened it.
		f.Close()
	}
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}

// Check makes sure that nobody took the lock away: then two would write.
func (g *Guard) Check() error {
	info, err := os.Stat(g.path)
	if err != nil {
		return fmt.Errorf("the lock was taken away: %w", err)
	}
	if !os.SameFile(info, g.info) {
		return fmt.Errorf("the lock was taken away: %s was replaced", g.path)
	}
	return nil
}

// Release frees the lock. A child that was being started holds a copy of the
// descriptor for a moment, so closing it would not be enough.
func (g *Guard) Release() error {
	_ = g.f.Truncate(0)
	return errors.Join(flock(g.f, syscall.LOCK_UN), g.f.Close())
}
