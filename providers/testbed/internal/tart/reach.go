package tart

import (
	"fmt"
	"io"
	"time"

	"hostler/providers/testbed/internal/guest"
	"hostler/providers/testbed/internal/vm"
)

// guest is the guest of a VM that process pid runs.
func (c *call) guest(n vm.Named, pid int) guest.Guest {
	return guest.Guest{Process: c.Process, VM: n, PID: pid}
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
	g := c.guest(n, 0)
	if resolver == "agent" && !g.AgentAnswers() {
		return "", nil
	}
	return g.Address(cfg.MACAddress)
}

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
	g := c.guest(n, pid)
	if !g.AgentAnswers() {
		return failure("Failed to connect to the VM using its control socket: connectionTimedOut, is the Tart Guest Agent running?")
	}
	var stdin io.Reader
	if c.has("-i") {
		stdin = c.Stdin
	}
	code, err := g.Exec(c.operands[1:], stdin)
	if err == nil && code != 0 {
		return quit(code)
	}
	return err
}
