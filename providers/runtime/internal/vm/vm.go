// Package vm is how a lease's VM is made, run, and done with: from its profile's
// golden image, with its network, its mounts and its cache.
package vm

import (
	"context"
	"strings"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime"
	"hostler/providers/runtime/internal/cache"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
)

// Maker makes the VMs of one Mac.
type Maker struct {
	Mac    site.Mac
	Caches *cache.Store
}

// Make clones the lease's VM, and what it will see of the cache; half of either
// that an earlier attempt left is removed first. note is what people should
// know.
func (m Maker) Make(ctx context.Context, l ledger.Lease, p runtime.Profile) (note string, err error) {
	if err := m.Mac.Tart.Delete(ctx, l.VM); err != nil {
		return "", err
	}
	if err := m.Mac.Tart.Clone(ctx, l.Image, l.VM); err != nil {
		return "", err
	}
	patch := tartcli.Patch{CPUs: p.CPUs, Memory: l.Demand.Memory, RandomMAC: true, RandomSerial: true}
	if err := m.Mac.Tart.Configure(ctx, l.VM, patch); err != nil {
		return "", err
	}
	return m.Caches.Open(ctx, use(l, p.Cache))
}

// Spec is how the VM is run and reached. What it prints goes to log; boot is how
// long it may take to be reached.
func (m Maker) Spec(l ledger.Lease, p runtime.Profile, log string, boot time.Duration) (guest.Spec, error) {
	s := guest.Spec{
		VM: l.VM, Log: log, Now: m.Mac.Now, Options: options(p),
		Limits: guest.Limits{Contact: boot},
	}
	shared, err := use(l, p.Cache).Option(m.Mac.Machine)
	if shared != "" {
		s.Options = append(s.Options, shared)
	}
	return s, err
}

// options are those of tart run for the profile's network and mounts.
func options(p runtime.Profile) []string {
	var out []string
	if p.Network == "softnet" {
		out = append(out, "--net-softnet")
		if len(p.Allow) > 0 {
			out = append(out, "--net-softnet-allow="+strings.Join(p.Allow, ","))
		}
	}
	for _, mount := range p.Mounts {
		dir := mount.Name + ":" + mount.Path
		if mount.ReadOnly {
			dir += ":ro"
		}
		out = append(out, "--dir="+dir)
	}
	return out
}

// Settle keeps what the job left in its copy of the cache, if it succeeded and
// its profile's code is trusted; else it removes that. known says that there
// still is the profile.
func (m Maker) Settle(ctx context.Context, l ledger.Lease, p runtime.Profile, known bool) (note string, err error) {
	if !known {
		p.Cache = cache.Snapshot // a copy may be left
	}
	keep := known && p.Trust == "branch" && l.End.Class == ledger.Succeeded && l.End.Result == "Succeeded"
	return m.Caches.Close(ctx, use(l, p.Cache), keep)
}

// use is the lease's use of its profile's cache.
func use(l ledger.Lease, mode string) cache.Use {
	return cache.Use{Profile: l.Ticket.Profile, Repository: l.Ticket.Job.Repository, Mode: mode, Lease: l.ID}
}
