package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view/jobs"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
)

// statusCommand shows how the Mac's dispatch stands.
func statusCommand(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("status takes no arguments")
		}
		return a.look(func(s status.Status) error {
			if a.json {
				return a.printJSON(s)
			}
			_, err := fmt.Fprint(a.stdout, jobs.Status(s, a.now(), a.streams().Color))
			return err
		})
	}
}

// queueCommand shows who waits, and why.
func queueCommand(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("queue takes no arguments")
		}
		return a.look(func(s status.Status) error {
			if a.json {
				return a.printJSON(s.Queue)
			}
			_, err := fmt.Fprint(a.stdout, jobs.Queue(s, a.now(), a.streams().Color))
			return err
		})
	}
}

// look shows how the Mac stands.
func (a *app) look(show func(status.Status) error) error {
	return a.service(func(ctx context.Context, p *project, c *socket.Client) error {
		s, err := p.standing(ctx, c)
		if err != nil {
			return err
		}
		return show(s)
	})
}

// standing asks the service how the Mac stands or, while that is down, reads it
// from the ledger.
func (p *project) standing(ctx context.Context, c *socket.Client) (status.Status, error) {
	s, err := c.Status(ctx)
	if !away(err) {
		return s, err
	}
	snap, _, err := status.Offline(p.options())
	if err != nil {
		return s, err
	}
	return status.Of(ctx, p.options(), snap, false)
}

func away(err error) bool {
	var no *socket.NoServiceError
	return errors.As(err, &no)
}

// leases are those that a word means, by the service or the ledger.
func (a *app) leases(word string, show func(p *project, found []ledger.Lease) error) error {
	return a.service(func(ctx context.Context, p *project, c *socket.Client) error {
		all, err := c.Leases(ctx)
		if away(err) {
			var snap ledger.Snapshot
			var past []ledger.Lease
			snap, past, err = status.Offline(p.options())
			slices.Reverse(snap.Leases)
			all = slices.Concat(snap.Leases, past)
		}
		if err != nil {
			return err
		}
		found, err := status.Find(all, word)
		if err != nil {
			return err
		}
		return show(p, found)
	})
}

// explain tells the life of what was lent to a run.
func explain(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		word, err := onlyOne(args, "a run's number, or a lease as hostler status shows it")
		if err != nil {
			return err
		}
		return a.leases(word, func(_ *project, found []ledger.Lease) error {
			if a.json {
				return a.printJSON(found)
			}
			for i, l := range found {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				fmt.Fprint(a.stdout, jobs.Explain(l, a.now(), a.streams().Color))
			}
			return nil
		})
	}
}

// logs prints what was kept of a lease: the VM's boot, and the runner.
func logs(a *app, f *pflag.FlagSet) func([]string) error {
	diag := f.Bool("diag", false, "also the runner's own diagnostic logs")
	jsonFlag(a, f)
	return func(args []string) error {
		word, err := onlyOne(args, "a run's number, or a lease as hostler status shows it")
		if err != nil {
			return err
		}
		return a.leases(word, func(p *project, found []ledger.Lease) error {
			kept, err := status.Logs(p.options(), found[0].ID)
			if err != nil {
				return err
			}
			if !*diag {
				delete(kept, "diag.log")
			}
			if a.json {
				return a.printJSON(kept)
			}
			if len(kept) == 0 {
				p.Note("Nothing is kept of lease " + found[0].ID + ".")
			}
			for _, name := range status.LogNames() {
				if text := kept[name]; text != "" {
					fmt.Fprintf(a.stdout, "==> %s of lease %s\n%s\n", name, found[0].ID, text)
				}
			}
			return nil
		})
	}
}
