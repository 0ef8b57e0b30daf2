package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// changing are the syscalls at which the child is stopped; write and openat
// are looked at more closely.
var changing = map[uint64]string{
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "write", syscall.SYS_FSYNC: "fsync", syscall.SYS_FDATASYNC: "fsync",
	syscall.SYS_FTRUNCATE: "ftruncate", syscall.SYS_OPENAT: "create", syscall.SYS_RENAMEAT: "rename",
	sysRenameat2: "rename", syscall.SYS_LINKAT: "link", syscall.SYS_UNLINKAT: "unlink",
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

// Run lets a program, which calls StopAtChanges when it begins, go on to its
// end or to w's verdict. It returns what the program printed. ErrNotHere is a
// machine that permits no tracing.
func Run(c *exec.Cmd, folders []string, w Watcher) (printed string, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, in, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer out.Close()
	tr := tracer{folders: map[string]int{}, folder: -1, Watcher: w, pending: map[int]pending{}}
	for i, dir := range folders {
		tr.folders[dir] = i
	}
	c.Stdout, c.Stderr = in, in
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	err = c.Start()
	in.Close()
	if errors.Is(err, syscall.EPERM) {
		return "", ErrNotHere
	}
	if err != nil {
		return "", err
	}
	tr.pid = c.Process.Pid
	text := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(out)
		text <- all
	}()
	if tr.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", tr.pid)); err == nil {
		defer tr.memory.Close()
		err = tr.follow()
	}
	if err != nil {
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	}
	_ = c.Process.Release()
	return string(<-text), err
}

type tracer struct {
	pid     int
	folders map[string]int
	folder  int // the one that is worked in
	Watcher
	memory       *os.File
	pending      map[int]pending // by thread: the syscall it is in
	calls        int             // in this folder
	acknowledged int             // in this folder
}

type pending struct {
	call    Call
	watched bool
	ack     bool
	verdict Verdict
}

func (tr *tracer) follow() error {
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(tr.pid, &ws, waitAll|waitOwn, nil); err != nil || !ws.Stopped() {
		return fmt.Errorf("wait for the program: %w, %v", err, ws)
	}
	options := syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACESYSGOOD | ptraceSeccomp | ptraceExitKill
	if err := errors.Join(syscall.PtraceSetOptions(tr.pid, options), syscall.PtraceCont(tr.pid, 0)); err != nil {
		return err
	}
	for {
		tid, err := syscall.Wait4(-1, &ws, waitAll|waitOwn, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if ws.Exited() || ws.Signaled() {
			if tid == tr.pid {
				return nil
			}
			delete(tr.pending, tid)
			continue
		}
		signal, resume := 0, syscall.PtraceCont
		switch sig := ws.StopSignal(); {
		case sig == syscall.SIGTRAP && ws>>16 == eventSeccomp:
			if tr.began(tid) {
				resume = syscall.PtraceSyscall // to its end
			}
		case sig == syscallStop:
			tr.ended(tid)
		case sig != syscall.SIGTRAP && sig != syscall.SIGSTOP: // those are a new thread, and its parent
			signal = int(sig)
		}
		if err := resume(tid, signal); err != nil && err != syscall.ESRCH {
			return err
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
	onFile := false
	switch c.Name {
	case "write":
		if regs.Rdi == 1 {
			return pending{ack: true}
		}
		c.Grow, onFile = true, true
	case "fsync", "ftruncate":
		onFile = true
	case "create":
		if regs.Rdx&syscall.O_CREAT == 0 {
			return pending{}
		}
		c.Grow = true
	case "link":
		c.Grow = true
	}
	if onFile {
		c.Path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tr.pid, regs.Rdi))
	} else {
		buf := make([]byte, 512)
		n, _ := tr.memory.ReadAt(buf, int64(regs.Rsi)) // less than asked for at the end of a mapping
		name, _, _ := bytes.Cut(buf[:n], []byte{0})
		c.Path = string(name)
	}
	folder, watched := tr.folders[c.Path]
	if !watched {
		folder, watched = tr.folders[filepath.Dir(c.Path)]
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
