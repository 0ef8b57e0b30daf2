package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// command is a command as the agent or sshd is given it.
type command struct {
	words          []string
	stdin          io.Reader // nil: none
	stdout, stderr io.Writer
}

// perform runs a command until it ends or ctx does, whose cause is then the
// error. What it leaves behind ends with life, the guest's.
func (g Guest) perform(life, ctx context.Context, c command) (code int, err error) {
	s, err := c.script()
	if err != nil {
		return 1, err
	}
	call := *g.Process
	call.Name, call.Env = mac.Guest, nil
	call.Args = append([]string{g.VM.Name}, s.lines(c.words)...)
	// The tart exec or tart run around it is what counts as changing the Mac.
	fault, end, err := call.Begin(false)
	if err != nil {
		return 1, err
	}
	code, err = g.under(fault, life, ctx, c, s)
	return code, errors.Join(err, end(code))
}

func (g Guest) under(fault *mac.Fault, life, ctx context.Context, c command, s *script) (code int, err error) {
	if fault == nil {
		return g.act(life, ctx, c, s)
	}
	switch fault.Kind {
	case mac.Fail:
		return s.answer(c, fault.Stdout, fault.Stderr, fault.Code), nil
	case mac.Hang:
		s.begin(c)
		<-ctx.Done()
		return 1, context.Cause(ctx)
	case mac.Die:
		s.begin(c)
		io.WriteString(c.stdout, fault.Stdout)
		if err := g.VM.Dir.PowerOff(g.PID, "Code=1 the guest died"); err != nil {
			return 1, err
		}
		<-life.Done()
		return 1, context.Cause(life)
	case mac.Delay:
		select {
		case <-time.After(fault.Delay):
		case <-ctx.Done():
			return 1, context.Cause(ctx)
		}
	}
	return g.act(life, ctx, c, s)
}

func (g Guest) act(life, ctx context.Context, c command, s *script) (code int, err error) {
	if g.Settings.Guests == mac.Machine {
		return g.remote(ctx, c)
	}
	if off(c.words) {
		return 0, g.VM.Dir.PowerOff(g.PID, "")
	}
	// The settings as they are now: those of the tart run are as old as the VM.
	settings, err := g.Mac.Settings()
	if err != nil {
		return 1, err
	}
	if settings.Guests != mac.Run {
		return g.pretend(settings, c, s)
	}
	return g.execute(life, ctx, settings, c)
}

// off recognizes the commands by which a guest is shut down from inside.
func off(words []string) bool {
	words = unsudo(words)
	if len(words) == 0 {
		return false
	}
	switch filepath.Base(words[0]) {
	case "halt", "poweroff":
		return true
	case "shutdown":
		return slices.Contains(words, "-h")
	}
	return false
}

// unsudo takes sudo and its options off a command.
func unsudo(words []string) []string {
	if len(words) == 0 || filepath.Base(words[0]) != "sudo" {
		return words
	}
	for words = words[1:]; len(words) > 0 && strings.HasPrefix(words[0], "-"); words = words[1:] {
		if takesValue := words[0] == "-p" || words[0] == "-u"; takesValue && len(words) > 1 {
			words = words[1:]
		}
	}
	return words
}

// execute runs a command as a process of this machine, which begins in the
// guest's home folder and knows nothing of the simulated Mac.
func (g Guest) execute(life, ctx context.Context, settings mac.Settings, c command) (code int, err error) {
	home := g.home()
	if err := os.MkdirAll(home, 0o755); err != nil {
		return 1, err
	}
	words := local(c.words)
	path := words[0]
	if !strings.Contains(path, "/") {
		if path, err = lookPath(g.programs(), words[0]); err != nil {
			return 1, fmt.Errorf("unknown (2): exec: %q: executable file not found in $PATH", words[0])
		}
	}
	cmd := &exec.Cmd{
		Path: path, Args: words, Dir: home, Env: append(g.environ(settings), "HOME="+home), SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		// Pipes of their own: what the guest's processes hold open is the
		// agent's business, not that of tart's caller.
		Stdout: struct{ io.Writer }{c.stdout}, Stderr: struct{ io.Writer }{c.stderr},
	}
	if c.stdin != nil {
		// Not cmd.Stdin, for whose end Wait would wait.
		in, err := cmd.StdinPipe()
		if err != nil {
			return 1, err
		}
		go func() {
			io.Copy(in, c.stdin)
			in.Close()
		}()
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("unknown (2): fork/exec %s: no such file or directory", words[0])
	}
	reap := context.AfterFunc(life, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		reap()
	}()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		switch {
		case err == nil:
			return 0, nil
		case errors.As(err, &exit) && exit.ExitCode() >= 0:
			return exit.ExitCode(), nil
		}
		return 255, nil // by a signal
	case <-ctx.Done():
		cause := context.Cause(ctx)
		switch cause {
		case errInterrupted:
			reap() // what it started lives on, although life ends with this tart exec
			syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
		case errLost:
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return 1, cause
	}
}

// local is a command line for this machine: a login shell of the guest becomes
// the shell that every machine has, with the guest's own profile.
func local(words []string) []string {
	profile := map[string]string{"zsh": "~/.zprofile", "bash": "~/.profile", "sh": "~/.profile"}[filepath.Base(words[0])]
	if profile == "" || len(words) != 4 || words[1] != "-l" || words[2] != "-c" {
		return words
	}
	return []string{"/bin/sh", "-c", fmt.Sprintf("[ ! -r %[1]s ] || . %[1]s\n%[2]s", profile, words[3])}
}

func lookPath(first, name string) (string, error) {
	for _, dir := range []string{first, "/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path, nil
		}
	}
	return "", fs.ErrNotExist
}
