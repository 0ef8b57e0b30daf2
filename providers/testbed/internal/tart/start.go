package tart

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/vm"
)

// start is "tart run": it stays until the VM ends. The order of its steps is
// tart's, and what a driver can see between them follows from it: the VM counts
// as running when its lock is taken, not when the command is given.
func (c *call) start() error {
	n, err := c.openForRun()
	if err != nil {
		return err
	}
	// Subscribed before anyone can see that the VM runs, so that no signal is lost.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	held, err := c.acquire(n)
	if err != nil {
		return err
	}
	defer held.Release()
	cfg, err := held.Read()
	if err != nil {
		return err
	}
	free, err := c.power(n, cfg)
	if err != nil {
		return err
	}
	defer free()
	if err := n.Dir.Begin(vm.Run{PID: os.Getpid(), Started: time.Now().UnixNano(), OS: cfg.OS}); err != nil {
		return err
	}
	if err := n.Dir.Touch(c.Now()); err != nil {
		return err
	}
	if c.has("--vnc") || c.has("--vnc-experimental") {
		fmt.Fprintln(c.Stdout, "VNC server is running at vnc://:fake-fake-fake@127.0.0.1:5901")
	}
	c.Acted()
	code, err := c.guest(n, os.Getpid()).Live(cfg, c.options["--dir"], c.has("--suspendable"), signals)
	if err == nil && code != 0 {
		return quit(code)
	}
	return err
}

// openForRun is the part that real tart does while it reads its arguments, so
// that its errors read "Error: " and a missing VM exits 1, not 2.
func (c *call) openForRun() (vm.Named, error) {
	n, err := c.local()
	if err != nil {
		return n, prefixed{err}
	}
	nets := 0
	for _, set := range []bool{
		c.has("--net-bridged"), c.has("--net-host"),
		c.has("--net-softnet") || c.has("--net-softnet-allow") || c.has("--net-softnet-block") || c.has("--net-softnet-expose"),
	} {
		if set {
			nets++
		}
	}
	switch {
	case nets > 1:
		return n, c.refuse("--net-bridged, --net-softnet and --net-host are mutually exclusive")
	case c.has("--vnc") && c.has("--vnc-experimental"):
		return n, c.refuse("--vnc and --vnc-experimental are mutually exclusive")
	case c.has("--graphics") && c.has("--no-graphics"):
		return n, c.refuse("--graphics and --no-graphics are mutually exclusive")
	}
	cfg, err := n.Dir.Read()
	if err != nil {
		return n, err
	}
	if c.has("--suspendable") && cfg.OS != "darwin" {
		return n, c.refuse("You can only suspend macOS VMs")
	}
	if c.has("--nested") && cfg.OS == "darwin" {
		return n, failure("macOS virtual machines do not support nested virtualization")
	}
	unnamed := 0
	for _, dir := range c.options["--dir"] {
		if !strings.Contains(strings.SplitN(dir, ":", 2)[0], "/") {
			continue
		}
		unnamed++
	}
	if unnamed > 0 && len(c.options["--dir"]) > 1 {
		return n, c.refuse("invalid --dir syntax: for multiple directory shares each one of them should be named")
	}
	return n, nil
}

// prefixed hides an error's kind, so that it is reported as one of Swift's.
type prefixed struct{ err error }

func (p prefixed) Error() string { return p.err.Error() }

// acquire takes the VM's lock, under the lock of all starts and clones.
func (c *call) acquire(n vm.Named) (*vm.Held, error) {
	unlock, err := c.home.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	others := func(o vm.Named) bool {
		pid, err := o.Dir.Holder()
		return o.Name != n.Name && err == nil && pid != 0
	}
	collides, err := c.collides(n, others)
	if err != nil {
		return nil, err
	}
	if collides {
		fmt.Fprintln(c.Stdout, "There is already a running VM with the same MAC address!")
		fmt.Fprintln(c.Stdout, "Resetting VM to assign a new MAC address...")
		cfg, err := n.Dir.Read()
		if err != nil {
			return nil, err
		}
		cfg.MACAddress = vm.RandomMAC()
		if err := n.Dir.Write(cfg); err != nil {
			return nil, err
		}
		if err := n.Dir.Resume(); err != nil {
			return nil, err
		}
	}
	if err := c.configure(n); err != nil {
		return nil, err
	}
	time.Sleep(c.Settings.Timing.Lock)
	n.Dir.PowerOn()
	held, ok, err := n.Dir.Hold()
	if err != nil {
		return nil, failure("failed to open a lock file: " + err.Error())
	}
	if !ok {
		return nil, state(fmt.Sprintf("VM %q is already running!", n.Name))
	}
	return held, nil
}

// configure is what the virtualization framework checks before it starts.
func (c *call) configure(n vm.Named) error {
	cfg, err := n.Dir.Read()
	if err != nil {
		return err
	}
	invalid := func(why string) error {
		return fmt.Errorf(`Error Domain=VZErrorDomain Code=2 "Invalid virtual machine configuration. %s" UserInfo={NSLocalizedFailure=Invalid virtual machine configuration., NSLocalizedFailureReason=%s}`, why, why)
	}
	if cfg.CPUCount > c.Settings.CPUs {
		return invalid("The number of virtual CPUs exceeds the maximum.")
	}
	if cfg.MemorySize > c.Settings.Memory {
		return invalid("The memory size exceeds the maximum.")
	}
	for _, dir := range c.options["--dir"] {
		path := sharePath(dir)
		if strings.HasPrefix(path, "~") {
			path = c.Settings.Home() + path[1:]
		}
		if info, err := os.Stat(c.Path(path)); err != nil || !info.IsDir() {
			return invalid("A directory sharing device configuration is invalid. The shared directory doesn’t exist.")
		}
	}
	return nil
}

// sharePath is the path in "[name:]path[:options]".
func sharePath(dir string) string {
	for part := range strings.SplitSeq(dir, ":") {
		if strings.HasPrefix(part, "/") || strings.HasPrefix(part, "~") || strings.HasPrefix(part, ".") {
			return part
		}
	}
	return dir
}

// power starts the machine: it takes one of the slots the host has for macOS
// guests, and restores a saved state.
func (c *call) power(n vm.Named, cfg vm.Config) (free func(), err error) {
	free = func() {}
	if cfg.OS == "darwin" {
		s, err := c.Mac.Settings()
		if err != nil {
			return nil, err
		}
		if major, _, _ := strings.Cut(s.MacOS, "."); atoi(major) >= 15 && (!s.Keychain || c.Root()) {
			return nil, failure(`Error Domain=VZErrorDomain Code=1 "The virtual machine failed to start." UserInfo={NSLocalizedFailure=Internal Virtualization error., NSLocalizedFailureReason=The virtual machine failed to start.}`)
		}
		var ok bool
		if free, ok, err = c.TakeSlot(); err != nil {
			return nil, err
		}
		if !ok {
			return nil, failure(c.overLimit(n))
		}
	}
	if !n.Dir.Suspended() {
		return free, nil
	}
	fmt.Fprintln(c.Stdout, "restoring VM state from a snapshot...")
	if cfg.OS != "darwin" {
		free()
		return nil, failure(`Error Domain=VZErrorDomain Code=12 "The virtual machine failed to restore." UserInfo={NSLocalizedFailure=Restore error., NSLocalizedFailureReason=The virtual machine failed to restore.}`)
	}
	if err := n.Dir.Resume(); err != nil {
		free()
		return nil, err
	}
	fmt.Fprintln(c.Stdout, "resuming VM...")
	return free, nil
}

func (c *call) overLimit(n vm.Named) string {
	if !c.tart.since("2.18.1") {
		return `Error Domain=VZErrorDomain Code=6 "The maximum supported number of active virtual machines has been reached."`
	}
	text := "The number of VMs exceeds the system limit"
	locals, err := c.home.Locals()
	if err != nil {
		return text
	}
	var running []string
	for _, o := range locals {
		// Not the VM itself: reading its config.json here would drop its lock.
		if o.Name == n.Name {
			continue
		}
		if pid, err := o.Dir.Holder(); err == nil && pid != 0 {
			running = append(running, o.Name)
		}
	}
	if len(running) > 0 {
		text += " (other running VMs: " + strings.Join(running, ", ") + ")"
	}
	return text
}
