package providertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// canTrace says that this system can stop a child at its system calls.
const canTrace = true

// killedAtChange kills a child just before the n-th change it makes to files.
// done says that it made fewer.
func (t *trial) killedAtChange(n int) (what string, done bool, err error) {
	empty, err := t.prepare()
	if err != nil {
		return "", false, err
	}
	what, output, err := t.trace(n)
	switch {
	case errors.Is(err, errEnded):
		return "", true, nil
	case err != nil:
		return what, false, fmt.Errorf("%w\n%s", err, output)
	}
	if t.Mac != nil {
		if err := t.quiet(); err != nil {
			return what, false, err
		}
	}
	return what, false, t.recovers(empty)
}

var errEnded = errors.New("the child ended by itself")

// trace runs a child under ptrace and kills it as it enters the n-th system
// call that changes files. Only this thread may give ptrace orders, and only
// it waits for the child, so that no one else's children are waited for.
func (t *trial) trace(n int) (what, output string, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, text, err := t.spawn(&syscall.SysProcAttr{Ptrace: true})
	if err != nil {
		return "", "", err
	}
	defer p.Release()
	var ws unix.WaitStatus
	if _, err := unix.Wait4(p.Pid, &ws, unix.WALL, nil); err != nil {
		return "", "", err
	}
	if err := unix.PtraceSetOptions(p.Pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		return "", "", err
	}
	inside, known := map[int]bool{}, map[int]bool{p.Pid: true}
	for tid, deliver := p.Pid, 0; ; {
		// A thread may be gone by now; its end is waited for below.
		if err := unix.PtraceSyscall(tid, deliver); err != nil && err != unix.ESRCH {
			return what, text(), err
		}
		if tid, err = unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil); err != nil {
			return what, text(), err
		}
		deliver = 0
		switch {
		case tid == p.Pid && ws.Signaled():
			if what == "" {
				return "", text(), fmt.Errorf("the child died: %v", ws.Signal())
			}
			return what, text(), nil
		case tid == p.Pid && ws.Exited():
			if ws.ExitStatus() != 0 {
				return "", text(), fmt.Errorf("the child failed with status %d", ws.ExitStatus())
			}
			return "", text(), errEnded
		case !ws.Stopped():
			continue
		case ws.StopSignal() == unix.SIGTRAP|0x80:
			if inside[tid] = !inside[tid]; inside[tid] && what == "" {
				if change := t.changes(tid); change != "" {
					if n--; n == 0 {
						what = change
						unix.Kill(p.Pid, unix.SIGKILL)
					}
				}
			}
		case ws.StopSignal() == unix.SIGTRAP:
		case !known[tid] && ws.StopSignal() == unix.SIGSTOP:
			known[tid] = true // a new thread begins with a stop
		default:
			deliver = int(ws.StopSignal())
		}
	}
}

// changes names the system call that the thread enters, if it changes files
// of the world.
func (t *trial) changes(tid int) string {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &r) != nil {
		return ""
	}
	switch r.Orig_rax {
	case unix.SYS_OPENAT:
		if r.Rdx&(unix.O_CREAT|unix.O_TRUNC) != 0 {
			return t.named("open", tid, r.Rsi)
		}
	case unix.SYS_MKDIRAT:
		return t.named("mkdir", tid, r.Rsi)
	case unix.SYS_UNLINKAT:
		return t.named("unlink", tid, r.Rsi)
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		return t.named("rename or link", tid, r.R10)
	case unix.SYS_SYMLINKAT:
		return t.named("symlink", tid, r.Rdx)
	case unix.SYS_FCHMODAT:
		return t.named("chmod", tid, r.Rsi)
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FCHMOD:
		if name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, r.Rdi)); err == nil && t.within(name) {
			return "write " + filepath.Base(name)
		}
	}
	return ""
}

// named is the call with its path, if that lies in the world.
func (t *trial) named(call string, tid int, at uint64) string {
	path := make([]byte, 1024)
	n, _ := unix.PtracePeekData(tid, uintptr(at), path)
	name, _, ok := strings.Cut(string(path[:n]), "\x00")
	if !ok || !t.within(name) {
		return ""
	}
	return call + " " + filepath.Base(name)
}

// A double that runs in the child writes for itself; what is real by it changes
// with one of its files.
func (t *trial) within(name string) bool {
	rel, ok := strings.CutPrefix(name, t.dir+"/")
	if !ok || t.Double == nil {
		return ok
	}
	if rel, inside := strings.CutPrefix(name, t.Root+"/"); inside {
		return !slices.ContainsFunc(t.Ignore, func(p string) bool { return strings.HasPrefix(rel, p) })
	}
	return t.Double.MatchString(rel)
}
