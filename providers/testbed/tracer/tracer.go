// Package tracer stops a program at each syscall that changes something in a
// folder, so that a test can kill it just then, let it fail, or look at what
// it has done. It works on Linux on amd64. Start at Run.
package tracer

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrNotHere is a machine on which no program can be traced.
var ErrNotHere = errors.New("programs can't be traced here")

// Call is a syscall of the program that changes something in a watched folder.
type Call struct {
	Nth  int    // in its folder, from 1
	Name string // write, fsync, ftruncate, create, rename, link or unlink
	Path string
	Grow bool // it needs space on the disk
}

func (c Call) String() string { return fmt.Sprintf("#%d %s %s", c.Nth, c.Name, c.Path) }

// Verdict is what becomes of a call.
type Verdict struct {
	Kill bool          // before it happens
	Torn bool          // after the first half of a write happened
	Fail syscall.Errno // instead of happening
}

// Watcher decides about calls, and sees what they did; either may be nil.
// folder counts the watched folders, in which the program works one after the
// other; acknowledged is how often it has printed something meanwhile.
type Watcher struct {
	Before func(folder int, c Call) Verdict
	After  func(folder int, c Call, acknowledged int)
}
