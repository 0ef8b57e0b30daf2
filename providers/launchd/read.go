package launchd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"hostler/providers"
	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
)

// place is where a job lives on the Mac.
type place struct {
	domain launchctl.Domain
	file   string
	root   bool   // only root may change it
	owner  string // whom launchd wants the file to belong to
}

func (c *jobs) place(j *Job) (place, error) {
	if j.Domain == system {
		file, err := c.launchd.File(launchctl.System, j.Label)
		return place{launchctl.System, file, true, "root:wheel"}, err
	}
	facts, err := c.m.Facts()
	if err != nil {
		return place{}, err
	}
	domain := launchctl.Gui(facts.UID)
	file, err := c.launchd.File(domain, j.Label)
	return place{domain, file, false, facts.User}, err
}

// Read reads one job.
func (c *jobs) Read(ctx context.Context, have *Job) (*Job, error) {
	all, err := c.Prefetch(ctx, []*Job{have})
	if err != nil {
		return nil, err
	}
	return all[0].Object, all[0].Err
}

// Prefetch reads jobs with two calls for each domain and one for the files.
func (c *jobs) Prefetch(ctx context.Context, have []*Job) ([]providers.Fetched[Job], error) {
	domains := map[launchctl.Domain]domainView{}
	places := make([]place, len(have))
	files := make([][]byte, len(have))
	out := make([]providers.Fetched[Job], len(have))
	var present []string
	for i, j := range have {
		p, err := c.place(j)
		if err != nil {
			return nil, err
		}
		places[i] = p
		if _, seen := domains[p.domain]; !seen {
			if domains[p.domain], err = c.view(ctx, p.domain); err != nil {
				return nil, err
			}
		}
		files[i], err = c.m.ReadFile(p.file)
		switch {
		case err == nil:
			present = append(present, p.file)
		case !errors.Is(err, fs.ErrNotExist):
			out[i].Err = err
		}
	}
	stats, err := c.stat(ctx, present)
	if err != nil {
		return nil, err
	}
	for i, j := range have {
		if out[i].Err == nil {
			out[i].Object = assemble(j, places[i], files[i], stats[places[i].file], domains[places[i].domain])
		}
	}
	return out, nil
}

// domainView is what launchd tells of a domain.
type domainView struct {
	loaded   map[string]int
	disabled map[string]bool
}

func (c *jobs) view(ctx context.Context, d launchctl.Domain) (v domainView, err error) {
	if v.loaded, err = c.launchd.List(ctx, d); err != nil {
		return v, err
	}
	v.disabled, err = c.launchd.Disabled(ctx, d)
	return v, err
}

// assemble is the job as it is, or nil when there is neither file nor service.
func assemble(have *Job, p place, file []byte, s fileStat, v domainView) *Job {
	_, loaded := v.loaded[have.Label]
	if file == nil && !loaded {
		return nil
	}
	j := &Job{Host: have.Host, Domain: have.Domain, Label: have.Label, Loaded: loaded, Enabled: !v.disabled[have.Label]}
	if file == nil {
		j.Unexpected = &map[string]string{wholeFile: "missing, but the job is still loaded"}
		return j
	}
	parse(file, j)
	j.Owner, j.Mode = s.owner, s.mode
	if !p.root {
		// The group of an agent's file matters to nobody.
		j.Owner, _, _ = strings.Cut(j.Owner, ":")
	}
	return j
}

type fileStat struct{ owner, mode string }

// stat tells owner and mode of files, by one call.
func (c *jobs) stat(ctx context.Context, files []string) (map[string]fileStat, error) {
	if len(files) == 0 {
		return nil, nil
	}
	out, err := c.m.Run(ctx, machine.Command{Program: "/usr/bin/stat", Args: append([]string{"-f", "%Su:%Sg %Lp %N"}, files...)})
	var exit *machine.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	all := map[string]fileStat{}
	for line := range strings.Lines(string(out.Stdout)) {
		if f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3); len(f) == 3 {
			all[f[2]] = fileStat{f[0], fmt.Sprintf("%04s", f[1])}
		}
	}
	for _, f := range files {
		if _, ok := all[f]; !ok {
			return nil, fmt.Errorf("stat did not tell whom %s belongs to; it printed %q", f, out.Stderr)
		}
	}
	return all, nil
}
