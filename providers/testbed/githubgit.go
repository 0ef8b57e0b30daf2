package testbed

import (
	"errors"
	"fmt"
	"strings"

	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/pulls"
	"hostler/providers/testbed/internal/github/repos"
	"hostler/providers/testbed/internal/github/world"
)

// AddRepository adds OWNER/NAME with files on its branch main. Visibility is
// private, public or internal.
func (g *GitHub) AddRepository(fullName, visibility string, files map[string]string) error {
	org, name, ok := strings.Cut(fullName, "/")
	if !ok {
		return fmt.Errorf("%q is not OWNER/NAME", fullName)
	}
	commit, err := g.commit("", "begin", func(all map[string]git.Entry) error {
		return g.write(all, files)
	})
	if err != nil {
		return err
	}
	return g.change(func(w *world.World) error {
		owner(w, org, g.now())
		if w.Repo(org, name) != nil {
			return nil
		}
		w.Repos = append(w.Repos, &world.Repo{
			ID: w.ID(), Owner: org, Name: name, Visibility: visibility, Default: "main",
			Refs: map[string]string{"refs/heads/main": commit}, Created: g.now(), Updated: g.now(),
		})
		return nil
	})
}

func (g *GitHub) write(all map[string]git.Entry, files map[string]string) error {
	for p, text := range files {
		sha, err := g.objects().PutBlob([]byte(text))
		if err != nil {
			return err
		}
		all[p] = git.Entry{Mode: "100644", SHA: sha}
	}
	return nil
}

func (g *GitHub) commit(parent, message string, change func(map[string]git.Entry) error) (string, error) {
	all, parents := map[string]git.Entry{}, []string(nil)
	if parent != "" {
		k, err := g.objects().Commit(parent)
		if err != nil {
			return "", err
		}
		if all, err = g.objects().Files(k.Tree); err != nil {
			return "", err
		}
		parents = []string{parent}
	}
	if err := change(all); err != nil {
		return "", err
	}
	tree, err := g.objects().PutFiles(all)
	if err != nil {
		return "", err
	}
	k, err := g.objects().PutCommit(git.Commit{Tree: tree, Parents: parents, Author: "somebody", Time: g.now(), Message: message})
	return k.SHA, err
}

// repo finds OWNER/NAME.
func repo(w *world.World, fullName string) (*world.Repo, error) {
	org, name, _ := strings.Cut(fullName, "/")
	if r := w.Repo(org, name); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("there is no repository %s", fullName)
}

// Edit changes files on a branch as a person does; "" removes a file.
func (g *GitHub) Edit(fullName, branch string, files map[string]string) error {
	return g.change(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err != nil {
			return err
		}
		ref := "refs/heads/" + branch
		r.Refs[ref], err = g.commit(r.Refs[ref], "a person's edit", func(all map[string]git.Entry) error {
			for p, text := range files {
				if text == "" {
					delete(all, p)
				} else if err := g.write(all, map[string]string{p: text}); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
}

// Files are those of a branch, nil if there is no such branch.
func (g *GitHub) Files(fullName, branch string) (out map[string]string, err error) {
	err = g.look(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err != nil {
			return err
		}
		files, err := repos.FilesAt(g.objects(), r, branch)
		if errors.Is(err, git.ErrMissing) {
			return nil
		}
		out = map[string]string{}
		for p, e := range files {
			data, err := g.objects().Blob(e.SHA)
			if err != nil {
				return err
			}
			out[p] = string(data)
		}
		return err
	})
	return out, err
}

// Protect lets no push onto a branch any more.
func (g *GitHub) Protect(fullName, branch string) error {
	return g.change(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err == nil {
			r.Protected = append(r.Protected, branch)
		}
		return err
	})
}

// Pulls are the pull requests of a repository.
func (g *GitHub) Pulls(fullName string) (out []GitHubPull, err error) {
	err = g.look(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err != nil {
			return err
		}
		for _, p := range w.Pulls {
			if p.RepoID == r.ID {
				out = append(out, *p)
			}
		}
		return nil
	})
	return out, err
}

// ClosePull closes a pull request without merging it.
func (g *GitHub) ClosePull(fullName string, number int) error {
	return g.change(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err != nil {
			return err
		}
		for _, p := range w.Pulls {
			if p.RepoID == r.ID && p.Number == number && !p.Closed {
				p.Closed, p.HeadSHA = true, r.Refs["refs/heads/"+p.Head]
				return nil
			}
		}
		return fmt.Errorf("%s has no open pull request %d", fullName, number)
	})
}

// Merge merges a pull request.
func (g *GitHub) Merge(fullName string, number int) error {
	return g.change(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err != nil {
			return err
		}
		return pulls.Merge(w, g.objects(), g.now(), r, number)
	})
}

// RepositoryID is the number of OWNER/NAME.
func (g *GitHub) RepositoryID(fullName string) (id int64, err error) {
	err = g.look(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err == nil {
			id = r.ID
		}
		return err
	})
	return id, err
}
