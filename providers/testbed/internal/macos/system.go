package macos

import (
	"fmt"
	"maps"

	"hostler/providers/testbed/internal/mac"
)

const systemFile = "macos.json"

// system is what macOS itself remembers of its settings, apart from
// preferences.
type system struct {
	Power         map[string]map[string]string // by source, then key
	SleepDisabled string                       // empty: never set
	Freeze        bool
	NetworkTime   bool
	Names         map[string]string
	Indexing      string
	Firewall      int
	DeveloperMode bool
	Rosetta       bool
	License       bool // of Xcode
	FirstLaunch   bool // of Xcode
}

// fresh is a Mac as it is unpacked.
func fresh(s mac.Settings) *system {
	ac := map[string]string{
		"Sleep On Power Button": "1", "autorestart": "0", "powernap": "1", "standby": "1", "ttyskeepawake": "1", "hibernatemode": "0",
		"hibernatefile": "/var/vm/sleepimage", "displaysleep": "10", "womp": "1", "networkoversleep": "0", "sleep": "1",
		"tcpkeepalive": "1", "disksleep": "10",
	}
	out := &system{
		Power: map[string]map[string]string{"AC Power": ac}, NetworkTime: true, Indexing: "Indexing enabled. ",
		Names: map[string]string{"ComputerName": s.Hostname, "LocalHostName": s.Hostname},
	}
	if s.Laptop {
		delete(ac, "autorestart")
		battery := maps.Clone(ac)
		delete(battery, "womp")
		battery["displaysleep"], battery["lessbright"] = "2", "1"
		out.Power["Battery Power"] = battery
	}
	return out
}

// remembered reads the system's settings.
func remembered(p *mac.Process) (*system, error) {
	have, err := mac.Load[*system](p.Mac, systemFile)
	if have == nil {
		have = fresh(p.Settings)
	}
	return have, err
}

// remember changes them.
func remember(p *mac.Process, change func(*system)) int {
	err := mac.Update(p.Mac, systemFile, func(have **system) error {
		if *have == nil {
			*have = fresh(p.Settings)
		}
		change(*have)
		return nil
	})
	if err != nil {
		return p.Errorf(70, "%s: %v", p.Name, err)
	}
	return 0
}

// ask runs a program that only tells a setting.
func ask(p *mac.Process, tell func(*system) int) int {
	s, err := remembered(p)
	if err != nil {
		return p.Errorf(70, "%s: %v", p.Name, err)
	}
	return tell(s)
}

func say(p *mac.Process, format string, args ...any) int {
	fmt.Fprintf(p.Stdout, format+"\n", args...)
	return 0
}
