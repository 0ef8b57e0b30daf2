// Package vm is how a lease's VM is made, run, and done with: from its profile's
// golden image, with its network, its mounts and its cache.
package vm

import (
	"context"
	"fmt"
	"path"
	"strings"

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

// Spec is how the VM is run and reached. What is kept of that lies in folder. A
// password that can't be read leaves the agent of the guest as the only way:
// note says so.
func (m Maker) Spec(ctx context.Context, l ledger.Lease, p runtime.Profile, folder string, limits guest.Limits) (s guest.Spec, note string, err error) {
	s = guest.Spec{
		VM: l.VM, Log: path.Join(folder, bootLog), Now: m.Mac.Now, Options: options(p), Limits: limits,
	}
	if p.User != "" {
		password, unread := m.Mac.Secret(ctx, p.Password)
		if unread == nil {
			s.Login = guest.Login{User: p.User, Password: password, Pin: path.Join(folder, "host-key")}
		} else {
			note = fmt.Sprintf("no login by SSH: %v\n", unread)
		}
	}
	shared, err := use(l, p.Cache).Option(m.Mac.Machine)
	if shared != "" {
		s.Options = append(s.Options, shared)
	}
	return s, note, err
}

// Bare is enough of a spec for a VM that runs already, and whose profile is not
// known.
func (m Maker) Bare(l ledger.Lease, folder string) guest.Spec {
	return guest.Spec{VM: l.VM, Log: path.Join(folder, bootLog), Now: m.Mac.Now}
}

// bootLog is where what tart says of the VM goes.
const bootLog = "boot.log"

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

// Prune removes caches that no lease of the ledger uses.
func (m Maker) Prune(w cache.Wish, l *ledger.Ledger) ([]cache.Removed, error) {
	return m.Caches.Prune(w, func() (all []cache.Use, err error) {
		snap, err := l.Read()
		for _, lease := range snap.Leases {
			all = append(all, use(lease, ""))
		}
		return all, err
	})
}
