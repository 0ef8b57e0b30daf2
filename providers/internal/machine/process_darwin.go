package machine

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// startTime is when the process was started, in seconds and microseconds since
// 1970; gone is true when there is no such process, or only what is left of
// one. When neither is known, both are zero.
func startTime(pid int) (since string, gone bool) {
	const zombie = 5 // SZOMB of sys/proc.h
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	switch {
	case err != nil:
		return "", syscall.Kill(pid, 0) == syscall.ESRCH
	case p.Proc.P_stat == zombie:
		return "", true
	}
	return fmt.Sprintf("%d.%06d", p.Proc.P_starttime.Sec, p.Proc.P_starttime.Usec), false
}
