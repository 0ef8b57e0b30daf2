package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/state"
)

// Exit codes, as cli.md promises them.
const (
	exitOK          = 0
	exitError       = 1
	exitChanges     = 2 // plan --detailed-exitcode
	exitUnformatted = 3 // fmt --check
	exitUsage       = 64
	exitNoCapacity  = 75 // run: no room in time
	exitInterrupted = 130
)

// exitCode ends a command whose message has been shown already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// process is what the operating system gives the program.
type process struct {
	stdin          io.Reader
	stdout, stderr *os.File
	environ        []string
	signals        <-chan os.Signal
	now            func() time.Time
}

// getenv reads a variable of the process; the last one counts.
func (p process) getenv(name string) string {
	value := ""
	for _, kv := range p.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// app is one call of the program: its process and the flags that every
// command shares.
type app struct {
	process
	dir     string // the configuration folder, absolute
	json    bool
	noColor bool
}

// run carries out one command line and returns the exit code.
func run(args []string, p process) int {
	a := &app{process: p}
	err := a.main(twoDashes(args))
	var code exitCode
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(p.stderr, "hostler: %v\n", err)
		return exitUsage
	}
	a.fail(err)
	return exitError
}

// fail shows an error that no command made a diagnostic of.
func (a *app) fail(err error) {
	a.view(nil).Diagnostics(hcl.Diagnostics{errorDiagnostic(err)}, nil)
}

func (a *app) main(args []string) error {
	chdir, args, _, err := splitFlag(args, "chdir")
	if err != nil {
		return err
	}
	if a.dir, err = filepath.Abs(chdir); err != nil {
		return err
	}
	if info, err := os.Stat(a.dir); chdir != "" && (err != nil || !info.IsDir()) {
		return usageError(fmt.Sprintf("--chdir: there is no folder %q", chdir))
	}
	if len(args) == 0 {
		fmt.Fprint(a.stderr, overview())
		return exitCode(exitUsage)
	}
	switch args[0] {
	case "--help", "-h", "help":
		return a.help(args[1:])
	case "--version":
		args[0] = "version"
	}
	c, rest, err := findCommand(args)
	if err != nil {
		return err
	}
	return a.runCommand(c, rest)
}

func (a *app) runCommand(c *command, args []string) error {
	f := a.flagSet(c)
	run := c.setup(a, f)
	switch err := f.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(a.stdout, c.help(f))
		return nil
	case err != nil:
		return usageError(fmt.Sprintf("%s: %v; see hostler %s --help", c.name, err, c.name))
	}
	return run(f.Args())
}

func (a *app) flagSet(c *command) *pflag.FlagSet {
	f := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.SortFlags = true
	f.BoolVar(&a.noColor, "no-color", false, "no colours, as with NO_COLOR in the environment")
	return f
}

func (a *app) streams() term.Streams {
	s := term.Open(a.stdout, a.stderr, a.environ, a.noColor)
	s.Now = a.now
	return s
}

// errorDiagnostic gives an error that is no diagnostic yet a summary.
func errorDiagnostic(err error) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Detail: err.Error()}
	var locked *state.LockedError
	var damaged *state.DamagedError
	first, rest, split := strings.Cut(err.Error(), "\n\n")
	switch {
	case errors.As(err, &locked):
		d.Summary = "Error acquiring the state lock"
		d.Detail += "\n\nAnother run is at work on this state. Wait for it with --lock-timeout 5m. The lock of a process that died frees itself."
	case errors.As(err, &damaged):
		d.Summary = "The state can't be trusted"
	case split:
		d.Summary, d.Detail = first, rest
	default:
		d.Summary = "The command can't be carried out"
	}
	return d
}
