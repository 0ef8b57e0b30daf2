package runner

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"hostler/providers"
	"hostler/providers/internal/ghapi"
)

// note is what hostler remembers of a runner.
type note struct {
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	User    string `json:"user"`
	Release string `json:"release"` // that was unpacked whole; "" before
	ID      int64  `json:"id"`      // of the registration; 0: none
	// Registering says that config.sh was started, and not seen to end: a runner
	// of this name that never was online is ours.
	Registering bool `json:"registering"`
}

// owns reports whether a runner at GitHub is the note's.
func (n note) owns(r ghapi.Runner) bool {
	return n.ID != 0 && r.ID == n.ID || n.Registering && strings.EqualFold(r.Name, n.Name) && !r.Online
}

func document(name string) string { return "runners/" + name + ".json" }

// note reads what is remembered; fs.ErrNotExist where nothing is. A number that
// only the program's settings hold is learnt from them.
func (c *runners) note(name string) (note, error) {
	var n note
	if _, err := c.notes.Read(document(name), &n); err != nil {
		return note{}, err
	}
	if n.Name != name {
		n = note{Name: name, Registering: true} // it was damaged
	}
	if !n.Registering {
		return n, nil
	}
	id, err := c.number(name)
	if id != 0 {
		n.ID, n.Registering = id, false
	}
	return n, err
}

func (c *runners) keep(n note) error { return c.notes.Write(document(n.Name), n) }

// Read reads one runner.
func (c *runners) Read(ctx context.Context, have *Runner) (*Runner, error) {
	all, err := c.Prefetch(ctx, []*Runner{have})
	if err != nil {
		return nil, err
	}
	return all[0].Object, all[0].Err
}

// Prefetch lists the runners and groups of each owner once.
func (c *runners) Prefetch(ctx context.Context, have []*Runner) ([]providers.Fetched[Runner], error) {
	owners, jobs := map[string]registrations{}, c.loaded(ctx)
	out := make([]providers.Fetched[Runner], len(have))
	for i, h := range have {
		if _, ok := owners[h.Owner]; !ok {
			r, err := c.registrations(ctx, h.Owner)
			if err != nil {
				return nil, err
			}
			owners[h.Owner] = r
		}
		out[i].Object, out[i].Err = c.look(h, owners[h.Owner], jobs)
	}
	return out, nil
}

// registrations are an owner's runners, and the names of its groups.
type registrations struct {
	runners []ghapi.Runner
	groups  map[int64]string
}

func (c *runners) registrations(ctx context.Context, owner string) (r registrations, err error) {
	api, err := c.Open()
	if err != nil {
		return r, err
	}
	api = api.For(owner)
	if r.runners, err = api.Runners(ctx, ""); err != nil || api.Repo() != "" {
		return r, err
	}
	groups, err := api.Groups(ctx)
	r.groups = map[int64]string{}
	for _, g := range groups {
		r.groups[g.ID] = g.Name
	}
	return r, err
}

// look is the runner as it stands, nil when there is nothing of it.
func (c *runners) look(have *Runner, at registrations, jobs loaded) (*Runner, error) {
	n, err := c.note(have.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	got := *have
	if n.User != "" {
		got.User = n.User
	}
	if got.Service, err = c.service(&got, jobs); err != nil {
		return nil, err
	}
	if n.Name == "" && got.Service == absent {
		return nil, nil
	}
	rules, whole, err := c.guarded(&got)
	if err != nil {
		return nil, err
	}
	if got.Workflows, got.Events = rules.Workflows, rules.Events; !whole && got.Service == sound {
		got.Service = unguarded
	}
	got.Release = absent
	if n.Release != "" && c.installed(have.Name) {
		got.Release = n.Release
	}
	got.Registration = absent
	for _, r := range at.runners {
		if n.ID == 0 || r.ID != n.ID {
			continue
		}
		if got.Registration = offline; r.Online {
			got.Registration = online
		}
		if !same(r.Own, have.Labels) {
			got.Labels = slices.Sorted(slices.Values(r.Own))
		}
		if name, ok := at.groups[r.Group]; ok {
			got.GroupName = name
		}
		if r.Version != "" && got.Release != absent {
			got.Release = r.Version
		}
	}
	if got.Registration != absent {
		if id, err := c.number(have.Name); err != nil || id != n.ID {
			return &got, c.unlike(&got, err)
		}
	}
	return &got, nil
}

// unlike notes that the program's own settings are another registration's.
func (c *runners) unlike(got *Runner, err error) error {
	if got.Registration = absent; got.Release == absent {
		return err
	}
	got.Service = "the program in " + path.Base(home(got.Name)) + " is configured as another runner, or as none"
	return err
}

// same compares labels as GitHub does: in any order, capitals or not.
func same(a, b []string) bool {
	norm := func(list []string) []string {
		var out []string
		for _, l := range list {
			out = append(out, strings.ToLower(l))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(norm(a), norm(b))
}
