// Package tracer stops a program at each syscall that changes something on the
// disk, so that a test can kill it just then, let it fail, or look at what it has
// done. It works on Linux on amd64, and follows the program's threads, not its
// children. Start at Run.
package tracer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// ErrNotHere is a machine on which no program can be traced.
var ErrNotHere = errors.New("programs can't be traced here")

// Call is a syscall of the program that changes something that is watched.
type Call struct {
	Nth  int    // in its folder, from 1
	Name string // write, fsync, ftruncate, chmod, create, mkdir, symlink, rename, link or unlink
	Path string
	To   string // of rename and link
	Grow bool   // it needs space on the disk
}

func (c Call) String() string { return fmt.Sprintf("#%d %s %s", c.Nth, c.Name, c.Path) }

// Verdict is what becomes of a call.
type Verdict struct {
	Kill bool          // before it happens
	Torn bool          // after the first half of a write happened
	Fail syscall.Errno // instead of happening
}

// Watcher says what is watched, decides about calls, and sees what they did;
// Before and After may be nil. The program works in one folder after the other;
// acknowledged is how often it has printed something meanwhile.
type Watcher struct {
	Watched func(path string) (folder int, ok bool)
	Before  func(folder int, c Call) Verdict
	After   func(folder int, c Call, acknowledged int)
	// All is for a program that does not call StopAtChanges, since it has children,
	// or is somebody else's: each of its syscalls is stopped at, which is slow.
	All bool
}

// Folders are watched with the files that lie in them.
func Folders(folders ...string) func(path string) (int, bool) {
	number := map[string]int{}
	for i, dir := range folders {
		number[dir] = i
	}
	return func(path string) (int, bool) {
		i, ok := number[path]
		if !ok {
			i, ok = number[filepath.Dir(path)]
		}
		return i, ok
	}
}

// Output is Run of a command, and what that printed.
func Output(c *exec.Cmd, w Watcher) (string, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer out.Close()
	text := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(out)
		text <- all
	}()
	c.Stdout, c.Stderr = in, in
	_, err = Run(func(sys *syscall.SysProcAttr) (*os.Process, error) {
		defer in.Close()
		c.SysProcAttr = sys
		err := c.Start()
		return c.Process, err
	}, w)
	in.Close()
	return string(<-text), err
}
