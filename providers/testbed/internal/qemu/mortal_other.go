//go:build !linux

package qemu

import "syscall"

// mortal is nothing here: Build finds no kernel on other systems than Linux.
func mortal() *syscall.SysProcAttr { return nil }
