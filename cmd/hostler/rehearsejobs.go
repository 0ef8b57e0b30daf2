package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"hostler/cmd/internal/view/jobs"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
	"hostler/providers/testbed"
)

// jobFlags say which jobs a rehearsal has.
type jobFlags struct {
	count int
	pace  float64
}

// How long things take on a real Mac, and how far jobs lie apart, when they are
// rehearsed at a pace.
const (
	realClone = time.Second
	realBoot  = 27 * time.Second
	realJob   = 4 * time.Minute
	realGap   = 30 * time.Second
)

// rehearseJobs has jobs of all profiles in turn go through the very dispatch
// that serve runs, on the simulated Mac, with a stand-in for the runner.
func (r *rehearsal) rehearseJobs(f jobFlags) error {
	var profiles []string
	for _, b := range r.cfg.Blocks {
		if b.Addr.Type == "profile" {
			profiles = append(profiles, b.Addr.Name)
		}
	}
	slices.Sort(profiles)
	gh, owner, err := r.gitHub()
	switch {
	case err != nil:
		return err
	case len(profiles) == 0:
		return r.reportError(errors.New("No job can be rehearsed\n\nThe configuration declares no profile."))
	case owner == "":
		return r.reportError(errors.New("No job can be rehearsed\n\nRunners register at GitHub; add a block github { owner = \"ORGANIZATION\" }."))
	}
	repository, err := r.asking(gh, owner)
	if err != nil {
		return err
	}
	pace := max(f.pace, 1)
	timing := testbed.Timing{Job: time.Second}
	if f.pace > 0 {
		at := func(d time.Duration) time.Duration { return time.Duration(float64(d) / pace) }
		timing = testbed.Timing{Clone: at(realClone), Agent: at(realBoot), Job: at(realJob)}
	}
	if err := r.mac.SetTiming(timing); err != nil {
		return err
	}
	o := dispatch.Options{Env: r.env, Now: r.now}
	service, err := dispatch.New(o)
	if err != nil {
		return err
	}
	ctx, cancel := r.cancellable()
	defer cancel()
	running, stop := context.WithCancel(ctx)
	over := make(chan error, 1)
	go func() { over <- service.Run(running) }()
	crowd := &crowd{rehearsal: r, service: service, gh: gh, repository: repository, profiles: profiles, gap: time.Duration(float64(timing.Job) * float64(realGap) / float64(realJob))}
	err = errors.Join(crowd.ask(ctx, f.count), crowd.wait(ctx))
	past, unread := service.Past()
	s, unseen := status.Of(ctx, o, ledger.Snapshot{}, true)
	stop()
	if err := errors.Join(err, unread, unseen, <-over); err != nil {
		return r.reportError(err)
	}
	fmt.Fprintln(r.stdout)
	fmt.Fprint(r.stdout, jobs.Timeline(past, s.Memory.Total, pace, r.streams().Width, r.streams().Color))
	if f.pace > 0 {
		fmt.Fprintf(r.stdout, "  Times are those of a Mac on which a VM boots in %s and a job takes %s, passed %.0f times as fast.\n", realBoot, realJob, pace)
	}
	return r.reportError(errors.Join(r.mac.SetTiming(testbed.Timing{}), crowd.nothingLeft(past, f.count)))
}

// asking is the repository that the jobs are of: one that the group of the VMs'
// runners serves.
func (r *rehearsal) asking(gh *testbed.GitHub, owner string) (string, error) {
	if strings.Contains(owner, "/") {
		return owner, nil
	}
	for _, b := range r.cfg.Blocks {
		if b.Addr.Type != "host" {
			continue
		}
		group, err := addr.Parse(schema.Text(b.Value.GetAttr("serve"), "group"))
		if err != nil {
			continue
		}
		if block := r.cfg.Block(group); block != nil && !block.Value.GetAttr("repositories").IsNull() {
			for _, name := range block.Value.GetAttr("repositories").AsValueSlice() {
				return owner + "/" + name.AsString(), nil
			}
		}
	}
	repository := owner + "/rehearsal"
	return repository, gh.AddRepository(repository, "private", nil)
}

// crowd is the jobs of a rehearsal.
type crowd struct {
	*rehearsal
	service    *dispatch.Service
	gh         *testbed.GitHub
	repository string
	profiles   []string
	gap        time.Duration
}

// ask has n jobs ask one after the other, and waits until each has its runner.
func (c *crowd) ask(ctx context.Context, n int) error {
	var wg sync.WaitGroup
	all := make([]error, n)
	for i := range n {
		wg.Go(func() { all[i] = c.one(ctx, i) })
		select {
		case <-ctx.Done():
		case <-time.After(c.gap):
		}
	}
	wg.Wait()
	return errors.Join(all...)
}

func (c *crowd) one(ctx context.Context, i int) error {
	job := ledger.Job{Repository: c.repository, RunID: int64(i + 1), Attempt: 1, Name: "work"}
	profile := c.profiles[i%len(c.profiles)]
	h, err := c.service.Ask(ctx, dispatch.Request{Profile: profile, Job: job}, func(dispatch.Update) {})
	if err != nil {
		return fmt.Errorf("job %d, of profile %s: %w", i+1, profile, err)
	}
	_, err = c.gh.QueueJob(c.repository, fmt.Sprintf("job-%d", i+1), []string{"self-hosted", h.Label})
	return err
}

// wait returns when nothing is lent any more.
func (c *crowd) wait(ctx context.Context) error {
	for {
		snap, err := c.service.Snapshot()
		if err != nil || len(snap.Leases) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// nothingLeft proves that all jobs were done, and that no trace of them is
// left.
func (c *crowd) nothingLeft(past []ledger.Lease, n int) error {
	var left []string
	for _, l := range past {
		if l.End.Class != ledger.Succeeded && !l.Requeue {
			left = append(left, fmt.Sprintf("lease %s ended as %s: %s", l.ID, l.End.Class, l.End.Reason))
		}
	}
	if len(past) < n {
		left = append(left, fmt.Sprintf("only %d of %d jobs had a VM", len(past), n))
	}
	vms, err := c.mac.VMs()
	if err != nil {
		return err
	}
	for _, v := range vms {
		if strings.HasPrefix(v.Name, ledger.Prefix) {
			left = append(left, "VM "+v.Name)
		}
	}
	runners, err := c.gh.Runners()
	if err != nil {
		return err
	}
	for _, r := range runners {
		if strings.HasPrefix(r.Name, ledger.Prefix) {
			left = append(left, "runner "+r.Name)
		}
	}
	if len(left) > 0 {
		return errors.New("The jobs did not all end well\n\n" + strings.Join(left, "\n"))
	}
	fmt.Fprintln(c.stdout, "  Nothing is left of them: no VM, no runner, no lease.")
	return nil
}
