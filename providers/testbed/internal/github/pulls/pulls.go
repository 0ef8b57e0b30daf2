// Package pulls is a simulated GitHub's pull requests within one repository.
package pulls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/repos"
	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations on pull requests.
func Routes() []rest.Route {
	const base = "/repos/{owner}/{repo}/pulls"
	return []rest.Route{
		{Method: "GET", Pattern: base, ID: "pulls/list", Needs: "pull_requests:read", Do: list},
		{Method: "POST", Pattern: base, ID: "pulls/create", Needs: "pull_requests:write", Do: create},
		{Method: "GET", Pattern: base + "/{pull_number}", ID: "pulls/get", Needs: "pull_requests:read", Do: get},
		{Method: "PATCH", Pattern: base + "/{pull_number}", ID: "pulls/update", Needs: "pull_requests:write", Do: update},
	}
}

func head(r *world.Repo, p *world.Pull) string {
	if sha := r.Refs["refs/heads/"+p.Head]; sha != "" && !p.Closed {
		return sha
	}
	return p.HeadSHA
}

// show is a pull request as lists tell of it; one alone has more.
func show(c *rest.Call, r *world.Repo, p *world.Pull, whole bool) rest.M {
	u, site := c.Root+"/repos/"+r.FullName(), c.Site+"/"+r.FullName()
	self := u + "/pulls/" + strconv.Itoa(p.Number)
	state := "open"
	if p.Closed {
		state = "closed"
	}
	end := func(branch, sha string) rest.M {
		return rest.M{"label": r.Owner + ":" + branch, "ref": branch, "sha": sha, "user": c.User(r.Owner), "repo": c.Full(r)}
	}
	link := func(href string) rest.M { return rest.M{"href": href} }
	m := rest.M{
		"id": p.ID, "node_id": rest.NodeID("PullRequest", p.ID), "number": p.Number, "title": p.Title, "body": p.Body, "state": state, "locked": false,
		"draft": p.Draft, "user": c.User(p.Author), "author_association": "MEMBER", "labels": []any{}, "milestone": nil, "assignee": nil,
		"assignees": []any{}, "requested_reviewers": []any{}, "requested_teams": []any{}, "auto_merge": nil, "active_lock_reason": nil,
		"head": end(p.Head, head(r, p)), "base": end(p.Base, r.Refs["refs/heads/"+p.Base]), "merge_commit_sha": nil,
		"created_at": rest.Time(p.Created), "updated_at": rest.Time(p.Updated), "closed_at": rest.Time(p.ClosedAt), "merged_at": nil,
		"url": self, "html_url": site + "/pull/" + strconv.Itoa(p.Number), "diff_url": site + "/pull/" + strconv.Itoa(p.Number) + ".diff",
		"patch_url": site + "/pull/" + strconv.Itoa(p.Number) + ".patch", "issue_url": u + "/issues/" + strconv.Itoa(p.Number), "commits_url": self + "/commits",
		"review_comments_url": self + "/comments", "review_comment_url": u + "/pulls/comments{/number}", "comments_url": u + "/issues/" + strconv.Itoa(p.Number) + "/comments",
		"statuses_url": u + "/statuses/" + head(r, p),
		"_links": rest.M{
			"self": link(self), "html": link(site), "issue": link(u), "comments": link(u), "review_comments": link(u), "review_comment": link(u),
			"commits": link(u), "statuses": link(u),
		},
	}
	if p.MergeSHA != "" {
		m["merge_commit_sha"], m["merged_at"] = p.MergeSHA, rest.Time(p.ClosedAt)
	}
	if whole {
		for k, v := range map[string]any{
			"merged": p.MergeSHA != "", "mergeable": true, "mergeable_state": "clean", "merged_by": nil, "comments": 0, "review_comments": 0,
			"maintainer_can_modify": false, "commits": 1, "additions": 1, "deletions": 0, "changed_files": 1,
		} {
			m[k] = v
		}
	}
	return m
}

func list(c *rest.Call) rest.Answer {
	r := c.Repo()
	state := c.Query.Get("state")
	if state == "" {
		state = "open"
	}
	var all []rest.M
	for _, p := range c.World.Pulls {
		_, branch, _ := strings.Cut(c.Query.Get("head"), ":")
		base := c.Query.Get("base")
		if p.RepoID != r.ID || state != "all" && p.Closed != (state == "closed") || branch != "" && p.Head != branch || base != "" && p.Base != base {
			continue
		}
		all = append(all, show(c, r, p, false))
	}
	return rest.Page(c, all, "", nil)
}

func create(c *rest.Call) rest.Answer {
	r := c.Repo()
	var in struct {
		Title, Body, Head, Base string
		Draft                   bool
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	in.Head = in.Head[strings.Index(in.Head, ":")+1:]
	from, to := r.Refs["refs/heads/"+in.Head], r.Refs["refs/heads/"+in.Base]
	switch {
	case from == "":
		return rest.Invalid("PullRequest", "head", "invalid", "head is not a branch")
	case to == "":
		return rest.Invalid("PullRequest", "base", "invalid", "base is not a branch")
	}
	if past, err := c.Git.Ancestors(to); err != nil || slices.Contains(past, from) {
		return rest.Invalid("PullRequest", "head", "custom", "No commits between "+in.Base+" and "+in.Head)
	}
	for _, p := range c.World.Pulls {
		if p.RepoID == r.ID && !p.Closed && p.Head == in.Head && p.Base == in.Base {
			return rest.Invalid("PullRequest", "head", "custom", "A pull request already exists for "+r.Owner+":"+in.Head+".")
		}
	}
	r.Numbers++
	p := &world.Pull{
		ID: c.World.ID(), RepoID: r.ID, Number: r.Numbers, Title: in.Title, Body: in.Body, Head: in.Head, Base: in.Base, HeadSHA: from, BaseSHA: to,
		Draft: in.Draft, Author: c.Token.Login, Created: c.Now, Updated: c.Now,
	}
	c.World.Pulls = append(c.World.Pulls, p)
	return rest.Created(show(c, r, p, true))
}

func find(c *rest.Call) (*world.Repo, *world.Pull) {
	r := c.Repo()
	for _, p := range c.World.Pulls {
		if r != nil && p.RepoID == r.ID && int64(p.Number) == c.Number("pull_number") {
			return r, p
		}
	}
	return r, nil
}

func get(c *rest.Call) rest.Answer {
	r, p := find(c)
	if p == nil {
		return rest.NotFound()
	}
	return rest.OK(show(c, r, p, true))
}

func update(c *rest.Call) rest.Answer {
	r, p := find(c)
	if p == nil {
		return rest.NotFound()
	}
	var in struct{ Title, Body, State, Base *string }
	if a, ok := c.Read(&in); !ok {
		return a
	}
	if in.Title != nil {
		p.Title = *in.Title
	}
	if in.Body != nil {
		p.Body = *in.Body
	}
	if in.State != nil && (*in.State == "closed") != p.Closed {
		if p.Closed && p.MergeSHA != "" {
			return rest.Invalid("PullRequest", "state", "invalid", "state cannot be changed. The pull request has been merged.")
		}
		if p.Closed = *in.State == "closed"; p.Closed {
			p.HeadSHA, p.ClosedAt = r.Refs["refs/heads/"+p.Head], c.Now
		}
	}
	p.Updated = c.Now
	return rest.OK(show(c, r, p, true))
}

// Merge merges a pull request as a person does in the browser, with a merge
// commit: files that the branch changed since it left the base are taken.
func Merge(w *world.World, objects git.Objects, now time.Time, r *world.Repo, number int) error {
	for _, p := range w.Pulls {
		if p.RepoID != r.ID || p.Number != number || p.Closed {
			continue
		}
		from, to := r.Refs["refs/heads/"+p.Head], r.Refs["refs/heads/"+p.Base]
		root, err := objects.MergeBase(from, to)
		if err != nil {
			return err
		}
		old, err := repos.FilesAt(objects, r, root)
		if err != nil {
			return err
		}
		theirs, err := repos.FilesAt(objects, r, from)
		if err != nil {
			return err
		}
		ours, err := repos.FilesAt(objects, r, to)
		if err != nil {
			return err
		}
		for _, name := range git.Changed(old, theirs) {
			if e, ok := theirs[name]; ok {
				ours[name] = e
			} else {
				delete(ours, name)
			}
		}
		tree, err := objects.PutFiles(ours)
		if err != nil {
			return err
		}
		k, err := objects.PutCommit(git.Commit{Tree: tree, Parents: []string{to, from}, Author: "somebody", Time: now, Message: "Merge pull request"})
		if err != nil {
			return err
		}
		p.HeadSHA, p.Closed, p.ClosedAt, p.MergeSHA, p.MergedBy = from, true, now, k.SHA, "somebody"
		r.Refs["refs/heads/"+p.Base] = k.SHA
		return nil
	}
	return fmt.Errorf("%s has no open pull request %d", r.FullName(), number)
}
