package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view/term"
	"hostler/hcl/schema"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/selftest"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
)

// tested is what came of one profile.
type tested struct {
	Profile string            `json:"profile"`
	Lease   string            `json:"lease,omitempty"`
	Error   string            `json:"error,omitempty"`
	Seconds float64           `json:"seconds"` // until its runner listened
	Checks  []selftest.Result `json:"checks"`
}

// selftestCommand has the service lend a VM of each profile, looks into it, and
// gives it back: what a job would find, without a job.
func selftestCommand(a *app, f *pflag.FlagSet) func([]string) error {
	only := f.StringArray("profile", nil, "test only the profile `NAME`; may be repeated")
	wait := f.Duration("queue-timeout", 10*time.Minute, "how long to wait for room, for each")
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("selftest takes no arguments; --profile NAME narrows it")
		}
		return a.service(func(ctx context.Context, p *project, c *socket.Client) error {
			conf, err := status.Installed(p.options())
			if err != nil {
				return err
			}
			names := conf.Names()
			for _, name := range *only {
				if !slices.Contains(names, name) {
					return usageError(fmt.Sprintf("this Mac has no profile %q; it has %s", name, strings.Join(names, ", ")))
				}
			}
			if len(*only) > 0 {
				names = *only
			}
			if len(names) == 0 {
				return errors.New("this Mac has no profile that could be tested")
			}
			t := &trial{project: p, client: c, wait: *wait}
			for _, name := range names {
				t.all = append(t.all, t.profile(ctx, name))
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
			return t.end()
		})
	}
}

// trial is a selftest at work.
type trial struct {
	*project
	client *socket.Client
	wait   time.Duration
	all    []tested
}

func (t *trial) say(format string, args ...any) {
	if !t.json {
		fmt.Fprintf(t.stdout, format+"\n", args...)
	}
}

// profile tests one profile. Whatever comes of it, the lease is given back.
func (t *trial) profile(ctx context.Context, name string) (out tested) {
	out = tested{Profile: name, Checks: []selftest.Result{}}
	since := t.now()
	h, err := t.client.Run(ctx, dispatch.Request{Profile: name, Timeout: t.wait}, func(dispatch.Update) {})
	if err != nil {
		return t.failed(out, err)
	}
	out.Lease, out.Seconds = h.Lease, t.now().Sub(since).Seconds()
	t.say("%s: a VM on %s was up after %s", name, h.Host, schema.Duration(t.now().Sub(since).Round(100*time.Millisecond)))
	err = t.look(ctx, h.Lease, &out)
	// Nobody waits for the lease any more, also when the look was cut short.
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err = errors.Join(err, t.client.Release(back, socket.ReleaseRequest{Lease: h.Lease})); err == nil {
		err = t.gone(ctx, h.Lease)
	}
	if err != nil {
		return t.failed(out, err)
	}
	return out
}

func (t *trial) failed(out tested, err error) tested {
	out.Error = err.Error()
	t.say("%s: %v", out.Profile, err)
	return out
}

func (t *trial) look(ctx context.Context, lease string, out *tested) error {
	all, err := t.client.Leases(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(l ledger.Lease) bool { return l.ID == lease })
	if i < 0 {
		return fmt.Errorf("lease %s is gone", lease)
	}
	paint := t.streams().Color
	styles := map[selftest.Outcome]term.Style{selftest.Passed: term.Green, selftest.Failed: term.Red, selftest.Absent: term.Dim}
	return selftest.Look(ctx, t.options(), all[i], func(r selftest.Result) {
		out.Checks = append(out.Checks, r)
		t.say("  %s %-8s %s", paint.With(styles[r.Outcome], string(r.Outcome)), r.Check, term.Line(r.Said))
	})
}

// gone waits until nothing of the lease is left.
func (t *trial) gone(ctx context.Context, lease string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, fmt.Errorf("lease %s was given back, and is still there; hostler logs %s says why", lease, lease))
	defer cancel()
	for {
		s, err := t.client.Status(ctx)
		if err == nil && !slices.ContainsFunc(s.Leases, func(l ledger.Lease) bool { return l.ID == lease }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// end sums up.
func (t *trial) end() error {
	count := map[selftest.Outcome]int{}
	broken := 0
	for _, p := range t.all {
		if p.Error != "" {
			broken++
		}
		for _, r := range p.Checks {
			count[r.Outcome]++
		}
	}
	if t.json {
		if err := t.printJSON(t.all); err != nil {
			return err
		}
	}
	t.say("%s: %d checks passed, %d failed, %d had nothing to look at.", term.Count(len(t.all), "profile"), count[selftest.Passed], count[selftest.Failed], count[selftest.Absent])
	if broken > 0 || count[selftest.Failed] > 0 {
		return exitCode(exitError)
	}
	return nil
}
