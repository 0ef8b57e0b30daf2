package macos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

// Scutil is the program scutil, with --get and --set of names.
func Scutil(p *mac.Process) int {
	if len(p.Args) < 2 || !slices.Contains([]string{"ComputerName", "LocalHostName", "HostName"}, p.Args[1]) {
		return p.Errorf(64, "usage: scutil\n   or: scutil --get pref\n   or: scutil --set pref [newval]\n\tpref\tComputerName\n\t\tLocalHostName\n\t\tHostName")
	}
	key := p.Args[1]
	switch {
	case p.Args[0] == "--get" && len(p.Args) == 2:
		return ask(p, func(s *system) int {
			if s.Names[key] == "" {
				say(p, "%s: not set", key)
				return 1
			}
			return say(p, "%s", s.Names[key])
		})
	case p.Args[0] != "--set" || len(p.Args) != 3:
		return p.Errorf(64, "usage: scutil --set pref [newval]")
	case !p.Root():
		return p.Errorf(1, "Permission denied")
	case key == "LocalHostName" && !regexp.MustCompile(`^[A-Za-z0-9-]+$`).MatchString(p.Args[2]):
		return p.Errorf(1, "SCPreferencesSetLocalHostName() failed: Invalid argument")
	}
	return remember(p, func(s *system) { s.Names[key] = p.Args[2] })
}

// zones are the time zones that the Mac knows.
func zones() []string {
	return []string{"America/Los_Angeles", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Europe/London", "GMT", "UTC"}
}

// Systemsetup is the program systemsetup. Without root it says so on its
// standard output and exits 0.
func Systemsetup(p *mac.Process) int {
	if !p.Root() {
		return say(p, "You need administrator access to run this tool... exiting!")
	}
	if len(p.Args) == 0 {
		return say(p, "systemsetup Help Information\n-------------------------------------")
	}
	onOff := map[bool]string{true: "On", false: "Off"}
	value := ""
	if len(p.Args) > 1 {
		value = p.Args[1]
	}
	on := strings.EqualFold(value, "on")
	switch p.Args[0] {
	case "-getrestartfreeze":
		return ask(p, func(s *system) int { return say(p, "Restart After Freeze: %s", onOff[s.Freeze]) })
	case "-setrestartfreeze":
		if p.Settings.Quirks.FreezeStuck {
			return 0
		}
		return remember(p, func(s *system) { s.Freeze = on })
	case "-getusingnetworktime":
		return ask(p, func(s *system) int { return say(p, "Network Time: %s", onOff[s.NetworkTime]) })
	case "-setusingnetworktime":
		say(p, "setUsingNetworkTime: %s", onOff[on])
		return remember(p, func(s *system) { s.NetworkTime = on })
	case "-listtimezones":
		return say(p, "Time Zones:\n %s", strings.Join(zones(), "\n "))
	case "-gettimezone":
		to, err := os.Readlink(p.Mac.Path("/etc/localtime"))
		if err != nil {
			return p.Errorf(1, "%v", err)
		}
		_, name, _ := strings.Cut(to, "/zoneinfo/")
		return say(p, "Time Zone: %s", name)
	case "-settimezone":
		return setZone(p, value)
	}
	return say(p, "%s: command not recognized.", p.Args[0])
}

func setZone(p *mac.Process, name string) int {
	if !slices.Contains(zones(), name) {
		return say(p, "%s is not a valid time zone. Use -listtimezones to see the list.", name)
	}
	link := p.Mac.Path("/etc/localtime")
	next := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := errors.Join(os.Symlink("/var/db/timezone/zoneinfo/"+name, next), os.Rename(next, link)); err != nil {
		return p.Errorf(1, "%v", err)
	}
	return say(p, "Set TimeZone: %s", name)
}

// Readlink is the program readlink, with -f and -n.
func Readlink(p *mac.Process) int {
	args, end, whole := p.Args, "\n", false
	for len(args) > 0 && (args[0] == "-f" || args[0] == "-n") {
		if whole = whole || args[0] == "-f"; args[0] == "-n" {
			end = ""
		}
		args = args[1:]
	}
	if len(args) != 1 {
		return p.Errorf(1, "usage: readlink [-fn] [file ...]")
	}
	to, err := os.Readlink(p.Path(args[0]))
	if whole {
		to, err = filepath.EvalSymlinks(p.Path(args[0]))
		to = onMac(p, strings.TrimPrefix(to, p.Mac.Root()))
	}
	if err != nil {
		return 1
	}
	fmt.Fprint(p.Stdout, to, end)
	return 0
}
