package github

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
)

// Group is one runner group of an organization.
type Group struct {
	Name         string   `cty:"name"`
	Owner        string   `cty:"owner"`
	Repositories []string `cty:"repositories"`
	Visibility   string   `cty:"visibility"`
	Workflows    []string `cty:"workflows"`
	AllowPublic  bool     `cty:"allow_public"`
}

func (g *Group) id() string {
	if g.Name == "" {
		return ""
	}
	return g.Owner + "/" + g.Name
}

func groupBlock() *schema.Block {
	return &schema.Block{
		Type: "runner_group", Uses: []string{"github"},
		Doc: "A runner group of the organization: which repositories may use the runners in it.",
		Attrs: []schema.Attr{
			{Name: "repositories", Type: schema.ListOf(schema.String), Check: repositoryNames, Doc: "The organization's repositories that may use the runners, without the owner."},
			{Name: "visibility", Type: schema.String, Check: schema.OneOf("all", "private", "selected"), Doc: "all or private repositories of the organization; with repositories it is selected."},
			{Name: "workflows", Type: schema.ListOf(schema.String), Check: workflowRefs, Doc: "The only workflow files that may use the runners, as in acme/app/.github/workflows/ci.yml@refs/heads/main. Needs GitHub Enterprise."},
			{Name: "allow_public", Type: schema.Bool, Default: cty.False, Doc: "Whether public repositories may use the runners, on which then anybody's pull request runs."},
			{Name: "name", Type: schema.String, Computed: true, Replace: true, Doc: "The block's name."},
			{Name: "owner", Type: schema.String, Computed: true, Replace: true, Doc: "The organization."},
		},
		Check: func(v cty.Value) error {
			repos, visibility := v.GetAttr("repositories"), v.GetAttr("visibility")
			switch {
			case !repos.IsKnown() || !visibility.IsKnown():
			case repos.IsNull() && visibility.IsNull():
				return schema.At(cty.GetAttrPath("repositories"), "who may use the runners is not said; write repositories, or visibility = \"all\" or \"private\"")
			case !repos.IsNull() && !visibility.IsNull() && visibility.AsString() != "selected", repos.IsNull() && !visibility.IsNull() && visibility.AsString() == "selected":
				return schema.At(cty.GetAttrPath("visibility"), "repositories are for the visibility \"selected\", which they bring with them; write one of the two")
			}
			return nil
		},
	}
}

func repositoryNames(v cty.Value) error {
	seen := map[string]bool{}
	for i, e := range v.AsValueSlice() {
		name := e.AsString()
		switch {
		case !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`).MatchString(name):
			return schema.At(cty.IndexIntPath(i), "%q is no repository's name; write it without the owner", name)
		case seen[strings.ToLower(name)]:
			return schema.At(cty.IndexIntPath(i), "%q stands twice", name)
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

func workflowRefs(v cty.Value) error {
	for i, e := range v.AsValueSlice() {
		if !regexp.MustCompile(`^[^/@]+/[^/@]+/\.github/workflows/[^/@]+\.ya?ml@.+$`).MatchString(e.AsString()) {
			return schema.At(cty.IndexIntPath(i), "%q is no workflow at a ref; write it as in acme/app/.github/workflows/ci.yml@refs/heads/main", e.AsString())
		}
	}
	return nil
}

// groups is the CRUD of runner_group.
type groups struct{ *ghaccess.Session }

// Resolve completes the wanted group, and refuses what would not work or would
// let strangers in.
func (g *groups) Resolve(ctx context.Context, r *providers.Resolve[Group]) error {
	want := r.Want
	c, err := g.Open()
	if err != nil {
		return err
	}
	if c.Repo() != "" {
		return fmt.Errorf("the owner is the repository %s, and only organizations have runner groups", c.Owner)
	}
	want.Name, want.Owner = r.Name, c.Org()
	if len(want.Name) > 64 || strings.EqualFold(want.Name, "default") {
		return fmt.Errorf("a runner group can't be called %q: GitHub's own is called Default, and a name has 64 characters at most", want.Name)
	}
	if want.Visibility == "" {
		want.Visibility = "selected"
	}
	if want.Visibility != "selected" {
		want.Repositories = nil
	}
	for i, name := range want.Repositories {
		repo, err := g.Repository(ctx, c, name)
		switch {
		case ghapi.NotFound(err):
			return &providers.AttrError{Path: elements("repositories", i), Err: err}
		case err != nil:
			return err
		case repo.Public && !want.AllowPublic:
			return &providers.AttrError{Path: elements("repositories", i), Err: fmt.Errorf("%s/%s is public, so anybody's pull request could run on the Mac; leave it out, or write allow_public = true if that is what you want", c.Org(), name)}
		case repo.Public:
			r.Warn("allow_public", fmt.Sprintf("%s/%s is public: whoever opens a pull request there can run code on the Mac", c.Org(), name))
		}
	}
	if want.AllowPublic && want.Visibility == "all" {
		r.Warn("allow_public", "every public repository of the organization reaches the Mac: whoever opens a pull request in one can run code there")
	}
	slices.Sort(want.Repositories)
	slices.Sort(want.Workflows)
	if r.Have == nil || r.Have.Name != want.Name || r.Have.Owner != want.Owner {
		return g.vacant(ctx, c, want)
	}
	return nil
}

// vacant wants the name to be free.
func (g *groups) vacant(ctx context.Context, c *ghapi.Client, want *Group) error {
	all, err := c.Groups(ctx)
	if err == nil && named(all, want.Name) >= 0 {
		err = &providers.ExistsError{What: fmt.Sprintf("runner group %q of %s", want.Name, want.Owner), ID: want.id()}
	}
	return err
}

func named(all []ghapi.Group, name string) int {
	return slices.IndexFunc(all, func(g ghapi.Group) bool { return strings.EqualFold(g.Name, name) })
}

// numbers are GitHub's of the repositories.
func (g *groups) numbers(ctx context.Context, c *ghapi.Client, names []string) ([]int64, error) {
	ids := make([]int64, len(names))
	for i, name := range names {
		r, err := g.Repository(ctx, c, name)
		if err != nil {
			return nil, err
		}
		ids[i] = r.ID
	}
	return ids, nil
}

func (g *Group) api() ghapi.Group {
	return ghapi.Group{Name: g.Name, Visibility: g.Visibility, AllowPublic: g.AllowPublic, Workflows: g.Workflows}
}

// Create makes the group where none has the name.
func (g *groups) Create(ctx context.Context, want *Group) (*Group, error) {
	c, err := g.Open()
	if err != nil {
		return nil, err
	}
	if err := g.vacant(ctx, c, want); err != nil {
		return nil, err
	}
	ids, err := g.numbers(ctx, c, want.Repositories)
	if err != nil {
		return nil, err
	}
	if _, err := c.CreateGroup(ctx, want.api(), ids); err != nil {
		return nil, err
	}
	return want, nil
}

// Prefetch reads all groups at once, and which repositories have access where
// they are selected.
func (g *groups) Prefetch(ctx context.Context, have []*Group) ([]providers.Fetched[Group], error) {
	c, err := g.Open()
	if err != nil {
		return nil, err
	}
	all, err := c.Groups(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]providers.Fetched[Group], len(have))
	for i, h := range have {
		at := named(all, h.Name)
		if at < 0 || !strings.EqualFold(h.Owner, c.Org()) {
			continue
		}
		out[i].Object, out[i].Err = g.group(ctx, c, all[at])
	}
	return out, nil
}

// group is a group as it stands.
func (g *groups) group(ctx context.Context, c *ghapi.Client, o ghapi.Group) (*Group, error) {
	slices.Sort(o.Workflows)
	got := &Group{Name: o.Name, Owner: c.Org(), Visibility: o.Visibility, AllowPublic: o.AllowPublic, Workflows: o.Workflows}
	if o.Visibility != "selected" {
		return got, nil
	}
	repos, err := c.GroupRepositories(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range repos {
		got.Repositories = append(got.Repositories, r.Name)
	}
	slices.Sort(got.Repositories)
	return got, nil
}

// Read reads one group.
func (g *groups) Read(ctx context.Context, have *Group) (*Group, error) {
	all, err := g.Prefetch(ctx, []*Group{have})
	if err != nil {
		return nil, err
	}
	return all[0].Object, all[0].Err
}

// Update changes the group in place.
func (g *groups) Update(ctx context.Context, have, want *Group) (*Group, error) {
	c, err := g.Open()
	if err != nil {
		return nil, err
	}
	changed := want.api()
	all, err := c.Groups(ctx)
	if err != nil {
		return have, err
	}
	at := named(all, have.Name)
	if at < 0 {
		return nil, fmt.Errorf("runner group %q of %s was removed after the plan was made; make a new plan", have.Name, have.Owner)
	}
	changed.ID = all[at].ID
	ids, err := g.numbers(ctx, c, want.Repositories)
	if err != nil {
		return have, err
	}
	if err := c.UpdateGroup(ctx, changed); err != nil {
		return nil, err
	}
	if want.Visibility == "selected" {
		if err := c.SetGroupRepositories(ctx, changed.ID, ids); err != nil {
			return nil, err
		}
	}
	return want, nil
}

// Delete removes the group; the runners in it fall to GitHub's default group.
func (g *groups) Delete(ctx context.Context, have *Group) error {
	c, err := g.Open()
	if err != nil {
		return err
	}
	all, err := c.Groups(ctx)
	if err != nil {
		return err
	}
	if at := named(all, have.Name); at >= 0 {
		return c.DeleteGroup(ctx, all[at].ID)
	}
	return nil
}

// Find recognizes a group of an unfinished Create by being just as wanted.
func (g *groups) Find(ctx context.Context, want *Group) (*Group, error) {
	got, err := g.byName(ctx, want.Name)
	if err != nil || got == nil {
		return nil, err
	}
	if !slices.Equal(want.Repositories, got.Repositories) || !slices.Equal(want.Workflows, got.Workflows) || want.Visibility != got.Visibility || want.AllowPublic != got.AllowPublic {
		return nil, fmt.Errorf("runner group %q of %s stands and is not what the interrupted run was making; remove it, or forget the attempt with `hostler state rm` and import it as %q", got.Name, got.Owner, got.id())
	}
	return got, nil
}

func (g *groups) byName(ctx context.Context, name string) (*Group, error) {
	c, err := g.Open()
	if err != nil {
		return nil, err
	}
	all, err := c.Groups(ctx)
	if err != nil {
		return nil, err
	}
	at := named(all, name)
	if at < 0 {
		return nil, nil
	}
	return g.group(ctx, c, all[at])
}

// Import reads the group OWNER/NAME.
func (g *groups) Import(ctx context.Context, id string) (*Group, error) {
	_, name, ok := strings.Cut(id, "/")
	if !ok {
		return nil, errors.New("write OWNER/NAME")
	}
	return g.byName(ctx, name)
}

var _ providers.Resolver[Group] = (*groups)(nil)
