//go:build !(linux && amd64)

package tracer

import (
	"os"
	"syscall"
)

// Here says that this machine traces.
const Here = false

// StopAtChanges does nothing here.
func StopAtChanges() {}

// Run is for Linux on amd64.
func Run(func(*syscall.SysProcAttr) (*os.Process, error), Watcher) (syscall.WaitStatus, error) {
	return 0, ErrNotHere
}
