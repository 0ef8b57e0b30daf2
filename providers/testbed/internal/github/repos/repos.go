// Package repos is a simulated GitHub's repositories and what git keeps in
// them: branches, trees, blobs and commits (git.go), and single files
// (contents.go).
package repos

import (
	"strings"

	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations on repositories.
func Routes() []rest.Route {
	const base = "/repos/{owner}/{repo}"
	return []rest.Route{
		{Method: "GET", Pattern: base, ID: "repos/get", Needs: "metadata:read", Do: with(get)},
		{Method: "GET", Pattern: base + "/collaborators/{username}/permission", ID: "repos/get-collaborator-permission-level", Needs: "metadata:read", Do: with(permission)},
		{Method: "GET", Pattern: base + "/git/ref/{ref...}", ID: "git/get-ref", Needs: "contents:read", Do: with(getRef)},
		{Method: "POST", Pattern: base + "/git/refs", ID: "git/create-ref", Needs: "contents:write", Do: with(createRef)},
		{Method: "PATCH", Pattern: base + "/git/refs/{ref...}", ID: "git/update-ref", Needs: "contents:write", Do: with(updateRef)},
		{Method: "DELETE", Pattern: base + "/git/refs/{ref...}", ID: "git/delete-ref", Needs: "contents:write", Do: with(deleteRef)},
		{Method: "GET", Pattern: base + "/git/trees/{tree_sha}", ID: "git/get-tree", Needs: "contents:read", Do: with(getTree)},
		{Method: "POST", Pattern: base + "/git/trees", ID: "git/create-tree", Needs: "contents:write", Do: with(createTree)},
		{Method: "GET", Pattern: base + "/git/blobs/{file_sha}", ID: "git/get-blob", Needs: "contents:read", Do: with(getBlob)},
		{Method: "POST", Pattern: base + "/git/blobs", ID: "git/create-blob", Needs: "contents:write", Do: with(createBlob)},
		{Method: "POST", Pattern: base + "/git/commits", ID: "git/create-commit", Needs: "contents:write", Do: with(createCommit)},
		{Method: "GET", Pattern: base + "/git/commits/{commit_sha}", ID: "git/get-commit", Needs: "contents:read", Do: with(getCommit)},
		{Method: "GET", Pattern: base + "/contents/{path...}", ID: "repos/get-content", Needs: "contents:read", Do: with(getContent)},
	}
}

func with(do func(*rest.Call, *world.Repo) rest.Answer) func(*rest.Call) rest.Answer {
	return func(c *rest.Call) rest.Answer {
		if r := c.Repo(); r != nil {
			return do(c, r)
		}
		return rest.NotFound()
	}
}

func get(c *rest.Call, r *world.Repo) rest.Answer { return rest.OK(c.Full(r)) }

func permission(c *rest.Call, r *world.Repo) rest.Answer {
	level := "read"
	if strings.EqualFold(c.Vars["username"], r.Owner) {
		level = "admin"
	}
	return rest.OK(rest.M{"permission": level, "role_name": level, "user": nil})
}

// Resolve is the commit of a SHA or of a branch's name, "" for none.
func Resolve(objects git.Objects, r *world.Repo, name string) string {
	if sha := r.Refs["refs/heads/"+name]; sha != "" {
		return sha
	}
	if _, err := objects.Commit(name); err == nil {
		return name
	}
	return ""
}

// FilesAt are the files of a commit or branch, by path.
func FilesAt(objects git.Objects, r *world.Repo, name string) (map[string]git.Entry, error) {
	sha := Resolve(objects, r, name)
	if sha == "" {
		return nil, git.ErrMissing
	}
	commit, err := objects.Commit(sha)
	if err != nil {
		return nil, err
	}
	return objects.Files(commit.Tree)
}
