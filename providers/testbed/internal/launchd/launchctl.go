package launchd

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// Mutates reports whether a call with these arguments can change the Mac.
func Mutates(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch args[0] {
	case "bootstrap", "bootout", "kickstart", "enable", "disable", "kill":
		return true
	case "limit":
		return len(args) > 2
	}
	return false
}

// Run is the program launchctl.
func Run(p *mac.Process) int {
	if len(p.Args) == 0 {
		return usage(p, "Usage: launchctl <subcommand> ...")
	}
	args := p.Args[1:]
	switch p.Args[0] {
	case "bootstrap":
		return bootstrap(p, args)
	case "bootout":
		return bootout(p, args)
	case "kickstart":
		return kickstart(p, args)
	case "enable", "disable":
		return turn(p, p.Args[0], args)
	case "kill":
		return kill(p, args)
	case "print":
		return show(p, args)
	case "print-disabled":
		return showDisabled(p, args)
	case "list":
		return listServices(p, args)
	case "limit":
		return limit(p, args)
	case "managername":
		if s, err := p.Mac.Settings(); err == nil && s.Login && !p.Root() {
			fmt.Fprintln(p.Stdout, "Aqua")
		} else {
			fmt.Fprintln(p.Stdout, "System")
		}
		return 0
	case "error":
		return explain(p, args)
	}
	return p.Errorf(64, "Unrecognized subcommand: %s", p.Args[0])
}

func usage(p *mac.Process, text string) int { return p.Errorf(64, "%s", text) }

// fails prints an error of launchd after what failed.
func fails(p *mac.Process, what string, err error) int {
	var e errno
	if !errors.As(err, &e) {
		return p.Errorf(70, "launchctl: %v", err)
	}
	return p.Errorf(int(e), "%s: %v", what, e)
}

func bootstrap(p *mac.Process, args []string) int {
	if len(args) < 2 {
		return usage(p, "Usage: launchctl bootstrap <domain-target> [service-path, service-path2, ...]")
	}
	d, label, ok := target(p, args[0])
	if !ok || label != "" {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	for _, path := range args[1:] {
		err := d.bootstrap(path)
		if err == nil {
			continue
		}
		if p.Root() && (errors.Is(err, errno(5)) || errors.Is(err, errno(37))) {
			p.Errorf(0, "%s: service already bootstrapped", path)
		}
		code := fails(p, "Bootstrap failed", err)
		if code == 5 && !p.Root() {
			p.Errorf(0, "Try re-running the command as root for richer errors.")
		}
		return code
	}
	return 0
}

func bootout(p *mac.Process, args []string) int {
	wait := slices.Contains(args, "--wait")
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--wait" })
	if len(args) == 0 {
		return usage(p, "Usage: launchctl bootout <domain-target> [service-path1, service-path2, ...] | <service-target>")
	}
	d, label, ok := target(p, args[0])
	if !ok || label == "" && len(args) == 1 {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	if label != "" {
		if err := d.bootout(label, wait); err != nil {
			return fails(p, "Boot-out failed", err)
		}
		return 0
	}
	for _, path := range args[1:] {
		data, err := os.ReadFile(p.Path(path))
		j := job{}
		if err == nil {
			j, err = parseJob(data)
		}
		if err == nil {
			err = d.bootout(j.Label, wait)
		}
		if err != nil {
			if !errors.Is(err, errno(36)) {
				err = errno(5) // by path every failure reads the same
			}
			return fails(p, "Boot-out failed", err)
		}
	}
	return 0
}

func kickstart(p *mac.Process, args []string) int {
	again, pid := false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		again = again || strings.Contains(args[0], "k")
		pid = pid || strings.Contains(args[0], "p")
		args = args[1:]
	}
	if len(args) != 1 {
		return usage(p, "Usage: launchctl kickstart [-k] [-p] <service-target>")
	}
	d, label, ok := target(p, args[0])
	if !ok || label == "" {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	n, err := d.kickstart(label, again)
	switch {
	case errors.Is(err, errno(113)):
		return p.Errorf(113, "Could not find service %q in domain for %s", label, d.phrase())
	case errors.Is(err, errno(37)) && pid, err == nil && pid:
		fmt.Fprintln(p.Stdout, n)
		return 0
	case errors.Is(err, errno(37)):
		return 0
	case err != nil:
		return fails(p, fmt.Sprintf("Could not kickstart service %q", label), err)
	}
	return 0
}

func turn(p *mac.Process, verb string, args []string) int {
	if len(args) != 1 {
		return usage(p, "Usage: launchctl "+verb+" <service-target>")
	}
	d, label, ok := target(p, args[0])
	if !ok || label == "" {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	if err := d.turn(label, verb == "disable"); err != nil {
		return fails(p, "Could not "+verb+" service", err)
	}
	return 0
}

func kill(p *mac.Process, args []string) int {
	if len(args) != 2 {
		return usage(p, "Usage: launchctl kill <signal-number|signal-name> <service-target>")
	}
	d, label, ok := target(p, args[1])
	if !ok || label == "" {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	err := d.kill(args[0], label)
	if errors.Is(err, errno(113)) {
		return p.Errorf(113, "Could not find service %q in domain for %s", label, d.phrase())
	}
	if err != nil {
		return fails(p, "Could not signal service", err)
	}
	return 0
}

func showDisabled(p *mac.Process, args []string) int {
	if len(args) != 1 {
		return usage(p, "Usage: launchctl print-disabled <domain-target>")
	}
	d, _, ok := target(p, args[0])
	if !ok {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	all, err := d.switches()
	if err != nil {
		return fails(p, "Could not print disabled", err)
	}
	words := map[bool]string{true: "disabled", false: "enabled"}
	if p.Settings.Quirks.DisabledBool {
		words = map[bool]string{true: "true", false: "false"}
	}
	fmt.Fprintf(p.Stdout, "\n\tdisabled services = {\n")
	for _, label := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(p.Stdout, "\t\t\"%s\" => %s\n", label, words[all[label]])
	}
	fmt.Fprintf(p.Stdout, "\t}\n")
	return 0
}

// listServices is the old way to ask: the services of the caller's own domain.
func listServices(p *mac.Process, args []string) int {
	d := domain{Process: p, name: fmt.Sprintf("gui/%d", p.UID)}
	if p.Root() {
		d.name = "system"
	}
	t, err := d.read()
	if err != nil {
		return fails(p, "Could not list services", err)
	}
	all := t.services(d.name, time.Now())
	if len(args) == 1 {
		s := all[args[0]]
		if s == nil {
			return p.Errorf(113, "Could not find service %q in domain for port", args[0])
		}
		fmt.Fprintf(p.Stdout, "{\n\t\"Label\" = \"%s\";\n", s.Label)
		if s.PID != 0 {
			fmt.Fprintf(p.Stdout, "\t\"PID\" = %d;\n", s.PID)
		}
		fmt.Fprintf(p.Stdout, "\t\"LastExitStatus\" = %d;\n};\n", s.status()<<8)
		return 0
	}
	fmt.Fprintln(p.Stdout, "PID\tStatus\tLabel")
	for _, label := range slices.Sorted(maps.Keys(all)) {
		pid := "-"
		if all[label].PID != 0 {
			pid = fmt.Sprint(all[label].PID)
		}
		fmt.Fprintf(p.Stdout, "%s\t%d\t%s\n", pid, all[label].status(), label)
	}
	return 0
}

// status is the last exit as list prints it: a code, or a signal below zero.
func (s *service) status() int {
	var n int
	if _, what, ok := strings.Cut(s.LastExit, "(signal) "); ok {
		fmt.Sscanf(what[strings.LastIndex(what, " ")+1:], "%d", &n)
		return -n
	}
	fmt.Sscanf(s.LastExit, "%d", &n)
	return n
}

func limit(p *mac.Process, args []string) int {
	names := []string{"cpu", "filesize", "data", "stack", "core", "rss", "memlock", "maxproc", "maxfiles"}
	if len(args) > 0 {
		if !slices.Contains(names, args[0]) {
			return p.Errorf(1, "Invalid resource limit: %s", args[0])
		}
		names = args[:1]
	}
	if len(args) > 1 {
		if !p.Root() {
			return p.Errorf(150, "Could not set resource limits: 150: Operation not permitted while System Integrity Protection is engaged")
		}
		pair := [2]string{args[1], args[len(args)-1]}
		if err := p.Set(func(s *mac.Settings) { s.Limits[names[0]] = pair }); err != nil {
			return fails(p, "Could not set resource limits", err)
		}
		return 0
	}
	s, err := p.Mac.Settings()
	if err != nil {
		return fails(p, "Could not get resource limits", err)
	}
	for _, n := range names {
		fmt.Fprintf(p.Stdout, "\t%-12s%-15s%-15s\n", n, s.Limits[n][0], s.Limits[n][1])
	}
	return 0
}

func explain(p *mac.Process, args []string) int {
	var n int
	if len(args) != 1 {
		return usage(p, "Usage: launchctl error [posix|mach|bootstrap] <code>")
	}
	if _, err := fmt.Sscanf(args[0], "%d", &n); err != nil || codes()[n] == "" {
		fmt.Fprintf(p.Stdout, "%s: unknown error code\n", args[0])
		return 0
	}
	fmt.Fprintf(p.Stdout, "%d: %s\n", n, codes()[n])
	return 0
}
