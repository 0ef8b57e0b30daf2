// Package site is one Mac as the dispatch service finds it: what apply
// installed, what is lent, and what else runs. All of it is read anew for each
// decision, so that an apply needs no restart. Start at Mac.
package site

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
	"hostler/providers/runtime"
	"hostler/providers/secret"
)

// Configuration is what apply has installed on the Mac: what is lent, the
// profiles, and how GitHub is reached.
type Configuration struct {
	Host     Host
	Profiles map[string]runtime.Profile
	Broken   []BrokenProfile
	Access   *ghaccess.Access // nil: there is no github block
}

// BrokenProfile is a profile whose document can't be trusted.
type BrokenProfile struct {
	Profile string
	error
}

// Host is what of host.json concerns the runtime.
type Host struct {
	Name    string `json:"name"`
	Reserve struct {
		Memory schema.Size `json:"memory"`
		Disk   schema.Size `json:"disk"`
	} `json:"reserve"`
	Guests int `json:"macos_guests"`
	Serve  struct {
		Clients []string   `json:"clients"`
		Token   secret.Ref `json:"token"`
		Group   string     `json:"group"`
		Metrics string     `json:"metrics"` // ADDRESS:PORT; "": no page
		Hook    []string   `json:"hook"`    // command
	} `json:"serve"`
}

// Group is the name of the runner group of the VMs' runners.
func (h Host) Group() string {
	if a, err := addr.Parse(h.Serve.Group); err == nil && a.Type == "runner_group" {
		return providers.InstanceName(a)
	}
	return cmp.Or(h.Serve.Group, ghapi.DefaultGroup)
}

// Clients are the numbers of the accounts that may ask for VMs.
func (c Configuration) Clients(ctx context.Context, m Mac) ([]int, error) {
	var out []int
	for _, name := range c.Host.Serve.Clients {
		printed, err := m.Run(ctx, machine.Command{Program: "id", Args: []string{"-u", name}})
		if err != nil {
			return nil, fmt.Errorf("host.serve.clients names %q, which is no account of this Mac: %w", name, err)
		}
		uid, err := strconv.Atoi(strings.TrimSpace(string(printed.Stdout)))
		if err != nil {
			return nil, fmt.Errorf("id -u %s printed %q", name, printed.Stdout)
		}
		out = append(out, uid)
	}
	return out, nil
}

// Configure reads the documents. One profile whose document is broken does not
// hide the others.
func (m Mac) Configure() (c Configuration, err error) {
	store := settings.Store{Mac: m.Machine}
	data, err := m.ReadFile(store.Path("host.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return c, errors.New("nothing was applied on this Mac yet: there is no host; run hostler apply")
	}
	if err == nil {
		err = json.Unmarshal(data, &c.Host)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w; hostler apply mends it", store.Path("host.json"), err)
	}
	c.Profiles = map[string]runtime.Profile{}
	names, err := m.List(store.Path("profiles"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	for _, file := range names {
		name, ok := strings.CutSuffix(path.Base(file), ".json")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		p := runtime.Profile{Name: name}
		flaw, err := store.Read("profiles/"+name+".json", &p)
		if err == nil && flaw != settings.Sound {
			err = fmt.Errorf("profile %s: %s; hostler apply mends it", name, flaw)
		}
		if err != nil {
			c.Broken = append(c.Broken, BrokenProfile{name, err})
			continue
		}
		c.Profiles[name] = p
	}
	var a ghaccess.Access
	flaw, err := store.Read(ghaccess.File, &a)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err == nil && flaw != settings.Sound:
		err = fmt.Errorf("%s: %s; hostler apply mends it", store.Path(ghaccess.File), flaw)
	}
	if token := c.Host.Serve.Token; !token.IsZero() {
		a.Token, a.App = token, nil
	}
	c.Access = &a
	return c, err
}

// Names are the profiles, for suggestions.
func (c Configuration) Names() []string { return slices.Sorted(maps.Keys(c.Profiles)) }
