package launchctl

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
)

// Job is a job that is ours whole: its property list, byte for byte, and that
// launchd has loaded it.
type Job struct {
	Domain Domain
	Label  string
	File   string // its property list
	List   []byte // what that holds
}

// What Flaw says of a job, beside what is wrong with it.
const (
	Absent   = "" // there is nothing of it
	Sound    = "ok"
	Unloaded = "it is not loaded"
)

// Flaw is what is wrong with a job; loaded says whether launchd has it.
func (c *Client) Flaw(j Job, loaded bool) (string, error) {
	have, err := c.m.ReadFile(j.File)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return "", err
	case missing && !loaded:
		return Absent, nil
	case missing:
		return "its property list is missing, but it is loaded still", nil
	case !bytes.Equal(have, j.List):
		return "its property list is not as hostler writes it", nil
	case !loaded:
		return Unloaded, nil
	}
	return Sound, nil
}

// Load loads a job from its property list, and takes back a disabling if there
// is one: launchd keeps a note for every label that was ever disabled.
func (c *Client) Load(ctx context.Context, d Domain, label, file string) error {
	if err := c.Allow(ctx, d, label); err != nil {
		return err
	}
	return c.Bootstrap(ctx, d, label, file)
}

// Allow takes back a disabling, if there is one.
func (c *Client) Allow(ctx context.Context, d Domain, label string) error {
	off, err := c.Disabled(ctx, d)
	if err != nil || !off[label] {
		return err
	}
	return c.Enable(ctx, d, label)
}

// Unload is Bootout that asks for no root where nothing is loaded.
func (c *Client) Unload(ctx context.Context, d Domain, label string) error {
	s, err := c.Print(ctx, d, label)
	if err != nil || s == nil {
		return err
	}
	return c.Bootout(ctx, d, label)
}
