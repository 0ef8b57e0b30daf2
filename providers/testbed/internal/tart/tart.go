// Package tart owns the command line of a simulated tart: its commands, exit
// codes and texts, by version of tart.
//
// What a driver may rely on is kept, and so is what a naive driver trips over:
// a clone replaces an existing VM without asking, stop is a power cut, a
// failing guest exits 0, errors of run read differently from all others.
// Exit codes: 0 done, 1 an error, 2 a VM that is missing, running or not
// running as it should, 64 a command line tart refuses.
//
// Start reading at Run, then commands.
package tart

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

// call is one tart command at work.
type call struct {
	*mac.Process
	cmd      command
	home     vm.Home
	tart     version
	operands []string
	options  map[string][]string
}

// Run is the program tart.
func Run(p *mac.Process) int {
	v := parseVersion(p.Settings.TartVersion)
	if len(p.Args) == 0 || p.Args[0] == "--help" || p.Args[0] == "-h" || p.Args[0] == "help" {
		p.Stdout.Write([]byte(help(v)))
		return 0
	}
	if p.Args[0] == "--version" {
		fmt.Fprintln(p.Stdout, p.Settings.TartVersion)
		return 0
	}
	err := run(p, v)
	if err == nil {
		return 0
	}
	return report(p, err)
}

func run(p *mac.Process, v version) error {
	cmd, ok := lookup(p.Args[0], v)
	if !ok {
		if strings.HasPrefix(p.Args[0], "-") {
			return usage{text: fmt.Sprintf("Unknown option '%s'", p.Args[0])}
		}
		return usage{text: fmt.Sprintf("Unexpected argument '%s'", p.Args[0])}
	}
	c := &call{Process: p, cmd: cmd, tart: v}
	if done, err := c.parse(p.Args[1:]); done || err != nil {
		return err
	}
	home := p.Env["TART_HOME"]
	if home == "" {
		home = p.Env["HOME"] + "/.tart"
	}
	if p.Env["TART_HOME"] == "" && p.Env["HOME"] == "" {
		home = p.Settings.Home() + "/.tart"
	}
	c.home = vm.Home(p.Path(home))
	if err := c.home.Open(); err != nil {
		return failure(fmt.Sprintf("TART_HOME is invalid: %s does not exist, yet we can't create it: %v", home, err))
	}
	if cmd.name != "pull" && cmd.name != "clone" {
		if err := c.home.Collect(); err != nil {
			return err
		}
	}
	return cmd.run(c)
}

// The kinds of error tart tells apart; see the package comment. Any other error
// is one of Swift's, which tart prints after "Error: ".
type (
	failure string // exit 1, the text alone
	state   string // exit 2, the text alone
	// usage is a refusal: exit 64, "Error: ", the text and a usage line.
	usage struct{ text, usage, command string }
	// quit ends with a code and without a word.
	quit int
)

func (e failure) Error() string { return string(e) }
func (e state) Error() string   { return string(e) }
func (e usage) Error() string   { return e.text }
func (e quit) Error() string    { return "exit " + strconv.Itoa(int(e)) }

func missing(name string) error {
	return state(fmt.Sprintf("the specified VM %q does not exist", name))
}

func report(p *mac.Process, err error) int {
	var (
		fail failure
		st   state
		use  usage
		q    quit
	)
	switch {
	case errors.As(err, &q):
		return int(q)
	case errors.As(err, &fail):
		return p.Errorf(1, "%s", fail)
	case errors.As(err, &st):
		return p.Errorf(2, "%s", st)
	case errors.As(err, &use):
		line, see := use.usage, "tart "+use.command
		if line == "" {
			line, see = "tart <subcommand>", "tart"
		}
		return p.Errorf(64, "Error: %s\nUsage: %s\n  See '%s --help' for more information.", use.text, line, see)
	}
	return p.Errorf(1, "Error: %v", err)
}

// version is a version of tart, as major, minor, patch.
type version [3]int

func parseVersion(s string) version {
	var v version
	for i, part := range strings.SplitN(s, ".", 3) {
		v[i], _ = strconv.Atoi(part)
	}
	if s == "SNAPSHOT" {
		return version{1 << 20}
	}
	return v
}

// since reports whether v has what came with the version s; all have "".
func (v version) since(s string) bool {
	w := parseVersion(s)
	for i := range v {
		if v[i] != w[i] {
			return v[i] > w[i]
		}
	}
	return true
}
