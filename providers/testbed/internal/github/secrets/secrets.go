// Package secrets is a simulated GitHub's Actions secrets. Values are sealed
// with real keys, and only Open reads them.
package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/nacl/box"

	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations on secrets.
func Routes() []rest.Route {
	var all []rest.Route
	for _, s := range []struct{ root, needs, kind string }{
		{"/orgs/{org}", "organization_secrets", "org"}, {"/repos/{owner}/{repo}", "secrets", "repo"},
	} {
		base := s.root + "/actions/secrets"
		read, write := s.needs+":read", s.needs+":write"
		all = append(all,
			rest.Route{Method: "GET", Pattern: base, ID: "actions/list-" + s.kind + "-secrets", Needs: read, Do: list},
			rest.Route{Method: "GET", Pattern: base + "/public-key", ID: "actions/get-" + s.kind + "-public-key", Needs: read, Do: key},
			rest.Route{Method: "GET", Pattern: base + "/{secret_name}", ID: "actions/get-" + s.kind + "-secret", Needs: read, Do: get},
			rest.Route{Method: "PUT", Pattern: base + "/{secret_name}", ID: "actions/create-or-update-" + s.kind + "-secret", Needs: write, Do: put},
			rest.Route{Method: "DELETE", Pattern: base + "/{secret_name}", ID: "actions/delete-" + s.kind + "-secret", Needs: write, Do: remove},
		)
	}
	return append(all, rest.Route{Method: "GET", Pattern: "/orgs/{org}/actions/secrets/{secret_name}/repositories", ID: "actions/list-selected-repos-for-org-secret", Needs: "organization_secrets:read", Do: repositories})
}

func find(w *world.World, scope, name string) *world.Secret {
	for _, s := range w.Secrets {
		if strings.EqualFold(s.Scope, scope) && strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

func show(c *rest.Call, s *world.Secret) rest.M {
	m := rest.M{"name": s.Name, "created_at": rest.Time(s.Created), "updated_at": rest.Time(s.Updated)}
	if !strings.Contains(s.Scope, "/") {
		m["visibility"] = s.Visibility
		if s.Visibility == "selected" {
			m["selected_repositories_url"] = c.Root + "/orgs/" + s.Scope + "/actions/secrets/" + s.Name + "/repositories"
		}
	}
	return m
}

func list(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	var all []rest.M
	for _, s := range c.World.Secrets {
		if strings.EqualFold(s.Scope, scope) {
			all = append(all, show(c, s))
		}
	}
	return rest.Page(c, all, "secrets", nil)
}

func seal(w *world.World, scope string) (*world.Seal, error) {
	if s := w.Keys[scope]; s != nil {
		return s, nil
	}
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	s := &world.Seal{ID: fmt.Sprint(w.ID()), Public: public[:], Private: private[:]}
	w.Keys[scope] = s
	return s, nil
}

func key(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	s, err := seal(c.World, scope)
	if err != nil {
		return rest.Fail(http.StatusInternalServerError, "%v", err)
	}
	return rest.OK(rest.M{"key_id": s.ID, "key": base64.StdEncoding.EncodeToString(s.Public)})
}

func get(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	if s := find(c.World, scope, c.Vars["secret_name"]); s != nil {
		return rest.OK(show(c, s))
	}
	return rest.NotFound()
}

func put(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	name := strings.ToUpper(c.Vars["secret_name"])
	var in struct {
		Value      string  `json:"encrypted_value"`
		Key        string  `json:"key_id"`
		Visibility string  `json:"visibility"`
		Repos      []int64 `json:"selected_repository_ids"`
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	key, err := seal(c.World, scope)
	if err != nil {
		return rest.Fail(http.StatusInternalServerError, "%v", err)
	}
	sealed, err := base64.StdEncoding.DecodeString(in.Value)
	s := &world.Secret{Scope: scope, Name: name, Sealed: sealed, Visibility: in.Visibility, Repos: in.Repos, Created: c.Now, Updated: c.Now}
	switch {
	case !regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`).MatchString(name) || strings.HasPrefix(name, "GITHUB_"):
		return rest.Fail(http.StatusUnprocessableEntity, "Secret names can only contain alphanumeric characters and underscores, must not start with GITHUB_ or a number")
	case err != nil || in.Key != key.ID:
		return rest.Fail(http.StatusUnprocessableEntity, "The key_id or encrypted_value is not valid")
	}
	if _, err := open(key, s); err != nil {
		return rest.Fail(http.StatusUnprocessableEntity, "%v", err)
	}
	if old := find(c.World, scope, name); old != nil {
		s.Created = old.Created
		*old = *s
		return rest.NoContent()
	}
	c.World.Secrets = append(c.World.Secrets, s)
	return rest.Answer{Status: http.StatusCreated, Body: rest.M{}}
}

func remove(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	s := find(c.World, scope, c.Vars["secret_name"])
	if s == nil {
		return rest.NotFound()
	}
	c.World.Secrets = slices.DeleteFunc(c.World.Secrets, func(o *world.Secret) bool { return o == s })
	return rest.NoContent()
}

func repositories(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	s := find(c.World, scope, c.Vars["secret_name"])
	if s == nil {
		return rest.NotFound()
	}
	var all []rest.M
	for _, id := range s.Repos {
		if r := c.World.RepoByID(id); r != nil {
			all = append(all, c.Minimal(r))
		}
	}
	return rest.Page(c, all, "repositories", nil)
}

func open(key *world.Seal, s *world.Secret) (string, error) {
	value, ok := box.OpenAnonymous(nil, s.Sealed, (*[32]byte)(key.Public), (*[32]byte)(key.Private))
	if !ok {
		return "", errors.New("the value was not sealed for this key")
	}
	return string(value), nil
}

// Set sets a secret without a request.
func Set(w *world.World, now time.Time, scope, name, value string) error {
	key, err := seal(w, scope)
	if err != nil {
		return err
	}
	sealed, err := box.SealAnonymous(nil, []byte(value), (*[32]byte)(key.Public), rand.Reader)
	if err != nil {
		return err
	}
	s := &world.Secret{Scope: scope, Name: name, Sealed: sealed, Created: now, Updated: now}
	if old := find(w, scope, name); old != nil {
		*old = *s
		return nil
	}
	w.Secrets = append(w.Secrets, s)
	return nil
}

// Open is a secret's value, which the API never tells.
func Open(w *world.World, s *world.Secret) (string, error) {
	key := w.Keys[s.Scope]
	if key == nil {
		return "", errors.New("no key was ever handed out")
	}
	return open(key, s)
}
