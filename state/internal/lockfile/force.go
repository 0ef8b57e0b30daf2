package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"hostler/state/internal/durable"
)

// ForceUnlock takes the lock with that ID away from a holder on another host,
// which can no longer write then. A live holder on this host is refused, and
// a dead one needs none of this: if nobody holds the lock the error is
// ErrNotLocked.
func (f File) ForceUnlock(id string) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("unlock state %q: "+format, append([]any{f.State}, args...)...)
	}
	file, err := os.OpenFile(f.Path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fail("%w", ErrNotLocked)
	}
	if err != nil {
		return fail("%w", err)
	}
	defer file.Close()
	switch err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return fail("%w", errors.Join(ErrNotLocked, flock(file, syscall.LOCK_UN)))
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return fail("%w", err)
	}
	holder := f.holder()
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
	if err := durable.Replace(f.Path, nil); err != nil {
		return fail("%w", err)
	}
	return nil
}
