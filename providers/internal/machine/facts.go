package machine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Facts are what a Mac is; they don't change while hostler runs.
type Facts struct {
	User   string
	UID    int
	Home   string
	Memory uint64 // bytes
	CPUs   int
	MacOS  string // "26.6.2"
	Boot   string // kern.bootsessionuuid: another one after each restart
}

// Facts reads the machine's facts once.
func (m *Machine) Facts() (Facts, error) { return m.facts() }

func (m *Machine) readFacts() (Facts, error) {
	f := Facts{Home: m.Getenv("HOME")}
	print := func(program string, args ...string) (string, error) {
		out, err := m.Run(context.Background(), Command{Program: program, Args: args})
		return strings.TrimSpace(string(out.Stdout)), err
	}
	var err error
	if f.User, err = print("id", "-un"); err != nil {
		return f, err
	}
	uid, err := print("id", "-u")
	if err != nil {
		return f, err
	}
	if f.UID, err = strconv.Atoi(uid); err != nil {
		return f, fmt.Errorf("id -u printed %q", uid)
	}
	text, err := print("sysctl", "hw.memsize", "hw.ncpu", "kern.bootsessionuuid")
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case name == "kern.bootsessionuuid":
			f.Boot = value
		case name == "hw.memsize" && err == nil:
			f.Memory = n
		case name == "hw.ncpu" && err == nil:
			f.CPUs = int(n)
		}
	}
	if f.Memory == 0 || f.CPUs == 0 || f.Boot == "" {
		return f, fmt.Errorf("sysctl hw.memsize hw.ncpu kern.bootsessionuuid printed %q", text)
	}
	f.MacOS, err = print("sw_vers", "-productVersion")
	return f, err
}

// Room is how many bytes the file system of a path holds, and how many of them
// are free. p must exist.
func (m *Machine) Room(ctx context.Context, p string) (total, free uint64, err error) {
	p, err = m.Expand(p)
	if err != nil {
		return 0, 0, err
	}
	out, err := m.Run(ctx, Command{Program: "df", Args: []string{"-Pk", p}})
	if err != nil {
		return 0, 0, err
	}
	// A device's name may have spaces: the numbers are those before "42%".
	fields := strings.Fields(string(out.Stdout[bytes.IndexByte(out.Stdout, '\n')+1:]))
	at := slices.IndexFunc(fields, func(s string) bool { return strings.HasSuffix(s, "%") })
	if at < 3 {
		return 0, 0, fmt.Errorf("df -Pk %s printed %q", p, out.Stdout)
	}
	total, err = strconv.ParseUint(fields[at-3], 10, 64)
	if err == nil {
		free, err = strconv.ParseUint(fields[at-1], 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("df -Pk %s printed %q", p, out.Stdout)
	}
	return total << 10, free << 10, nil
}
