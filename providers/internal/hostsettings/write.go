package hostsettings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hostler/providers/internal/machine"
)

// command is one program that changes the Mac. An argument that begins with ~/
// is a path in the user's home.
type command struct {
	program string
	args    []string
	root    bool
	// staged, unless nil, is written to transit before the program runs.
	staged []byte
}

func asRoot(program string, args ...string) command {
	return command{program: program, args: args, root: true}
}

func asUser(program string, args ...string) command {
	return command{program: program, args: args}
}

// with is the command with further arguments.
func (c command) with(args ...string) command {
	c.args = slices.Concat(c.args, args)
	return c
}

// String is the command as one would type it.
func (c command) String() string {
	s := strings.Join(append([]string{c.program}, c.args...), " ")
	if c.root {
		s = "sudo " + s
	}
	return s
}

// expanded has the home folder written out.
func (c *Client) expanded(args []string) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = a; strings.HasPrefix(a, "~/") {
			var err error
			if out[i], err = c.m.Expand(a); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// run runs a command; said is what it printed.
func (c *Client) run(ctx context.Context, cmd command) (said string, err error) {
	args, err := c.expanded(cmd.args)
	if err != nil {
		return "", err
	}
	if cmd.staged != nil {
		if err := c.m.WriteFile(transit, cmd.staged, 0o600); err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, c.Sweep()) }()
	}
	out, err := c.m.Run(ctx, machine.Command{Program: cmd.program, Args: args, Sudo: cmd.root})
	said = strings.TrimSpace(string(out.Stdout) + string(out.Stderr))
	if err == nil && needsAdmin(said) {
		err = fmt.Errorf("%s: %s", cmd, said)
	}
	return said, err
}
