package tart

import (
	"fmt"

	"hostler/providers/testbed/internal/cache"
	"hostler/providers/testbed/internal/vm"
)

func (c *call) cache() cache.Cache { return cache.Cache{Process: c.Process, Home: c.home} }

func (c *call) pull() error {
	if n, err := c.number("--concurrency", 4); err != nil {
		return err
	} else if n == 0 {
		return c.refuse("network concurrency cannot be less than 1")
	}
	r, remote := vm.ParseRemote(c.operands[0])
	if !remote {
		fmt.Fprintf(c.Stdout, "%q is a local image, nothing to pull here!\n", c.operands[0])
		return nil
	}
	return c.cache().Pull(r)
}

func (c *call) prune() error {
	entries, err := c.choice("--entries", "caches", "caches", "vms")
	if err != nil {
		return invalid("unsupported --entries value, please specify either \"caches\" or \"vms\"")
	}
	if c.has("--gc") {
		return c.home.Sweep()
	}
	by := cache.Criteria{VMs: entries == "vms"}
	for name, criterion := range map[string]**uint64{"--older-than": &by.OlderThan, "--space-budget": &by.Budget} {
		if !c.has(name) {
			continue
		}
		n, err := c.number(name, 0)
		if err != nil {
			return err
		}
		*criterion = &n
	}
	if by.OlderThan == nil && by.Budget == nil {
		return c.refuse("at least one pruning criteria must be specified")
	}
	return c.cache().Prune(by)
}
