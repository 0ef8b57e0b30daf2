package mac

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/qemu"
)

const settingsFile = "mac.json"

// Spec says what a simulated Mac is made of. The zero value of a field means
// the default in its comment.
type Spec struct {
	Memory      uint64 // bytes; 16 GiB
	CPUs        int    // 8
	DiskTotal   uint64 // bytes of the APFS container; 1 TB
	DiskFree    uint64 // bytes; 400 GB
	Model       string // Mac14,3
	MacOS       string // product version; 15.6.1
	TartVersion string // 2.35.0
	User        string // admin
	UID         int    // 501
	Hostname    string // mac-mini
	// Accounts are further ones, with the numbers from 601 on; none.
	Accounts []string

	// LoggedOut starts the Mac without a login session, so without gui/UID.
	LoggedOut bool
	// NoSudo makes sudo ask for a password, except where /etc/sudoers.d says
	// otherwise.
	NoSudo bool
	// Laptop gives the Mac a battery.
	Laptop bool
	// CheckPrograms makes launchd look for a job's program under the Mac's
	// root; without it every program is taken to exist.
	CheckPrograms bool
	Quirks        Quirks

	// Guests is Pretend, Run or Machine: what becomes of commands in guests.
	Guests string // Pretend
	// Machine is what guests boot that are real machines.
	Machine qemu.Machine
	// Answers are what a guest that pretends prints for a command, by its
	// script without the space around it. Others print nothing; all succeed.
	Answers map[string]string
	// SSH makes guests run an SSH server for admin, with the password admin.
	SSH bool

	Registry []RemoteImage // DefaultRegistry()
}

// What becomes of commands in guests.
const (
	Pretend = "pretend" // nothing is executed; a stand-in answers
	Run     = "run"     // they run as processes of this machine, in the guest's home folder
	Machine = "machine" // they run in a guest that is a machine of its own, see Spec.Machine
)

// Trouble is what is wrong inside all guests, and on the way to registries.
type Trouble struct {
	Pull      int           // after how many percent of a disk a pull loses the registry; 0: never
	Clock     time.Duration // how far their clocks are ahead
	Unmounted bool          // shared folders don't appear
	Runner    string        // what becomes of the runner program; "" is nothing bad
}

// What becomes of the runner program in guests that pretend.
const (
	RunnerDeprecated = "deprecated" // GitHub takes no such old version
	RunnerConflict   = "conflict"   // another process has its session
	RunnerCrash      = "crash"
	RunnerSilent     = "silent" // it connects, and never listens
)

// Quirks choose among answers that differ between versions of macOS.
type Quirks struct {
	// Vague answers 5 (Input/output error) where the default is more exact:
	// 119 disabled, 122 bad ownership, 1 not permitted.
	Vague bool
	// Already37 answers 37 instead of 5 for a service bootstrapped twice.
	Already37 bool
	// InProgress36 answers 36 to a bootout that has to wait for the job.
	InProgress36 bool
	// BootoutUnknown is the exit code of a bootout of an unknown service: 3
	// (also when zero), 5 or 113.
	BootoutUnknown int
	// DisabledBool prints true and false where newer ones print disabled and enabled.
	DisabledBool bool
	// FreezeStuck makes systemsetup accept a change of restart after freeze
	// and not make it.
	FreezeStuck bool
	// UpdateLies makes softwareupdate --schedule say on, whatever is so.
	UpdateLies bool
	// NoFullDisk keeps Full Disk Access from tmutil.
	NoFullDisk bool
	// NoKey words the absence of a preference as macOS 27 does.
	NoKey bool
}

// Timing says how long things take on the Mac. All zero: as fast as they can.
type Timing struct {
	Clone    time.Duration // tart clone, while it copies
	Pull     time.Duration // tart pull, while it downloads
	List     time.Duration // tart list, between finding the VMs and measuring them
	Lock     time.Duration // tart run, until the VM counts as running
	Address  time.Duration // from running to a DHCP lease
	Agent    time.Duration // from running to a guest agent that answers
	Stop     time.Duration // from SIGINT to the end of tart run
	Shutdown time.Duration // from a guest's shutdown to the end of tart run
	Drain    time.Duration // from launchctl bootout to the end of the job
	Job      time.Duration // that a job takes in a guest that pretends
}

// RemoteImage is one image of the registry the Mac pulls from.
type RemoteImage struct {
	Ref       string // host/namespace:tag
	OS        string // darwin or linux
	CPUs      int
	CPUMin    int
	Memory    uint64 // bytes
	MemoryMin uint64 // bytes
	DiskGB    int    // decimal; the apparent size
	UsedGB    int    // decimal; what the disk occupies once pulled
	NoAgent   bool   // the guest agent is not installed
	Digest    string // sha256:hex; derived from the other fields when empty
}

func (i RemoteImage) digest() string {
	if i.Digest != "" {
		return i.Digest
	}
	data, err := json.Marshal(i)
	if err != nil {
		panic(err) // strings, numbers and a bool always marshal
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(data))
}

// Settings are what the Mac is and what a test made of it since.
type Settings struct {
	Spec
	Login    bool // somebody is logged in at the screen
	Keychain bool // the login keychain is unlocked
	// AutoLogin is who is logged in when the Mac starts; "": nobody.
	AutoLogin string
	FileVault bool // the disk waits for a password when the Mac starts
	Timing    Timing
	Trouble   Trouble
	Clock     time.Time // zero: the machine's clock
	Boot      time.Time
	BootID    string // kern.bootsessionuuid
	Slots     int    // macOS guest slots that other tools hold
	Limits    map[string][2]string
}

// NewSettings completes a Spec with the defaults.
func NewSettings(s Spec, now time.Time) Settings {
	def(&s.Memory, 16<<30)
	def(&s.CPUs, 8)
	def(&s.DiskTotal, 1_000_000_000_000)
	def(&s.DiskFree, 400_000_000_000)
	def(&s.Model, "Mac14,3")
	def(&s.MacOS, "15.6.1")
	def(&s.TartVersion, "2.35.0")
	def(&s.User, "admin")
	def(&s.UID, 501)
	def(&s.Hostname, "mac-mini")
	def(&s.Guests, Pretend)
	for i := range s.Registry {
		s.Registry[i].Digest = s.Registry[i].digest()
	}
	autoLogin := s.User
	if s.LoggedOut {
		autoLogin = ""
	}
	return Settings{
		Spec: s, Login: !s.LoggedOut, Keychain: !s.LoggedOut, AutoLogin: autoLogin,
		Boot: now.Truncate(time.Second), BootID: BootID(),
		Limits: map[string][2]string{
			"cpu": {"unlimited", "unlimited"}, "filesize": {"unlimited", "unlimited"},
			"data": {"unlimited", "unlimited"}, "stack": {"8372224", "67092480"},
			"core": {"0", "unlimited"}, "rss": {"unlimited", "unlimited"},
			"memlock": {"unlimited", "unlimited"}, "maxproc": {"2666", "4000"},
			"maxfiles": {"256", "unlimited"},
		},
	}
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// BootID makes the name of one boot, in the form of kern.bootsessionuuid.
func BootID() string {
	var b [16]byte
	rand.Read(b[:])
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

// Settings reads what the Mac is now.
func (m *Mac) Settings() (Settings, error) {
	if _, err := os.Stat(m.file(settingsFile)); err != nil {
		return Settings{}, err
	}
	return Load[Settings](m, settingsFile)
}

// Set changes what the Mac is.
func (m *Mac) Set(change func(*Settings)) error {
	return Update(m, settingsFile, func(s *Settings) error { change(s); return nil })
}

// Publish adds an image to the registry, or moves its tag to a new one. The
// older image stays reachable by its digest, as in a real registry.
func (m *Mac) Publish(i RemoteImage) error {
	i.Digest = i.digest()
	return m.Set(func(s *Settings) { s.Registry = append(s.Registry, i) })
}

// Home is the path of the user's home folder on the Mac.
func (s Settings) Home() string { return "/Users/" + s.User }

// Account is the number of an account, by its name.
func (s Settings) Account(name string) (uid int, ok bool) {
	switch i := slices.Index(s.Accounts, name); {
	case name == "root":
		return 0, true
	case name == s.User:
		return s.UID, true
	case i >= 0:
		return 601 + i, true
	}
	return 0, false
}

// Name is the name of the account with a number, "" when there is none.
func (s Settings) Name(uid int) string {
	switch i := uid - 601; {
	case uid == 0:
		return "root"
	case uid == s.UID:
		return s.User
	case i >= 0 && i < len(s.Accounts):
		return s.Accounts[i]
	}
	return ""
}

// Layout makes the folders every Mac has, and the shell.
func (m *Mac) Layout(s Settings) error {
	for _, d := range []string{
		s.Home() + "/Library/LaunchAgents", s.Home() + "/Library/Logs", "/Library/LaunchDaemons", "/Library/LaunchAgents",
		"/Library/Preferences", "/System/Library/LaunchDaemons", "/System/Volumes/Data", "/var/db/com.apple.xpc.launchd",
		"/var/log", "/etc", "/tmp", "/private/tmp", "/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/opt/homebrew/bin",
		"/usr/libexec/ApplicationFirewall",
	} {
		if err := os.MkdirAll(m.Path(d), 0o755); err != nil {
			return err
		}
	}
	const ssh = "/System/Library/LaunchDaemons/ssh.plist"
	if err := os.WriteFile(m.Path(ssh), []byte(sshPlist), 0o644); err != nil {
		return err
	}
	return errors.Join(
		m.Chown(ssh, Owner{"root", "wheel"}),
		os.Symlink("/var/db/timezone/zoneinfo/America/Los_Angeles", m.Path("/etc/localtime")),
		os.Symlink("/bin/sh", m.Path("/bin/sh")),
	)
}

// sshPlist is the daemon behind Remote Login, which is off on a new Mac.
const sshPlist = `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>com.openssh.sshd</string>
	<key>ProgramArguments</key>
	<array>
		<string>/usr/libexec/sshd-keygen-wrapper</string>
	</array>
	<key>Disabled</key>
	<true/>
</dict>
</plist>
`

// Link installs a tool at a path of the Mac, and in Bin.
func (m *Mac) Link(exe, tool, path string) error {
	for _, p := range []string{filepath.Join(m.Bin(), tool), m.Path(path)} {
		if err := os.Symlink(exe, p); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
