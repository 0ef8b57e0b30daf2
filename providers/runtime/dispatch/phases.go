package dispatch

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime"
	"hostler/providers/runtime/internal/hub"
	"hostler/providers/runtime/internal/runner"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
)

// work does the work of the phase that a lease is in, until something has
// happened. All of it may have been done before.
func (l *life) work(ctx context.Context, lease ledger.Lease) (event, error) {
	limit := l.s.limits.Boot - l.s.Now().Sub(l.granted)
	switch lease.Phase {
	case ledger.Waiting:
		limit = l.s.limits.Pickup - l.s.Now().Sub(l.since)
	case ledger.Working:
		limit = lease.Timeout + l.s.limits.Grace - l.s.Now().Sub(l.since)
	case ledger.Ending:
		return l.tearDown(ctx, lease)
	}
	in, cancel := context.WithTimeout(ctx, max(limit, time.Millisecond))
	defer cancel()
	ev, err := l.perform(in, lease)
	if ev == "" {
		ev = l.judge(ctx, in, err)
	}
	if ev == timedOut && lease.Phase == ledger.Waiting {
		return l.unpicked(ctx, lease)
	}
	if ev == timedOut {
		err = nil // that it took too long is the reason
	}
	return ev, err
}

// perform is the work of each phase but the last. Without an event, the error
// tells which one it is.
func (l *life) perform(ctx context.Context, lease ledger.Lease) (event, error) {
	switch lease.Phase {
	case ledger.Reserved:
		return "", l.reserve(lease)
	case ledger.Cloning:
		return "", l.clone(ctx, lease)
	case ledger.Starting:
		return "", l.start(ctx, lease)
	}
	if err := l.adopt(ctx, lease); err != nil {
		return "", err
	}
	switch lease.Phase {
	case ledger.Reaching:
		return "", l.reach(ctx)
	case ledger.Registering:
		return l.register(ctx, lease)
	case ledger.Waiting:
		return l.follow(ctx, func(r *runner.Reading) bool { return r.Job != "" })
	}
	return l.follow(ctx, func(*runner.Reading) bool { return false })
}

// profile is the profile as it is installed now.
func (l *life) profile(lease ledger.Lease) (runtime.Profile, site.Configuration, error) {
	conf, err := l.s.Configure()
	if err != nil {
		return runtime.Profile{}, conf, err
	}
	p, ok := conf.Profiles[lease.Ticket.Profile]
	if !ok {
		return p, conf, fmt.Errorf("profile %s was removed meanwhile", lease.Ticket.Profile)
	}
	return p, conf, nil
}

// reserve makes sure that nothing stands under the VM's name.
func (l *life) reserve(lease ledger.Lease) error {
	taken, err := l.s.Tart.Exists(lease.VM)
	if err == nil && taken {
		err = &tartcli.Error{Kind: tartcli.AlreadyExists, Op: "clone", VM: lease.VM}
	}
	return err
}

// clone makes the VM; half a one of an earlier attempt is removed first.
func (l *life) clone(ctx context.Context, lease ledger.Lease) error {
	p, _, err := l.profile(lease)
	if err != nil {
		return err
	}
	note, err := l.s.vms.Make(ctx, lease, p)
	l.keep("ready.log", note)
	return err
}

// spec is how the lease's VM is run and reached.
func (l *life) spec(ctx context.Context, lease ledger.Lease) (guest.Spec, error) {
	p, _, err := l.profile(lease)
	if err != nil {
		return guest.Spec{}, err
	}
	spec, note, err := l.s.vms.Spec(ctx, lease, p, folder(lease.ID), guest.Limits{Contact: l.s.limits.Boot, Agent: l.s.limits.Agent})
	l.keep("ready.log", note)
	return spec, err
}

// start starts the VM, or finds it running already.
func (l *life) start(ctx context.Context, lease ledger.Lease) error {
	spec, err := l.spec(ctx, lease)
	if err != nil {
		return err
	}
	pid, err := l.s.Tart.Holder(lease.VM)
	if err != nil {
		return err
	}
	if pid != 0 {
		l.guest, err = guest.Adopt(l.s.Machine, l.s.Tart, spec, guest.Mark{})
	} else {
		l.guest, err = guest.Start(ctx, l.s.Machine, l.s.Tart, spec)
	}
	if err != nil {
		return err
	}
	mark := l.guest.Mark()
	_, err = l.note(ctx, func(r *ledger.Lease) { r.Mark = ledger.Mark(mark) })
	return err
}

// adopt finds the guest again that an earlier service started.
func (l *life) adopt(ctx context.Context, lease ledger.Lease) error {
	if l.guest != nil {
		return nil
	}
	spec, err := l.spec(ctx, lease)
	if err != nil { // the profile was removed
		spec = l.s.vms.Bare(lease, folder(lease.ID))
	}
	if lease.Boot != l.s.boot {
		return &tartcli.Error{Kind: tartcli.NotRunning, Op: "run", VM: lease.VM, Text: "the Mac was restarted"}
	}
	l.guest, err = guest.Adopt(l.s.Machine, l.s.Tart, spec, guest.Mark(lease.Mark))
	return err
}

// reach waits until the guest is ready, and keeps how long each rung took.
func (l *life) reach(ctx context.Context) error {
	return l.guest.Reach(ctx, func(r guest.Rung) {
		l.keep("ready.log", fmt.Sprintf("%s %s took %s\n", r.Name, r.Note, r.Took.Round(time.Millisecond)))
	})
}

// keep adds to a log of the lease. A log that can't be written keeps no job
// from its work.
func (l *life) keep(name, text string) {
	if text == "" {
		return
	}
	if err := l.s.Append(path.Join(folder(l.id), name), []byte(l.hide(text)), 0o600); err != nil {
		l.s.log.Warn("log", "lease", l.id, "error", err)
	}
}

// register starts a runner in the guest, unless there is one, and waits until
// it listens.
func (l *life) register(ctx context.Context, lease ledger.Lease) (event, error) {
	n, err := runner.Watch(ctx, l.guest, 0, 0)
	if err != nil {
		return "", err
	}
	if n.None {
		if err := l.enlist(ctx, lease); err != nil {
			return "", err
		}
	}
	return l.follow(ctx, func(r *runner.Reading) bool { return r.Listening })
}

// enlist gets a runner's configuration from GitHub, and starts the runner.
func (l *life) enlist(ctx context.Context, lease ledger.Lease) error {
	p, conf, err := l.profile(lease)
	if err != nil {
		return err
	}
	config, err := l.s.Tart.Config(lease.VM)
	if err != nil {
		return err
	}
	name, label := hub.RunnerName(conf.Host.Name, lease.ID), hub.JobLabel(lease)
	labels := []string{"self-hosted", "macOS", "ARM64", label}
	if config.OS != "darwin" {
		labels[1] = "Linux"
	}
	if lease.Ticket.Share {
		labels = append(labels, p.Labels...)
	}
	if _, err := l.note(ctx, func(r *ledger.Lease) { r.Name, r.Label = name, label }); err != nil {
		return err
	}
	for n := 0; ; n++ {
		r, jit, err := l.s.hub.Register(ctx, conf, name, labels)
		if err == nil {
			l.jit = jit
			if _, err := l.note(ctx, func(lease *ledger.Lease) { lease.Runner = r.ID }); err != nil {
				return err
			}
			return runner.Start(ctx, l.guest, jit)
		}
		if hub.Permanent(err) { // there is no runner, then
			_, unwritten := l.note(ctx, func(lease *ledger.Lease) { lease.Name, lease.Label = "", "" })
			return errors.Join(err, unwritten)
		}
		l.s.tell(l.ticket, Update{Lease: l.id, Phase: lease.Phase, Reason: err.Error()})
		if !l.s.rest(ctx, n) {
			return err
		}
	}
}

// unpicked ends the wait for a job, if GitHub agrees that the runner has none:
// it is deregistered first.
func (l *life) unpicked(ctx context.Context, lease ledger.Lease) (event, error) {
	until := lease.Granted.Add(l.s.limits.Whole(lease.Timeout))
	for n := 0; ; n++ {
		err := l.deregister(ctx, lease)
		switch {
		case err == nil:
			return timedOut, nil
		case hub.Busy(err):
			return done, nil
		case !l.s.rest(ctx, n) || l.s.Now().After(until):
			return timedOut, fmt.Errorf("no job was given to the runner within %s, as far as is known: %w", l.s.limits.Pickup, err)
		}
	}
}

// patience is how long the guest may not answer before the runner is given up.
const patience = 2 * time.Minute

// follow reads what the runner prints until that is enough, or the runner
// ended.
func (l *life) follow(ctx context.Context, enough func(*runner.Reading) bool) (event, error) {
	var lost time.Time
	for n := 0; ; {
		if enough(&l.said) {
			return done, nil
		}
		news, err := runner.Watch(ctx, l.guest, l.said.Offset, 20)
		switch {
		case err == nil && news.None:
			return failed, errors.New("the runner's log in the guest is gone")
		case err == nil:
			lost, n = time.Time{}, 0
			l.keep("runner.log", news.Text)
			l.said.Read(news.Text)
			if news.Code != nil && !enough(&l.said) {
				l.said.End = l.said.Classify(*news.Code)
				return exited, nil
			}
			continue
		case ctx.Err() != nil || l.guestEnded() || errors.As(err, new(*guest.EndedError)):
			return "", err
		case lost.IsZero():
			lost = l.s.Now()
		case l.s.Now().Sub(lost) > patience:
			return failed, err
		}
		n++
		l.s.rest(ctx, n-1)
	}
}
