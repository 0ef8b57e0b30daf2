// Package carrier keeps hostler itself on a Mac: the program, where every
// account can run it, and the LaunchAgent that runs the dispatch service.
//
// Invariants:
//
//  1. What runs as the service is the program that apply put there. To replace
//     it is one rename; a service that runs goes on with the old one until it is
//     restarted.
//  2. A restart of the service ends nothing that it has lent: the agent
//     abandons its process group.
//  3. The property list is managed whole: whatever else stands in it is a flaw.
//
// Start at Carrier.
package carrier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"

	"howett.net/plist"

	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
)

// Where things lie on the Mac.
const (
	folder = "/Users/Shared/hostler"
	Binary = folder + "/bin/hostler"
	label  = "dev.hostler.serve"
	log    = "~/Library/Logs/hostler/serve.log"
)

// Words for what is not, and what is as it should be.
const (
	Absent = "not installed"
	Sound  = launchctl.Sound
)

// State is what a Mac carries: the program, as "sha256:…", and how the service
// is.
type State struct{ Binary, Service string }

// None is the state of a Mac that carries nothing.
func None() State { return State{Absent, Absent} }

// Carrier carries hostler to one Mac.
type Carrier struct {
	mac     *machine.Machine
	launchd *launchctl.Client
}

// New returns the carrier of m.
func New(m *machine.Machine) *Carrier { return &Carrier{m, launchctl.New(m)} }

// Wanted is the state in which the Mac carries the program that runs now.
func (c *Carrier) Wanted() (State, error) {
	sum, err := running()
	return State{digest(sum), Sound}, err
}

// running is the SHA-256 of the program that runs now.
var running = sync.OnceValues(func() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	return machine.Local("/", nil).Sum(exe)
})

func digest(sum string) string { return "sha256:" + sum }

// Read looks at what the Mac carries.
func (c *Carrier) Read(ctx context.Context) (State, error) {
	s := None()
	sum, err := c.mac.Sum(Binary)
	switch {
	case err == nil:
		s.Binary = digest(sum)
		if info, err := c.mac.Stat(Binary); err != nil || info.Mode.Perm() != 0o755 {
			s.Binary += ", which not everybody can run"
		}
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	s.Service, err = c.service(ctx)
	return s, err
}

// service is what is wrong with the agent, Absent or Sound.
func (c *Carrier) service(ctx context.Context) (string, error) {
	j, err := c.agent()
	if err != nil {
		return "", err
	}
	loaded, err := c.launchd.Print(ctx, j.Domain, j.Label)
	if err != nil {
		return "", err
	}
	flaw, err := c.launchd.Flaw(j, loaded != nil)
	return cmp.Or(flaw, Absent), err
}

// agent is the LaunchAgent of the service.
func (c *Carrier) agent() (j launchctl.Job, err error) {
	facts, err := c.mac.Facts()
	if err != nil {
		return j, err
	}
	out, err := c.mac.Expand(log)
	if err != nil {
		return j, err
	}
	j = launchctl.Job{Domain: launchctl.Gui(facts.UID), Label: label}
	if j.File, err = c.launchd.File(j.Domain, label); err != nil {
		return j, err
	}
	j.List, err = plist.MarshalIndent(map[string]any{
		"Label": label, "ProgramArguments": []string{Binary, "serve"},
		"RunAtLoad": true, "KeepAlive": true, "AbandonProcessGroup": true,
		"LimitLoadToSessionType": "Aqua", "ProcessType": "Interactive",
		"StandardOutPath": out, "StandardErrorPath": out,
	}, plist.XMLFormat, "\t")
	j.List = append(j.List, '\n')
	return j, err
}

// Place puts the program and the property list where they belong.
func (c *Carrier) Place(ctx context.Context) error {
	want, err := running()
	if err != nil {
		return err
	}
	for _, dir := range []string{folder, path.Dir(Binary)} {
		if err := c.mac.Folder(dir, 0o755); err != nil {
			return fmt.Errorf("%w; the folder must belong to the account that hostler runs under", err)
		}
	}
	if have, err := c.mac.Sum(Binary); err != nil || have != want {
		if err := c.carry(); err != nil {
			return err
		}
	}
	if err := c.mac.Chmod(Binary, 0o755); err != nil {
		return err
	}
	out, err := c.mac.Expand(path.Dir(log))
	if err != nil {
		return err
	}
	if err := c.mac.Folder(out, 0o700); err != nil {
		return err
	}
	j, err := c.agent()
	if err != nil {
		return err
	}
	return c.launchd.Write(ctx, j.Domain, j.File, j.List)
}

// carry copies the program that runs now.
func (c *Carrier) carry() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		return err
	}
	return c.mac.WriteFile(Binary, data, 0o755)
}

// Start has launchd run what was placed; a service that runs is restarted.
func (c *Carrier) Start(ctx context.Context) error {
	j, err := c.agent()
	if err != nil {
		return err
	}
	if err := c.launchd.Bootout(ctx, j.Domain, j.Label); err != nil {
		return explain(err)
	}
	return explain(c.launchd.Load(ctx, j.Domain, j.Label, j.File))
}

// Remove ends the service and takes away what was carried; what is gone is
// success.
func (c *Carrier) Remove(ctx context.Context) error {
	j, err := c.agent()
	if err != nil {
		return err
	}
	if err := c.launchd.Unload(ctx, j.Domain, j.Label); err != nil {
		return explain(err)
	}
	return errors.Join(c.Sweep(), c.launchd.Remove(ctx, j.Domain, j.File), c.mac.RemoveAll(folder))
}

// Sweep removes what a killed Place left beside its files.
func (c *Carrier) Sweep() error {
	j, err := c.agent()
	if err != nil {
		return err
	}
	return errors.Join(c.launchd.Sweep(j.Domain, j.File), c.mac.Sweep(Binary))
}

// explain says what to do where launchd has no session to run the service in.
func explain(err error) error {
	if launchctl.Is(err, launchctl.Unsupported, launchctl.NoDomain) {
		return fmt.Errorf("the dispatch service can't be started, since nobody is logged in at the Mac's screen; macOS guests need that session: log in, best by auto-login, and apply again, or write serve { enabled = false }: %w", err)
	}
	return err
}
