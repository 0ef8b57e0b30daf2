package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"syscall"
	"time"
)

// LockInfo is who holds the lock. A caller of Lock gives the Operation; the
// rest is filled in.
type LockInfo struct {
	ID        string    `json:"id"` // random, for ForceUnlock
	Operation string    `json:"operation"`
	Host      string    `json:"host"`
	User      string    `json:"user"`
	PID       int       `json:"pid"`
	Since     time.Time `json:"since"`
}

// String says who it is, for people.
func (i LockInfo) String() string {
	if i.ID == "" {
		return "another process"
	}
	return fmt.Sprintf("%s by %s on %s (process %d) since %s, lock ID %s",
		i.Operation, i.User, i.Host, i.PID, i.Since.Format(time.RFC3339), i.ID)
}

// LockedError says that the lock was not freed in time.
type LockedError struct {
	Path   string // of the state file
	Holder LockInfo
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("state %q is locked: %s", e.Path, e.Holder)
}

// ErrNotLocked is what ForceUnlock answers when nobody holds the lock.
var ErrNotLocked = errors.New("the state is not locked (the lock of a process that died frees itself)")

// How long to wait between two tries: the lock is mostly held for minutes, but
// a script that runs command after command should not be slowed down.
const (
	firstWait = 10 * time.Millisecond
	longWait  = 250 * time.Millisecond
	// A holder that has just got the lock has not yet said who it is.
	nameless = 3
)

// guard is the lock on the lock file. The kernel frees it when the process
// dies.
type guard struct {
	f    *os.File
	path string
	info fs.FileInfo
}

// acquire gets the lock, or waits for it until ctx ends. It always tries once,
// unless ctx was cancelled.
func (s *Store) acquire(ctx context.Context, who LockInfo) (*guard, error) {
	told := s.OnWait == nil
	for try, wait := 1, firstWait; ; try, wait = try+1, min(2*wait, longWait) {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fmt.Errorf("lock state %q: %w", s.path, ctx.Err())
		}
		g, err := takeLock(s.lockPath())
		if err != nil {
			return nil, fmt.Errorf("lock state: %w", err)
		}
		if g != nil {
			if err := s.sign(g, who); err != nil {
				g.release()
				return nil, fmt.Errorf("lock state: %w", err)
			}
			return g, nil
		}
		holder := readHolder(s.lockPath())
		if ctx.Err() == nil && !told && (holder.ID != "" || try >= nameless) {
			s.OnWait(holder)
			told = true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, &LockedError{Path: s.path, Holder: holder}
			}
		}
	}
}

// takeLock tries to get the lock; it returns nil without an error if someone
// else has it.
func takeLock(path string) (*guard, error) {
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
		g := &guard{f, path, info}
		if g.check() == nil {
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

// sign writes into the lock file who holds it.
func (s *Store) sign(g *guard, who LockInfo) error {
	who.ID, who.PID, who.Since = rand.Text(), os.Getpid(), s.Now()
	who.Host, _ = os.Hostname()
	who.User = os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		who.User = u.Username
	}
	data, err := json.Marshal(who)
	if err != nil {
		return err
	}
	if err := g.f.Truncate(0); err != nil {
		return err
	}
	_, err = g.f.WriteAt(append(data, '\n'), 0)
	return err
}

// readHolder returns the zero LockInfo if it is not known.
func readHolder(path string) LockInfo {
	var info LockInfo
	data, err := readFile(path)
	if err != nil || json.Unmarshal(data, &info) != nil {
		return LockInfo{}
	}
	return info
}

// check makes sure that nobody took the lock away: then two would write.
func (g *guard) check() error {
	info, err := os.Stat(g.path)
	if err != nil {
		return fmt.Errorf("the lock was taken away: %w", err)
	}
	if !os.SameFile(info, g.info) {
		return fmt.Errorf("the lock was taken away: %s was replaced", g.path)
	}
	return nil
}

// release frees the lock. A child that was being started holds a copy of the
// descriptor for a moment, so closing it would not be enough.
func (g *guard) release() error {
	_ = g.f.Truncate(0)
	return errors.Join(flock(g.f, syscall.LOCK_UN), g.f.Close())
}

// ForceUnlock takes the lock with that ID away from a holder on another host,
// which can no longer write then. A live holder on this host is refused, and
// a dead one needs none of this: if nobody holds the lock the error is
// ErrNotLocked.
func (s *Store) ForceUnlock(id string) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("unlock state %q: "+format, append([]any{s.path}, args...)...)
	}
	f, err := os.OpenFile(s.lockPath(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fail("%w", ErrNotLocked)
	}
	if err != nil {
		return fail("%w", err)
	}
	defer f.Close()
	switch err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return fail("%w", errors.Join(ErrNotLocked, flock(f, syscall.LOCK_UN)))
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return fail("%w", err)
	}
	holder := readHolder(s.lockPath())
	host, err := os.Hostname()
	switch {
	case holder.ID == "":
		return fail("it is locked, but the holder has not said who it is; try again in a moment")
	case holder.ID != id:
		return fail("the lock has another ID than %q: %s", id, holder)
	case err != nil:
		return fail("which host is this: %w", err)
	case holder.Host == host:
		return fail("its holder is alive: %s; wait for it, or stop it with `kill %d`: that frees the lock and loses nothing", holder, holder.PID)
	}
	if err := writeOver(s.lockPath(), nil); err != nil {
		return fail("%w", err)
	}
	return nil
}
