package testbed

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hostler/providers/testbed/internal/actions"
	"hostler/providers/testbed/internal/launchd"
	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

// VM is a local VM as it lies on the disk.
type VM struct {
	Name       string
	OS         string
	State      string // running, suspended or stopped
	PID        int    // of its tart run; 0 when it doesn't run
	CPUs       int
	Memory     uint64 // bytes
	Disk       uint64 // bytes
	MACAddress string
}

func (m *Mac) tart() vm.Home { return vm.Home(m.Path(m.home + "/.tart")) }

// VMs are the complete local VMs of the user, by name. What a test learns here
// comes from the disk, not from tart.
func (m *Mac) VMs() ([]VM, error) {
	locals, err := m.tart().Locals()
	if err != nil {
		return nil, err
	}
	var all []VM
	for _, n := range locals {
		cfg, err := n.Dir.Read()
		if err != nil {
			return nil, fmt.Errorf("vm %q: %w", n.Name, err)
		}
		state, err := n.Dir.State()
		if err != nil {
			return nil, err
		}
		pid, err := n.Dir.Holder()
		if err != nil {
			return nil, err
		}
		disk, err := n.Dir.Disk()
		if err != nil {
			return nil, err
		}
		all = append(all, VM{
			Name: n.Name, OS: cfg.OS, State: state, PID: pid, CPUs: cfg.CPUCount, Memory: cfg.MemorySize, Disk: disk, MACAddress: cfg.MACAddress,
		})
	}
	return all, nil
}

// EditVM changes a VM's config.json behind everybody's back.
func (m *Mac) EditVM(name string, edit func(config map[string]any)) error {
	path := m.tart().Local(name).Config()
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		return err
	}
	edit(config)
	if data, err = json.MarshalIndent(config, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// RemoveVM deletes a VM's folder behind everybody's back, running or not.
func (m *Mac) RemoveVM(name string) error {
	if !m.tart().Local(name).Exists() {
		return fmt.Errorf("remove vm %q: it does not exist", name)
	}
	return m.tart().Local(name).Remove()
}

// StopGuest ends a running guest from inside. An empty cause is a shutdown,
// another one the error it dies of; tart run exits 0 either way.
func (m *Mac) StopGuest(name, cause string) error {
	d := m.tart().Local(name)
	pid, err := d.Holder()
	if err != nil {
		return err
	}
	if pid == 0 {
		return fmt.Errorf("stop guest %q: it is not running", name)
	}
	return d.PowerOff(pid, cause)
}

// SetTiming changes how long things take from now on.
func (m *Mac) SetTiming(t Timing) error { return m.mac.Set(func(s *mac.Settings) { s.Timing = t }) }

// SetTrouble makes something go wrong inside all guests, or in pulls, from now on.
func (m *Mac) SetTrouble(t Trouble) error { return m.mac.Set(func(s *mac.Settings) { s.Trouble = t }) }

// SetAnswers replaces what guests that pretend print for commands.
func (m *Mac) SetAnswers(all map[string]string) error {
	return m.mac.Set(func(s *mac.Settings) { s.Answers = all })
}

// GuestPath is where a file of the VM's guest lies on this machine. Only files
// of its user's home are files of the guest alone.
func (m *Mac) GuestPath(name, p string) string {
	return filepath.Join(m.tart().Local(name).Guest(), p)
}

// SetNow stops the Mac's clock at t; the zero time lets it go again. It is what
// leases, access times and ages of images are measured by.
func (m *Mac) SetNow(t time.Time) error { return m.mac.Set(func(s *mac.Settings) { s.Clock = t }) }

// SetDiskFree sets what is free on the Mac's volume, in bytes.
func (m *Mac) SetDiskFree(n uint64) error { return m.mac.Set(func(s *mac.Settings) { s.DiskFree = n }) }

// SetSudo makes sudo work without a password, or not.
func (m *Mac) SetSudo(free bool) error { return m.mac.Set(func(s *mac.Settings) { s.NoSudo = !free }) }

// AddAccount adds an account, unless there is one of that name.
func (m *Mac) AddAccount(name string) error {
	return m.mac.Set(func(s *mac.Settings) {
		if _, ok := s.Account(name); !ok {
			s.Accounts = append(s.Accounts, name)
		}
	})
}

// Owner is the account that the file at the Mac's path belongs to.
func (m *Mac) Owner(path string) (string, error) {
	o, err := m.mac.OwnerOf(path)
	return o.User, err
}

// SetKeychain locks or unlocks the login keychain, without which macOS guests
// don't start on macOS 15 and later.
func (m *Mac) SetKeychain(unlocked bool) error {
	return m.mac.Set(func(s *mac.Settings) { s.Keychain = unlocked })
}

// SetStart says who is logged in when the Mac starts, "" for nobody, and whether
// its disk waits for a password before.
func (m *Mac) SetStart(user string, fileVault bool) error {
	return m.mac.Set(func(s *mac.Settings) { s.AutoLogin, s.FileVault = user, fileVault })
}

// TakeSlots makes n of the two slots for macOS guests unavailable, as the VMs
// of another tool or a leak of the kernel do.
func (m *Mac) TakeSlots(n int) error { return m.mac.Set(func(s *mac.Settings) { s.Slots = n }) }

// SetLogin logs the user in or out at the screen.
func (m *Mac) SetLogin(in bool) error {
	if err := m.mac.Set(func(s *mac.Settings) { s.Login, s.Keychain = in, in }); err != nil {
		return err
	}
	change := launchd.Logout
	if in {
		change = launchd.Login
	}
	return errors.Join(change(m.mac), actions.Sync(m.mac))
}

// Reboot cuts the power and starts the Mac again: everything that ran is
// killed, slots are free, launchd loads what it finds, and the boot has a new
// identity. It returns when no VM runs any more.
func (m *Mac) Reboot() error {
	err := m.mac.Set(func(s *mac.Settings) {
		s.Boot, s.BootID, s.Slots = m.mac.Now().Truncate(time.Second), mac.BootID(), 0
	})
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		vms, err := m.VMs()
		if err != nil {
			return err
		}
		busy := 0
		for _, v := range vms {
			busy += v.PID
		}
		if busy == 0 {
			return errors.Join(launchd.Boot(m.mac), actions.Sync(m.mac))
		}
		if time.Now().After(deadline) {
			return errors.New("reboot: a VM still runs")
		}
	}
}
