package ledger

import (
	"strings"
	"time"
)

// Demand is what a VM takes of its Mac. Memory and disk are bytes.
type Demand struct {
	Memory uint64 `json:"memory"`
	Guests int    `json:"guests"` // slots for macOS guests: 1, or 0 for Linux
	Disk   uint64 `json:"disk,omitempty"`
	CPUs   int    `json:"cpus,omitempty"`
}

// Job is who asks, as GitHub names it. The zero Job is somebody by hand.
type Job struct {
	Repository string `json:"repository,omitempty"`
	RunID      int64  `json:"run_id,omitempty"`
	Attempt    int    `json:"attempt,omitempty"`
	Name       string `json:"job,omitempty"`
}

// Ticket is a wish for a VM.
type Ticket struct {
	ID       string    `json:"id"`
	Key      string    `json:"key,omitempty"` // names the asking: who asks again by it gets the same ticket
	Profile  string    `json:"profile"`
	Job      Job       `json:"job"`
	Share    bool      `json:"share,omitempty"` // the runner carries the profile's labels, too
	Enqueued time.Time `json:"enqueued"`
	Deadline time.Time `json:"deadline"`        // of the wait
	Tries    int       `json:"tries,omitempty"` // leases that failed
}

// Phase is how far a lease has come.
type Phase string

// The phases, in order. Each is on disk before what it names is begun.
const (
	Reserved    Phase = "reserved"    // room is kept, nothing else was done
	Cloning     Phase = "cloning"     // the VM may stand, or half of it
	Starting    Phase = "starting"    // it may run
	Reaching    Phase = "reaching"    // it runs
	Registering Phase = "registering" // GitHub may know a runner
	Waiting     Phase = "waiting"     // the runner listens for a job
	Working     Phase = "working"     // it has one
	Ending      Phase = "ending"      // everything is being taken away
)

// Phases are all of them, in order.
func Phases() []Phase {
	return []Phase{Reserved, Cloning, Starting, Reaching, Registering, Waiting, Working, Ending}
}

// Class is how a lease ended.
type Class string

// The classes of ends.
const (
	Succeeded   Class = "ok"                 // its job came to an end, whatever that was
	Deprecated  Class = "version deprecated" // GitHub gives this runner version no jobs
	Conflict    Class = "session conflict"   // another process is the same runner
	NeverPicked Class = "never picked up"    // no job came in time
	TimedOut    Class = "timeout"            // the job took longer than its profile allows
	VMDied      Class = "vm died"
	BootFailed  Class = "boot failed" // there was no runner that listened
	Withdrawn   Class = "withdrawn"   // whoever asked went away before
	Released    Class = "released"    // whoever asked gave it back
	Broken      Class = "runner failed"
)

// Classes are all of them.
func Classes() []Class {
	return []Class{Succeeded, Deprecated, Conflict, NeverPicked, TimedOut, VMDied, BootFailed, Withdrawn, Released, Broken}
}

// End is how and why a lease ended.
type End struct {
	Class  Class     `json:"class"`
	Reason string    `json:"reason,omitempty"`
	Result string    `json:"result,omitempty"` // of the job, in the runner's words
	At     time.Time `json:"at"`
}

// Mark tells the process that runs a VM from every other one.
type Mark struct {
	PID     int    `json:"pid,omitempty"`
	Started string `json:"started,omitempty"`
}

// Step is a phase of the timeline.
type Step struct {
	Phase Phase     `json:"phase"`
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"`
}

// Lease is what is lent to one job.
type Lease struct {
	ID      string        `json:"id"`
	Ticket  Ticket        `json:"ticket"`
	Demand  Demand        `json:"demand"`
	Image   string        `json:"image"`   // VM that it is cloned from
	Timeout time.Duration `json:"timeout"` // of the job
	VM      string        `json:"vm"`
	Boot    string        `json:"boot"` // of the Mac, when it began
	Mark    Mark          `json:"mark,omitzero"`
	Label   string        `json:"label,omitempty"`  // of the runner, for this job alone
	Runner  int64         `json:"runner,omitempty"` // GitHub's number; 0: not registered, or gone
	Name    string        `json:"name,omitempty"`   // the runner's

	Phase    Phase     `json:"phase"`
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline"` // by which it is taken away
	Granted  time.Time `json:"granted"`
	Released time.Time `json:"released,omitzero"`
	Timeline []Step    `json:"timeline,omitempty"`
	// MemoryBack: the VM is proved stopped; DiskBack: it is deleted.
	MemoryBack bool `json:"memory_back,omitempty"`
	DiskBack   bool `json:"disk_back,omitempty"`
	// Requeue: after its end, the ticket waits again.
	Requeue bool `json:"requeue,omitempty"`
	End     *End `json:"end,omitempty"`
}

// Enter notes that a phase begins.
func (l *Lease) Enter(p Phase, at time.Time, note string) {
	l.Phase, l.Since = p, at
	l.Timeline = append(l.Timeline, Step{Phase: p, At: at, Note: note})
}

// Holds is what the lease still takes.
func (l Lease) Holds() Demand {
	d := l.Demand
	if l.MemoryBack {
		d.Memory, d.Guests, d.CPUs = 0, 0, 0
	}
	if l.DiskBack {
		d.Disk = 0
	}
	return d
}

// Quarantine is a VM that can't be explained. It counts in the budget, and is
// never touched.
type Quarantine struct {
	VM       string    `json:"vm"`
	Demand   Demand    `json:"demand"`
	Reason   string    `json:"reason"`
	Evidence string    `json:"evidence"`
	Since    time.Time `json:"since"`
	Examined time.Time `json:"examined"`
	Resolve  string    `json:"resolve"` // the command that resolves it
}

// State is what concerns the service as a whole.
type State struct {
	Draining bool `json:"draining,omitempty"`
	// Stopped are profiles that get no VM, and why.
	Stopped map[string]string `json:"stopped,omitempty"`
	// Contended is until when the kernel refuses macOS guests.
	Contended time.Time `json:"contended,omitzero"`
}

// Snapshot is a ledger at one moment, without history.
type Snapshot struct {
	Tickets    []Ticket
	Leases     []Lease
	Quarantine []Quarantine
	State      State
}

// Prefix begins the name of every VM that is lent.
const Prefix = "hostler-"

// ParseVM takes the name of a lent VM apart.
func ParseVM(name string) (profile, lease string, ok bool) {
	rest, ok := strings.CutPrefix(name, Prefix)
	i := strings.LastIndex(rest, "-")
	if !ok || i <= 0 || i == len(rest)-1 {
		return "", "", false
	}
	return rest[:i], rest[i+1:], true
}
