package mac

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Process is one tool at work on the Mac.
type Process struct {
	*Mac
	Settings Settings // as they were when the process started
	Name     string
	Args     []string // without the name
	Env      map[string]string
	UID      int
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	// Exec runs another tool in place of this one, as another user; ok is
	// false for a program the Mac does not have.
	Exec func(uid int, args []string) (code int, ok bool)

	acted func()
}

// Path is where the path argument p lies on this machine: absolute paths are
// the Mac's, others start at the working folder as they do everywhere.
func (p *Process) Path(arg string) string {
	if filepath.IsAbs(arg) {
		return p.Mac.Path(arg)
	}
	abs, err := filepath.Abs(arg)
	if err != nil {
		return arg
	}
	return abs
}

// Root reports whether the process runs as root.
func (p *Process) Root() bool { return p.UID == 0 }

// Errorf writes one line of complaint and returns code.
func (p *Process) Errorf(code int, format string, args ...any) int {
	fmt.Fprintf(p.Stderr, format+"\n", args...)
	return code
}

// Acted tells that the process has done what it was called for. A tool that
// returns soon need not call it; one that stays (tart run) calls it once the
// effect is there, and may be killed in the call.
func (p *Process) Acted() {
	if p.acted != nil {
		p.acted()
		p.acted = nil
	}
}

// Begin writes the first line of the call in the log; end writes the second.
// It returns the fault that is due, nil when there is none.
func (p *Process) Begin(mutating bool) (fault *Fault, end func(code int) error, err error) {
	if fault, err = p.strike(p.Name, p.Args); err != nil {
		return nil, nil, err
	}
	end, err = p.begin(mutating, fault)
	return fault, end, err
}

// Perform runs body between its two lines in the log, under the fault, if any,
// that is due for this call.
func (p *Process) Perform(mutating bool, body func(*Process) int) int {
	fault, end, err := p.Begin(mutating)
	if err != nil {
		return p.Errorf(70, "%s: simulated mac: %v", p.Name, err)
	}
	code := p.under(fault, body)
	if err := end(code); err != nil {
		return p.Errorf(70, "%s: simulated mac: %v", p.Name, err)
	}
	return code
}

func (p *Process) under(fault *Fault, body func(*Process) int) int {
	if fault == nil {
		return body(p)
	}
	held := &gate{to: p.Stdout}
	switch fault.Kind {
	case Fail:
		io.WriteString(p.Stdout, fault.Stdout)
		io.WriteString(p.Stderr, fault.Stderr)
		return fault.Code
	case Hang:
		p.hang()
	case Delay:
		time.Sleep(fault.Delay)
	case CrashBefore:
		p.crash()
	case CrashAfter:
		p.Stdout, p.acted = held, p.crash
	case KillCallerBefore:
		killCaller()
	case KillCallerAfter:
		p.Stdout, p.acted = held, func() { killCaller(); held.open() }
	case Garbage:
		p.Stdout = held
	}
	code := body(p)
	p.Acted()
	if fault.Kind == Garbage {
		held.buffer.Truncate(held.buffer.Len() / 2)
		held.open()
	}
	return code
}

// Wait lets time pass; it is false if SIGINT cut it short.
func (p *Process) Wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT)
	defer signal.Stop(interrupted)
	select {
	case <-interrupted:
		return false
	case <-time.After(d):
		return true
	}
}

// gate keeps what is written until it is opened.
type gate struct {
	to     io.Writer
	buffer bytes.Buffer
	isOpen bool
}

func (g *gate) Write(b []byte) (int, error) {
	if g.isOpen {
		return g.to.Write(b)
	}
	return g.buffer.Write(b)
}

func (g *gate) open() {
	g.isOpen = true
	g.to.Write(g.buffer.Bytes())
}

// hang does nothing until a signal, or the end of the Mac, ends the process.
func (p *Process) hang() {
	for !p.Gone(p.Settings.BootID) {
		time.Sleep(100 * time.Millisecond)
	}
	p.crash()
}

// crash ends the process as SIGKILL does: nothing is flushed, released or said.
func (p *Process) crash() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// killCaller kills the parent process. What the tool then writes goes nowhere,
// which must not kill the tool too.
func killCaller() {
	signal.Ignore(syscall.SIGPIPE)
	if ppid := os.Getppid(); ppid > 1 {
		syscall.Kill(ppid, syscall.SIGKILL)
	}
}
