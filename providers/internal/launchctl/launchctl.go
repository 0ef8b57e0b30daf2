// Package launchctl asks and tells launchd, through the program launchctl.
//
// Invariants:
//
//  1. Bootout returns when the service is gone, not when it begins to go.
//  2. Bootstrap and Bootout may be repeated: what is so already is success.
//  3. A number that launchctl answers is an *Error; the same number can mean
//     several things (5 most of all), so where it matters `print` decides.
//  4. What can be read without root is read without root.
//
// Texts and exit codes are those of macOS 13 to 26. Start at Client; read.go
// has what only looks.
package launchctl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hostler/providers/internal/machine"
)

const program = "/bin/launchctl"

// Domain is where services are loaded: System, or Gui of a user.
type Domain string

// System is the domain of LaunchDaemons.
const System Domain = "system"

// Gui is the domain of the LaunchAgents of the user who is logged in at the
// screen. It does not exist while nobody is.
func Gui(uid int) Domain { return Domain(fmt.Sprintf("gui/%d", uid)) }

// Client is launchd of one Mac.
type Client struct {
	m *machine.Machine
	// How long Bootout waits for a service to end, and Bootstrap for launchd to
	// take one.
	ending, loading time.Duration
}

// New is launchd of m.
func New(m *machine.Machine) *Client {
	return &Client{m: m, ending: 30 * time.Second, loading: 10 * time.Second}
}

// run calls launchctl, as root where the domain asks for it.
func (c *Client) run(ctx context.Context, sudo bool, verb string, d Domain, label string, args ...string) (string, error) {
	target := string(d)
	if label != "" {
		target += "/" + label
	}
	args = append([]string{verb, target}, args...)
	out, err := c.m.Run(ctx, machine.Command{Program: program, Args: args, Sudo: sudo})
	var exit *machine.ExitError
	if errors.As(err, &exit) && exit.Code > 0 && !refusedBySudo(exit) {
		return "", &Error{Verb: verb, Target: target, Code: Code(exit.Code), Text: exit.Stderr}
	}
	return string(out.Stdout), err
}

// refusedBySudo tells sudo's own errors from those of what it ran.
func refusedBySudo(e *machine.ExitError) bool {
	return e.Program == "sudo" && strings.HasPrefix(e.Stderr, "sudo: ")
}

// Enable takes back a disabling, which outlives plist and restarts and makes
// Bootstrap fail.
func (c *Client) Enable(ctx context.Context, d Domain, label string) error {
	_, err := c.run(ctx, d == System, "enable", d, label)
	return err
}

// Kickstart starts a loaded service now; one that runs is left running.
func (c *Client) Kickstart(ctx context.Context, d Domain, label string) error {
	_, err := c.run(ctx, d == System, "kickstart", d, label)
	if Is(err, InProgress, Already) {
		return nil
	}
	return err
}

// Bootout unloads a service and waits until it is gone. One that is not loaded
// is success.
func (c *Client) Bootout(ctx context.Context, d Domain, label string) error {
	_, err := c.run(ctx, d == System, "bootout", d, label)
	switch {
	case Is(err, NoProcess, NoService, NoDomain, Unsupported):
		return nil
	case err != nil && !Is(err, InProgress, Vague):
		return err
	}
	first := err
	if Is(first, InProgress) {
		first = nil
	}
	return wait(ctx, c.ending, fmt.Sprintf("%s/%s to end", d, label), func() (bool, error) {
		s, err := c.Print(ctx, d, label)
		switch {
		case err != nil || s == nil:
			return true, err
		case first != nil && !s.Ending():
			return true, first // it was refused, and the service does not go
		}
		return false, nil
	})
}

// Bootstrap loads the service label from the plist at path, which must be
// enabled. Loaded already, from that path, is success.
func (c *Client) Bootstrap(ctx context.Context, d Domain, label, path string) error {
	var last error
	err := wait(ctx, c.loading, fmt.Sprintf("%s/%s to be loaded", d, label), func() (bool, error) {
		_, last = c.run(ctx, d == System, "bootstrap", d, "", path)
		if !Is(last, Vague, Already) {
			return true, last
		}
		s, err := c.Print(ctx, d, label)
		switch {
		case err != nil:
			return true, err
		case s == nil, s.Ending():
			return false, nil // it still drains; the next try may pass
		case s.Path == path:
			return true, nil
		}
		return true, fmt.Errorf("%s/%s is loaded from %s already", d, label, s.Path)
	})
	var late *lateError
	if errors.As(err, &late) && last != nil {
		return fmt.Errorf("%w (tried for %s)", last, c.loading)
	}
	return err
}

// lateError is a wait that was longer than anyone's patience.
type lateError struct {
	what string
	took time.Duration
}

func (e *lateError) Error() string {
	return fmt.Sprintf("waited %s for %s", e.took, e.what)
}

// wait calls done, with growing pauses between, until it is, or the time is up.
func wait(ctx context.Context, most time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, &lateError{what, most})
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
