package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"hostler/hcl/schema"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
)

// cacheList shows the caches of jobs.
func cacheList(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("cache ls takes no arguments")
		}
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		all, err := status.Caches(ctx, p.options())
		if err != nil {
			return p.reportError(err)
		}
		if a.json {
			return a.printJSON(all)
		}
		if len(all) == 0 {
			p.Note("No job has a cache on this Mac.")
			return nil
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "PROFILE\tREPOSITORY\tSIZE\tBEGUN\tKEPT\tIN USE BY")
		ago := func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return schema.Duration(a.now().Sub(t).Truncate(time.Minute)).String() + " ago"
		}
		for _, c := range all {
			users := "-"
			if len(c.Copies) > 0 {
				users = strings.Join(c.Copies, ", ")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Profile, c.Repository, schema.Size(c.Bytes), ago(c.Began), ago(c.Kept), users)
		}
		return w.Flush()
	}
}

// cachePrune removes caches: the service does, if it runs, which may be lending
// one at the same time.
func cachePrune(a *app, f *pflag.FlagSet) func([]string) error {
	var w status.Pruning
	var older schema.Duration
	jsonFlag(a, f)
	f.BoolVar(&w.All, "all", false, "remove all caches that no lease uses")
	f.TextVar(&older, "older-than", older, "remove caches, too, in which nothing was kept for so long")
	f.BoolVar(&w.Dry, "dry-run", false, "only say what would be removed")
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("cache prune takes no arguments")
		}
		w.Older = time.Duration(older)
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		c, err := socket.Dial(p.env)
		if err != nil {
			return p.reportError(err)
		}
		removed, err := c.Prune(ctx, w)
		if errors.As(err, new(*socket.NoServiceError)) {
			removed, err = status.Prune(p.options(), w)
		}
		return p.reportError(errors.Join(a.showPruned(removed, w.Dry), err))
	}
}

func (a *app) showPruned(removed []status.Pruned, dry bool) error {
	if a.json {
		return a.printJSON(removed)
	}
	verb := "Removed"
	if dry {
		verb = "Would remove"
	}
	for _, r := range removed {
		fmt.Fprintf(a.stdout, "%s %s of profile %s and %s: %s\n", verb, r.What, r.Profile, r.Repository, r.Why)
	}
	if len(removed) == 0 {
		fmt.Fprintln(a.stdout, "There is nothing to remove; --all removes every cache that no lease uses.")
	}
	return nil
}
