package macos

import (
	"slices"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/macos/prefs"
)

// Mdutil is the program mdutil: -s for a volume, -i on or off.
func Mdutil(p *mac.Process) int {
	i := slices.Index(p.Args, "-i")
	switch {
	case i < 0 && slices.Contains(p.Args, "-s"):
		return ask(p, func(s *system) int { return say(p, "/:\n\t%s", s.Indexing) })
	case i < 0 || i+1 >= len(p.Args) || !slices.Contains([]string{"on", "off"}, p.Args[i+1]):
		return p.Errorf(1, "Usage: mdutil -pEsa -i (on|off) -d volume ...")
	case !p.Root():
		return p.Errorf(1, "mdutil: You must be root to change indexing")
	}
	text := map[string]string{"on": "Indexing enabled. ", "off": "Indexing disabled."}[p.Args[i+1]]
	return remember(p, func(s *system) {
		if s.Indexing != "Index is read-only." {
			s.Indexing = text
		}
		say(p, "/:\n\t%s", s.Indexing)
	})
}

// Softwareupdate is the program softwareupdate: --schedule, and the
// installation of Rosetta.
func Softwareupdate(p *mac.Process) int {
	const domain, key = "/Library/Preferences/com.apple.SoftwareUpdate", "AutomaticCheckEnabled"
	words := map[bool]string{true: "on", false: "off"}
	switch {
	case slices.Contains(p.Args, "--install-rosetta"):
		if !slices.Contains(p.Args, "--agree-to-license") {
			return p.Errorf(1, "I have read and agree to the terms of the software license agreement. A list of Apple SLAs may be found here: https://www.apple.com/legal/sla/\nType A and press return to agree: ")
		}
		say(p, "Install of Rosetta 2 finished successfully")
		return remember(p, func(s *system) { s.Rosetta = true })
	case len(p.Args) == 1 && p.Args[0] == "--schedule":
		v, ok, err := prefs.Get(p, domain, key)
		if err != nil {
			return p.Errorf(1, "%v", err)
		}
		return say(p, "Automatic checking for updates is turned %s", words[!ok || v == true || p.Settings.Quirks.UpdateLies])
	case len(p.Args) != 2 || p.Args[0] != "--schedule" || !slices.Contains([]string{"on", "off"}, p.Args[1]):
		return p.Errorf(64, "usage: softwareupdate <cmd> [<args> ...]")
	case !p.Root():
		return p.Errorf(1, "softwareupdate: you must be root to change the schedule")
	}
	if err := prefs.Set(p, domain, key, p.Args[1] == "on"); err != nil {
		return p.Errorf(1, "%v", err)
	}
	return say(p, "Automatic checking for updates is turned %s", words[p.Args[1] == "on" || p.Settings.Quirks.UpdateLies])
}

// Tmutil is the program tmutil of a Mac without a disk for backups.
func Tmutil(p *mac.Process) int {
	if len(p.Args) != 1 {
		return p.Errorf(64, "Usage: tmutil help <verb>")
	}
	verb := p.Args[0]
	switch {
	case verb == "destinationinfo":
		return say(p, "tmutil: No destinations configured.")
	case verb != "enable" && verb != "disable":
		return p.Errorf(64, "tmutil: unrecognized verb '%s'", verb)
	case !p.Root():
		return p.Errorf(77, "tmutil: %s requires root privileges.", verb)
	case p.Settings.Quirks.NoFullDisk:
		return p.Errorf(80, "tmutil: %s requires Full Disk Access privileges.\nTo allow this operation, select Full Disk Access in the Privacy\ntab of the Security & Privacy preference pane, and add Terminal\nto the list of applications which are allowed Full Disk Access.", verb)
	}
	if err := prefs.Set(p, "/Library/Preferences/com.apple.TimeMachine", "AutoBackup", verb == "enable"); err != nil {
		return p.Errorf(1, "tmutil: %v", err)
	}
	return 0
}

// Socketfilterfw is the program that controls the application firewall.
func Socketfilterfw(p *mac.Process) int {
	tell := func(s *system) int {
		word := "enabled"
		if s.Firewall == 0 {
			word = "disabled"
		}
		return say(p, "Firewall is %s. (State = %d)", word, s.Firewall)
	}
	switch {
	case slices.Equal(p.Args, []string{"--getglobalstate"}):
		return ask(p, tell)
	case len(p.Args) != 2 || p.Args[0] != "--setglobalstate" || !slices.Contains([]string{"on", "off"}, p.Args[1]):
		return p.Errorf(1, "usage: /usr/libexec/ApplicationFirewall/socketfilterfw [-c] [-w] [-d] [-l] [-T] [-U] [-B] [-L] [-a listen or accept] [-p pid to write] [--getglobalstate]")
	case !p.Root():
		return say(p, "Must be root to change settings.")
	}
	return remember(p, func(s *system) {
		s.Firewall = map[string]int{"on": 1, "off": 0}[p.Args[1]]
		tell(s)
	})
}

// DevToolsSecurity is the program of that name.
func DevToolsSecurity(p *mac.Process) int {
	words := map[bool]string{true: "enabled", false: "disabled"}
	switch {
	case slices.Equal(p.Args, []string{"-status"}):
		return ask(p, func(s *system) int { return say(p, "Developer mode is currently %s.", words[s.DeveloperMode]) })
	case len(p.Args) != 1 || p.Args[0] != "-enable" && p.Args[0] != "-disable":
		return p.Errorf(1, "Usage: DevToolsSecurity [-enable | -disable | -status] [-verbose]")
	case !p.Root():
		return p.Errorf(1, "error: unable to change the security settings: the authorization was denied since no user interaction was possible.")
	}
	on := p.Args[0] == "-enable"
	return remember(p, func(s *system) {
		when := "now"
		if s.DeveloperMode == on {
			when = "already"
		}
		s.DeveloperMode = on
		say(p, "Developer mode is %s %s.", when, words[on])
	})
}

// Arch is the program arch, which runs another one for a processor.
func Arch(p *mac.Process) int {
	if len(p.Args) == 0 {
		return say(p, "arm64")
	}
	if len(p.Args) != 2 {
		return p.Errorf(1, "usage: arch\n       Display the machine's architecture type")
	}
	return ask(p, func(s *system) int {
		if p.Args[0] == "-x86_64" && !s.Rosetta {
			return p.Errorf(1, "arch: posix_spawnp: %s: Bad CPU type in executable", p.Args[1])
		}
		return 0
	})
}
