package auth

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations about who asks.
func Routes() []rest.Route {
	return []rest.Route{
		{Method: "GET", Pattern: "/app", ID: "apps/get-authenticated", Needs: "jwt", Do: getApp},
		{Method: "GET", Pattern: "/app/installations", ID: "apps/list-installations", Needs: "jwt", Do: listInstallations},
		{Method: "GET", Pattern: "/app/installations/{installation_id}", ID: "apps/get-installation", Needs: "jwt", Do: getInstallation},
		{Method: "GET", Pattern: "/orgs/{org}/installation", ID: "apps/get-org-installation", Needs: "jwt", Do: ownerInstallation},
		{Method: "GET", Pattern: "/repos/{owner}/{repo}/installation", ID: "apps/get-repo-installation", Needs: "jwt", Do: ownerInstallation},
		{Method: "GET", Pattern: "/users/{username}/installation", ID: "apps/get-user-installation", Needs: "jwt", Do: ownerInstallation},
		{Method: "POST", Pattern: "/app/installations/{installation_id}/access_tokens", ID: "apps/create-installation-access-token", Needs: "jwt", Do: createToken},
	}
}

func getApp(c *rest.Call) rest.Answer {
	return rest.OK(rest.M{
		"id": c.App.ID, "node_id": rest.NodeID("App", c.App.ID), "slug": c.App.Slug, "owner": c.User(c.App.Owner), "name": c.App.Slug,
		"description": nil, "external_url": c.Site, "html_url": c.Site + "/apps/" + c.App.Slug, "created_at": rest.Time(c.App.Created),
		"updated_at": rest.Time(c.App.Created), "permissions": rest.M{}, "events": []string{},
	})
}

func show(c *rest.Call, i *world.Installation) rest.M {
	selection, kind := "all", "Organization"
	if i.Selected {
		selection = "selected"
	}
	o := c.World.Owner(i.Owner)
	if o.User {
		kind = "User"
	}
	return rest.M{
		"id": i.ID, "account": c.User(i.Owner), "repository_selection": selection, "html_url": c.Site + "/settings/installations",
		"access_tokens_url": c.Root + "/app/installations/access_tokens", "repositories_url": c.Root + "/installation/repositories",
		"app_id": c.App.ID, "app_slug": c.App.Slug, "target_id": o.ID, "target_type": kind, "permissions": i.Permissions, "events": []string{},
		"created_at": rest.Time(i.Created), "updated_at": rest.Time(i.Created), "single_file_name": nil, "suspended_by": nil, "suspended_at": nil,
	}
}

func listInstallations(c *rest.Call) rest.Answer {
	var all []rest.M
	for _, i := range c.App.Installations {
		all = append(all, show(c, i))
	}
	return rest.Page(c, all, "", nil)
}

func installation(c *rest.Call) *world.Installation {
	for _, i := range c.App.Installations {
		if i.ID == c.Number("installation_id") {
			return i
		}
	}
	return nil
}

func getInstallation(c *rest.Call) rest.Answer {
	if i := installation(c); i != nil {
		return rest.OK(show(c, i))
	}
	return rest.NotFound()
}

func ownerInstallation(c *rest.Call) rest.Answer {
	owner := c.Vars["org"] + c.Vars["owner"] + c.Vars["username"]
	for _, i := range c.App.Installations {
		if !strings.EqualFold(i.Owner, owner) {
			continue
		}
		if name := c.Vars["repo"]; name != "" {
			r := c.World.Repo(owner, name)
			if r == nil || i.Selected && !slices.Contains(i.Repos, r.ID) {
				break
			}
		}
		return rest.OK(show(c, i))
	}
	return rest.NotFound()
}

func createToken(c *rest.Call) rest.Answer {
	i := installation(c)
	if i == nil {
		return rest.NotFound()
	}
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if len(c.Body) > 0 {
		if a, ok := c.Read(&in); !ok {
			return a
		}
	}
	t := &world.Token{
		Login: c.App.Slug + "[bot]", Owner: i.Owner, Permissions: maps.Clone(i.Permissions), Repos: slices.Clone(i.Repos), Selected: i.Selected,
		Expires: c.Now.Add(time.Hour), InstallationID: i.ID,
	}
	for _, name := range in.Repositories {
		r := c.World.Repo(i.Owner, name)
		if r == nil {
			return rest.Fail(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
		in.RepositoryIDs = append(in.RepositoryIDs, r.ID)
	}
	for _, id := range in.RepositoryIDs {
		r := c.World.RepoByID(id)
		if r == nil || !strings.EqualFold(r.Owner, i.Owner) || i.Selected && !slices.Contains(i.Repos, id) {
			return rest.Fail(http.StatusUnprocessableEntity, "There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
	}
	if in.RepositoryIDs != nil {
		t.Repos, t.Selected = in.RepositoryIDs, true
	}
	if in.Permissions != nil {
		for name, level := range in.Permissions {
			have := i.Permissions[name]
			if have == "" || level == "write" && have == "read" {
				return rest.Fail(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
			}
		}
		t.Permissions = in.Permissions
	}
	token := NewToken("ghs_")
	t.Hash = Hash(token)
	c.World.Tokens = append(c.World.Tokens, t)
	selection := "all"
	if t.Selected {
		selection = "selected"
	}
	return rest.Created(rest.M{"token": token, "expires_at": rest.Time(t.Expires), "permissions": t.Permissions, "repository_selection": selection})
}
