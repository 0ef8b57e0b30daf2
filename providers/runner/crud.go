package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/launchctl"
)

// Create installs the program, registers it and runs it.
func (c *runners) Create(ctx context.Context, want *Runner) (*Runner, error) {
	api, err := c.Open()
	if err != nil {
		return nil, err
	}
	if err := c.vacant(ctx, api, want); err != nil {
		return nil, err
	}
	return c.after(ctx, want, c.renew(ctx, api, want))
}

// Update changes what can be changed in place, starts again what stands still,
// and else registers anew.
func (c *runners) Update(ctx context.Context, have, want *Runner) (*Runner, error) {
	api, err := c.Open()
	if err != nil {
		return have, err
	}
	n, err := c.note(want.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return have, err
	}
	settled := have.Registration != absent && have.Release == want.Release && have.GroupName == want.GroupName
	switch {
	case settled && have.Registration == online && (have.Service == sound || have.Service == unguarded):
		if err = c.guard(want); err == nil && !same(have.Labels, want.Labels) {
			err = api.SetLabels(ctx, n.ID, want.Labels)
		}
	case settled && (have.Service == unloaded || have.Service == absent):
		err = c.resume(ctx, api, want, n.ID)
	default: // also where GitHub does not see a program that runs: it may be in the middle of a job
		err = c.renew(ctx, api, want)
	}
	return c.after(ctx, want, err)
}

// resume starts a program that is registered, and does not run.
func (c *runners) resume(ctx context.Context, api *ghapi.Client, want *Runner, id int64) error {
	if err := api.SetLabels(ctx, id, want.Labels); err != nil {
		return err
	}
	if err := c.start(ctx, want); err != nil {
		return err
	}
	return c.appear(ctx, api, want, id)
}

// renew makes the runner anew, from whatever there is of it.
func (c *runners) renew(ctx context.Context, api *ghapi.Client, want *Runner) error {
	n, err := c.retire(ctx, api, want)
	if err != nil {
		return err
	}
	if err := c.stop(ctx, want); err != nil {
		return err
	}
	if n.Release != want.Release || !c.installed(want.Name) {
		n.Release = ""
		if err := c.keep(n); err != nil {
			return err
		}
		if err := c.install(ctx, api, want); err != nil {
			return err
		}
	} else if err := c.forget(ctx, want); err != nil {
		return err
	}
	n.Release, n.Registering = want.Release, true
	if err := c.keep(n); err != nil {
		return err
	}
	if err := c.register(ctx, api, want); err != nil {
		return err
	}
	if n, err = c.note(want.Name); err != nil {
		return err
	}
	if n.Registering {
		return fmt.Errorf("config.sh of the runner program ended well, but wrote no number of a registration")
	}
	if err := c.keep(n); err != nil {
		return err
	}
	if err := c.start(ctx, want); err != nil {
		return err
	}
	return c.appear(ctx, api, want, n.ID)
}

// retire removes the registration that there is. GitHub refuses that while the
// runner works, and so its job is waited for.
func (c *runners) retire(ctx context.Context, api *ghapi.Client, r *Runner) (note, error) {
	n, err := c.note(r.Name)
	if errors.Is(err, fs.ErrNotExist) {
		n, err = note{Name: r.Name, Owner: r.Owner, User: r.User}, nil
	}
	if err != nil {
		return n, err
	}
	if n.Owner != "" {
		api = api.For(n.Owner)
	}
	ids := []int64{}
	if n.ID != 0 {
		ids = append(ids, n.ID)
	}
	if n.Registering {
		all, err := api.Runners(ctx, "")
		if err != nil {
			return n, err
		}
		for _, o := range all {
			if n.owns(o) && o.ID != n.ID {
				ids = append(ids, o.ID)
			}
		}
	}
	for _, id := range ids {
		if err := c.remove(ctx, api, r.Name, id); err != nil {
			return n, err
		}
	}
	n.ID, n.Registering, n.Owner, n.User = 0, false, r.Owner, r.User
	return n, c.keep(n)
}

// remove removes a registration, as soon as its runner has no job.
func (c *runners) remove(ctx context.Context, api *ghapi.Client, name string, id int64) error {
	until := time.NewTimer(c.idle)
	defer until.Stop()
	for {
		switch err := api.RemoveRunner(ctx, id); {
		case ctx.Err() != nil:
			return fmt.Errorf("remove the registration of %s: %w", name, context.Cause(ctx))
		case !ghapi.Busy(err):
			return err
		}
		providers.Report(ctx, "waiting for the job that %s works on", name)
		select {
		case <-ctx.Done():
			continue
		case <-until.C:
			return fmt.Errorf("%s works on a job still, after %s; apply again when it is done, or cancel it at GitHub", name, c.idle)
		case <-time.After(c.pause):
		}
	}
}

// appear waits until GitHub sees the runner.
func (c *runners) appear(ctx context.Context, api *ghapi.Client, want *Runner, id int64) error {
	providers.Report(ctx, "waiting for GitHub to see it")
	in, cancel := context.WithTimeout(ctx, c.online)
	defer cancel()
	for {
		r, err := api.Runner(in, id)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case in.Err() == nil && err != nil:
			return err
		case err == nil && r.Online:
			return nil
		}
		select {
		case <-in.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("runner %s is installed and registered, but GitHub does not see it after %s; look at %s", want.Name, c.online, folder(want.Name)+"/service.log")
		case <-time.After(c.pause):
		}
	}
}

// Delete deregisters the runner and removes all of it.
func (c *runners) Delete(ctx context.Context, have *Runner) error {
	api, err := c.Open()
	if err != nil {
		return err
	}
	if _, err := c.retire(ctx, api, have); err != nil {
		return err
	}
	if err := c.stop(ctx, have); err != nil {
		return c.explain(have, err)
	}
	j, err := c.job(have)
	if err != nil {
		return err
	}
	if err := errors.Join(c.launchd.Sweep(j.Domain, j.File), c.launchd.Remove(ctx, j.Domain, j.File), c.clear(ctx, have)); err != nil {
		return c.explain(have, err)
	}
	if err := c.mac.RemoveAll(home(have.Name)); err != nil {
		return err
	}
	return c.notes.Remove(document(have.Name))
}

// after is the runner as it is once a change is over, or broke off.
func (c *runners) after(ctx context.Context, want *Runner, failure error) (*Runner, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	got, err := c.Read(ctx, want)
	if failure == nil && err == nil && got == nil {
		err = errors.New("the runner vanished while it was changed")
	}
	return got, c.explain(want, errors.Join(failure, err))
}

// explain says what to do where a Mac does not let us.
func (c *runners) explain(r *Runner, err error) error {
	facts, unknown := c.mac.Facts()
	switch {
	case unknown != nil:
		return err
	case launchctl.Refused(err):
		return fmt.Errorf("%w; a runner under an account of its own needs sudo. Let %s use it without a password for this: run \"sudo visudo -f /etc/sudoers.d/hostler\" and write\n\n%s ALL=(root) NOPASSWD: /bin/launchctl, /usr/bin/install, /bin/rm\n%s ALL=(%s) NOPASSWD: /usr/bin/tar, %s",
			err, facts.User, facts.User, facts.User, r.User, script(r.Name))
	case launchctl.Is(err, launchctl.Unsupported, launchctl.NoDomain):
		return fmt.Errorf("the runner can't be started, since nobody is logged in at the Mac's screen: log in, best by auto-login, and apply again, or give it an account of its own: user = \"runner\": %w", err)
	}
	return err
}

// Find returns what an unfinished Create of want has left, to be completed. What
// was registered otherwise is not that.
func (c *runners) Find(ctx context.Context, want *Runner) (*Runner, error) {
	j, err := c.job(want)
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.mac.Sweep(c.notes.Path(document(want.Name))), c.mac.Sweep(script(want.Name)), c.launchd.Sweep(j.Domain, j.File))
	if err != nil {
		return nil, err
	}
	if _, err := c.note(want.Name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	got, err := c.Read(ctx, want)
	if err != nil || got == nil {
		return nil, err
	}
	if got.User != want.User || got.Registration != absent && (got.GroupName != want.GroupName || !same(got.Labels, want.Labels)) {
		return nil, fmt.Errorf("a runner %s stands that is not what the interrupted run was making; forget the attempt with `hostler state rm`, and import it as %q", want.Name, want.id())
	}
	return got, nil
}

// Import reads HOST/NAME of a runner that hostler has installed.
func (c *runners) Import(ctx context.Context, id string) (*Runner, error) {
	host, name, ok := strings.Cut(id, "/")
	a, err := addr.Parse("host." + host)
	if !ok || err != nil || !named(name) {
		return nil, fmt.Errorf("%q is no runner; write HOST/NAME", id)
	}
	n, err := c.note(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c.Read(ctx, &Runner{
		Host: a.String(), Name: n.Name, Owner: n.Owner, User: n.User, Group: ghapi.DefaultGroup, GroupName: ghapi.DefaultGroup, Version: latest,
	})
}
