package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/socket"
)

// drain makes the Mac lend nothing more. With --wait it returns when nothing is
// lent.
func drain(a *app, f *pflag.FlagSet) func([]string) error {
	wait := f.Bool("wait", false, "return when nothing is lent any more")
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("drain takes no arguments")
		}
		return a.service(func(ctx context.Context, p *project, c *socket.Client) error {
			if err := c.Drain(ctx, true); err != nil {
				return err
			}
			for told := -1; ; {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				if n := len(s.Leases); n == 0 || !*wait {
					fmt.Fprintf(a.stdout, "Draining: nothing more is lent until hostler resume. %s\n", stillLent(n))
					return nil
				} else if n != told {
					told = n
					p.Note(stillLent(n))
				}
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(500 * time.Millisecond):
				}
			}
		})
	}
}

func stillLent(n int) string {
	switch n {
	case 0:
		return "Nothing is lent."
	case 1:
		return "1 VM is still lent."
	}
	return fmt.Sprintf("%d VMs are still lent.", n)
}

func resume(a *app, f *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("resume takes no arguments")
		}
		return a.service(func(ctx context.Context, _ *project, c *socket.Client) error {
			if err := c.Drain(ctx, false); err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, "VMs are lent again.")
			return nil
		})
	}
}

func sweepCommand(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("sweep takes no arguments")
		}
		return a.service(func(ctx context.Context, _ *project, c *socket.Client) error {
			found, err := c.Sweep(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(found)
			}
			failed := false
			for _, f := range found {
				text := f.Why
				if f.Error != "" {
					failed, text = true, text+"; but: "+f.Error
				}
				fmt.Fprintf(a.stdout, "%s %s: %s, since %s\n", f.What, f.Name, f.Verdict, text)
			}
			if len(found) == 0 {
				fmt.Fprintln(a.stdout, "Nothing is there that should not be.")
			}
			if failed {
				return exitCode(exitError)
			}
			return nil
		})
	}
}

// teardown is the emergency stop: it ends everything that is lent, and proves
// that nothing is left.
func teardown(a *app, f *pflag.FlagSet) func([]string) error {
	all := f.Bool("all", false, "yes, all of it: every ticket, VM and runner of this Mac's service")
	auto := f.Bool("auto-approve", false, "don't ask")
	within := f.Duration("timeout", 2*time.Minute, "how long it may take")
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 || !*all {
			return usageError("teardown ends everything that is lent; say so with --all")
		}
		return a.service(func(ctx context.Context, p *project, c *socket.Client) error {
			s, err := c.Status(ctx)
			if err != nil {
				return err
			}
			if !*auto {
				fmt.Fprintf(a.stdout, "%s %d tickets wait. Jobs that run are lost, and nothing is lent until hostler resume.\n", stillLent(len(s.Leases)), len(s.Queue))
				if err := p.consent(ctx, "End all of it? Only \"yes\" is taken: ", "Nothing was ended."); err != nil {
					return err
				}
			}
			in, cancel := context.WithTimeout(ctx, *within)
			defer cancel()
			left, err := c.Teardown(in)
			if in.Err() != nil && ctx.Err() == nil {
				if s, err = c.Status(ctx); err == nil {
					left = s.Leases
				}
			}
			if err != nil {
				return err
			}
			return a.proved(left)
		})
	}
}

func (a *app) proved(left []ledger.Lease) error {
	if a.json {
		if err := a.printJSON(left); err != nil || len(left) == 0 {
			return err
		}
		return exitCode(exitError)
	}
	if len(left) == 0 {
		fmt.Fprintln(a.stdout, "Nothing is left: no ticket, no VM, no runner. hostler resume lends again.")
		return nil
	}
	for _, l := range left {
		fmt.Fprintf(a.stdout, "lease %s is still %s; hostler logs %s says why\n", l.ID, l.Phase, l.ID)
	}
	return errors.New("Not all is gone yet\n\nThe service goes on trying; hostler status shows what is left.")
}
