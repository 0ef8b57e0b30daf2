package machine

import (
	"bytes"
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
)

// Command is one program to run to its end.
type Command struct {
	Program string   // name, or absolute path on the machine
	Args    []string // never secret: everyone on a machine can read them
	Env     []string // added to what every program gets, see passed
	Pass    []string // more of the machine's variables, by name or, with a final _, by prefix
	Stdin   io.Reader
	Stdout  io.Writer // if set, also gets what the program prints as it comes
	Sudo    bool      // as root: through `sudo -n`, unless the user is root
}

// Output is what a program printed.
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
	if c.Sudo {
		facts, err := m.Facts()
		if err != nil {
			return Output{}, err
		}
		if facts.UID != 0 {
			c.Args = append([]string{"-n", c.Program}, c.Args...)
			c.Program = "sudo"
		}
	}
	program, err := m.lookPath(c.Program)
	if err != nil {
		return Output{}, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, c.Args...)
	cmd.Args[0] = c.Program
	cmd.Env = slices.Concat(m.passed(c.Pass), c.Env)
	cmd.Stdin = c.Stdin
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.Stdout != nil {
		cmd.Stdout = io.MultiWriter(&stdout, c.Stdout)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = m.grace
	// A Ctrl-C at the terminal is for us to handle; a program that is in the
	// middle of a change is told only when we decide so.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Run()
	out := Output{stdout.Bytes(), stderr.Bytes()}
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

// tail is the trimmed end of what a program printed: enough for an error.
func tail(out []byte) string {
	const most = 2000
	s := strings.TrimSpace(string(out))
	if len(s) > most {
		s = "…" + s[len(s)-most:]
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
