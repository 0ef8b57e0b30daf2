package dispatch

import (
	"context"
	"fmt"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/runtime/internal/runner"
	"hostler/providers/runtime/ledger"
)

// tearDown takes everything away that a lease has, in this order: logs, the
// running VM, the VM, the runner at GitHub. Each step takes "gone already" as
// success; ctx ends with the service, and not in the middle of a step. What
// can't be removed for long is quarantined, so that no lease lasts for ever.
func (l *life) tearDown(ctx context.Context, lease ledger.Lease) (event, error) {
	for n := 0; ; n++ {
		err := l.step(ctx, &lease)
		if err == nil {
			return done, nil
		}
		l.s.log.Warn("teardown", "lease", l.id, "error", err)
		l.keep("teardown.log", err.Error()+"\n")
		if l.s.Now().Sub(l.since) > l.s.limits.Teardown {
			if err := l.giveUp(lease, err); err == nil {
				return done, nil
			}
		}
		if !l.s.rest(ctx, n) {
			return failed, err
		}
	}
}

// atOnce bounds one attempt at the steps of a teardown.
const atOnce = 2 * time.Minute

func (l *life) step(ctx context.Context, lease *ledger.Lease) (err error) {
	in, cancel := context.WithTimeout(context.WithoutCancel(ctx), atOnce)
	defer cancel()
	if !lease.MemoryBack {
		if err := l.halt(in, *lease); err != nil {
			return err
		}
		if *lease, err = l.note(ctx, func(r *ledger.Lease) { r.MemoryBack = true }); err != nil {
			return err
		}
		l.s.poke()
	}
	if !lease.DiskBack {
		if err := l.settleCache(in, *lease); err != nil {
			return err
		}
		if err := l.s.Tart.Delete(in, lease.VM); err != nil {
			return err
		}
		if *lease, err = l.note(ctx, func(r *ledger.Lease) { r.DiskBack = true }); err != nil {
			return err
		}
		l.s.poke()
	}
	if lease.Name == "" {
		return nil
	}
	if err := l.deregister(in, *lease); err != nil {
		return err
	}
	*lease, err = l.note(ctx, func(r *ledger.Lease) { r.Runner = 0 })
	return err
}

// settleCache decides about what the job left in its copy of the cache.
func (l *life) settleCache(ctx context.Context, lease ledger.Lease) error {
	p, _, err := l.profile(lease)
	note, err := l.s.vms.Settle(ctx, lease, p, err == nil)
	l.keep("teardown.log", note)
	return err
}

// halt stops the VM if it runs, and proves that. What the runner has to say is
// fetched before.
func (l *life) halt(ctx context.Context, lease ledger.Lease) error {
	pid, err := l.s.Tart.Holder(lease.VM)
	if err != nil {
		return err
	}
	if pid == 0 {
		if l.guest == nil {
			return nil
		}
		// It may be about to run: its process decides.
		return l.guest.Stop(ctx)
	}
	if l.guest == nil || l.guestEnded() {
		if l.guest, err = guest.Adopt(l.s.Machine, l.s.Tart, l.s.vms.Bare(lease, folder(lease.ID)), guest.Mark{}); err != nil {
			return err
		}
	}
	if lease.Label != "" {
		l.fetchLogs(ctx)
	}
	return l.guest.Stop(ctx)
}

// fetchLogs brings what the guest knows to the Mac. A guest that is past
// answering must not hold up its end.
func (l *life) fetchLogs(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if text, err := runner.Diagnostics(ctx, l.guest); err == nil {
		l.keep("diag.log", string(text))
	}
}

// deregister removes the lease's runner from GitHub.
func (l *life) deregister(ctx context.Context, lease ledger.Lease) error {
	conf, err := l.s.Configure()
	if err != nil || conf.Access == nil {
		return err // without access, nobody can know it any more
	}
	return l.s.hub.Remove(ctx, conf, lease.Runner, lease.Name)
}

// giveUp ends a teardown that does not succeed: the VM, if it is still there,
// is quarantined. A runner that GitHub does not remove, it removes by itself
// within a day.
func (l *life) giveUp(lease ledger.Lease, why error) error {
	if lease.DiskBack {
		return nil
	}
	now := l.s.Now()
	return l.s.ledger.Quarantine(ledger.Quarantine{
		VM: lease.VM, Demand: lease.Holds(), Since: now, Examined: now,
		Reason:   fmt.Sprintf("it was lent as %s, and can't be removed", lease.ID),
		Evidence: why.Error(), Resolve: "tart delete " + lease.VM,
	})
}
