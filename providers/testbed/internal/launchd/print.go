package launchd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// show is "launchctl print" of a service or a domain.
func show(p *mac.Process, args []string) int {
	if len(args) != 1 {
		return usage(p, "Usage: launchctl print <domain-target> | <service-target>")
	}
	d, label, ok := target(p, args[0])
	if !ok {
		return p.Errorf(64, "Unrecognized target specifier.")
	}
	if !d.exists() {
		return p.Errorf(125, "Bad request.\nCould not print domain: 125: Domain does not support specified action")
	}
	t, err := d.read()
	if err != nil {
		return fails(p, "Could not print", err)
	}
	all := t.services(d.name, time.Now())
	if label == "" {
		d.printDomain(all)
		return 0
	}
	s := all[label]
	if s == nil {
		return p.Errorf(113, "Bad request.\nCould not find service %q in domain for %s", label, d.phrase())
	}
	d.printService(s)
	return 0
}

func (d domain) printDomain(all map[string]*service) {
	fmt.Fprintf(d.Stdout, "%s = {\n\ttype = %s\n\thandle = 0\n\tactive count = %d\n\tservices = {\n", d.name, strings.Split(d.name, "/")[0], len(all))
	for _, label := range slices.Sorted(maps.Keys(all)) {
		s := all[label]
		last := "-"
		if s.LastExit != "" {
			last = fmt.Sprint(s.status())
		}
		fmt.Fprintf(d.Stdout, "\t\t%8d %6s \t%s\n", s.PID, last, label)
	}
	fmt.Fprintf(d.Stdout, "\t}\n}\n")
}

// printer writes the indented blocks of "launchctl print".
type printer struct{ b strings.Builder }

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.b, "\t"+format+"\n", args...)
}

func (p *printer) block(name string, lines []string) {
	p.line("%s = {", name)
	for _, l := range lines {
		p.b.WriteString("\t\t" + l + "\n")
	}
	p.line("}")
}

func pairs(m map[string]string) []string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+" => "+m[k])
	}
	return all
}

func (d domain) printService(s *service) {
	j := s.Job
	kind, spawn := "LaunchAgent", "interactive (4)"
	if d.name == "system" {
		kind, spawn = "LaunchDaemon", "daemon (3)"
	}
	active := 0
	if s.PID != 0 {
		active = 1
	}
	var p printer
	p.line("active count = %d", active)
	p.line("path = %s", s.Path)
	p.line("type = %s", kind)
	p.line("state = %s", s.State)
	p.b.WriteString("\n")
	p.line("program = %s", j.program())
	if len(j.Arguments) > 0 {
		p.block("arguments", j.Arguments)
	}
	p.b.WriteString("\n")
	if j.Directory != "" {
		p.line("working directory = %s", j.Directory)
		p.b.WriteString("\n")
	}
	if j.StdoutPath != "" {
		p.line("stdout path = %s", j.StdoutPath)
	}
	if j.StderrPath != "" {
		p.line("stderr path = %s", j.StderrPath)
	}
	if d.name != "system" {
		p.block("inherited environment", []string{"SSH_AUTH_SOCK => /private/tmp/com.apple.launchd.simulated/Listeners"})
		p.b.WriteString("\n")
	}
	p.block("default environment", []string{"PATH => /usr/bin:/bin:/usr/sbin:/sbin"})
	p.b.WriteString("\n")
	env := maps.Clone(j.Environment)
	if env == nil {
		env = map[string]string{}
	}
	env["OSLogRateLimit"], env["XPC_SERVICE_NAME"] = "64", s.Label
	p.block("environment", pairs(env))
	p.b.WriteString("\n")
	p.line("domain = %s", d.name)
	if d.name == "system" && j.UserName != "" {
		p.line("username = %s", j.UserName)
	}
	if d.name == "system" && j.GroupName != "" {
		p.line("group = %s", j.GroupName)
	}
	p.line("minimum runtime = %d", j.Throttle)
	p.line("exit timeout = %d", j.ExitTimeout)
	p.line("runs = %d", s.Runs)
	if s.PID != 0 {
		p.line("pid = %d", s.PID)
		p.line("immediate reason = speculative")
		p.line("forks = 0")
		p.line("execs = 1")
		p.line("initialized = 1")
		p.line("trampolined = 1")
		p.line("started suspended = 0")
		p.line("proxy started suspended = 0")
	}
	signal, signaled := strings.CutPrefix(s.LastExit, "(signal) ")
	switch {
	case s.LastExit == "":
		p.line("last exit code = (never exited)")
	case signaled:
		p.line("last terminating signal = %s", signal)
	default:
		p.line("last exit code = %s", s.LastExit)
	}
	p.b.WriteString("\n")
	p.block("resource coalition", []string{
		"ID = 777", "type = resource", "state = active", fmt.Sprintf("active count = %d", active), "name = " + s.Label,
	})
	p.b.WriteString("\n")
	p.line("spawn type = %s", spawn)
	p.line("jetsam priority = 40")
	p.line("jetsam memory limit (active) = (unlimited)")
	p.line("jetsam memory limit (inactive) = (unlimited)")
	p.line("jetsamproperties category = daemon")
	p.line("properties = %s", properties(j))
	fmt.Fprintf(d.Stdout, "%s/%s = {\n%s}\n", d.name, s.Label, p.b.String())
}

func properties(j job) string {
	var all []string
	if j.KeepAlive {
		all = append(all, "keepalive")
	}
	if j.RunAtLoad {
		all = append(all, "runatload")
	}
	if j.Program == "" {
		all = append(all, "inferred program")
	}
	return strings.Join(all, " | ")
}
