package tart

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/vm"
)

func (c *call) create() error {
	ipsw, linux := c.text("--from-ipsw", ""), c.has("--linux")
	if ipsw == "" && !linux {
		return c.refuse("Please specify either a --from-ipsw or --linux option!")
	}
	format, err := c.choice("--disk-format", "raw", "raw", "asif")
	if err != nil {
		return err
	}
	if release, _, _ := strings.Cut(c.Settings.MacOS, "."); format == "asif" && atoi(release) < 26 {
		return c.refuse("Disk format 'asif' is not supported on this system.")
	}
	size, err := c.number("--disk-size", 50)
	if err != nil {
		return err
	}
	cfg := vm.Config{
		Version: 1, OS: "linux", Arch: "arm64", CPUCountMin: 4, CPUCount: 4, MemorySizeMin: 4 << 30, MemorySize: 4 << 30,
		MACAddress: vm.RandomMAC(), Display: vm.Display{Width: 1024, Height: 768}, DiskFormat: format,
	}
	if !linux {
		if ipsw != "latest" && !strings.Contains(ipsw, "://") {
			if _, err := os.Stat(c.Path(ipsw)); err != nil {
				return fmt.Errorf("The file “%s” couldn’t be opened because there is no such file.", ipsw)
			}
		}
		if ipsw == "latest" {
			fmt.Fprintln(c.Stdout, "Looking up the latest supported IPSW...")
		}
		fmt.Fprintf(c.Stdout, "Installing OS...\n0%%\n100%%\n")
		cfg.OS, cfg.ECID, cfg.HardwareModel = "darwin", vm.RandomECID(), vm.HardwareModel()
	}
	temp, unlock, err := c.home.Temp()
	if err != nil {
		return err
	}
	defer unlock()
	if err := temp.Make(cfg, "created on "+c.Settings.Hostname, size*vm.Gigabyte, 0, false); err != nil {
		return err
	}
	return temp.Place(c.home.Local(c.operands[0]))
}

func (c *call) clone() error {
	source, name := c.operands[0], c.operands[1]
	if strings.Contains(name, "/") {
		return c.refuse("<new-name> should be a local name")
	}
	if n, err := c.number("--concurrency", 4); err != nil {
		return err
	} else if n == 0 {
		return c.refuse("network concurrency cannot be less than 1")
	}
	limit, err := c.number("--prune-limit", 100)
	if err != nil {
		return err
	}
	src := vm.Named{Name: source, Dir: c.home.Local(source)}
	r, remote := vm.ParseRemote(source)
	if remote {
		src.Dir = c.home.Image(r)
		if !src.Dir.Complete() {
			if err := c.cache().Pull(r); err != nil {
				return err
			}
		}
	}
	if err := c.check(src); err != nil {
		return err
	}
	if err := c.copy(src, c.home.Local(name)); err != nil {
		return err
	}
	if remote {
		if err := src.Dir.Touch(c.Now()); err != nil {
			return err
		}
	}
	return c.cache().MakeRoom(c.home.Local(name), limit<<30)
}

// copy clones a VM to where a new one shall be, whatever is there.
func (c *call) copy(src vm.Named, to vm.Dir) error {
	temp, free, err := c.home.Temp()
	if err != nil {
		return err
	}
	defer free()
	unlock, err := c.home.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	collides, err := c.collides(src, func(vm.Named) bool { return true })
	if err != nil {
		return err
	}
	if !c.Wait(c.Settings.Timing.Clone) {
		temp.Collect()
		return fmt.Errorf("CancellationError()")
	}
	if err := src.Dir.Copy(temp); err != nil {
		return err
	}
	if collides && !src.Dir.Suspended() {
		cfg, err := temp.Read()
		if err != nil {
			return err
		}
		cfg.MACAddress = vm.RandomMAC()
		if err := temp.Write(cfg); err != nil {
			return err
		}
	}
	return temp.Place(to)
}

// collides reports whether a local VM that counts has the MAC of the VM src.
func (c *call) collides(src vm.Named, counts func(vm.Named) bool) (bool, error) {
	cfg, err := src.Dir.Read()
	if err != nil {
		return false, err
	}
	locals, err := c.home.Locals()
	if err != nil {
		return false, err
	}
	for _, n := range locals {
		if !counts(n) {
			continue
		}
		other, err := n.Dir.Read()
		if err != nil {
			return false, err
		}
		if other.MACAddress == cfg.MACAddress {
			return true, nil
		}
	}
	return false, nil
}

func (c *call) set() error {
	n, err := c.local()
	if err != nil {
		return err
	}
	cfg, err := n.Dir.Read()
	if err != nil {
		return err
	}
	if c.has("--cpu") {
		cpu, err := c.number("--cpu", 0)
		if err != nil {
			return err
		}
		least := 1
		if cfg.OS == "darwin" {
			least = max(least, cfg.CPUCountMin)
		}
		if int(cpu) < least {
			return fmt.Errorf("LessThanMinimalResourcesError: VM should have %d CPU cores at minimum (requested %d)", least, cpu)
		}
		cfg.CPUCount = int(cpu)
	}
	if c.has("--memory") {
		mib, err := c.number("--memory", 0)
		if err != nil {
			return err
		}
		least := uint64(128 << 20)
		if cfg.OS == "darwin" {
			least = max(least, cfg.MemorySizeMin)
		}
		if mib<<20 < least {
			return fmt.Errorf("LessThanMinimalResourcesError: VM should have %d bytes of memory at minimum (requested %d)", least, mib<<20)
		}
		cfg.MemorySize = mib << 20
	}
	if c.has("--display") {
		cfg.Display = display(c.text("--display", ""), cfg.Display)
	}
	cfg.DisplayRefit = nil
	if c.has("--display-refit") || c.has("--no-display-refit") {
		cfg.DisplayRefit = new(c.has("--display-refit"))
	}
	if c.has("--random-mac") {
		cfg.MACAddress = vm.RandomMAC()
	}
	if c.has("--random-serial") && cfg.OS == "darwin" {
		cfg.ECID = vm.RandomECID()
	}
	if err := n.Dir.Write(cfg); err != nil {
		return err
	}
	return c.setDisk(n.Dir)
}

func (c *call) setDisk(d vm.Dir) error {
	if c.has("--disk") {
		path := c.Path(c.text("--disk", ""))
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("The file “%s” couldn’t be opened because there is no such file.", c.text("--disk", ""))
		}
		if err := d.ReplaceDisk(path); err != nil {
			return err
		}
	}
	if !c.has("--disk-size") {
		return nil
	}
	size, err := c.number("--disk-size", 0)
	if err != nil {
		return err
	}
	have, err := d.Disk()
	if err != nil {
		return err
	}
	if size*vm.Gigabyte < have {
		return failure(fmt.Sprintf("new disk size of %d GB should be larger than the current disk size of %d GB", size, have/vm.Gigabyte))
	}
	return d.Resize(size * vm.Gigabyte)
}

// display reads WxH with an optional unit. A part that isn't a number leaves
// the old one; a unit that isn't given is cleared.
func display(s string, old vm.Display) vm.Display {
	d := vm.Display{Width: old.Width, Height: old.Height}
	if m := regexp.MustCompile(`(pt|px)$`).FindString(s); m != "" {
		d.Unit, s = m, strings.TrimSuffix(s, m)
	}
	w, h, _ := strings.Cut(s, "x")
	if n, err := strconv.Atoi(w); err == nil {
		d.Width = n
	}
	if n, err := strconv.Atoi(h); err == nil {
		d.Height = n
	}
	return d
}

func (c *call) rename() error {
	from, to := c.operands[0], c.operands[1]
	if strings.Contains(to, "/") {
		return c.refuse("<new-name> should be a local name")
	}
	if !c.home.Local(from).Complete() {
		return invalid("failed to rename a non-existent local VM: %s", from)
	}
	if c.home.Local(to).Complete() {
		return invalid("failed to rename VM %s, target VM %s already exists, delete it first!", from, to)
	}
	return os.Rename(string(c.home.Local(from)), string(c.home.Local(to)))
}

func (c *call) delete() error {
	for _, name := range c.operands {
		n := vm.Named{Name: name, Dir: c.home.Local(name)}
		r, remote := vm.ParseRemote(name)
		if remote {
			n.Dir = c.home.Image(r)
		}
		if !n.Dir.Exists() {
			return missing(name)
		}
		if pid, err := n.Dir.Holder(); err == nil && pid != 0 {
			return failure(fmt.Sprintf("VM %q is running", name))
		}
		if err := n.Dir.Remove(); err != nil {
			return err
		}
		if remote {
			if err := c.home.Sweep(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) stop() error {
	seconds, err := c.number("--timeout", 30)
	if err != nil {
		return err
	}
	n, err := c.local()
	if err != nil {
		return err
	}
	pid, err := n.Dir.Holder()
	switch {
	case err != nil:
		return err
	case pid == 0 && n.Dir.Suspended():
		return n.Dir.Resume()
	case pid == 0:
		return state(fmt.Sprintf("VM %q is not running", n.Name))
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return failure(fmt.Sprintf("failed to send SIGINT to VM %q: %v", n.Name, err))
	}
	for deadline := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(deadline); {
		if now, err := n.Dir.Holder(); err != nil || now == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	if now, err := n.Dir.Holder(); err == nil && now == pid {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

func (c *call) suspend() error {
	n, err := c.local()
	if err != nil {
		return err
	}
	pid, err := n.Dir.Holder()
	if err != nil {
		return err
	}
	if pid == 0 {
		return state(fmt.Sprintf(`VM "VM %q is not running" is not running`, n.Name))
	}
	return syscall.Kill(pid, syscall.SIGUSR1)
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
