package tart

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

// leases is the file in which macOS's DHCP server keeps its leases.
const (
	leases    = "/var/db/dhcpd_leases"
	leaseTime = 24 * time.Hour
)

type lease struct {
	address string
	mac     string // octets without leading zeros
	expires time.Time
}

func unpadded(mac string) string {
	parts := strings.Split(mac, ":")
	for i, p := range parts {
		if parts[i] = strings.TrimLeft(p, "0"); parts[i] == "" {
			parts[i] = "0"
		}
	}
	return strings.Join(parts, ":")
}

func (c *call) readLeases() ([]lease, error) {
	f, err := os.Open(c.Mac.Path(leases))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []lease
	var l lease
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		k, v, _ := strings.Cut(line, "=")
		switch {
		case line == "{":
			l = lease{}
		case line == "}":
			all = append(all, l)
		case k == "ip_address":
			l.address = v
		case k == "hw_address":
			l.mac = strings.TrimPrefix(v, "1,")
		case k == "lease":
			sec, err := strconv.ParseInt(strings.TrimPrefix(v, "0x"), 16, 64)
			if err != nil {
				return nil, err
			}
			l.expires = time.Unix(sec, 0)
		}
	}
	return all, nil
}

// lease gives a guest its address: the one its MAC has, or the first free one.
func (c *call) lease(address string) error {
	unlock, err := mac.Flock(filepath.Join(c.Dir(), "locks", "dhcp"))
	if err != nil {
		return err
	}
	defer unlock()
	all, err := c.readLeases()
	if err != nil {
		return err
	}
	now := c.Now()
	all = slices.DeleteFunc(all, func(l lease) bool { return !l.expires.After(now) })
	taken := map[string]bool{}
	mine := ""
	for _, l := range all {
		taken[l.address] = true
		if l.mac == unpadded(address) {
			mine = l.address
		}
	}
	for i := 2; mine == "" && i < 255; i++ {
		if a := fmt.Sprintf("192.168.64.%d", i); !taken[a] {
			mine = a
		}
	}
	if mine == "" {
		return nil // the subnet is full: the guest stays without an address
	}
	all = slices.DeleteFunc(all, func(l lease) bool { return l.address == mine })
	all = append(all, lease{mine, unpadded(address), now.Add(leaseTime)})
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "{\n\tname=guest\n\tip_address=%s\n\thw_address=1,%s\n\tidentifier=1,%s\n\tlease=0x%x\n}\n", l.address, l.mac, l.mac, l.expires.Unix())
	}
	return os.WriteFile(c.Mac.Path(leases), []byte(b.String()), 0o644)
}

func (c *call) ip() error {
	seconds, err := c.number("--wait", 0)
	if err != nil {
		return err
	}
	resolvers := []string{"dhcp", "arp"}
	if c.tart.since("2.28.0") {
		resolvers = append(resolvers, "agent")
	}
	resolver, err := c.choice("--resolver", "dhcp", resolvers...)
	if err != nil {
		return err
	}
	n, err := c.local()
	if err != nil {
		return err
	}
	cfg, err := n.Dir.Read()
	if err != nil {
		return err
	}
	// It sleeps before it looks at the clock, so even --wait 0 takes a second.
	for deadline := time.Now().Add(time.Duration(seconds) * time.Second); ; {
		address, err := c.resolve(n, cfg, resolver)
		if err != nil {
			return err
		}
		if address != "" {
			fmt.Fprintln(c.Stdout, address)
			return nil
		}
		time.Sleep(time.Second)
		if !time.Now().Before(deadline) {
			break
		}
	}
	text := "no IP address found"
	if pid, err := n.Dir.Holder(); err == nil && pid == 0 {
		text += ", is your VM running?"
	}
	switch resolver {
	case "agent":
		text += " (also make sure that Guest agent for Tart is running inside of a VM)"
	case "arp":
		text += " (not all Linux distributions are compatible with the ARP resolver)"
	}
	return failure(text)
}

// resolve is the VM's address, empty while it has none. A lease outlives the
// VM, so dhcp answers for a stopped one too.
func (c *call) resolve(n vm.Named, cfg vm.Config, resolver string) (string, error) {
	if resolver != "dhcp" {
		if pid, err := n.Dir.Holder(); err != nil || pid == 0 {
			return "", err
		}
	}
	if resolver == "agent" && !c.agentAnswers(n.Dir) {
		return "", nil
	}
	all, err := c.readLeases()
	if err != nil {
		return "", err
	}
	var best lease
	for _, l := range all {
		if l.mac == unpadded(cfg.MACAddress) && l.expires.After(c.Now()) && l.expires.After(best.expires) {
			best = l
		}
	}
	return best.address, nil
}

func (c *call) agentAnswers(d vm.Dir) bool {
	r, err := d.Runs()
	return err == nil && d.HasAgent() && time.Since(time.Unix(0, r.Started)) >= c.Settings.Timing.Agent
}

// exec runs a command in the guest: a process of this machine that begins in
// the guest's home folder and knows nothing of the simulated Mac.
func (c *call) exec() error {
	n, err := c.local()
	if err != nil {
		return err
	}
	pid, err := n.Dir.Holder()
	if err != nil {
		return err
	}
	if pid == 0 {
		return state(fmt.Sprintf("VM %q is not running", n.Name))
	}
	if !c.agentAnswers(n.Dir) {
		return failure("Failed to connect to the VM using its control socket: connectionTimedOut, is the Tart Guest Agent running?")
	}
	words := c.operands[1:]
	if off(words) {
		return n.Dir.PowerOff(pid, "")
	}
	home := filepath.Join(n.Dir.Guest(), "Users", "admin")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	path := words[0]
	if !strings.Contains(path, "/") {
		if path, err = lookPath(words[0]); err != nil {
			return fmt.Errorf("unknown (2): exec: %q: executable file not found in $PATH", words[0])
		}
	}
	cmd := &exec.Cmd{
		Path: path, Args: words, Dir: home, Stdout: c.Stdout, Stderr: c.Stderr, SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		Env: []string{"HOME=" + home, "USER=admin", "LOGNAME=admin", "SHELL=/bin/zsh", "PATH=/usr/bin:/bin:/usr/sbin:/sbin"},
	}
	if c.has("-i") {
		cmd.Stdin = c.Stdin
	}
	return c.within(n, pid, cmd)
}

// within runs a command of the guest, which dies with the guest.
func (c *call) within(n vm.Named, pid int, cmd *exec.Cmd) error {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unknown (2): fork/exec %s: no such file or directory", cmd.Args[0])
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(pollGuest)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			switch {
			case err == nil:
				return nil
			case errors.As(err, &exit) && exit.ExitCode() >= 0:
				return quit(exit.ExitCode())
			}
			return quit(255) // by a signal
		case <-interrupted:
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			return fmt.Errorf("CancellationError()")
		case <-tick.C:
			if now, err := n.Dir.Holder(); err != nil || now != pid {
				syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				return fmt.Errorf("unavailable (14): Stream unexpectedly closed.")
			}
		}
	}
}

// off recognizes the commands by which a guest is shut down from inside.
func off(words []string) bool {
	if len(words) > 1 && words[0] == "sudo" {
		words = words[1:]
	}
	switch filepath.Base(words[0]) {
	case "halt", "poweroff":
		return true
	case "shutdown":
		return slices.Contains(words, "-h")
	}
	return false
}

func lookPath(name string) (string, error) {
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path, nil
		}
	}
	return "", fs.ErrNotExist
}
