package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/runnerage"
)

// Resolve completes the wanted runner, and refuses what GitHub or the Mac would.
func (c *runners) Resolve(ctx context.Context, r *providers.Resolve[Runner]) error {
	want := r.Want
	api, err := c.Open()
	if err != nil {
		return err
	}
	want.Name, want.Owner, want.Registration, want.Service = r.Name, api.Owner, online, sound
	if !named(want.Name) {
		return fmt.Errorf("a runner can't be called %q: letters, digits, '-', '_' and '.', at most 64", want.Name)
	}
	if err := errors.Join(c.account(ctx, want), c.group(ctx, api, r)); err != nil {
		return err
	}
	if len(want.Workflows) == 0 {
		want.Workflows = workflows(api.Org(), r.Config)
	}
	slices.Sort(want.Workflows)
	slices.Sort(want.Events)
	if err := c.release(ctx, api, r); err != nil {
		return err
	}
	if r.Have == nil {
		return c.vacant(ctx, api, want)
	}
	return nil
}

// named reports whether a runner can be called so, and its folder.
func named(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`).MatchString(name)
}

// account names the account, and wants it to exist.
func (c *runners) account(ctx context.Context, want *Runner) error {
	facts, err := c.mac.Facts()
	if err != nil {
		return err
	}
	if want.User == "" {
		want.User = facts.User
	}
	if want.User == facts.User {
		return nil
	}
	if _, err := c.mac.Run(ctx, machine.Command{Program: "id", Args: []string{"-u", want.User}}); err != nil {
		return providers.AttrErrorf("user", "there is no account %q on this Mac; add it with: sudo sysadminctl -addUser %s -password -", want.User, want.User)
	}
	return nil
}

// group names the group, and warns of who reaches the Mac by it.
func (c *runners) group(ctx context.Context, api *ghapi.Client, r *providers.Resolve[Runner]) error {
	want := r.Want
	want.GroupName = want.Group
	if api.Repo() != "" {
		if want.Group != ghapi.DefaultGroup {
			return providers.AttrErrorf("group", "the owner is the repository %s, and only organizations have runner groups", api.Owner)
		}
		return nil
	}
	if a, err := addr.Parse(want.Group); err == nil && a.Type == "runner_group" {
		block, ok := r.Config.Get(a)
		if !ok {
			return providers.AttrErrorf("group", "there is no %s", want.Group)
		}
		want.GroupName = providers.InstanceName(a)
		if schema.Text(block, "visibility") == "all" {
			r.Warn("group", "every repository of the organization may run jobs on the Mac itself, outside of any VM; name repositories in "+want.Group)
		}
		return nil
	}
	groups, err := api.Groups(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(groups, func(g ghapi.Group) bool { return strings.EqualFold(g.Name, want.Group) })
	if at < 0 {
		return providers.AttrErrorf("group", "%s has no runner group %q; write a block runner_group, and group = runner_group.NAME", api.Owner, want.Group)
	}
	want.GroupName = groups[at].Name
	switch g := groups[at]; {
	case g.AllowPublic:
		r.Warn("group", "public repositories may use the group "+g.Name+": whoever opens a pull request in one runs code on the Mac itself, outside of any VM")
	case g.Default:
		r.Warn("group", "every private repository of the organization may run jobs on the Mac itself, outside of any VM; write a runner_group with the repositories that may, and group = runner_group.NAME")
	}
	return nil
}

// workflows are the files that the workflow blocks bring to repositories.
func workflows(org string, config providers.Lookup) (all []string) {
	for _, a := range config.All("workflow") {
		block, ok := config.Get(a)
		if !ok || block.GetAttr("repositories").IsNull() {
			continue
		}
		path := schema.Text(block, "path")
		if path == "" {
			path = ".github/workflows/" + providers.InstanceName(a) + ".yml"
		}
		for _, repo := range block.GetAttr("repositories").AsValueSlice() {
			all = append(all, org+"/"+repo.AsString()+"/"+path)
		}
	}
	return all
}

// release says which release is wanted, and warns of its age.
func (c *runners) release(ctx context.Context, api *ghapi.Client, r *providers.Resolve[Runner]) error {
	want := r.Want
	if r.Have != nil && r.Have.Release != absent && (want.Version == r.Have.Release || want.Version == latest && !r.Upgrade) {
		want.Release = r.Have.Release
	} else {
		offer, err := c.offer(ctx, api)
		if err != nil {
			return err
		}
		if want.Version != latest && want.Version != offer.Version {
			return providers.AttrErrorf("version", "GitHub offers %s now, and no other release with its checksum; write version = %q, or latest", offer.Version, offer.Version)
		}
		want.Release = offer.Version
	}
	// A rule that can't be asked for warns of nothing.
	if releases, err := c.RunnerReleases(ctx); err == nil {
		if text := runnerage.Warning(want.Release, releases, c.now()); text != "" {
			r.Warn("version", text+". Install the newest: hostler apply --upgrade")
		}
	}
	return nil
}

// offer is what GitHub offers to download, asked once in a run.
func (c *runners) offer(ctx context.Context, api *ghapi.Client) (ghapi.Download, error) {
	c.mu.Lock()
	d, ok := c.offered[api.Owner]
	c.mu.Unlock()
	if ok {
		return d, nil
	}
	d, err := api.RunnerDownload(ctx)
	if err == nil {
		c.mu.Lock()
		c.offered[api.Owner] = d
		c.mu.Unlock()
	}
	return d, err
}

// vacant wants the name to be free, here and at GitHub.
func (c *runners) vacant(ctx context.Context, api *ghapi.Client, want *Runner) error {
	switch _, err := c.note(want.Name); {
	case err == nil:
		return &providers.ExistsError{What: fmt.Sprintf("runner %s (%s)", want.Name, home(want.Name)), ID: want.id()}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := c.mac.Lstat(home(want.Name)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s is there, and hostler has not made it; move it away", home(want.Name)))
	}
	all, err := api.Runners(ctx, "")
	if err != nil {
		return err
	}
	for _, o := range all {
		if strings.EqualFold(o.Name, want.Name) {
			return fmt.Errorf("%s has a runner %s that hostler has not registered; remove it, on its machine with config.sh remove or at GitHub if it is dead, or give the block another name", want.Owner, o.Name)
		}
	}
	return nil
}
