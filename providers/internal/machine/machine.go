// Package machine runs commands and moves files on a Mac, starts programs that
// outlive us, and logs in to what the Mac can reach by SSH. It is the only
// importer of os/exec and of an SSH library, and the only place that knows
// where a Mac's file system and network really lie.
//
// Invariants:
//
//  1. Callers speak of the Mac: absolute paths as the Mac has them, programs
//     by name. A simulated Mac's paths lie under Env.Root; callers can't tell.
//  2. A cancelled command gets SIGINT first and SIGKILL only after Grace.
//  3. A file is replaced whole or not at all: readers see the old content or
//     the new, also after a power cut.
//  4. An error names program, arguments and what it printed on stderr; what
//     was written to its stdin, and its environment, appear nowhere.
//  5. A process is known by its number and its start time, so that no signal
//     reaches a later one of the same number.
//  6. An SSH host key is pinned at the first login, and no other one is
//     accepted from then on.
//
// Start at Run (run.go) and WriteFile (files.go); then Start (process.go) and
// RunSSH (ssh.go). facts.go reads what the machine is.
package machine

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hostler/providers"
)

// Grace is how long an interrupted command may take to end before it is
// killed.
const Grace = 10 * time.Second

// Machine is one Mac; today always the one that hostler runs on.
type Machine struct {
	root    string
	environ []string
	grace   time.Duration
	facts   func() (Facts, error)
}

// Local is this machine, with its "/" at root. Programs get environ and are
// looked up in its PATH.
func Local(root string, environ []string) *Machine {
	m := &Machine{root: root, environ: environ, grace: Grace}
	m.facts = sync.OnceValues(m.readFacts)
	return m
}

// Of is the Mac of a run: its facts are read once.
func Of(env providers.Env) *Machine {
	return providers.Share(env, func() *Machine { return Local(env.Root, env.Environ) })
}

// Getenv reads a variable of the machine's environment, "" when unset. The
// last of several counts, as for programs.
func (m *Machine) Getenv(name string) string {
	value := ""
	for _, kv := range m.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// Expand makes p an absolute path of the machine: "~/" is the user's home.
func (m *Machine) Expand(p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") {
		home := m.Getenv("HOME")
		if home == "" {
			return "", fmt.Errorf("expand %q: HOME is not set", p)
		}
		p = path.Join(home, p[1:])
	}
	if !path.IsAbs(p) {
		return "", fmt.Errorf("path %q is not absolute", p)
	}
	return path.Clean(p), nil
}

// local is where the machine's path p lies for this process.
func (m *Machine) local(p string) (string, error) {
	p, err := m.Expand(p)
	if err != nil {
		return "", err
	}
	return filepath.Join(m.root, p), nil
}
