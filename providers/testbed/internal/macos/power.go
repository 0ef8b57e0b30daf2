package macos

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

// Pmset is the program pmset: -g, -g custom, and -a, -b and -c with settings.
func Pmset(p *mac.Process) int {
	if len(p.Args) == 0 {
		return p.Errorf(64, "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'")
	}
	scope, rest := p.Args[0], p.Args[1:]
	switch {
	case scope == "-g" && len(rest) == 0:
		return ask(p, func(s *system) int { return powerNow(p, s) })
	case scope == "-g" && rest[0] == "custom":
		return ask(p, func(s *system) int {
			for _, source := range slices.Backward(slices.Sorted(maps.Keys(s.Power))) {
				fmt.Fprintf(p.Stdout, "%s:\n", source)
				powerKeys(p, s.Power[source], "")
			}
			return 0
		})
	case !slices.Contains([]string{"-a", "-b", "-c"}, scope) || len(rest) == 0 || len(rest)%2 != 0:
		return p.Errorf(64, "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'")
	case !p.Root():
		return p.Errorf(1, "'pmset' must be run as root...")
	}
	for pair := range slices.Chunk(rest, 2) {
		if n, err := strconv.Atoi(pair[1]); err != nil || n < 0 {
			return p.Errorf(64, "Usage: pmset <options>\nSee pmset(1) for details: 'man pmset'")
		}
	}
	return remember(p, func(s *system) {
		for pair := range slices.Chunk(rest, 2) {
			s.setPower(scope, pair[0], pair[1])
		}
	})
}

// setPower sets what the model has; of the rest nothing is said.
func (s *system) setPower(scope, key, value string) {
	if key == "disablesleep" {
		s.SleepDisabled = value // for all sources, whatever scope says
		return
	}
	for source, keys := range s.Power {
		if _, has := keys[key]; has && (scope == "-a" || scope == "-b" == strings.HasPrefix(source, "Battery")) {
			keys[key] = value
		}
	}
}

func powerNow(p *mac.Process, s *system) int {
	fmt.Fprintln(p.Stdout, "System-wide power settings:")
	if s.SleepDisabled != "" {
		fmt.Fprintf(p.Stdout, " SleepDisabled\t\t%s\n", s.SleepDisabled)
	}
	fmt.Fprintln(p.Stdout, "Currently in use:")
	powerKeys(p, s.Power["AC Power"], " (sleep prevented by powerd)")
	return 0
}

func powerKeys(p *mac.Process, keys map[string]string, sleep string) {
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		note := ""
		if k == "sleep" {
			note = sleep
		}
		fmt.Fprintf(p.Stdout, " %-20s %s%s\n", k, keys[k], note)
	}
}
