package ghapi

import (
	"context"

	"github.com/google/go-github/v62/github"
)

// DefaultGroup is the name of the runner group that each organization has; its
// number, and that of a repository's runners, is always 1.
const (
	DefaultGroup   = "Default"
	DefaultGroupID = 1
)

// Group is a runner group of an organization.
type Group struct {
	ID          int64
	Name        string
	Visibility  string // all, private or selected
	Default     bool
	AllowPublic bool
	Workflows   []string // nil: any
}

func group(g *github.RunnerGroup) Group {
	out := Group{ID: g.GetID(), Name: g.GetName(), Visibility: g.GetVisibility(), Default: g.GetDefault(), AllowPublic: g.GetAllowsPublicRepositories()}
	if g.GetRestrictedToWorkflows() {
		out.Workflows = append([]string{}, g.SelectedWorkflows...)
	}
	return out
}

// Groups lists the organization's runner groups.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	list, err := pages(func(opt github.ListOptions) ([]*github.RunnerGroup, *github.Response, error) {
		got, resp, err := c.gh.Actions.ListOrganizationRunnerGroups(ctx, c.Org(), &github.ListOrgRunnerGroupOptions{ListOptions: opt})
		return part(got, resp, err, func(l *github.RunnerGroups) []*github.RunnerGroup { return l.RunnerGroups })
	})
	if err != nil {
		return nil, explain(err, needsRunners, "list the runner groups of %s", c.Org())
	}
	out := make([]Group, len(list))
	for i, g := range list {
		out[i] = group(g)
	}
	return out, nil
}

// CreateGroup makes a group, with access for the repositories with these
// numbers if its visibility is selected.
func (c *Client) CreateGroup(ctx context.Context, g Group, repositories []int64) (Group, error) {
	restricted := g.Workflows != nil
	got, _, err := c.gh.Actions.CreateOrganizationRunnerGroup(ctx, c.Org(), github.CreateRunnerGroupRequest{
		Name: &g.Name, Visibility: &g.Visibility, SelectedRepositoryIDs: repositories,
		AllowsPublicRepositories: &g.AllowPublic, RestrictedToWorkflows: &restricted, SelectedWorkflows: g.Workflows,
	})
	if err != nil {
		return Group{}, explain(err, needsRunners, "create runner group %s of %s", g.Name, c.Org())
	}
	return group(got), nil
}

// UpdateGroup changes all of a group but which repositories have access.
func (c *Client) UpdateGroup(ctx context.Context, g Group) error {
	restricted := g.Workflows != nil
	_, _, err := c.gh.Actions.UpdateOrganizationRunnerGroup(ctx, c.Org(), g.ID, github.UpdateRunnerGroupRequest{
		Name: &g.Name, Visibility: &g.Visibility, AllowsPublicRepositories: &g.AllowPublic,
		RestrictedToWorkflows: &restricted, SelectedWorkflows: append([]string{}, g.Workflows...),
	})
	return explain(err, needsRunners, "change runner group %s of %s", g.Name, c.Org())
}

// DeleteGroup removes a group; its runners fall to the default one. One that is
// gone is success.
func (c *Client) DeleteGroup(ctx context.Context, id int64) error {
	_, err := c.gh.Actions.DeleteOrganizationRunnerGroup(ctx, c.Org(), id)
	if err = explain(err, needsRunners, "delete runner group %d of %s", id, c.Org()); NotFound(err) {
		return nil
	}
	return err
}

// GroupRepositories lists what has access to a group of selected visibility.
func (c *Client) GroupRepositories(ctx context.Context, id int64) ([]Repository, error) {
	list, err := pages(func(opt github.ListOptions) ([]*github.Repository, *github.Response, error) {
		got, resp, err := c.gh.Actions.ListRepositoryAccessRunnerGroup(ctx, c.Org(), id, &opt)
		return part(got, resp, err, func(l *github.ListRepositories) []*github.Repository { return l.Repositories })
	})
	if err != nil {
		return nil, explain(err, needsRunners, "list what has access to runner group %d of %s", id, c.Org())
	}
	return repositories(list), nil
}

// SetGroupRepositories replaces what has access.
func (c *Client) SetGroupRepositories(ctx context.Context, id int64, ids []int64) error {
	_, err := c.gh.Actions.SetRepositoryAccessRunnerGroup(ctx, c.Org(), id, github.SetRepoAccessRunnerGroupRequest{SelectedRepositoryIDs: append([]int64{}, ids...)})
	return explain(err, needsRunners, "give repositories access to runner group %d of %s", id, c.Org())
}
