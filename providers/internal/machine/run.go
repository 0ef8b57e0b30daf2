package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Command is one program to run to its end.
type Command struct {
	Program string   // name, or absolute path on the machine
	Args    []string // never secret: everyone on a machine can read them
	Env     []string // added to what every program gets, see passed
	Pass    []string // more of the machine's variables, by name or, with a final _, by prefix
	Stdin   io.Reader
	Stdout  io.Writer // if set, also gets what the program prints as it comes
	Stderr  io.Writer // the same for stderr
	Stream  bool      // Stdout and Stderr alone get it: for output without end
	Sudo    bool      // as root: through `sudo -n`, unless the user is root
	User    string    // as this account: through `sudo -n -u`, unless that is the user; "" is the user
}

// Output is what a program printed; of a Stream, no more than its end.
type Output struct{ Stdout, Stderr []byte }

// ExitError is a program that ran and did not end with status 0.
type ExitError struct {
	Program string
	Args    []string
	Code    int    // exit status; -1 when a signal ended it
	Signal  string // name of that signal
	Stderr  string // trimmed; stdout's end where stderr is empty
}

func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit status %d", e.Code)
	if e.Signal != "" {
		how = "ended by signal: " + e.Signal
	}
	text := strings.Join(append([]string{e.Program}, e.Args...), " ") + ": " + how
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// MissingError is a program that is not installed on the machine.
type MissingError struct{ Program string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("program %q is not in PATH", e.Program)
}

// extraPath is where Homebrew puts programs; the PATH of launchd jobs and of
// non-login shells lacks it.
var extraPath = []string{"/opt/homebrew/bin", "/usr/local/bin"}

// Run runs the program and waits for it. Errors: *MissingError, *ExitError,
// or the context's cause when it was cancelled. A program that ended with
// status 0 has done its work, cancelled or not: that is no error.
func (m *Machine) Run(ctx context.Context, c Command) (Output, error) {
	cmd, err := m.command(ctx, &c)
	if err != nil {
		return Output{}, err
	}
	stdout, stderr := record{endOnly: c.Stream}, record{endOnly: c.Stream}
	cmd.Stdin = c.Stdin
	cmd.Stdout, cmd.Stderr = stdout.and(c.Stdout), stderr.and(c.Stderr)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = m.grace
	// A Ctrl-C at the terminal is for us to handle; a program that is in the
	// middle of a change is told only when we decide so.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err = start(cmd); err == nil {
		err = cmd.Wait()
	}
	out := Output{stdout.kept, stderr.kept}
	var exit *exec.ExitError
	switch {
	case err == nil, ctx.Err() != nil && cmd.ProcessState != nil && cmd.ProcessState.Success():
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("%s: %w", c.Program, context.Cause(ctx))
	case errors.As(err, &exit):
		return out, c.exitError(exit, out)
	}
	return out, fmt.Errorf("%s: %w", c.Program, err)
}

// start starts a program. One that hostler has just written is busy for as long
// as a child that was forked meanwhile has not become another program (Go's issue
// 22315).
func start(cmd *exec.Cmd) error {
	unstarted := *cmd // a Cmd can be started once
	for wait := time.Millisecond; ; wait *= 2 {
		*cmd = unstarted
		err := cmd.Start()
		if !errors.Is(err, syscall.ETXTBSY) || wait > time.Second {
			return err
		}
		time.Sleep(wait)
	}
}

// command is c as a program of this machine. It puts sudo before c where that
// is needed.
func (m *Machine) command(ctx context.Context, c *Command) (*exec.Cmd, error) {
	if c.Sudo || c.User != "" {
		facts, err := m.Facts()
		if err != nil {
			return nil, err
		}
		switch {
		case c.Sudo && facts.UID != 0:
			c.Args = append([]string{"-n", c.Program}, c.Args...)
			c.Program = "sudo"
		case c.User != "" && c.User != facts.User:
			c.Args = append([]string{"-n", "-u", c.User, c.Program}, c.Args...)
			c.Program = "sudo"
		}
	}
	program, err := m.lookPath(c.Program)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, c.Args...)
	cmd.Args[0] = c.Program
	cmd.Env = slices.Concat(m.passed(c.Pass), c.Env)
	return cmd, nil
}

// record keeps what is written to it, or the end of it.
type record struct {
	kept    []byte
	endOnly bool
}

func (r *record) Write(p []byte) (int, error) {
	r.kept = append(r.kept, p...)
	if r.endOnly && len(r.kept) > 2*longest {
		r.kept = slices.Clone(r.kept[len(r.kept)-longest:])
	}
	return len(p), nil
}

// and is a writer to r, and to w unless that is nil.
func (r *record) and(w io.Writer) io.Writer {
	if w == nil {
		return r
	}
	return io.MultiWriter(r, w)
}

// usual are the variables that every program gets. The rest of the environment
// may hold secrets, and is nobody's business but ours: whoever may run ps can
// read a program's environment.
var usual = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_", "SSH_AUTH_SOCK",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"HOSTLER_MAC", "HOSTLER_ROOT", "GORACE", // of a simulated Mac, and of its tools in tests
}

// passed is the part of the machine's environment that a program gets.
func (m *Machine) passed(more []string) []string {
	var out []string
	for _, kv := range m.environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.ContainsFunc(slices.Concat(usual, more), func(p string) bool {
			return name == p || strings.HasSuffix(p, "_") && strings.HasPrefix(name, p)
		}) {
			out = append(out, kv)
		}
	}
	return out
}

func (c Command) exitError(exit *exec.ExitError, out Output) error {
	e := &ExitError{Program: c.Program, Args: c.Args, Code: exit.ExitCode(), Stderr: tail(out.Stderr)}
	if e.Stderr == "" {
		e.Stderr = tail(out.Stdout)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Signal = ws.Signal().String()
	}
	return e
}

// longest is how many bytes of what a program printed an error repeats.
const longest = 2000

// tail is the trimmed end of what a program printed: enough for an error.
func tail(out []byte) string {
	s := strings.TrimSpace(string(out))
	if len(s) > longest {
		s = "…" + s[len(s)-longest:]
	}
	return s
}

func (m *Machine) lookPath(program string) (string, error) {
	if strings.Contains(program, "/") {
		return m.local(program)
	}
	dirs := filepath.SplitList(m.Getenv("PATH"))
	if m.root == "/" {
		dirs = append(dirs, extraPath...)
	}
	for _, dir := range dirs {
		candidate := filepath.Join(dir, program)
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", &MissingError{Program: program}
}
