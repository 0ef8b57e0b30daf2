package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// startTime is when the process was started, in clock ticks since the machine
// was; gone is true when there is no such process, or only what is left of one.
// When neither is known, both are zero.
func startTime(pid int) (ticks string, gone bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
	}
	// The second field is the program's name in parentheses, which may itself
	// hold spaces and parentheses; see proc_pid_stat(5).
	_, after, _ := strings.Cut(string(data), "(")
	fields := strings.Fields(after[strings.LastIndex(after, ")")+1:])
	const state, threads, started = 3 - 3, 20 - 3, 22 - 3
	if len(fields) <= started {
		return "", false
	}
	// A process whose first thread has ended is one as long as others live.
	if strings.Contains("ZX", fields[state]) && fields[threads] <= "1" {
		return "", true
	}
	return fields[started], false
}
