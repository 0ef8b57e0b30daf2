package tartcli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
)

// Clone makes the local VM name from source, a local VM that is stopped or an
// image. It refuses a name that is taken, be it by the remains of a VM.
func (t *Tart) Clone(ctx context.Context, source, name string) error {
	defer t.forget()
	taken, err := t.Exists(name)
	if err != nil {
		return err
	}
	if taken {
		return &Error{Kind: AlreadyExists, Op: "clone", VM: name}
	}
	if _, remote := ParseRef(source); !remote {
		if _, err := t.stopped(ctx, "clone", source); err != nil {
			return err
		}
	}
	_, err = t.run(ctx, command{op: "clone", vm: name, args: []string{source, name}, patient: true})
	return err
}

// Patch is what Configure changes; zero values leave things as they are.
type Patch struct {
	CPUs      int
	Memory    uint64 // bytes; whole MiB
	DiskGB    int    // decimal gigabytes; only grows
	RandomMAC bool
	// RandomSerial gives a macOS guest a serial number of its own; others have
	// none.
	RandomSerial bool
}

// Configure changes a local VM that is stopped. It checks what tart checks
// before anything is changed: tart changes CPUs and memory before it finds
// that a disk can't shrink.
func (t *Tart) Configure(ctx context.Context, name string, p Patch) error {
	defer t.forget()
	vm, err := t.stopped(ctx, "set", name)
	if err != nil {
		return err
	}
	c, err := t.Config(name)
	if err != nil {
		return err
	}
	args, err := p.args(vm, c)
	if err != nil {
		return &Error{Kind: InvalidConfig, Op: "set", VM: name, Text: err.Error(), Err: err}
	}
	if args == nil {
		return nil
	}
	if c.DisplayRefit != nil {
		refit := "--no-display-refit"
		if *c.DisplayRefit {
			refit = "--display-refit"
		}
		args = append(args, refit)
	}
	_, err = t.run(ctx, command{op: "set", vm: name, args: append([]string{name}, args...)})
	return err
}

// args are the options of `tart set` for p; nil when there is nothing to do.
func (p Patch) args(vm VM, c Config) ([]string, error) {
	var args []string
	if p.CPUs != 0 {
		if p.CPUs < c.MinCPUs() {
			return nil, fmt.Errorf("%d CPUs are fewer than the %d that the VM needs", p.CPUs, c.MinCPUs())
		}
		args = append(args, "--cpu", strconv.Itoa(p.CPUs))
	}
	if p.Memory != 0 {
		switch {
		case p.Memory%(1<<20) != 0:
			return nil, errors.New("memory must be whole MiB")
		case p.Memory < c.MinMemory():
			return nil, fmt.Errorf("%d bytes of memory are less than the %d that the VM needs", p.Memory, c.MinMemory())
		}
		args = append(args, "--memory", strconv.FormatUint(p.Memory>>20, 10))
	}
	if p.DiskGB != 0 {
		if p.DiskGB < vm.Disk {
			return nil, fmt.Errorf("the disk has %d GB and can't shrink to %d", vm.Disk, p.DiskGB)
		}
		args = append(args, "--disk-size", strconv.Itoa(p.DiskGB))
	}
	if p.RandomMAC {
		args = append(args, "--random-mac")
	}
	if p.RandomSerial && c.OS == "darwin" {
		args = append(args, "--random-serial")
	}
	return args, nil
}

// Rename gives a local VM a name that nothing has.
func (t *Tart) Rename(ctx context.Context, from, to string) error {
	defer t.forget()
	taken, err := t.Exists(to)
	if err != nil {
		return err
	}
	if taken {
		return &Error{Kind: AlreadyExists, Op: "rename", VM: to}
	}
	_, err = t.run(ctx, command{op: "rename", vm: from, args: []string{from, to}})
	return err
}

// Delete removes a local VM that does not run; gone already is success. What
// tart takes for no VM, since files of it are missing, it does not delete: that
// is removed here, if its lock proves that it does not run.
func (t *Tart) Delete(ctx context.Context, name string) error {
	defer t.forget()
	if exists, err := t.Exists(name); err != nil || !exists {
		return err
	}
	_, err := t.run(ctx, command{op: "delete", vm: name, args: []string{name}})
	switch {
	case Is(err, NotFound):
		return nil
	case Is(err, Corrupt):
		if pid, unproved := t.m.LockHolder(path.Join(t.Folder(name), "config.json")); unproved == nil && pid == 0 {
			return t.m.RemoveAll(t.Folder(name))
		}
	}
	return err
}

// Running reports whether the VM runs now.
func (t *Tart) Running(ctx context.Context, name string) (bool, error) {
	l, err := t.Relist(ctx)
	return l.Local[name].State == "running", err
}

// stopped is the VM as it is listed now; one that is not stopped is an error.
func (t *Tart) stopped(ctx context.Context, op, name string) (VM, error) {
	l, err := t.Relist(ctx)
	if err != nil {
		return VM{}, err
	}
	vm, ok := l.Local[name]
	switch {
	case !ok:
		if _, err := t.Config(name); err != nil {
			return vm, err
		}
		return vm, &Error{Kind: Corrupt, Op: op, VM: name}
	case vm.State == "running":
		return vm, &Error{Kind: Running, Op: op, VM: name}
	case vm.State == "suspended":
		return vm, &Error{Kind: Suspended, Op: op, VM: name}
	}
	return vm, nil
}
