package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"hostler/providers/internal/launchctl"
)

// Create writes the plist where none stands, and loads it.
func (c *jobs) Create(ctx context.Context, want *Job) (*Job, error) {
	p, err := c.place(want)
	if err != nil {
		return nil, err
	}
	data, err := render(want)
	if err != nil {
		return nil, err
	}
	// A service whose plist is gone is someone's as well.
	if s, err := c.launchd.Print(ctx, p.domain, want.Label); err != nil || s != nil {
		if err == nil {
			err = exists(want)
		}
		return nil, err
	}
	if err := c.put(ctx, p, want, data); err != nil {
		return nil, c.explain(err)
	}
	return c.after(ctx, want, c.launchd.Load(ctx, p.domain, want.Label, p.file))
}

// put writes the plist unless one is there.
func (c *jobs) put(ctx context.Context, p place, want *Job, data []byte) error {
	if !p.root {
		err := c.m.CreateFile(p.file, data, launchctl.FileMode)
		if errors.Is(err, fs.ErrExist) {
			return exists(want)
		}
		return err
	}
	switch _, err := c.m.Stat(p.file); {
	case err == nil:
		return exists(want)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return c.launchd.Write(ctx, p.domain, p.file, data)
}

// Update unloads the job, replaces the plist and loads it again.
func (c *jobs) Update(ctx context.Context, _, want *Job) (*Job, error) {
	p, err := c.place(want)
	if err != nil {
		return nil, err
	}
	data, err := render(want)
	if err != nil {
		return nil, err
	}
	return c.after(ctx, want, func() error {
		if err := c.launchd.Bootout(ctx, p.domain, want.Label); err != nil {
			return err
		}
		if err := c.launchd.Write(ctx, p.domain, p.file, data); err != nil {
			return err
		}
		return c.launchd.Load(ctx, p.domain, want.Label, p.file)
	}())
}

// Delete unloads the job and removes its plist.
func (c *jobs) Delete(ctx context.Context, have *Job) error {
	p, err := c.place(have)
	if err != nil {
		return err
	}
	if err := c.launchd.Unload(ctx, p.domain, have.Label); err != nil {
		return c.explain(err)
	}
	// A note that the label is disabled would outlive the job and meet the
	// next one of that name.
	if err := c.launchd.Allow(ctx, p.domain, have.Label); err != nil {
		return c.explain(err)
	}
	return c.explain(c.launchd.Remove(ctx, p.domain, p.file))
}

// after is the job as it is once a change is over, or broke off.
func (c *jobs) after(ctx context.Context, j *Job, failure error) (*Job, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	got, err := c.Read(ctx, j)
	if failure == nil && err == nil && got == nil {
		err = errors.New("the job vanished while it was changed")
	}
	return got, c.explain(errors.Join(failure, err))
}

// explain says how to let hostler change the system domain, where sudo asks
// for a password.
func (c *jobs) explain(err error) error {
	if !launchctl.Refused(err) {
		return err
	}
	facts, factsErr := c.m.Facts()
	if factsErr != nil {
		return err
	}
	return fmt.Errorf("%w; jobs of the system domain belong to root. Let %s change them without a password: run \"sudo visudo -f /etc/sudoers.d/hostler\" and write\n\n%s ALL=(root) NOPASSWD: /bin/launchctl, /usr/bin/install, /bin/rm",
		err, facts.User, facts.User)
}

// standing is the plist that stands at p, nil when none does, and whether it
// is what want gives.
func (c *jobs) standing(p place, want *Job) (data []byte, same bool, err error) {
	data, err = c.m.ReadFile(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	mine, err := render(want)
	return data, bytes.Equal(data, mine), err
}
