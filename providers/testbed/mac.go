package testbed

import (
	"path/filepath"
	"time"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/qemu"
)

type (
	// Spec says what a simulated Mac is made of.
	Spec = mac.Spec
	// Quirks choose among answers that differ between versions of macOS.
	Quirks = mac.Quirks
	// Timing says how long things take on the Mac.
	Timing = mac.Timing
	// Trouble is what is wrong inside all guests, and on the way to registries.
	Trouble = mac.Trouble
	// RemoteImage is one image of the registry the Mac pulls from.
	RemoteImage = mac.RemoteImage
	// Call is one call of a tool.
	Call = mac.Call
	// Fault is something that goes wrong in calls of one tool.
	Fault = mac.Fault
	// FaultCount is a fault and what has become of it.
	FaultCount = mac.FaultCount
	// Kind says what goes wrong.
	Kind = mac.Kind
)

// What becomes of the runner program in guests that pretend; see Trouble.
const (
	RunnerDeprecated = mac.RunnerDeprecated
	RunnerConflict   = mac.RunnerConflict
	RunnerCrash      = mac.RunnerCrash
	RunnerSilent     = mac.RunnerSilent
)

// The kinds of fault; see Fault.
const (
	Fail             = mac.Fail             // nothing done; Stdout, Stderr and Code
	Hang             = mac.Hang             // nothing done until a signal
	Delay            = mac.Delay            // done after Delay
	CrashBefore      = mac.CrashBefore      // the tool is killed before it acts
	CrashAfter       = mac.CrashAfter       // the tool is killed after it acted
	KillCallerBefore = mac.KillCallerBefore // the tool's parent is killed, then it acts
	KillCallerAfter  = mac.KillCallerAfter  // it acts, then its parent is killed
	Garbage          = mac.Garbage          // done, but half of the output is lost
	Die              = mac.Die              // the guest dies while a command runs in it
)

// Guest is the name under which the log and the faults know commands that run
// in guests: their arguments are the VM and the command, which is its words or
// its script line by line.
const Guest = mac.Guest

// What becomes of commands in guests, see Spec.Guests.
const (
	Pretend = mac.Pretend
	Run     = mac.Run
	Machine = mac.Machine
)

// RealMachine makes what guests boot that are real machines, in dir; see
// Spec.Machine. Its error names the packages that this machine lacks.
func RealMachine(dir string) (qemu.Machine, error) { return qemu.Build(dir) }

// MaxDarwin is how many macOS guests may run on a Mac at once, whoever runs them.
const MaxDarwin = mac.MaxDarwin

// Mac is one simulated Mac, as a test holds it.
type Mac struct {
	mac  *mac.Mac
	user string
	home string // of the user, as a path of the Mac
}

// New makes a simulated Mac in the folder dir, which must not exist or be
// empty. Its tools are links to the executable exe, whose main function has to
// begin with Main.
func New(dir, exe string, spec Spec) (*Mac, error) {
	exe, err := filepath.Abs(exe)
	if err != nil {
		return nil, err
	}
	if spec.Registry == nil {
		spec.Registry = DefaultRegistry()
	}
	s := mac.NewSettings(spec, time.Now())
	m, err := mac.Create(dir, s)
	if err != nil {
		return nil, err
	}
	if err := m.Layout(s); err != nil {
		return nil, err
	}
	for _, t := range tools() {
		if err := m.Link(exe, t.name, t.path); err != nil {
			return nil, err
		}
	}
	return Open(dir)
}

// Open returns the Mac that New made in dir.
func Open(dir string) (*Mac, error) {
	m, err := mac.Open(dir)
	if err != nil {
		return nil, err
	}
	s, err := m.Settings()
	if err != nil {
		return nil, err
	}
	return &Mac{mac: m, user: s.User, home: s.Home()}, nil
}

// Dir is the folder that holds all of the Mac.
func (m *Mac) Dir() string { return m.mac.Dir() }

// Root is the folder that stands for "/" of the Mac.
func (m *Mac) Root() string { return m.mac.Root() }

// Path is where the Mac's absolute path p lies on this machine.
func (m *Mac) Path(p string) string { return m.mac.Path(p) }

// Tool is the path of a tool on this machine, to be run with Environ.
func (m *Mac) Tool(name string) string { return filepath.Join(m.mac.Bin(), name) }

// Environ is the whole environment of a program that shall believe it runs on
// this Mac, as its user; nothing else should be inherited. The folders of this
// machine's own programs come last in PATH, so that shells work.
func (m *Mac) Environ() []string {
	return []string{
		"PATH=" + m.mac.Bin() + ":/usr/bin:/bin",
		"HOME=" + m.home, "USER=" + m.user, "LOGNAME=" + m.user, "SHELL=/bin/zsh",
		EnvMac + "=" + m.Dir(),
		EnvRoot + "=" + m.Root(),
	}
}

// Calls are all calls of tools, in the order in which they started.
func (m *Mac) Calls() ([]Call, error) { return m.mac.Calls() }

// ResetCalls forgets all calls.
func (m *Mac) ResetCalls() error { return m.mac.ResetCalls() }

// Inject adds a fault. When several are due in one call the oldest strikes.
func (m *Mac) Inject(f Fault) error { return m.mac.Inject(f) }

// ClearFaults takes all faults back.
func (m *Mac) ClearFaults() error { return m.mac.ClearFaults() }

// Faults are all faults with the number of calls that matched, oldest first.
func (m *Mac) Faults() ([]FaultCount, error) { return m.mac.Faults() }

// Publish adds an image to the registry, or moves its tag to a new one. The
// older image stays reachable by its digest.
func (m *Mac) Publish(i RemoteImage) error { return m.mac.Publish(i) }

// Images are the images of the registry with their digests, oldest first.
func (m *Mac) Images() ([]RemoteImage, error) {
	s, err := m.mac.Settings()
	return s.Registry, err
}

// DefaultRegistry are the images that cirruslabs publishes, in the sizes they
// have: macOS ones need 4 GiB, Linux ones nothing in particular.
func DefaultRegistry() []RemoteImage {
	const gib = 1 << 30
	var all []RemoteImage
	for _, release := range []string{"sonoma", "sequoia", "tahoe"} {
		for _, v := range []struct {
			name       string
			disk, used int
		}{{"vanilla", 50, 22}, {"base", 50, 25}, {"xcode", 140, 90}} {
			all = append(all, RemoteImage{
				Ref: "ghcr.io/cirruslabs/macos-" + release + "-" + v.name + ":latest", OS: "darwin", CPUs: 4, CPUMin: 2,
				Memory: 8 * gib, MemoryMin: 4 * gib, DiskGB: v.disk, UsedGB: v.used, NoAgent: v.name == "vanilla",
			})
		}
	}
	for _, distribution := range []string{"ubuntu", "debian", "fedora"} {
		all = append(all, RemoteImage{
			Ref: "ghcr.io/cirruslabs/" + distribution + ":latest", OS: "linux", CPUs: 4, CPUMin: 1,
			Memory: 4 * gib, DiskGB: 20, UsedGB: 2,
		})
	}
	return all
}
