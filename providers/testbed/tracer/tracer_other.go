//go:build !(linux && amd64)

package tracer

import "os/exec"

// StopAtChanges does nothing here.
func StopAtChanges() {}

// Run is for Linux on amd64.
func Run(*exec.Cmd, []string, Watcher) (string, error) { return "", ErrNotHere }
