package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"hostler/hcl/schema"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
	"hostler/providers/tart"
)

// usage is what uses the Mac's disk: bytes.
type usage struct {
	Total uint64 `json:"total"`
	Free  uint64 `json:"free"`
	Uses  []use  `json:"uses"`
}

// use is one kind of thing on the disk, and how it is made to take less.
type use struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Bytes uint64 `json:"bytes"`
	// Frees is what the command frees at most; 0 where nobody knows before.
	Frees uint64 `json:"frees,omitempty"`
	By    string `json:"by,omitempty"`
}

// diskCommand tells what uses the Mac's disk, and what of it can go.
func diskCommand(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("disk takes no arguments")
		}
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		u, err := p.diskUsage(ctx)
		if err != nil {
			return p.reportError(err)
		}
		if a.json {
			return a.printJSON(u)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "WHAT\tCOUNT\tSIZE\tCAN GO")
		for _, x := range u.Uses {
			gone := "-"
			switch {
			case x.Frees > 0:
				gone = fmt.Sprintf("%s, by %s", schema.Size(x.Frees), x.By)
			case x.By != "":
				gone = "by " + x.By
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", x.What, x.Count, schema.Size(x.Bytes), gone)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "\n%s of %s are free. What VMs share on the disk is counted with each, so that all may be less than the sum.\n",
			schema.Size(u.Free), schema.Size(u.Total))
		return nil
	}
}

// diskUsage looks at all that hostler and tart keep on the Mac.
func (p *project) diskUsage(ctx context.Context) (u usage, err error) {
	all, total, free, err := tart.Usage(ctx, p.env)
	if err != nil {
		return u, err
	}
	snapshot, err := p.store().Read()
	if err != nil {
		return u, err
	}
	known, err := p.knownImages(snapshot)
	if err != nil {
		return u, err
	}
	garbage, err := tart.GC(ctx, p.env, known, true)
	if err != nil {
		return u, err
	}
	frees := map[string]uint64{}
	for _, g := range garbage {
		frees[g.Name] = g.Bytes
	}
	u = usage{Total: total, Free: free, Uses: []use{}}
	for _, kind := range []struct{ role, what string }{
		{"image", "images"}, {"kept", "earlier builds"}, {"checkpoint", "checkpoints of builds"}, {"unfinished", "unfinished builds"},
		{job, "VMs of jobs"}, {"other", "other VMs"}, {"cached", "pulled images, in tart's cache"},
	} {
		row := use{What: kind.what}
		for _, x := range all {
			if roleOf(x) != kind.role {
				continue
			}
			row.Count++
			row.Bytes += x.Bytes
			if more, ok := frees[x.Name]; ok {
				row.Frees, row.By = row.Frees+more, "hostler image gc"
			}
		}
		if row.Count > 0 {
			u.Uses = append(u.Uses, row)
		}
	}
	caches, err := status.Caches(ctx, p.options())
	if err != nil {
		return u, err
	}
	if len(caches) > 0 {
		row := use{What: "caches of jobs", Count: len(caches), By: "hostler cache prune"}
		for _, c := range caches {
			row.Bytes += c.Bytes
		}
		u.Uses = append(u.Uses, row)
	}
	logs, err := status.LogBytes(ctx, p.options())
	if logs > 0 {
		u.Uses = append(u.Uses, use{What: "logs", Count: 1, Bytes: logs})
	}
	return u, err
}

// job is the role of a VM that is lent, or was.
const job = "job"

// roleOf is the role of what tart has; tart's provider does not know which VMs
// are lent.
func roleOf(x tart.Used) string {
	if x.Role == "other" && strings.HasPrefix(x.Name, ledger.Prefix) {
		return job
	}
	return x.Role
}
