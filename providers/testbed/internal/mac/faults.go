package mac

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const faultsFile = "faults.json"

// Kind says what goes wrong.
type Kind string

const (
	// Fail: the tool does nothing, writes Stdout and Stderr and exits with Code.
	Fail Kind = "fail"
	// Hang: the tool does nothing until a signal ends it.
	Hang Kind = "hang"
	// Delay: the tool waits Delay, then acts.
	Delay Kind = "delay"
	// CrashBefore: SIGKILL ends the tool before it acts.
	CrashBefore Kind = "crash-before"
	// CrashAfter: SIGKILL ends the tool after it acted, before it reports
	// anything. A tart run is killed when its VM has started.
	CrashAfter Kind = "crash-after"
	// KillCallerBefore: SIGKILL ends the program that called the tool; the
	// tool then acts.
	KillCallerBefore Kind = "kill-caller-before"
	// KillCallerAfter: the tool acts, then SIGKILL ends the program that
	// called it before it hears of it.
	KillCallerAfter Kind = "kill-caller-after"
	// Garbage: the tool acts, but only the first half of its output arrives.
	Garbage Kind = "garbage"
	// Die: the guest dies of an error while the command runs in it, after it
	// printed Stdout. Only for the tool Guest.
	Die Kind = "die"
)

// Guest is the name under which the log and the faults know commands that run
// in guests. Their arguments are the VM and the command: its words, or its
// script line by line. Of the kinds they know Fail, Hang, Delay and Die.
const Guest = "guest"

// Kinds are all kinds of fault.
func Kinds() []Kind {
	return []Kind{Fail, Hang, Delay, CrashBefore, CrashAfter, KillCallerBefore, KillCallerAfter, Garbage, Die}
}

// fits reports whether the fault can befall its tool.
func (f Fault) fits() bool {
	if f.Tool == Guest {
		return slices.Contains([]Kind{Fail, Hang, Delay, Die}, f.Kind)
	}
	return f.Tool != "" && f.Kind != Die && slices.Contains(Kinds(), f.Kind)
}

// Fault is something that goes wrong in calls of one tool.
type Fault struct {
	Tool  string
	Match []string // what the call's arguments begin with; empty: every call
	Holds string   // what one of the arguments contains; "": whatever
	Nth   int      // which matching call, from 1 and counted from the injection; 0: every
	Kind  Kind

	Code           int // Fail
	Stdout, Stderr string
	Delay          time.Duration
}

func (f Fault) holds(args []string) bool {
	return f.Holds == "" || slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, f.Holds) })
}

// FaultCount is a fault and what has become of it.
type FaultCount struct {
	Fault
	Matched int // matching calls so far
	Fired   int // times it struck
}

// Inject adds a fault. When several are due in one call the oldest strikes.
func (m *Mac) Inject(f Fault) error {
	if !f.fits() {
		return fmt.Errorf("inject fault: tool %q, kind %q", f.Tool, f.Kind)
	}
	return Update(m, faultsFile, func(all *[]FaultCount) error {
		*all = append(*all, FaultCount{Fault: f})
		return nil
	})
}

// ClearFaults takes all faults back.
func (m *Mac) ClearFaults() error {
	return Update(m, faultsFile, func(all *[]FaultCount) error {
		*all = nil
		return nil
	})
}

// Faults are all faults, oldest first.
func (m *Mac) Faults() ([]FaultCount, error) { return Load[[]FaultCount](m, faultsFile) }

// strike counts a call and returns the fault that is due.
func (m *Mac) strike(tool string, args []string) (*Fault, error) {
	if all, err := m.Faults(); err != nil || len(all) == 0 {
		return nil, err
	}
	var due *Fault
	err := Update(m, faultsFile, func(all *[]FaultCount) error {
		for i := range *all {
			f := &(*all)[i]
			if f.Tool != tool || len(args) < len(f.Match) || !slices.Equal(args[:len(f.Match)], f.Match) ||
				!f.holds(args) {
				continue
			}
			f.Matched++
			if due == nil && (f.Nth == 0 || f.Nth == f.Matched) {
				f.Fired++
				due = &f.Fault
			}
		}
		return nil
	})
	return due, err
}
