// Package groups is a simulated GitHub's runner groups of organizations.
package groups

import (
	"net/http"
	"slices"
	"strings"

	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/runners"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations on groups.
func Routes() []rest.Route {
	const base, read, write = "/orgs/{org}/actions/runner-groups", "organization_self_hosted_runners:read", "organization_self_hosted_runners:write"
	one := base + "/{runner_group_id}"
	return []rest.Route{
		{Method: "GET", Pattern: base, ID: "actions/list-self-hosted-runner-groups-for-org", Needs: read, Do: list},
		{Method: "POST", Pattern: base, ID: "actions/create-self-hosted-runner-group-for-org", Needs: write, Do: create},
		{Method: "GET", Pattern: one, ID: "actions/get-self-hosted-runner-group-for-org", Needs: read, Do: with(func(c *rest.Call, g *world.Group) rest.Answer { return rest.OK(show(c, g)) })},
		{Method: "PATCH", Pattern: one, ID: "actions/update-self-hosted-runner-group-for-org", Needs: write, Do: with(update)},
		{Method: "DELETE", Pattern: one, ID: "actions/delete-self-hosted-runner-group-from-org", Needs: write, Do: with(remove)},
		{Method: "GET", Pattern: one + "/repositories", ID: "actions/list-repo-access-to-self-hosted-runner-group-in-org", Needs: read, Do: with(repositories)},
		{Method: "PUT", Pattern: one + "/repositories", ID: "actions/set-repo-access-to-self-hosted-runner-group-in-org", Needs: write, Do: with(setRepositories)},
		{Method: "GET", Pattern: one + "/runners", ID: "actions/list-self-hosted-runners-in-group-for-org", Needs: read, Do: with(members)},
	}
}

func with(do func(*rest.Call, *world.Group) rest.Answer) func(*rest.Call) rest.Answer {
	return func(c *rest.Call) rest.Answer {
		scope, _ := c.Scope()
		if g := c.World.Group(scope, c.Number("runner_group_id")); g != nil {
			return do(c, g)
		}
		return rest.NotFound()
	}
}

func show(c *rest.Call, g *world.Group) rest.M {
	u := c.Root + "/orgs/" + g.Org + "/actions/runner-groups"
	m := rest.M{
		"id": g.ID, "name": g.Name, "visibility": g.Visibility, "default": g.Default, "inherited": false, "allows_public_repositories": g.Public,
		"restricted_to_workflows": g.Restricted, "selected_workflows": append([]string{}, g.Workflows...), "workflow_restrictions_read_only": false,
		"runners_url": u + "/runners",
	}
	if g.Visibility == "selected" {
		m["selected_repositories_url"] = u + "/repositories"
	}
	return m
}

func list(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	var all []rest.M
	for _, g := range c.World.Groups {
		if strings.EqualFold(g.Org, scope) {
			all = append(all, show(c, g))
		}
	}
	return rest.Page(c, all, "runner_groups", nil)
}

type input struct {
	Name       *string
	Visibility *string
	Repos      []int64  `json:"selected_repository_ids"`
	Public     *bool    `json:"allows_public_repositories"`
	Restricted *bool    `json:"restricted_to_workflows"`
	Workflows  []string `json:"selected_workflows"`
}

func (in input) apply(g *world.Group) {
	if in.Name != nil {
		g.Name = *in.Name
	}
	if in.Visibility != nil {
		g.Visibility = *in.Visibility
	}
	if in.Public != nil {
		g.Public = *in.Public
	}
	if in.Restricted != nil {
		g.Restricted = *in.Restricted
	}
	if in.Workflows != nil {
		g.Workflows = in.Workflows
	}
	if g.Visibility != "selected" {
		g.Repos = nil
	}
}

func taken(w *world.World, g *world.Group) bool {
	return slices.ContainsFunc(w.Groups, func(o *world.Group) bool {
		return o != g && strings.EqualFold(o.Org, g.Org) && strings.EqualFold(o.Name, g.Name)
	})
}

func create(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	var in input
	if a, ok := c.Read(&in); !ok {
		return a
	}
	if in.Name == nil || *in.Name == "" {
		return rest.Invalid("RunnerGroup", "name", "missing_field", "name is required")
	}
	g := &world.Group{Org: scope, Visibility: "all", Repos: in.Repos}
	in.apply(g)
	if taken(c.World, g) {
		return rest.Fail(http.StatusConflict, "Already exists - A runner group with the name %q already exists.", g.Name)
	}
	g.ID = c.World.ID()
	c.World.Groups = append(c.World.Groups, g)
	return rest.Created(show(c, g))
}

func update(c *rest.Call, g *world.Group) rest.Answer {
	var in input
	if a, ok := c.Read(&in); !ok {
		return a
	}
	changed := *g
	if in.apply(&changed); taken(c.World, &changed) && changed.Name != g.Name {
		return rest.Fail(http.StatusConflict, "Already exists - A runner group with the name %q already exists.", changed.Name)
	}
	*g = changed
	return rest.OK(show(c, g))
}

func remove(c *rest.Call, g *world.Group) rest.Answer {
	if g.Default {
		return rest.Fail(http.StatusUnprocessableEntity, "The default runner group can't be deleted")
	}
	c.World.Groups = slices.DeleteFunc(c.World.Groups, func(o *world.Group) bool { return o == g })
	for _, r := range c.World.Runners {
		if r.GroupID == g.ID {
			r.GroupID = 1
		}
	}
	return rest.NoContent()
}

func repositories(c *rest.Call, g *world.Group) rest.Answer {
	var all []rest.M
	for _, id := range g.Repos {
		if r := c.World.RepoByID(id); r != nil {
			all = append(all, c.Minimal(r))
		}
	}
	return rest.Page(c, all, "repositories", nil)
}

func setRepositories(c *rest.Call, g *world.Group) rest.Answer {
	var in struct {
		Repos []int64 `json:"selected_repository_ids"`
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	for _, id := range in.Repos {
		if r := c.World.RepoByID(id); r == nil || !strings.EqualFold(r.Owner, g.Org) {
			return rest.Invalid("RunnerGroup", "selected_repository_ids", "invalid", "a repository does not exist")
		}
	}
	if g.Visibility == "selected" {
		g.Repos = in.Repos
	}
	return rest.NoContent()
}

func members(c *rest.Call, g *world.Group) rest.Answer {
	var all []rest.M
	for _, r := range c.World.Runners {
		if r.GroupID == g.ID && strings.EqualFold(r.Scope, g.Org) {
			all = append(all, runners.Show(r))
		}
	}
	return rest.Page(c, all, "runners", nil)
}
