package testbed

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"hostler/providers/testbed/internal/github/auth"
	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/server"
	"hostler/providers/testbed/internal/github/world"
)

// Names of what a simulated GitHub holds.
type (
	// GitHubFault is something that goes wrong with requests to GitHub.
	GitHubFault = server.Fault
	// GitHubRequest is one line of its log.
	GitHubRequest = server.Request
	// GitHubRunner is a runner as it stands there.
	GitHubRunner = world.Runner
	// GitHubLabel is one of a runner's labels.
	GitHubLabel = world.Label
	// GitHubGroup is a runner group.
	GitHubGroup = world.Group
	// GitHubJob is a job of a run.
	GitHubJob = world.Job
	// GitHubPull is a pull request.
	GitHubPull = world.Pull
)

// The kinds of GitHubFault.
const (
	PrimaryLimit   = server.Primary
	SecondaryLimit = server.Secondary
	TooMany        = server.TooMany
	Unavailable    = server.Unavailable
	ResetBefore    = server.ResetBefore
	ResetAfter     = server.ResetAfter
	Slow           = server.Slow
	Truncated      = server.Truncated
	Lie            = server.Lie
	Stale          = server.Stale
)

// GitHubToken may do everything with every owner of a simulated GitHub.
const GitHubToken = "ghp_simulated0000000000000000000000000000"

// GitHub is a simulated GitHub, kept in a folder: several processes may open
// it. It stands for whatever host requests are for.
type GitHub struct {
	folder *world.Folder
	server *server.Server
	dir    string
}

// GitHub is the one that this Mac sees.
func (m *Mac) GitHub() (*GitHub, error) { return OpenGitHub(filepath.Join(m.Dir(), "github")) }

// OpenGitHub opens the GitHub in dir. A new one has GitHubToken, an
// organization for each owner that a repository is added for, and the runner
// program for Macs.
func OpenGitHub(dir string) (*GitHub, error) {
	f, err := world.Open(dir)
	if err != nil {
		return nil, err
	}
	g := &GitHub{folder: f, server: server.New(f), dir: dir}
	fresh := false
	err = g.change(func(w *world.World) error {
		if fresh = len(w.Tokens) == 0; fresh {
			w.Tokens = append(w.Tokens, &world.Token{Hash: auth.Hash(GitHubToken), Login: "hostler-admin", All: true})
		}
		return nil
	})
	if err == nil && fresh {
		err = g.offer(world.FirstRelease.Version)
	}
	return g, err
}

// change changes the world as nobody's request does.
func (g *GitHub) change(do func(*world.World) error) error {
	return g.folder.Exchange(func(b *world.Books) (bool, error) { return true, do(b.World) })
}

func (g *GitHub) look(do func(*world.World) error) error {
	return g.folder.Exchange(func(b *world.Books) (bool, error) { return false, do(b.World) })
}

func (g *GitHub) objects() git.Objects { return git.Objects(g.folder.Objects()) }
func (g *GitHub) now() time.Time       { return time.Now().UTC().Truncate(time.Second) }

// Handler answers requests to the API.
func (g *GitHub) Handler() http.Handler { return g.server }

// RoundTripper answers requests in this process.
func (g *GitHub) RoundTripper() http.RoundTripper { return Carry(g.server) }

// Carry carries requests for any host to a handler in this process.
func Carry(h http.Handler) http.RoundTripper { return server.Transport{Handler: h} }

// Serve serves the API on this machine, at the address that a GHES has.
func (g *GitHub) Serve() (url string, stop func(), err error) { return serve(g.server) }

func serve(h http.Handler) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	return "http://" + l.Addr().String() + "/api/v3/", func() { s.Close() }, nil
}

// SetClock moves GitHub's clock away from this machine's.
func (g *GitHub) SetClock(ahead time.Duration) error {
	return g.change(func(w *world.World) error { w.Offset = ahead; return nil })
}

// Inject lets something go wrong; Heal ends all of that.
func (g *GitHub) Inject(f GitHubFault) error { return g.server.Inject(f) }

// Heal removes all faults.
func (g *GitHub) Heal() error { return g.server.Heal() }

// Requests are those that were answered, in order.
func (g *GitHub) Requests() ([]GitHubRequest, error) {
	lines, err := g.folder.Lines()
	if err != nil {
		return nil, err
	}
	var all []GitHubRequest
	for _, l := range lines {
		var r GitHubRequest
		if err := json.Unmarshal(l, &r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// ResetRequests forgets them.
func (g *GitHub) ResetRequests() error { return g.folder.ClearLog() }

// AddOwner adds an organization, with its default runner group.
func (g *GitHub) AddOwner(login string) error {
	return g.change(func(w *world.World) error { owner(w, login, g.now()); return nil })
}

func owner(w *world.World, login string, now time.Time) {
	if w.Owner(login) != nil {
		return
	}
	w.Owners = append(w.Owners, &world.Owner{ID: w.ID(), Login: login, Created: now})
	w.Groups = append(w.Groups, &world.Group{ID: 1, Org: login, Name: "Default", Visibility: "all", Default: true})
}

// AddToken adds a token that has these permissions (name to read or write) on
// an owner. It ends at expires; the zero time is never.
func (g *GitHub) AddToken(token, owner string, permissions map[string]string, expires time.Time) error {
	return g.change(func(w *world.World) error {
		w.Tokens = append(w.Tokens, &world.Token{Hash: auth.Hash(token), Login: "somebody", Owner: owner, Permissions: permissions, Expires: expires})
		return nil
	})
}

// AddApp installs a GitHub App at an owner; its key is in PEM (PKIX). It
// returns the numbers of both.
func (g *GitHub) AddApp(owner, publicKey string, permissions map[string]string) (app, installation int64, err error) {
	err = g.change(func(w *world.World) error {
		app, installation = w.ID(), w.ID()
		w.Apps = append(w.Apps, &world.App{
			ID: app, Slug: "hostler", Owner: owner, PublicKey: publicKey, Created: g.now(),
			Installations: []*world.Installation{{ID: installation, Owner: owner, Permissions: permissions, Created: g.now()}},
		})
		return nil
	})
	return app, installation, err
}
