package qemu

import "syscall"

// mortal is a process that dies with the thread that starts it.
func mortal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
