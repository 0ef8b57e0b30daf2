package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// What package syscall does not name.
const (
	ptraceSeccomp  = 0x80
	ptraceExitKill = 0x100000
	eventSeccomp   = 7
	waitAll        = 0x40000000
	waitOwn        = 0x20000000 // not what other threads have started
	syscallStop    = syscall.SIGTRAP | 0x80
	sysRenameat2   = 316
	sysSeccomp     = 317
)

// Here says that this machine traces.
const Here = true

// changing are the syscalls that may change something; some are looked at more
// closely.
var changing = map[uint64]string{
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "write", syscall.SYS_FSYNC: "fsync", syscall.SYS_FDATASYNC: "fsync",
	syscall.SYS_FTRUNCATE: "ftruncate", syscall.SYS_FCHMOD: "chmod", syscall.SYS_FCHMODAT: "chmod",
	syscall.SYS_OPENAT: "create", syscall.SYS_MKDIRAT: "mkdir", syscall.SYS_SYMLINKAT: "symlink",
	syscall.SYS_RENAMEAT: "rename", sysRenameat2: "rename", syscall.SYS_LINKAT: "link", syscall.SYS_UNLINKAT: "unlink",
}

// StopAtChanges makes the kernel stop this process for its tracer at the
// changing syscalls only; stopping at all of them would be far slower.
func StopAtChanges() {
	const load, equal, ret = 0x20, 0x15, 0x06 // BPF
	filter := []syscall.SockFilter{{Code: load}}
	for nr := range changing {
		filter = append(filter,
			syscall.SockFilter{Code: equal, Jf: 1, K: uint32(nr)},
			syscall.SockFilter{Code: ret, K: 0x7ff00000}) // trace
	}
	filter = append(filter, syscall.SockFilter{Code: ret, K: 0x7fff0000}) // allow
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	const noNewPrivileges, modeFilter, allThreads = 38, 1, 1
	_, _, err := syscall.RawSyscall6(syscall.SYS_PRCTL, noNewPrivileges, 1, 0, 0, 0, 0)
	if err == 0 {
		_, _, err = syscall.RawSyscall(sysSeccomp, modeFilter, allThreads, uintptr(unsafe.Pointer(&program)))
	}
	runtime.UnlockOSThread()
	if err != 0 {
		panic(fmt.Sprint("no filter of syscalls: ", err))
	}
}

// Run starts a program with these attributes, and lets it go on to its end or
// to w's verdict. It returns how the program ended. ErrNotHere is a machine that
// permits no tracing.
func Run(start func(*syscall.SysProcAttr) (*os.Process, error), w Watcher) (syscall.WaitStatus, error) {
	// Only the thread that started the program may trace it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := start(&syscall.SysProcAttr{Ptrace: true})
	if errors.Is(err, syscall.EPERM) {
		return 0, ErrNotHere
	}
	if err != nil {
		return 0, err
	}
	defer p.Release()
	tr := tracer{pid: p.Pid, folder: -1, Watcher: w, pending: map[int]pending{}, inside: map[int]bool{}}
	var end syscall.WaitStatus
	if tr.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", tr.pid)); err == nil {
		defer tr.memory.Close()
		end, err = tr.follow()
	}
	if err != nil {
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	}
	return end, err
}

type tracer struct {
	pid    int
	folder int // the one that is worked in
	Watcher
	memory       *os.File
	pending      map[int]pending // by thread: the syscall it is in
	inside       map[int]bool    // by thread, where all syscalls stop
	calls        int             // in this folder
	acknowledged int             // in this folder
}

type pending struct {
	call    Call
	watched bool
	ack     bool
	verdict Verdict
}

func (tr *tracer) follow() (ws syscall.WaitStatus, err error) {
	if _, err := syscall.Wait4(tr.pid, &ws, waitAll|waitOwn, nil); err != nil || !ws.Stopped() {
		return ws, fmt.Errorf("wait for the program: %w, %v", err, ws)
	}
	goOn := syscall.PtraceCont
	if tr.All {
		goOn = syscall.PtraceSyscall
	}
	options := syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACESYSGOOD | ptraceSeccomp | ptraceExitKill
	if err := errors.Join(syscall.PtraceSetOptions(tr.pid, options), goOn(tr.pid, 0)); err != nil {
		return ws, err
	}
	for {
		tid, err := syscall.Wait4(-1, &ws, waitAll|waitOwn, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return ws, err
		}
		if ws.Exited() || ws.Signaled() {
			if tid == tr.pid {
				return ws, nil
			}
			delete(tr.pending, tid)
			delete(tr.inside, tid)
			continue
		}
		signal, resume := 0, goOn
		switch sig := ws.StopSignal(); {
		case sig == syscall.SIGTRAP && ws>>16 == eventSeccomp:
			if tr.began(tid) {
				resume = syscall.PtraceSyscall // to its end
			}
		case sig == syscallStop && tr.All && !tr.inside[tid]:
			tr.inside[tid] = true
			tr.began(tid)
		case sig == syscallStop:
			tr.inside[tid] = false
			tr.ended(tid)
		case sig != syscall.SIGTRAP && sig != syscall.SIGSTOP: // those are a new thread, and its parent
			signal = int(sig)
		}
		if err := resume(tid, signal); err != nil && err != syscall.ESRCH {
			return ws, err
		}
	}
}

// began is called before each changing syscall, and reports whether its end is
// of interest too.
func (tr *tracer) began(tid int) bool {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return false // killed meanwhile
	}
	p := tr.enter(tid, &regs)
	switch {
	case p.verdict.Kill:
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	case p.verdict.Fail != 0:
		regs.Orig_rax = ^uint64(0)
		_ = syscall.PtraceSetRegs(tid, &regs)
	case p.verdict.Torn:
		regs.Rdx /= 2
		_ = syscall.PtraceSetRegs(tid, &regs)
	}
	if p.watched || p.ack {
		tr.pending[tid] = p
		return true
	}
	return false
}

func (tr *tracer) ended(tid int) {
	p := tr.pending[tid]
	delete(tr.pending, tid)
	switch {
	case p.verdict.Torn:
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	case p.verdict.Fail != 0:
		var regs syscall.PtraceRegs
		if syscall.PtraceGetRegs(tid, &regs) == nil {
			regs.Rax = uint64(-int64(p.verdict.Fail))
			_ = syscall.PtraceSetRegs(tid, &regs)
		}
	}
	if p.ack {
		tr.acknowledged++
	}
	if p.watched && tr.After != nil {
		tr.After(tr.folder, p.call, tr.acknowledged)
	}
}

func (tr *tracer) enter(tid int, regs *syscall.PtraceRegs) pending {
	c := Call{Name: changing[regs.Orig_rax]}
	switch regs.Orig_rax {
	case syscall.SYS_WRITE, syscall.SYS_PWRITE64, syscall.SYS_FSYNC, syscall.SYS_FDATASYNC, syscall.SYS_FTRUNCATE, syscall.SYS_FCHMOD:
		if c.Name == "write" && regs.Rdi == 1 {
			return pending{ack: true}
		}
		c.Path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tr.pid, regs.Rdi))
	case syscall.SYS_OPENAT:
		if regs.Rdx&(syscall.O_CREAT|syscall.O_TRUNC) == 0 {
			return pending{}
		}
		c.Path = tr.text(regs.Rsi)
	case syscall.SYS_SYMLINKAT:
		c.Path = tr.text(regs.Rdx)
	case syscall.SYS_RENAMEAT, sysRenameat2, syscall.SYS_LINKAT:
		c.Path, c.To = tr.text(regs.Rsi), tr.text(regs.R10)
	case syscall.SYS_MKDIRAT, syscall.SYS_UNLINKAT, syscall.SYS_FCHMODAT:
		c.Path = tr.text(regs.Rsi)
	default:
		return pending{}
	}
	switch c.Name {
	case "write", "create", "mkdir", "symlink", "link":
		c.Grow = true
	}
	folder, watched := tr.Watched(c.Path)
	if !watched && c.To != "" {
		folder, watched = tr.Watched(c.To)
	}
	if !watched {
		return pending{}
	}
	if folder != tr.folder {
		tr.folder, tr.calls, tr.acknowledged = folder, 0, 0
	}
	tr.calls++
	c.Nth = tr.calls
	p := pending{call: c, watched: true}
	if tr.Before != nil {
		p.verdict = tr.Before(folder, c)
	}
	p.verdict.Torn = p.verdict.Torn && c.Name == "write" && regs.Rdx > 1
	return p
}

// text is a string of the program.
func (tr *tracer) text(at uint64) string {
	buf := make([]byte, 1024)
	n, _ := tr.memory.ReadAt(buf, int64(at)) // less than asked for at the end of a mapping
	text, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(text)
}
