// Package testbed owns the simulated Mac: programs named tart, launchctl,
// sysctl and so on that keep the contracts of the real ones, with their state
// on disk under one folder. Tests and rehearsals run hostler against it on any
// machine.
//
// The program under test and the tools are one executable: the tools are links
// to it, and Main answers when it is called by a tool's name on a simulated
// Mac. It uses nothing else of hostler, because a double must not share the bug
// it should catch.
//
// Invariants:
//
//   - Tools see paths of the Mac; they lie under Root on this machine.
//   - What the tools do outlives them, and every way of dying leaves what the
//     real tool would leave.
//   - Every call is in the log before it acts.
//
// Start reading at New and Main; the contracts are in internal/tart,
// internal/guest (whose guests a test can make real machines: internal/qemu),
// internal/launchd and internal/macos.
package testbed

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"hostler/providers/testbed/internal/actions"
	"hostler/providers/testbed/internal/launchd"
	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/macos"
	"hostler/providers/testbed/internal/macos/copies"
	"hostler/providers/testbed/internal/macos/prefs"
	"hostler/providers/testbed/internal/macos/session"
	"hostler/providers/testbed/internal/tart"
)

// Environment variables of a program that runs on a simulated Mac.
const (
	EnvMac  = mac.EnvMac  // the Mac's folder; what makes a tool answer
	EnvRoot = mac.EnvRoot // the folder that stands for "/"
)

// tool is one program of the Mac.
type tool struct {
	name    string
	path    string // where a Mac has it
	run     func(*mac.Process) int
	mutates func(args []string) bool
}

func always([]string) bool { return true }
func never([]string) bool  { return false }

// having is true of arguments among which one of the words is.
func having(words ...string) func([]string) bool {
	return func(args []string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(words, a) })
	}
}

func tools() []tool {
	return []tool{
		{"tart", "/opt/homebrew/bin/tart", tart.Run, tart.Mutates},
		{"launchctl", "/bin/launchctl", actions.After(launchd.Run), launchd.Mutates},
		{"sysctl", "/usr/sbin/sysctl", macos.Sysctl, never},
		{"sw_vers", "/usr/bin/sw_vers", macos.SwVers, never},
		{"df", "/bin/df", macos.Df, never},
		{"id", "/usr/bin/id", macos.ID, never},
		{"uname", "/usr/bin/uname", macos.Uname, never},
		{"vm_stat", "/usr/bin/vm_stat", macos.VMStat, never},
		{"stat", "/usr/bin/stat", macos.Stat, never},
		{"plutil", "/usr/bin/plutil", macos.Plutil, macos.PlutilMutates},
		{"install", "/usr/bin/install", macos.Install, always},
		{"rm", "/bin/rm", macos.Rm, always},
		{"cp", "/bin/cp", copies.Cp, always},
		{"du", "/usr/bin/du", copies.Du, never},
		{"pmset", "/usr/bin/pmset", macos.Pmset, having("-a", "-b", "-c")},
		{"systemsetup", "/usr/sbin/systemsetup", macos.Systemsetup, having("-setrestartfreeze", "-setusingnetworktime", "-settimezone")},
		{"scutil", "/usr/sbin/scutil", macos.Scutil, having("--set")},
		{"readlink", "/usr/bin/readlink", macos.Readlink, never},
		{"defaults", "/usr/bin/defaults", prefs.Defaults, having("write", "delete")},
		{"softwareupdate", "/usr/sbin/softwareupdate", macos.Softwareupdate, having("on", "off", "--install-rosetta")},
		{"mdutil", "/usr/bin/mdutil", macos.Mdutil, having("-i")},
		{"tmutil", "/usr/bin/tmutil", macos.Tmutil, having("enable", "disable")},
		{"socketfilterfw", "/usr/libexec/ApplicationFirewall/socketfilterfw", macos.Socketfilterfw, having("--setglobalstate")},
		{"DevToolsSecurity", "/usr/sbin/DevToolsSecurity", macos.DevToolsSecurity, having("-enable", "-disable")},
		{"xcode-select", "/usr/bin/xcode-select", macos.XcodeSelect, having("-s", "--switch", "-r", "--reset")},
		{"xcodebuild", "/usr/bin/xcodebuild", macos.Xcodebuild, having("accept", "-runFirstLaunch")},
		{"tar", "/usr/bin/tar", macos.Tar, always},
		{"config.sh", "/usr/libexec/config.sh", actions.Config, always},
		{"arch", "/usr/bin/arch", macos.Arch, never},
		{"sysadminctl", "/usr/sbin/sysadminctl", session.Sysadminctl, never},
		{"fdesetup", "/usr/bin/fdesetup", session.Fdesetup, never},
		{"security", "/usr/bin/security", session.Security, having("add-generic-password")},
		// What runs under sudo is a call of its own in the log.
		{"sudo", "/usr/bin/sudo", macos.Sudo, never},
	}
}

// Tools lists the programs a simulated Mac answers to.
func Tools() []string {
	var names []string
	for _, t := range tools() {
		names = append(names, t.name)
	}
	return names
}

// Main runs the tool that args[0] names as the Mac whose folder the variable
// HOSTLER_MAC names, and returns its exit code. ok is false, and nothing was
// done, when args[0] is no tool or the variable is not set. It may end the
// process by a signal, as a real tool can end.
func Main(args []string, environ []string, stdin io.Reader, stdout, stderr io.Writer) (code int, ok bool) {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	if len(args) == 0 || env[EnvMac] == "" {
		return 0, false
	}
	m, err := mac.Open(env[EnvMac])
	if err != nil {
		if _, isTool := find(args[0]); !isTool {
			return 0, false
		}
		fmt.Fprintf(stderr, "%s: %v\n", filepath.Base(args[0]), err)
		return 70, true
	}
	s, err := m.Settings()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", filepath.Base(args[0]), err)
		return 70, true
	}
	p := &mac.Process{Mac: m, Settings: s, Env: env, Stdin: stdin, Stdout: stdout, Stderr: stderr}
	return perform(p, s.UID, args)
}

func find(path string) (tool, bool) {
	for _, t := range tools() {
		if t.name == filepath.Base(path) {
			return t, true
		}
	}
	return tool{}, false
}

// perform runs the tool that args[0] names in the process p, as the user uid.
func perform(p *mac.Process, uid int, args []string) (code int, ok bool) {
	t, ok := find(args[0])
	if !ok {
		return 0, false
	}
	q := *p
	q.Name, q.Args, q.UID = t.name, args[1:], uid
	q.Exec = func(uid int, args []string) (int, bool) { return perform(&q, uid, args) }
	return q.Perform(t.mutates(q.Args), t.run), true
}
