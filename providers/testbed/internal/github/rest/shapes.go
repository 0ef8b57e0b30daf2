package rest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/world"
)

// NodeID is a GraphQL ID.
func NodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s%d", kind, id))
}

// User is a simple-user.
func (c *Call) User(login string) M {
	u := c.Root + "/users/" + login
	m := M{
		"login": login, "id": 1, "node_id": NodeID("User", 1), "avatar_url": c.Site + "/avatars/" + login, "gravatar_id": "",
		"url": u, "html_url": c.Site + "/" + login, "type": "User", "site_admin": false,
	}
	if o := c.World.Owner(login); o != nil {
		m["id"], m["node_id"] = o.ID, NodeID("User", o.ID)
		if !o.User {
			m["type"] = "Organization"
		}
	}
	for _, s := range []string{
		"followers", "following{/other_user}", "gists{/gist_id}", "starred{/owner}{/repo}", "subscriptions", "orgs=organizations", "repos",
		"events{/privacy}", "received_events",
	} {
		path, name, ok := strings.Cut(s, "=")
		if !ok {
			name, _, _ = strings.Cut(s, "{")
		}
		m[name+"_url"] = u + "/" + path
	}
	return m
}

// Minimal is a minimal-repository.
func (c *Call) Minimal(r *world.Repo) M {
	u := c.Root + "/repos/" + r.FullName()
	m := M{
		"id": r.ID, "node_id": NodeID("Repository", r.ID), "name": r.Name, "full_name": r.FullName(), "owner": c.User(r.Owner),
		"private": r.Private(), "html_url": c.Site + "/" + r.FullName(), "description": nil, "fork": false, "url": u,
	}
	for _, s := range []string{
		"archive=/{archive_format}{/ref}", "assignees{/user}", "blobs=/git/blobs{/sha}", "branches{/branch}", "collaborators{/collaborator}",
		"comments{/number}", "commits{/sha}", "compare/{base}...{head}", "contents/{+path}", "contributors", "deployments", "downloads",
		"events", "forks", "git_commits=/git/commits{/sha}", "git_refs=/git/refs{/sha}", "git_tags=/git/tags{/sha}", "hooks",
		"issue_comment=/issues/comments{/number}", "issue_events=/issues/events{/number}", "issues{/number}", "keys{/key_id}",
		"labels{/name}", "languages", "merges", "milestones{/number}", "notifications{?since,all,participating}", "pulls{/number}",
		"releases{/id}", "stargazers", "statuses/{sha}", "subscribers", "subscription", "tags", "teams", "trees=/git/trees{/sha}",
	} {
		name, path, ok := strings.Cut(s, "=")
		if !ok {
			name, path = s[:len(s)-len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz_"))], "/"+s
		}
		m[name+"_url"] = u + path
	}
	return m
}

// Full is a full-repository, which is a repository as well.
func (c *Call) Full(r *world.Repo) M {
	m := c.Minimal(r)
	site := c.Site + "/" + r.FullName()
	maps.Copy(m, M{
		"default_branch": r.Default, "visibility": r.Visibility, "archived": r.Archived, "disabled": false, "homepage": nil, "language": nil,
		"license": nil, "forks": 0, "forks_count": 0, "open_issues": 0, "open_issues_count": 0, "stargazers_count": 0, "watchers": 0,
		"watchers_count": 0, "network_count": 0, "subscribers_count": 0, "size": 1, "has_issues": true, "has_projects": true, "has_wiki": true,
		"has_pages": false, "has_downloads": true, "has_discussions": false, "pushed_at": Time(r.Updated), "created_at": Time(r.Created),
		"updated_at": Time(r.Updated), "clone_url": site + ".git", "git_url": "git:" + strings.TrimPrefix(strings.TrimPrefix(site, "https:"), "http:") + ".git",
		"ssh_url": "git@github.com:" + r.FullName() + ".git", "svn_url": site, "mirror_url": nil,
		"permissions": M{"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
	})
	return m
}

// Person is the author of a commit.
func Person(name string, at time.Time) M {
	return M{"name": name, "email": name + "@users.noreply.github.com", "date": Time(at)}
}
