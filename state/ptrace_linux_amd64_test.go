package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
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
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "write", syscall.SYS_FSYNC: "fsync",
	syscall.SYS_FTRUNCATE: "ftruncate", syscall.SYS_OPENAT: "create", syscall.SYS_RENAMEAT: "rename",
	sysRenameat2: "rename", syscall.SYS_LINKAT: "link", syscall.SYS_UNLINKAT: "unlink",
}

// stopAtChanges makes the kernel stop this process for its tracer at the
// changing syscalls only; stopping at all of them would be far slower.
func stopAtChanges() {
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
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// call is a syscall of the child that changes something in the watched folder.
type call struct {
	nth  int
	name string
	path string
	grow bool // it needs space on the disk
}

func (c call) String() string { return fmt.Sprintf("#%d %s %s", c.nth, c.name, c.path) }

// verdict is what becomes of a call.
type verdict struct {
	kill bool          // before it happens
	torn bool          // after the first half of a write happened
	fail syscall.Errno // instead of happening
}

// watcher decides about calls, and sees what they did. run counts the stores
// on which the script was run, from 0.
type watcher struct {
	before func(run int, c call) verdict
	after  func(run int, c call, acknowledged int)
}

// trace lets one child run a script on each of the stores, one after the
// other, and stops it at every changing syscall in their folders. It returns
// what the child printed about each, as far as it came.
func trace(t *testing.T, script string, stores []*Store, w watcher) []string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, in, err := os.Pipe()
	must(t, err)
	defer out.Close()
	tr := tracer{t: t, runs: map[string]int{}, run: -1, watcher: w, pending: map[int]pending{}}
	var paths []string
	for i, s := range stores {
		paths = append(paths, s.Path())
		tr.runs[filepath.Dir(s.Path())] = i
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STATE_TEST_CHILD="+script, "STATE_TEST_PATH="+strings.Join(paths, "\n"), "STATE_TEST_TRACED=1", quickExit)
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	err = cmd.Start()
	in.Close()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("ptrace is not permitted here")
	}
	must(t, err)
	tr.pid = cmd.Process.Pid
	printed := make(chan string)
	go func() {
		text, _ := io.ReadAll(out)
		printed <- string(text)
	}()
	tr.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", tr.pid))
	must(t, err)
	defer tr.memory.Close()
	tr.follow()
	_ = cmd.Process.Release()
	text := <-printed
	if strings.Contains(text, "DATA RACE") {
		t.Fatal(text)
	}
	each := strings.Split(text, endOfRun)
	for len(each) < len(stores) {
		each = append(each, "")
	}
	return each[:len(stores)]
}

type tracer struct {
	t    *testing.T
	pid  int
	runs map[string]int // by folder
	run  int            // the one that goes on
	watcher
	memory       *os.File
	pending      map[int]pending // by thread: the syscall it is in
	calls        int             // in this run
	acknowledged int             // in this run
}

type pending struct {
	call    call
	watched bool
	ack     bool
	verdict verdict
}

func (tr *tracer) follow() {
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(tr.pid, &ws, waitAll|waitOwn, nil); err != nil || !ws.Stopped() {
		tr.t.Fatalf("wait for the child: %v %v", err, ws)
	}
	options := syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACESYSGOOD | ptraceSeccomp | ptraceExitKill
	must(tr.t, syscall.PtraceSetOptions(tr.pid, options))
	must(tr.t, syscall.PtraceCont(tr.pid, 0))
	for {
		tid, err := syscall.Wait4(-1, &ws, waitAll|waitOwn, nil)
		if err == syscall.EINTR {
			continue
		}
		must(tr.t, err)
		if ws.Exited() || ws.Signaled() {
			if tid == tr.pid {
				return
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
			tr.t.Fatal(err)
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
	case p.verdict.kill:
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	case p.verdict.fail != 0:
		regs.Orig_rax = ^uint64(0)
		_ = syscall.PtraceSetRegs(tid, &regs)
	case p.verdict.torn:
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
	case p.verdict.torn:
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	case p.verdict.fail != 0:
		var regs syscall.PtraceRegs
		if syscall.PtraceGetRegs(tid, &regs) == nil {
			regs.Rax = uint64(-int64(p.verdict.fail))
			_ = syscall.PtraceSetRegs(tid, &regs)
		}
	}
	if p.ack {
		tr.acknowledged++
	}
	if p.watched && tr.after != nil {
		tr.after(tr.run, p.call, tr.acknowledged)
	}
}

func (tr *tracer) enter(tid int, regs *syscall.PtraceRegs) pending {
	c := call{name: changing[regs.Orig_rax]}
	onFile := false
	switch c.name {
	case "write":
		if regs.Rdi == 1 {
			return pending{ack: true}
		}
		c.grow, onFile = true, true
	case "fsync", "ftruncate":
		onFile = true
	case "create":
		if regs.Rdx&syscall.O_CREAT == 0 {
			return pending{}
		}
		c.grow = true
	case "link":
		c.grow = true
	}
	if onFile {
		c.path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tr.pid, regs.Rdi))
	} else {
		buf := make([]byte, 512)
		n, _ := tr.memory.ReadAt(buf, int64(regs.Rsi)) // less than asked for at the end of a mapping
		name, _, _ := bytes.Cut(buf[:n], []byte{0})
		c.path = string(name)
	}
	run, watched := tr.runs[c.path]
	if !watched {
		run, watched = tr.runs[filepath.Dir(c.path)]
	}
	if !watched {
		return pending{}
	}
	if run != tr.run {
		tr.run, tr.calls, tr.acknowledged = run, 0, 0
	}
	tr.calls++
	c.nth = tr.calls
	p := pending{call: c, watched: true}
	if tr.before != nil {
		p.verdict = tr.before(run, c)
	}
	p.verdict.torn = p.verdict.torn && c.name == "write" && regs.Rdx > 1
	return p
}
