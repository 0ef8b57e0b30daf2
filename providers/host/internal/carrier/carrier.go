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
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"howett.net/plist"

	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
)

// Where things lie on the Mac.
const (
	folder = "/Users/Shared/hostler"
	Binary = folder + "/bin/hostler"
	label  = "dev.hostler.serve"
	agent  = "~/Library/LaunchAgents/" + label + ".plist"
	log    = "~/Library/Logs/hostler/serve.log"
)

// Words for what is not, and what is as it should be.
const (
	Absent = "not installed"
	Sound  = "ok"
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
	sum, err := machine.Running()
	return State{digest(sum), Sound}, err
}

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

// service is what is wrong with the agent, or Sound.
func (c *Carrier) service(ctx context.Context) (string, error) {
	domain, want, err := c.agent()
	if err != nil {
		return "", err
	}
	have, err := c.mac.ReadFile(agent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	loaded, seen := c.launchd.Print(ctx, domain, label)
	if seen != nil {
		return "", seen
	}
	switch {
	case err != nil && loaded == nil:
		return Absent, nil
	case err != nil:
		return "its property list is missing, but it is loaded still", nil
	case !bytes.Equal(have, want):
		return "its property list is not as hostler writes it", nil
	case loaded == nil:
		return "it is not loaded", nil
	}
	return Sound, nil
}

// agent is the agent's domain, and its property list.
func (c *Carrier) agent() (launchctl.Domain, []byte, error) {
	facts, err := c.mac.Facts()
	if err != nil {
		return "", nil, err
	}
	out, err := c.mac.Expand(log)
	if err != nil {
		return "", nil, err
	}
	data, err := plist.MarshalIndent(map[string]any{
		"Label": label, "ProgramArguments": []string{Binary, "serve"},
		"RunAtLoad": true, "KeepAlive": true, "AbandonProcessGroup": true,
		"LimitLoadToSessionType": "Aqua", "ProcessType": "Interactive",
		"StandardOutPath": out, "StandardErrorPath": out,
	}, plist.XMLFormat, "\t")
	return launchctl.Gui(facts.UID), append(data, '\n'), err
}

// Place puts the program and the property list where they belong.
func (c *Carrier) Place(ctx context.Context) error {
	want, err := machine.Running()
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
	_, list, err := c.agent()
	if err != nil {
		return err
	}
	return c.mac.WriteFile(agent, list, 0o644)
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
	domain, _, err := c.agent()
	if err != nil {
		return err
	}
	file, err := c.mac.Expand(agent)
	if err != nil {
		return err
	}
	if err := c.launchd.Bootout(ctx, domain, label); err != nil {
		return explain(err)
	}
	if off, err := c.launchd.Disabled(ctx, domain); err != nil {
		return explain(err)
	} else if off[label] {
		if err := c.launchd.Enable(ctx, domain, label); err != nil {
			return explain(err)
		}
	}
	return explain(c.launchd.Bootstrap(ctx, domain, label, file))
}

// Remove ends the service and takes away what was carried; what is gone is
// success.
func (c *Carrier) Remove(ctx context.Context) error {
	domain, _, err := c.agent()
	if err != nil {
		return err
	}
	if loaded, err := c.launchd.Print(ctx, domain, label); err != nil {
		return explain(err)
	} else if loaded != nil {
		if err := c.launchd.Bootout(ctx, domain, label); err != nil {
			return explain(err)
		}
	}
	return errors.Join(c.Sweep(), c.mac.Remove(agent), c.mac.RemoveAll(folder))
}

// Sweep removes what a killed Place left beside its files.
func (c *Carrier) Sweep() error { return errors.Join(c.mac.Sweep(agent), c.mac.Sweep(Binary)) }

// explain says what to do where launchd has no session to run the service in.
func explain(err error) error {
	if launchctl.Is(err, launchctl.Unsupported, launchctl.NoDomain) {
		return fmt.Errorf("the dispatch service can't be started, since nobody is logged in at the Mac's screen; macOS guests need that session: log in, best by auto-login, and apply again, or write serve { enabled = false }: %w", err)
	}
	return err
}
