// Package github owns what is at GitHub: how it is reached (the block github),
// runner groups and Actions secrets.
//
// Invariants:
//
//  1. The block github is data, and the document github.json on the Mac, which
//     the runtime reads. It holds references to secrets, never one.
//  2. How GitHub is reached is what the configuration says or, where it says
//     nothing any more, what is installed.
//  3. Reading many objects takes one listing for each owner or repository.
//  4. A secret's value leaves this Mac sealed for GitHub, and nothing that is
//     kept of it helps to guess it.
//  5. What was not made here, or changed since, is never overwritten unseen.
//
// Start at session, then access.go, group.go and secret.go, a block type each.
package github

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
)

// New is the provider of github, runner_group and secret.
func New(env providers.Env) *providers.Provider {
	s := &session{env: env, mac: machine.Local(env.Root, env.Environ)}
	access := &accesses{s.documents(), s}
	return &providers.Provider{Name: "github", Types: []*providers.Type{
		providers.NewType(providers.Def[Access]{Schema: accessBlock(), CRUD: access, ID: access.ID}),
		providers.NewType(providers.Def[Group]{Schema: groupBlock(), CRUD: &groups{s}, ID: (*Group).id}),
		providers.NewType(providers.Def[Secret]{Schema: secretBlock(), CRUD: &secrets{session: s}, ID: (*Secret).id}),
	}}
}

// session is one run's way to GitHub.
type session struct {
	env providers.Env
	mac *machine.Machine

	mu     sync.Mutex
	config providers.Lookup
	client *ghapi.Client
	reads  Access // what client reads with
	repos  map[string]ghapi.Repository
}

// Configure notes the configuration; what was read before counts no more.
func (s *session) Configure(config providers.Lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config, s.repos = config, nil
}

// sole is the address of the block github.
func sole() addr.Addr { return addr.New("github", "github") }

// access is how GitHub is reached.
func (s *session) access() (Access, error) {
	if s.config != nil {
		if v, ok := s.config.Get(sole()); ok && v.IsWhollyKnown() {
			return accessOf(v)
		}
	}
	var a Access
	_, err := s.documents().Store.Read(accessFile, &a)
	if errors.Is(err, fs.ErrNotExist) {
		return a, errors.New("how GitHub is reached is written nowhere; add a block github { owner = \"ORGANIZATION\" }")
	}
	return a, err
}

// open is the client for the access.
func (s *session) open() (*ghapi.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.access()
	if err != nil {
		return nil, err
	}
	if s.client != nil && a.same(s.reads) {
		return s.client, nil
	}
	c, err := ghapi.New(s.mac, s.env.Web, a.api(), time.Now)
	if err == nil {
		s.client, s.reads = c, a
	}
	return c, err
}

// repository reads a repository once in a run.
func (s *session) repository(ctx context.Context, c *ghapi.Client, name string) (ghapi.Repository, error) {
	s.mu.Lock()
	r, ok := s.repos[name]
	s.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := c.Repository(ctx, name)
	if err != nil {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repos == nil {
		s.repos = map[string]ghapi.Repository{}
	}
	s.repos[name] = r
	return r, nil
}

func (s *session) documents() settings.Documents[Access] {
	return settings.Documents[Access]{
		Store: settings.Store{Mac: s.mac},
		Name:  func(*Access) string { return accessFile },
		Flaw:  func(a *Access) *string { return &a.Document },
		ID:    func(a *Access) string { return a.Owner },
		What:  "access to GitHub",
		Keep:  func(from, to *Access) {},
	}
}

// elements names the place of an element of a list in errors.
func elements(attr string, i int) cty.Path { return cty.GetAttrPath(attr).IndexInt(i) }
