package lockfile

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"hostler/state/internal/durable"
)

// Info is who holds the lock. Whoever wants it gives the Operation; the rest
// is filled in.
type Info struct {
	ID        string    `json:"id"` // random, for ForceUnlock
	Operation string    `json:"operation"`
	Host      string    `json:"host"`
	User      string    `json:"user"`
	PID       int       `json:"pid"`
	Since     time.Time `json:"since"`
}

// String says who it is, for people.
func (i Info) String() string {
	if i.ID == "" {
		return "another process"
	}
	return fmt.Sprintf("%s by %s on %s (process %d) since %s, lock ID %s",
		i.Operation, i.User, i.Host, i.PID, i.Since.Format(time.RFC3339), i.ID)
}

// LockedError says that the lock was not freed in time.
type LockedError struct {
	Path   string // of the state file
	Holder Info
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("state %q is locked: %s", e.Path, e.Holder)
}

// ErrNotLocked is what ForceUnlock answers when nobody holds the lock.
var ErrNotLocked = errors.New("the state is not locked (the lock of a process that died frees itself)")

// sign writes into the lock file who holds it.
func (f File) sign(g *Guard, who Info) error {
	who.ID, who.PID, who.Since = rand.Text(), os.Getpid(), f.Now()
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

// holder returns the zero Info if it is not known.
func (f File) holder() Info {
	var info Info
	data, err := durable.Read(f.Path)
	if err != nil || json.Unmarshal(data, &info) != nil {
		return Info{}
	}
	return info
}
