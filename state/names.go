package state

import (
	"hostler/state/internal/book"
	"hostler/state/internal/lockfile"
)

// What the state says, and who may write it, under the names that the rest of
// the house uses.
type (
	Snapshot   = book.Snapshot
	Resource   = book.Resource
	Output     = book.Output
	Operation  = book.Operation
	Intent     = book.Intent
	Unfinished = book.Unfinished

	LockInfo    = lockfile.Info
	LockedError = lockfile.LockedError
)

// Version of the file format; a file with a higher one was written by a newer
// hostler and is refused.
const Version = book.Version

const (
	Create = book.Create
	Update = book.Update
	Delete = book.Delete
)

// ErrNotLocked is what ForceUnlock answers when nobody holds the lock.
var ErrNotLocked = lockfile.ErrNotLocked
