// Package launchd owns a simulated launchd: which services each domain has
// loaded, which labels are disabled, and the command line of launchctl.
//
// Jobs are bookkeeping, not processes: a job that RunAtLoad, KeepAlive or a
// kickstart starts has a made-up process id and runs until it is stopped.
// Invariants:
//
//   - What is loaded outlives the tool that loaded it, and no restart of the
//     Mac; what is disabled outlives both.
//   - The exit code is the number in the message.
//   - A job that is being stopped keeps its label until it has ended.
//
// Start reading at Run, then domain.bootstrap.
package launchd

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

const launchdFile = "launchd.json"

// service is one loaded job.
type service struct {
	Label    string
	Path     string // of its plist, on the Mac
	Job      job
	State    string // "running", "not running", "spawn scheduled", "SIGTERMed"
	PID      int    // 0 when not running
	Runs     int
	LastExit string    // empty: never exited
	Ends     time.Time // when a SIGTERMed job is over
}

// tables are what launchd remembers until the Mac restarts.
type tables struct {
	Domains map[string]map[string]*service // by domain, then label
	NextPID int
}

func (t *tables) pid() int {
	if t.NextPID == 0 {
		t.NextPID = 800
	}
	t.NextPID++
	return t.NextPID
}

// services are the loaded jobs of a domain, without those whose end has come.
func (t *tables) services(domain string, now time.Time) map[string]*service {
	if t.Domains == nil {
		t.Domains = map[string]map[string]*service{}
	}
	if t.Domains[domain] == nil {
		t.Domains[domain] = map[string]*service{}
	}
	all := t.Domains[domain]
	for label, s := range all {
		if s.State == "SIGTERMed" && !s.Ends.After(now) {
			delete(all, label)
		}
	}
	return all
}

func (t *tables) spawn(s *service) {
	s.State, s.PID, s.Runs = "running", t.pid(), s.Runs+1
}

// codes are the names of the errors launchctl prints.
func codes() map[int]string {
	return map[int]string{
		1: "Operation not permitted", 2: "No such file or directory", 3: "No such process", 5: "Input/output error",
		17: "File exists", 36: "Operation now in progress", 37: "Operation already in progress", 108: "Invalid path",
		109: "Invalid property list", 110: "Invalid or missing service identifier",
		111: "Invalid or missing Program/ProgramArguments", 112: "Could not find specified domain",
		113: "Could not find specified service", 114: "Could not find specified user", 115: "Could not find specified group",
		119: "Service is disabled", 122: "Path had bad ownership/permissions", 124: "Domain is tearing down",
		125: "Domain does not support specified action", 133: "Multiple errors were returned; see stderr",
		134: "Service cannot load in requested session",
		150: "Operation not permitted while System Integrity Protection is engaged",
	}
}

// errno is an error of launchd by its number.
type errno int

func (e errno) Error() string { return fmt.Sprintf("%d: %s", int(e), codes()[int(e)]) }

// domain is a place where services are loaded, seen by the user of a call.
type domain struct {
	*mac.Process
	name string // "system", "gui/501" or "user/501"
}

// domain reads "system", "gui/UID" or "user/UID", and what follows as a label.
func target(p *mac.Process, s string) (d domain, label string, ok bool) {
	kind, rest, _ := strings.Cut(s, "/")
	d = domain{Process: p, name: kind}
	switch kind {
	case "system":
		return d, rest, true
	case "gui", "user":
		uid, label, _ := strings.Cut(rest, "/")
		if _, err := strconv.Atoi(uid); err != nil {
			return d, "", false
		}
		d.name = kind + "/" + uid
		return d, label, true
	}
	return d, "", false
}

// phrase is how launchctl calls the domain in a sentence.
func (d domain) phrase() string {
	kind, uid, _ := strings.Cut(d.name, "/")
	if kind == "gui" {
		return "user gui: " + uid
	}
	if kind == "user" {
		return "user: " + uid
	}
	return "system"
}

// exists reports whether the domain is there: that of a user's screen is only
// while the user is logged in.
func (d domain) exists() bool {
	s, err := d.Mac.Settings()
	switch {
	case err != nil:
		return false
	case d.name == "system":
		return true
	case strings.HasPrefix(d.name, "gui/"):
		return s.Login && d.name == fmt.Sprintf("gui/%d", s.UID)
	}
	return d.name == fmt.Sprintf("user/%d", s.UID)
}

// allowed reports whether the caller may change the domain.
func (d domain) allowed() bool {
	return d.Root() || strings.HasSuffix(d.name, fmt.Sprintf("/%d", d.UID))
}

// vague replaces an exact error by 5 on a Mac that answers so.
func (d domain) vague(e errno) errno {
	if d.Settings.Quirks.Vague {
		return 5
	}
	return e
}

func (d domain) change(what func(*tables) error) error {
	return mac.Update(d.Mac, launchdFile, what)
}

func (d domain) read() (*tables, error) {
	t, err := mac.Load[tables](d.Mac, launchdFile)
	return &t, err
}

// bootstrap loads the job of the plist at path.
func (d domain) bootstrap(path string) error {
	if !d.exists() {
		return errno(125)
	}
	if !d.allowed() {
		return d.vague(1)
	}
	j, err := d.load(path)
	if err != nil {
		return err
	}
	if off, err := d.isDisabled(j); err != nil || off {
		if err != nil {
			return err
		}
		return d.vague(119)
	}
	return d.change(func(t *tables) error {
		all := t.services(d.name, time.Now())
		if old := all[j.Label]; old != nil {
			if d.Settings.Quirks.Already37 && old.State != "SIGTERMed" {
				return errno(37)
			}
			return errno(5)
		}
		s := &service{Label: j.Label, Path: path, Job: j, State: "not running"}
		switch {
		case d.Settings.CheckPrograms && !d.hasProgram(j):
			if j.starts() {
				s.State, s.Runs, s.LastExit = "spawn scheduled", 1, "78: EX_CONFIG"
			}
		case j.starts():
			t.spawn(s)
		}
		all[j.Label] = s
		return nil
	})
}

func (d domain) hasProgram(j job) bool {
	info, err := os.Stat(d.Mac.Path(j.program()))
	return err == nil && !info.IsDir()
}

// load reads a plist and checks all that launchd checks before it takes it.
func (d domain) load(path string) (job, error) {
	real := d.Path(path)
	info, err := os.Stat(real)
	if err != nil || info.IsDir() {
		return job{}, errno(108)
	}
	abs := path
	if !filepath.IsAbs(path) {
		if rel, err := filepath.Rel(d.Mac.Root(), real); err == nil {
			abs = "/" + rel
		}
	}
	owner, err := d.OwnerOf(abs)
	if err != nil {
		return job{}, err
	}
	trusted := owner.User == "root" && (owner.Group == "wheel" || d.name != "system")
	if d.name != "system" && owner.User == d.Settings.User {
		trusted = true
	}
	if !trusted || info.Mode().Perm()&0o022 != 0 {
		return job{}, d.vague(122)
	}
	data, err := os.ReadFile(real)
	if err != nil {
		return job{}, err
	}
	j, err := parseJob(data)
	if err != nil {
		return job{}, err
	}
	if !j.fits(d.name) {
		return job{}, errno(134)
	}
	if _, ok := d.Settings.Account(j.UserName); j.UserName != "" && !ok && j.UserName != "daemon" && j.UserName != "nobody" {
		return job{}, errno(114)
	}
	return j, nil
}

// bootout unloads a service; wait makes it return only when the job has ended.
func (d domain) bootout(label string, wait bool) error {
	if !d.exists() {
		return errno(125)
	}
	if !d.allowed() {
		return d.vague(1)
	}
	drain := time.Duration(0)
	draining := false
	err := d.change(func(t *tables) error {
		all := t.services(d.name, time.Now())
		s := all[label]
		if s == nil {
			if code := d.Settings.Quirks.BootoutUnknown; code != 0 {
				return errno(code)
			}
			return errno(3)
		}
		if s.State == "SIGTERMed" {
			draining = true
			return nil
		}
		limits, err := d.Mac.Settings()
		if err != nil {
			return err
		}
		if drain = limits.Timing.Drain; drain == 0 || s.State != "running" {
			drain = 0
			delete(all, label)
			return nil
		}
		s.State, s.Ends = "SIGTERMed", time.Now().Add(drain)
		return nil
	})
	switch {
	case err != nil:
		return err
	case draining, drain > 0 && !wait && d.Settings.Quirks.InProgress36:
		return errno(36)
	case wait:
		time.Sleep(drain)
	}
	return nil
}

// kickstart starts a loaded service; again restarts one that runs.
func (d domain) kickstart(label string, again bool) (pid int, err error) {
	if !d.allowed() {
		return 0, errno(1)
	}
	err = d.change(func(t *tables) error {
		s := t.services(d.name, time.Now())[label]
		switch {
		case s == nil:
			return errno(113)
		case s.State == "SIGTERMed":
			return errno(36)
		case s.State == "running" && !again:
			pid = s.PID
			return errno(37)
		case s.State == "running":
			s.LastExit = "(signal) Terminated: 15"
		}
		if d.Settings.CheckPrograms && !d.hasProgram(s.Job) {
			s.State, s.PID, s.Runs, s.LastExit = "spawn scheduled", 0, s.Runs+1, "78: EX_CONFIG"
			return nil
		}
		t.spawn(s)
		pid = s.PID
		return nil
	})
	return pid, err
}

// kill sends a signal, after which launchd starts a job anew that it keeps alive.
func (d domain) kill(signal, label string) error {
	if !d.allowed() {
		return errno(1)
	}
	return d.change(func(t *tables) error {
		s := t.services(d.name, time.Now())[label]
		switch {
		case s == nil:
			return errno(113)
		case s.PID == 0:
			return errno(3)
		}
		s.LastExit = "(signal) Terminated: 15"
		if strings.HasSuffix(signal, "KILL") || signal == "9" {
			s.LastExit = "(signal) Killed: 9"
		}
		s.State, s.PID = "not running", 0
		if s.Job.KeepAlive {
			t.spawn(s)
		}
		return nil
	})
}
