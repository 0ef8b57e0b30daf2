package launchctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"hostler/providers/internal/machine"
)

// FileMode is what launchd wants of a property list: nobody else may write.
const FileMode fs.FileMode = 0o644

// File is where the property list of a job lies.
func (c *Client) File(d Domain, label string) (string, error) {
	if d == System {
		return path.Join("/Library/LaunchDaemons", label+".plist"), nil
	}
	return c.m.Expand(path.Join("~/Library/LaunchAgents", label+".plist"))
}

// Write puts a property list in place, whole or not at all; root's by way of a
// file of the user's.
func (c *Client) Write(ctx context.Context, d Domain, file string, data []byte) error {
	if d != System {
		return c.m.WriteFile(file, data, FileMode)
	}
	source, err := c.transit(file)
	if err != nil {
		return err
	}
	if err := c.m.WriteFile(source, data, 0o600); err != nil {
		return err
	}
	_, err = c.m.Run(ctx, machine.Command{
		Program: "/usr/bin/install", Sudo: true,
		Args: []string{"-S", "-m", fmt.Sprintf("%04o", FileMode), "-o", "root", "-g", "wheel", source, file},
	})
	return errors.Join(err, c.m.Remove(source))
}

// Remove removes a property list; one that is gone is success.
func (c *Client) Remove(ctx context.Context, d Domain, file string) error {
	if d != System {
		return c.m.Remove(file)
	}
	if _, err := c.m.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := c.m.Run(ctx, machine.Command{Program: "/bin/rm", Args: []string{"-f", file}, Sudo: true})
	return err
}

// Sweep removes what a killed Write left.
func (c *Client) Sweep(d Domain, file string) error {
	if d != System {
		return c.m.Sweep(file)
	}
	source, err := c.transit(file)
	if err != nil {
		return err
	}
	return errors.Join(c.m.Sweep(source), c.m.Remove(source))
}

// transit is where a property list waits for install: a folder that only the
// user can write to, and one name, so that what a killed run left is found.
func (c *Client) transit(file string) (string, error) {
	dir := c.m.Getenv("TMPDIR")
	if dir == "" {
		dir = "~/Library/Caches"
	}
	return c.m.Expand(path.Join(dir, "hostler-"+path.Base(file)))
}

// Refused reports whether err is sudo's, which wants a password.
func Refused(err error) bool {
	var exit *machine.ExitError
	return errors.As(err, &exit) && exit.Program == "sudo" && strings.Contains(exit.Stderr, "password is required")
}
