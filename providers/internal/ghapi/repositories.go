package ghapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v62/github"
)

// Repository is one of the owner's.
type Repository struct {
	ID      int64
	Name    string
	Public  bool
	Default string // branch
}

func repository(r *github.Repository) Repository {
	return Repository{ID: r.GetID(), Name: r.GetName(), Public: !r.GetPrivate() && r.GetVisibility() != "private" && r.GetVisibility() != "internal", Default: r.GetDefaultBranch()}
}

func repositories(list []*github.Repository) []Repository {
	out := make([]Repository, len(list))
	for i, r := range list {
		out[i] = repository(r)
	}
	return out
}

// Repository reads one; one that is gone, or hidden, is NotFound.
func (c *Client) Repository(ctx context.Context, name string) (Repository, error) {
	if err := checkName(name); err != nil {
		return Repository{}, err
	}
	r, _, err := c.gh.Repositories.Get(ctx, c.Org(), name)
	if err != nil {
		return Repository{}, explain(err, needsMetadata, "read the repository %s/%s", c.Org(), name)
	}
	return repository(r), nil
}

// Tree is all files of a commit.
type Tree struct {
	Commit string            // SHA
	SHA    string            // of the tree itself
	Blobs  map[string]string // path -> SHA of its content
	// Truncated: GitHub left some out.
	Truncated bool
}

func (c *Client) repoPath(repo string) (string, error) {
	return "repos/" + c.Org() + "/" + repo, checkName(repo)
}

// checkBranch is for what stands in a path after refs/heads/.
func checkBranch(branch string) error {
	for _, part := range strings.Split(branch, "/") {
		if err := checkName(part); err != nil {
			return fmt.Errorf("%q can't be a branch here: %w", branch, err)
		}
	}
	return nil
}

// Head is the commit that a branch stands at; a branch that is not there is
// NotFound.
func (c *Client) Head(ctx context.Context, repo, branch string) (commit string, err error) {
	path, err := c.repoPath(repo)
	if err == nil {
		err = checkBranch(branch)
	}
	if err != nil {
		return "", err
	}
	var ref struct{ Object struct{ SHA string } }
	err = c.call(ctx, http.MethodGet, path+"/git/ref/heads/"+branch, nil, &ref)
	return ref.Object.SHA, explain(err, needsContents, "read branch %s of %s/%s", branch, c.Org(), repo)
}

// TreeOf reads the names and hashes of all files at a commit or branch: one
// request, however many files.
func (c *Client) TreeOf(ctx context.Context, repo, commit string) (Tree, error) {
	path, err := c.repoPath(repo)
	if err == nil {
		err = checkBranch(commit)
	}
	if err != nil {
		return Tree{}, err
	}
	var got struct {
		SHA       string
		Truncated bool
		Tree      []struct{ Path, Type, SHA string }
	}
	if err := c.call(ctx, http.MethodGet, path+"/git/trees/"+url.PathEscape(commit)+"?recursive=1", nil, &got); err != nil {
		return Tree{}, explain(err, needsContents, "read the files of %s/%s", c.Org(), repo)
	}
	t := Tree{Commit: commit, SHA: got.SHA, Truncated: got.Truncated, Blobs: map[string]string{}}
	for _, e := range got.Tree {
		if e.Type == "blob" {
			t.Blobs[e.Path] = e.SHA
		}
	}
	return t, nil
}

// Blob reads a file's content by its hash.
func (c *Client) Blob(ctx context.Context, repo, sha string) ([]byte, error) {
	path, err := c.repoPath(repo)
	if err == nil {
		err = checkName(sha)
	}
	if err != nil {
		return nil, err
	}
	var got struct{ Content, Encoding string }
	if err := c.call(ctx, http.MethodGet, path+"/git/blobs/"+sha, nil, &got); err != nil {
		return nil, explain(err, needsContents, "read a file of %s/%s", c.Org(), repo)
	}
	if got.Encoding != "base64" {
		return []byte(got.Content), nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(got.Content, "\n", ""))
	if err != nil {
		return nil, &Error{Doing: "read a file of " + c.Org() + "/" + repo, Err: fmt.Errorf("its content can't be read")}
	}
	return data, nil
}

// Commit makes one commit on top of base, with all changes in it: paths to
// content, nil to remove the file. It moves no branch.
func (c *Client) Commit(ctx context.Context, repo string, base Tree, message string, files map[string][]byte) (commit string, err error) {
	path, err := c.repoPath(repo)
	if err != nil {
		return "", err
	}
	doing := fmt.Sprintf("commit to %s/%s", c.Org(), repo)
	type entry struct {
		Path    string  `json:"path"`
		Mode    string  `json:"mode"`
		Type    string  `json:"type"`
		SHA     *string `json:"sha,omitempty"`
		Content *string `json:"content,omitempty"`
	}
	var entries []any
	for name, data := range files {
		if data == nil {
			entries = append(entries, map[string]any{"path": name, "mode": "100644", "type": "blob", "sha": nil})
			continue
		}
		text := string(data)
		entries = append(entries, entry{Path: name, Mode: "100644", Type: "blob", Content: &text})
	}
	var tree, made struct{ SHA string }
	if err := c.call(ctx, http.MethodPost, path+"/git/trees", map[string]any{"base_tree": base.SHA, "tree": entries}, &tree); err != nil {
		return "", explain(err, needsContents, "%s", doing)
	}
	body := map[string]any{"message": message, "tree": tree.SHA, "parents": []string{base.Commit}}
	err = c.call(ctx, http.MethodPost, path+"/git/commits", body, &made)
	return made.SHA, explain(err, needsContents, "%s", doing)
}

// CommitOf reads a commit's message and parents.
func (c *Client) CommitOf(ctx context.Context, repo, sha string) (message string, parents []string, err error) {
	path, err := c.repoPath(repo)
	if err == nil {
		err = checkName(sha)
	}
	if err != nil {
		return "", nil, err
	}
	var got struct {
		Message string
		Parents []struct{ SHA string }
	}
	if err := c.call(ctx, http.MethodGet, path+"/git/commits/"+sha, nil, &got); err != nil {
		return "", nil, explain(err, needsContents, "read a commit of %s/%s", c.Org(), repo)
	}
	for _, p := range got.Parents {
		parents = append(parents, p.SHA)
	}
	return got.Message, parents, nil
}

// MoveBranch sets a branch to a commit that follows its own, or with create
// makes it. A branch that moved meanwhile is Status 422.
func (c *Client) MoveBranch(ctx context.Context, repo, branch, commit string, create, force bool) error {
	path, err := c.repoPath(repo)
	if err == nil {
		err = checkBranch(branch)
	}
	if err != nil {
		return err
	}
	if create {
		err = c.call(ctx, http.MethodPost, path+"/git/refs", map[string]any{"ref": "refs/heads/" + branch, "sha": commit}, nil)
	} else {
		err = c.call(ctx, http.MethodPatch, path+"/git/refs/heads/"+branch, map[string]any{"sha": commit, "force": force}, nil)
	}
	return explain(err, needsContents, "move branch %s of %s/%s", branch, c.Org(), repo)
}

// DeleteBranch removes a branch; one that is gone is success.
func (c *Client) DeleteBranch(ctx context.Context, repo, branch string) error {
	path, err := c.repoPath(repo)
	if err == nil {
		err = checkBranch(branch)
	}
	if err != nil {
		return err
	}
	err = explain(c.call(ctx, http.MethodDelete, path+"/git/refs/heads/"+branch, nil, nil), needsContents, "delete branch %s of %s/%s", branch, c.Org(), repo)
	if NotFound(err) || Status(err) == http.StatusUnprocessableEntity && strings.Contains(err.Error(), "does not exist") {
		return nil
	}
	return err
}
