// Package delivery brings files into repositories at GitHub: as a commit to a
// branch, or as one pull request for each repository, which carries all files
// that are under way.
//
// Invariants:
//
//  1. A file that holds something else than expected is never overwritten.
//  2. A branch moves by one commit on top of where it stood; when somebody else
//     moved it meanwhile, all is looked at again.
//  3. The branch of the pull request is one commit on top of the base, made anew
//     whenever the base has moved, as long as nobody else has committed to it;
//     then we commit on top of theirs.
//  4. Reading takes one request for each repository and branch, however many
//     files there are.
//
// Start at Repository.
package delivery

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"hostler/providers/internal/ghapi"
)

// Topic is the branch of our pull requests.
const Topic = "hostler/workflows"

// Repository is one repository and the branch that files go to.
type Repository struct {
	API    *ghapi.Client
	Name   string
	Branch string // the base
	Pull   bool   // by pull request
}

// Standing is how files stand in a repository.
type Standing struct {
	base, topic ghapi.Tree // topic: where a pull request is open
	open        bool
	pull        ghapi.Pull
}

// Look reads how files stand. A repository without the branch is NotFound.
func (r Repository) Look(ctx context.Context) (*Standing, error) {
	head, err := r.API.Head(ctx, r.Name, r.Branch)
	if err != nil {
		return nil, err
	}
	s := &Standing{}
	if s.base, err = r.tree(ctx, head); err != nil {
		return nil, err
	}
	if !r.Pull {
		return s, nil
	}
	if s.pull, s.open, err = r.API.OpenPull(ctx, r.Name, Topic, r.Branch); err != nil || !s.open {
		return s, err
	}
	s.topic, err = r.tree(ctx, s.pull.Commit)
	return s, err
}

func (r Repository) tree(ctx context.Context, commit string) (ghapi.Tree, error) {
	t, err := r.API.TreeOf(ctx, r.Name, commit)
	if err == nil && t.Truncated {
		err = fmt.Errorf("%s has more files than GitHub lists at once; write the workflow into a checkout, with directory", r.Name)
	}
	return t, err
}

// Hash is git's of a file's content.
func Hash(content []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(content)), content...))
	return hex.EncodeToString(sum[:])
}

// File is git's hash of the file as it is, or as an open pull request of ours
// will make it; "" when it is not there.
func (s *Standing) File(path string) string {
	if s.open {
		return s.topic.Blobs[path]
	}
	return s.base.Blobs[path]
}

// Change is one file to be written: from is git's hash of what is expected
// there, "" for nothing. Nil content removes it.
type Change struct {
	Path    string
	From    string
	Content []byte
	Message string
}

// ChangedError is a file that holds something else than was expected.
type ChangedError struct{ Repository, Path string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s in %s was changed after the plan was made; make a new plan, to see what would be lost", e.Path, e.Repository)
}

// tries is how often a branch that others move is tried to be moved.
const tries = 4

// Write makes the change. What stands already as wanted is success.
func (r Repository) Write(ctx context.Context, c Change) error {
	want := ""
	if c.Content != nil {
		want = Hash(c.Content)
	}
	var err error
	for try := range tries {
		var s *Standing
		if s, err = r.Look(ctx); err != nil {
			return err
		}
		if s.File(c.Path) == want {
			return nil
		}
		if have := s.File(c.Path); have != c.From {
			return &ChangedError{r.Name, c.Path}
		}
		if r.Pull {
			err = r.propose(ctx, s, c)
		} else {
			err = r.commit(ctx, s, c)
		}
		if err == nil || ghapi.Status(err) != http.StatusUnprocessableEntity || !strings.Contains(err.Error(), "fast forward") {
			return err
		}
		select { // somebody else was faster
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(try+1) * 100 * time.Millisecond):
		}
	}
	return err
}

// commit puts the change on the branch itself.
func (r Repository) commit(ctx context.Context, s *Standing, c Change) error {
	made, err := r.API.Commit(ctx, r.Name, s.base, c.Message, map[string][]byte{c.Path: c.Content})
	if err != nil {
		return err
	}
	err = r.API.MoveBranch(ctx, r.Name, r.Branch, made, false, false)
	if ghapi.Status(err) == http.StatusUnprocessableEntity && strings.Contains(err.Error(), "pull request") {
		return fmt.Errorf("branch %s of %s takes changes by pull request alone; write delivery = \"pull_request\": %w", r.Branch, r.Name, err)
	}
	return err
}

const trailer = "Hostler-Base: "

// propose puts the change into the pull request, and opens one where there is
// none.
func (r Repository) propose(ctx context.Context, s *Standing, c Change) error {
	files := map[string][]byte{c.Path: c.Content}
	onto, force := s.base, true
	if s.open {
		ours, base, err := r.ours(ctx, s.pull.Commit)
		if err != nil {
			return err
		}
		if !ours {
			onto, force = s.topic, false
		} else if err := r.carry(ctx, s, base, files); err != nil {
			return err
		}
	}
	for p, content := range files {
		have, there := onto.Blobs[p]
		if content == nil && !there || content != nil && have == Hash(content) {
			delete(files, p) // stands so already
		}
	}
	if len(files) == 0 {
		return r.close(ctx, s)
	}
	message := c.Message + "\n\n" + trailer + s.base.Commit
	made, err := r.API.Commit(ctx, r.Name, onto, message, files)
	if err != nil {
		return err
	}
	_, err = r.API.Head(ctx, r.Name, Topic)
	gone := ghapi.NotFound(err)
	if err != nil && !gone {
		return err
	}
	if err := r.API.MoveBranch(ctx, r.Name, Topic, made, gone, force); err != nil {
		return err
	}
	if s.open {
		return nil
	}
	_, err = r.API.CreatePull(ctx, r.Name, ghapi.Pull{
		Title: "Workflow files of hostler", Head: Topic,
		Body: "These workflow files are managed by hostler. Change them in its configuration: edits made here show up in its next plan, and are undone.",
	}, r.Branch)
	return err
}

// close ends a pull request that has nothing left to bring.
func (r Repository) close(ctx context.Context, s *Standing) error {
	if !s.open {
		return nil
	}
	if err := r.API.UpdatePull(ctx, r.Name, s.pull, true); err != nil {
		return err
	}
	return r.API.DeleteBranch(ctx, r.Name, Topic)
}

// Withdraw takes a file out of the pull request, so that it stays as it is on
// the branch.
func (r Repository) Withdraw(ctx context.Context, path string) error {
	r.Pull = true
	s, err := r.Look(ctx)
	if err != nil || !s.open || s.topic.Blobs[path] == s.base.Blobs[path] {
		return err
	}
	c := Change{Path: path, Message: "Leave " + path + " as it is"}
	if have := s.base.Blobs[path]; have != "" {
		if c.Content, err = r.API.Blob(ctx, r.Name, have); err != nil {
			return err
		}
	}
	return r.propose(ctx, s, c)
}

// carry adds to files what the pull request holds beside them: what differs
// from the base that it was made on.
func (r Repository) carry(ctx context.Context, s *Standing, base string, files map[string][]byte) error {
	old, err := r.tree(ctx, base)
	if err != nil {
		return err
	}
	paths := map[string]bool{}
	for p := range s.topic.Blobs {
		paths[p] = true
	}
	for p := range old.Blobs {
		paths[p] = true
	}
	for p := range paths {
		_, replaced := files[p]
		now := s.topic.Blobs[p]
		if replaced || now == old.Blobs[p] || now == s.base.Blobs[p] {
			continue
		}
		if now == "" {
			files[p] = nil
			continue
		}
		if files[p], err = r.API.Blob(ctx, r.Name, now); err != nil {
			return err
		}
		if files[p] == nil {
			files[p] = []byte{}
		}
	}
	return nil
}

// ours reports whether the commit is one that we made, and on what.
func (r Repository) ours(ctx context.Context, commit string) (ours bool, base string, err error) {
	message, parents, err := r.API.CommitOf(ctx, r.Name, commit)
	if err != nil {
		return false, "", err
	}
	for line := range strings.Lines(message) {
		if b, ok := strings.CutPrefix(strings.TrimSpace(line), trailer); ok && slices.Equal(parents, []string{b}) {
			return true, b, nil
		}
	}
	return false, "", nil
}

// Content reads a file by git's hash.
func (r Repository) Content(ctx context.Context, hash string) ([]byte, error) {
	return r.API.Blob(ctx, r.Name, hash)
}

// Gone reports whether the repository, or its branch, is not there.
func Gone(err error) bool { return ghapi.NotFound(err) }

// Refused reports whether nothing was written: GitHub, or what stands there,
// said no.
func Refused(err error) bool { return IsChanged(err) || ghapi.Refused(err) }

// IsChanged reports whether err is a *ChangedError.
func IsChanged(err error) bool {
	var c *ChangedError
	return errors.As(err, &c)
}
