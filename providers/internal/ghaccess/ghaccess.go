// Package ghaccess is the way to GitHub that the configuration describes: the
// block github, and the document that it becomes on the Mac.
//
// Invariants:
//
//  1. GitHub is reached as the configuration says or, where it says nothing any
//     more, as is installed.
//  2. Neither holds a secret, only where one is.
//
// Start at Session.
package ghaccess

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
	"hostler/providers/secret"
)

// File is the document of the block github.
const File = "github.json"

// Access is the block github, and the content of its document.
type Access struct {
	Owner    string     `cty:"owner" json:"owner"`
	APIURL   string     `cty:"api_url" json:"api_url"`
	Token    secret.Ref `cty:"token" json:"token,omitzero"`
	App      *App       `cty:"app" json:"app,omitempty"`
	Document string     `cty:"document" json:"-"`
}

// App is a GitHub App in a token's stead.
type App struct {
	ID             int        `cty:"id" json:"id"`
	InstallationID int        `cty:"installation_id" json:"installation_id,omitempty"`
	PrivateKey     secret.Ref `cty:"private_key" json:"private_key"`
}

// API is the access as the driver wants it.
func (a Access) API() ghapi.Access {
	out := ghapi.Access{URL: a.APIURL, Owner: a.Owner, Token: a.Token}
	if a.App != nil {
		out.App = &ghapi.App{ID: int64(a.App.ID), InstallationID: int64(a.App.InstallationID), PrivateKey: a.App.PrivateKey}
	}
	return out
}

func (a Access) same(b Access) bool {
	x, y := a.API(), b.API()
	if (x.App == nil) != (y.App == nil) || x.App != nil && *x.App != *y.App {
		return false
	}
	x.App, y.App = nil, nil
	return x == y
}

// Of reads the block github.
func Of(v cty.Value) (Access, error) {
	a := Access{Owner: schema.Text(v, "owner"), APIURL: schema.Text(v, "api_url")}
	err := a.Token.UnmarshalText([]byte(schema.Text(v, "token")))
	if app := schema.Part(v, "app"); err == nil && app != cty.NilVal {
		a.App = &App{ID: schema.Number(app, "id"), InstallationID: schema.Number(app, "installation_id")}
		err = a.App.PrivateKey.UnmarshalText([]byte(schema.Text(app, "private_key")))
	}
	return a, err
}

// New is the session of a run.
func New(env providers.Env) *Session {
	return providers.Share(env, func() *Session { return &Session{env: env, mac: machine.Of(env)} })
}

// Session is one run's way to GitHub.
type Session struct {
	env providers.Env
	mac *machine.Machine

	mu     sync.Mutex
	config providers.Lookup
	client *ghapi.Client
	reads  Access // what client reads with
	repos  map[string]ghapi.Repository

	releases func() ([]ghapi.Release, error) // nil: not asked yet
}

// Configure notes the configuration; what was read before counts no more.
func (s *Session) Configure(config providers.Lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config, s.repos, s.releases = config, nil, nil
}

// Sole is the address of the block github.
func Sole() addr.Addr { return addr.New("github", "github") }

// access is how GitHub is reached.
func (s *Session) access() (Access, error) {
	if s.config != nil {
		if v, ok := s.config.Get(Sole()); ok && v.IsWhollyKnown() {
			return Of(v)
		}
	}
	var a Access
	_, err := s.Documents().Store.Read(File, &a)
	if errors.Is(err, fs.ErrNotExist) {
		return a, errors.New("how GitHub is reached is written nowhere; add a block github { owner = \"ORGANIZATION\" }")
	}
	return a, err
}

// Open is the client for the access.
func (s *Session) Open() (*ghapi.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.access()
	if err != nil {
		return nil, err
	}
	if s.client != nil && a.same(s.reads) {
		return s.client, nil
	}
	c, err := ghapi.New(s.mac, s.env.Web, a.API(), time.Now)
	if err == nil {
		s.client, s.reads = c, a
	}
	return c, err
}

// Repository reads a repository once in a run.
func (s *Session) Repository(ctx context.Context, c *ghapi.Client, name string) (ghapi.Repository, error) {
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

// RunnerReleases lists the releases of the runner program once in a run.
func (s *Session) RunnerReleases(ctx context.Context) ([]ghapi.Release, error) {
	s.mu.Lock()
	if s.releases == nil {
		s.releases = sync.OnceValues(func() ([]ghapi.Release, error) {
			c, err := s.Open()
			if err != nil {
				return nil, err
			}
			return c.RunnerReleases(ctx)
		})
	}
	read := s.releases
	s.mu.Unlock()
	return read()
}

// Documents keep the access on the Mac.
func (s *Session) Documents() settings.Documents[Access] {
	return settings.Documents[Access]{
		Store: settings.Store{Mac: s.mac},
		Name:  func(*Access) string { return File },
		Flaw:  func(a *Access) *string { return &a.Document },
		ID:    func(a *Access) string { return a.Owner },
		What:  "access to GitHub",
		Keep:  func(from, to *Access) {},
	}
}
