package site

import (
	"context"
	"fmt"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/queue"
)

// Mac is the Mac that the service runs on.
type Mac struct {
	*machine.Machine
	Tart *tartcli.Tart
	Now  func() time.Time
}

// Growth is how much disk is kept for what a job writes in its VM: a clone takes
// none at first, and how much it will nobody knows.
const Growth = 8 << 30

// Situation is all that a decision depends on.
type Situation struct {
	Mac      queue.Mac
	Holdings []queue.Holding
	Tickets  []queue.Ticket
	Profiles map[string]runtime.Profile
	Demands  map[string]ledger.Demand // by profile
}

// Situate puts together what is lent, what runs, and who waits. whole is the
// longest that a lease can last for a job of some length; look is Look, or a
// look that is not old.
func (m Mac) Situate(ctx context.Context, snap ledger.Snapshot, whole func(time.Duration) time.Duration, look func(context.Context) (Surroundings, error)) (Situation, error) {
	var out Situation
	conf, err := m.Configure()
	if err != nil {
		return out, err
	}
	facts, err := m.Facts()
	if err != nil {
		return out, err
	}
	now, err := look(ctx)
	if err != nil {
		return out, err
	}
	less := func(a, b uint64) uint64 { return a - min(a, b) }
	out.Mac = queue.Mac{
		Capacity:  queue.Vector{Memory: less(facts.Memory, uint64(conf.Host.Reserve.Memory)), Guests: conf.Host.Guests, Disk: less(now.Total, uint64(conf.Host.Reserve.Disk))},
		Draining:  snap.State.Draining,
		Contended: snap.State.Contended,
	}
	out.Holdings = append(out.Holdings, queue.Holding{Name: "what is on the disk", Takes: queue.Vector{Disk: now.Total - now.Free}})
	for _, l := range snap.Leases {
		h := l.Holds()
		out.Holdings = append(out.Holdings, queue.Holding{
			Name: "lease " + l.ID, Ends: l.Deadline, Elastic: l.Phase == ledger.Ending,
			Takes: queue.Vector{Memory: h.Memory, Guests: h.Guests, Disk: h.Disk},
		})
	}
	for _, q := range snap.Quarantine {
		out.Holdings = append(out.Holdings, queue.Holding{Name: "VM " + q.VM + ", which is in quarantine", Takes: queue.Vector{Memory: q.Demand.Memory, Guests: q.Demand.Guests}})
	}
	out.Holdings = append(out.Holdings, now.VMs...)
	out.Profiles, out.Demands = conf.Profiles, map[string]ledger.Demand{}
	for _, t := range snap.Tickets {
		out.Tickets = append(out.Tickets, m.ticket(&out, t, snap.State, whole))
	}
	return out, nil
}

// ticket is a ticket as the queue wants it.
func (m Mac) ticket(s *Situation, t ledger.Ticket, state ledger.State, whole func(time.Duration) time.Duration) queue.Ticket {
	out := queue.Ticket{ID: t.ID, Profile: t.Profile, Enqueued: t.Enqueued, Stopped: state.Stopped[t.Profile]}
	p, ok := s.Profiles[t.Profile]
	if !ok {
		out.Stopped = "it was removed from the configuration"
		return out
	}
	d, known := s.Demands[p.Name]
	if !known {
		var err error
		if d, err = m.demand(p); err != nil {
			out.Stopped = err.Error()
			return out
		}
		s.Demands[p.Name] = d
	}
	out.Priority = p.Priority
	out.Needs = queue.Vector{Memory: d.Memory, Guests: d.Guests, Disk: d.Disk}
	out.Lasts = whole(time.Duration(p.Timeout))
	return out
}

// demand is what a VM of the profile takes.
func (m Mac) demand(p runtime.Profile) (ledger.Demand, error) {
	c, err := m.Tart.Config(p.VM)
	switch {
	case tartcli.Is(err, tartcli.NotFound):
		return ledger.Demand{}, fmt.Errorf("its golden image, the VM %s, is not there; hostler apply builds it", p.VM)
	case err != nil:
		return ledger.Demand{}, fmt.Errorf("its golden image: %w", err)
	}
	d := ledger.Demand{Memory: uint64(p.Memory), Disk: Growth}
	if c.OS == "darwin" {
		d.Guests = 1
	}
	return d, nil
}

// Surroundings are what takes room on the Mac and is not lent: VMs that run, and
// what is on the disk. Total and Free are bytes of the disk.
type Surroundings struct {
	VMs         []queue.Holding
	Total, Free uint64
}

// Look looks at the surroundings of what is lent.
func (m Mac) Look(ctx context.Context, snap ledger.Snapshot) (out Surroundings, err error) {
	if out.Total, out.Free, err = m.Room(ctx, "~"); err != nil {
		return out, err
	}
	list, err := m.Tart.Relist(ctx)
	if err != nil {
		return out, err
	}
	known := map[string]bool{}
	for _, l := range snap.Leases {
		known[l.VM] = true
	}
	for _, q := range snap.Quarantine {
		known[q.VM] = true
	}
	for name, vm := range list.Local {
		if vm.State != "running" || known[name] {
			continue
		}
		h := queue.Holding{Name: "VM " + name + ", which is not lent"}
		if c, err := m.Tart.Config(name); err == nil {
			h.Takes.Memory = c.Memory
			if c.OS == "darwin" {
				h.Takes.Guests = 1
			}
		}
		out.VMs = append(out.VMs, h)
	}
	return out, nil
}
