package repos

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"

	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

func showRef(c *rest.Call, r *world.Repo, ref string) rest.M {
	base := c.Root + "/repos/" + r.FullName() + "/git/"
	return rest.M{
		"ref": ref, "node_id": rest.NodeID("Ref", r.ID), "url": base + ref,
		"object": rest.M{"type": "commit", "sha": r.Refs[ref], "url": base + "commits/" + r.Refs[ref]},
	}
}

func getRef(c *rest.Call, r *world.Repo) rest.Answer {
	ref := "refs/" + c.Vars["ref"]
	if r.Refs[ref] == "" {
		return rest.NotFound()
	}
	return rest.OK(showRef(c, r, ref))
}

func createRef(c *rest.Call, r *world.Repo) rest.Answer {
	var in struct{ Ref, SHA string }
	if a, ok := c.Read(&in); !ok {
		return a
	}
	switch {
	case !strings.HasPrefix(in.Ref, "refs/heads/") || in.Ref == "refs/heads/":
		return rest.Fail(http.StatusUnprocessableEntity, "Reference name must start with 'refs/' and have at least two slashes")
	case r.Refs[in.Ref] != "":
		return rest.Fail(http.StatusUnprocessableEntity, "Reference already exists")
	}
	if _, err := c.Git.Commit(in.SHA); err != nil {
		return rest.Fail(http.StatusUnprocessableEntity, "Object does not exist")
	}
	r.Refs[in.Ref], r.Updated = in.SHA, c.Now
	return rest.Created(showRef(c, r, in.Ref))
}

func updateRef(c *rest.Call, r *world.Repo) rest.Answer {
	ref := "refs/" + c.Vars["ref"]
	var in struct {
		SHA   string
		Force bool
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	have := r.Refs[ref]
	if have == "" {
		return rest.Fail(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	past, err := c.Git.Ancestors(in.SHA)
	switch {
	case err != nil:
		return rest.Fail(http.StatusUnprocessableEntity, "Object does not exist")
	case slices.Contains(r.Protected, strings.TrimPrefix(ref, "refs/heads/")):
		return rest.Fail(http.StatusUnprocessableEntity, "Changes must be made through a pull request.")
	case !slices.Contains(past, have) && !in.Force:
		return rest.Fail(http.StatusUnprocessableEntity, "Update is not a fast forward")
	}
	if refused, a := workflows(c, r, have, in.SHA); refused {
		return a
	}
	r.Refs[ref], r.Updated = in.SHA, c.Now
	return rest.OK(showRef(c, r, ref))
}

// workflows refuses a change of workflow files by who may not make one.
func workflows(c *rest.Call, r *world.Repo, from, to string) (bool, rest.Answer) {
	if c.Token.May("workflows", true) {
		return false, rest.Answer{}
	}
	old, err := FilesAt(c.Git, r, from)
	now, err2 := FilesAt(c.Git, r, to)
	if err != nil || err2 != nil {
		return true, rest.NotFound()
	}
	for _, p := range git.Changed(old, now) {
		if strings.HasPrefix(p, ".github/workflows/") {
			return true, rest.Fail(http.StatusForbidden, "refusing to allow a token to create or update workflow `%s` without `workflows` permission", p)
		}
	}
	return false, rest.Answer{}
}

func deleteRef(c *rest.Call, r *world.Repo) rest.Answer {
	ref := "refs/" + c.Vars["ref"]
	if r.Refs[ref] == "" {
		return rest.Fail(http.StatusUnprocessableEntity, "Reference does not exist")
	}
	delete(r.Refs, ref)
	return rest.NoContent()
}

func showTree(c *rest.Call, r *world.Repo, sha string, deep bool) rest.Answer {
	base := c.Root + "/repos/" + r.FullName() + "/git/"
	entries := map[string]git.Entry{}
	var walk func(prefix, sha string) error
	walk = func(prefix, sha string) error {
		level, err := c.Git.Tree(sha)
		if err != nil {
			return err
		}
		for name, e := range level {
			entries[prefix+name] = e
			if e.IsTree() && deep {
				if err := walk(prefix+name+"/", e.SHA); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk("", sha); err != nil {
		return rest.NotFound()
	}
	list := []rest.M{}
	for _, p := range slices.Sorted(maps.Keys(entries)) {
		e := entries[p]
		m := rest.M{"path": p, "mode": e.Mode, "type": "blob", "sha": e.SHA, "size": 0, "url": base + "blobs/" + e.SHA}
		if e.IsTree() {
			delete(m, "size")
			m["type"], m["url"] = "tree", base+"trees/"+e.SHA
		} else if data, err := c.Git.Blob(e.SHA); err == nil {
			m["size"] = len(data)
		}
		list = append(list, m)
	}
	return rest.OK(rest.M{"sha": sha, "url": base + "trees/" + sha, "truncated": false, "tree": list})
}

func getTree(c *rest.Call, r *world.Repo) rest.Answer {
	sha := c.Vars["tree_sha"]
	if commit := Resolve(c.Git, r, sha); commit != "" {
		if got, err := c.Git.Commit(commit); err == nil {
			sha = got.Tree
		}
	}
	return showTree(c, r, sha, c.Query.Get("recursive") != "")
}

func createTree(c *rest.Call, r *world.Repo) rest.Answer {
	var in struct {
		Base string `json:"base_tree"`
		Tree []struct {
			Path, Mode, Type string
			SHA, Content     *string
		}
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	files := map[string]git.Entry{}
	if in.Base != "" {
		base := in.Base
		if commit, err := c.Git.Commit(base); err == nil {
			base = commit.Tree
		}
		var err error
		if files, err = c.Git.Files(base); err != nil {
			return rest.Fail(http.StatusUnprocessableEntity, "base_tree is not a valid tree oid")
		}
	}
	for _, e := range in.Tree {
		switch {
		case e.Path == "" || strings.HasPrefix(e.Path, "/") || strings.Contains(e.Path, ".."):
			return rest.Fail(http.StatusUnprocessableEntity, "tree.path contains a malformed path component")
		case e.Content != nil:
			sha, err := c.Git.PutBlob([]byte(*e.Content))
			if err != nil {
				return rest.Fail(http.StatusInternalServerError, "%v", err)
			}
			files[e.Path] = git.Entry{Mode: e.Mode, SHA: sha}
		case e.SHA != nil:
			if _, err := c.Git.Blob(*e.SHA); err != nil {
				return rest.Fail(http.StatusUnprocessableEntity, "tree.sha %s is not a valid object", *e.SHA)
			}
			files[e.Path] = git.Entry{Mode: e.Mode, SHA: *e.SHA}
		default:
			if _, ok := files[e.Path]; !ok {
				return rest.Fail(http.StatusUnprocessableEntity, "GitRPC::BadObjectState")
			}
			delete(files, e.Path)
		}
	}
	sha, err := c.Git.PutFiles(files)
	if err != nil {
		return rest.Fail(http.StatusInternalServerError, "%v", err)
	}
	a := showTree(c, r, sha, false)
	a.Status = http.StatusCreated
	return a
}

func getBlob(c *rest.Call, r *world.Repo) rest.Answer {
	data, err := c.Git.Blob(c.Vars["file_sha"])
	if err != nil {
		return rest.NotFound()
	}
	sha := c.Vars["file_sha"]
	return rest.OK(rest.M{
		"sha": sha, "node_id": rest.NodeID("Blob", r.ID), "size": len(data), "encoding": "base64", "content": base64.StdEncoding.EncodeToString(data),
		"url": c.Root + "/repos/" + r.FullName() + "/git/blobs/" + sha,
	})
}

func createBlob(c *rest.Call, r *world.Repo) rest.Answer {
	var in struct{ Content, Encoding string }
	if a, ok := c.Read(&in); !ok {
		return a
	}
	data := []byte(in.Content)
	if in.Encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(in.Content); err != nil {
			return rest.Fail(http.StatusUnprocessableEntity, "content is not base64")
		}
	}
	sha, err := c.Git.PutBlob(data)
	if err != nil {
		return rest.Fail(http.StatusInternalServerError, "%v", err)
	}
	return rest.Created(rest.M{"sha": sha, "url": c.Root + "/repos/" + r.FullName() + "/git/blobs/" + sha})
}

func showCommit(c *rest.Call, r *world.Repo, k git.Commit) rest.M {
	base := c.Root + "/repos/" + r.FullName() + "/git/"
	parents := []rest.M{}
	for _, p := range k.Parents {
		parents = append(parents, rest.M{"sha": p, "url": base + "commits/" + p, "html_url": c.Site + "/" + r.FullName() + "/commit/" + p})
	}
	return rest.M{
		"sha": k.SHA, "node_id": rest.NodeID("Commit", r.ID), "url": base + "commits/" + k.SHA, "html_url": c.Site + "/" + r.FullName() + "/commit/" + k.SHA,
		"author": rest.Person(k.Author, k.Time), "committer": rest.Person(k.Author, k.Time), "message": k.Message, "parents": parents,
		"tree":         rest.M{"sha": k.Tree, "url": base + "trees/" + k.Tree},
		"verification": rest.M{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
	}
}

func createCommit(c *rest.Call, r *world.Repo) rest.Answer {
	var in struct {
		Message, Tree string
		Parents       []string
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	if _, err := c.Git.Tree(in.Tree); err != nil {
		return rest.Fail(http.StatusUnprocessableEntity, "Tree SHA does not exist")
	}
	for _, p := range in.Parents {
		if _, err := c.Git.Commit(p); err != nil {
			return rest.Fail(http.StatusUnprocessableEntity, "Parent SHA does not exist or is not a commit object")
		}
	}
	k, err := c.Git.PutCommit(git.Commit{Tree: in.Tree, Parents: in.Parents, Author: c.Token.Login, Time: c.Now, Message: in.Message})
	if err != nil {
		return rest.Fail(http.StatusInternalServerError, "%v", err)
	}
	return rest.Created(showCommit(c, r, k))
}

func getCommit(c *rest.Call, r *world.Repo) rest.Answer {
	k, err := c.Git.Commit(c.Vars["commit_sha"])
	if err != nil {
		return rest.NotFound()
	}
	return rest.OK(showCommit(c, r, k))
}

func getContent(c *rest.Call, r *world.Repo) rest.Answer {
	ref := c.Query.Get("ref")
	if ref == "" {
		ref = r.Default
	}
	files, err := FilesAt(c.Git, r, ref)
	e, ok := files[c.Vars["path"]]
	if err != nil || !ok {
		return rest.NotFound()
	}
	data, err := c.Git.Blob(e.SHA)
	if err != nil {
		return rest.Fail(http.StatusInternalServerError, "%v", err)
	}
	p, base := c.Vars["path"], c.Root+"/repos/"+r.FullName()
	self := base + "/contents/" + p
	return rest.OK(rest.M{
		"type": "file", "encoding": "base64", "size": len(data), "name": p[strings.LastIndex(p, "/")+1:], "path": p, "sha": e.SHA,
		"content": base64.StdEncoding.EncodeToString(data), "url": self, "git_url": base + "/git/blobs/" + e.SHA,
		"html_url": c.Site + "/" + r.FullName() + "/blob/" + ref + "/" + p, "download_url": nil,
		"_links": rest.M{"self": self, "git": base + "/git/blobs/" + e.SHA, "html": c.Site + "/" + r.FullName()},
	})
}
