// Package world is all that a simulated GitHub holds, as plain data, and the
// folder it lies in. It has no rule of GitHub's in it: those are in the rooms
// beside it, one for each area of the API.
//
// Invariants:
//
//  1. A world is read and changed only inside Folder.Exchange, so several
//     processes see one GitHub.
//  2. A change is whole or not at all: a version is a file of its own, moved
//     into place.
//  3. The last versions stay, so that a stale answer can be given.
package world

import (
	"slices"
	"strings"
	"time"
)

// World is everything behind the API, but for git's objects.
type World struct {
	NextID int64 `json:"next_id"`
	// Offset moves GitHub's clock away from the machine's.
	Offset time.Duration `json:"offset,omitempty"`
	// Limit is how many requests an identity has an hour; 0 is 5,000.
	Limit     int              `json:"limit,omitempty"`
	Owners    []*Owner         `json:"owners"`
	Repos     []*Repo          `json:"repos"`
	Tokens    []*Token         `json:"tokens"`
	Apps      []*App           `json:"apps"`
	Runners   []*Runner        `json:"runners"`
	Grants    []*Grant         `json:"grants"` // registration and remove tokens
	Groups    []*Group         `json:"groups"`
	Secrets   []*Secret        `json:"secrets"`
	Pulls     []*Pull          `json:"pulls"`
	Runs      []*Run           `json:"runs"`
	Jobs      []*Job           `json:"jobs"`
	Downloads []*Download      `json:"downloads"`
	Releases  []*Release       `json:"releases"` // of the runner program, newest first, above the first one
	Keys      map[string]*Seal `json:"keys"`     // by scope
}

// ID is a number nothing else of this GitHub has.
func (w *World) ID() int64 {
	w.NextID++
	return w.NextID
}

// Owner is an organization or a user.
type Owner struct {
	ID      int64     `json:"id"`
	Login   string    `json:"login"`
	User    bool      `json:"user,omitempty"`
	Created time.Time `json:"created"`
}

// Repo is a repository. Refs are full names, refs/heads/main, and commits.
type Repo struct {
	ID         int64             `json:"id"`
	Owner      string            `json:"owner"`
	Name       string            `json:"name"`
	Visibility string            `json:"visibility"` // public, private or internal
	Default    string            `json:"default"`    // branch
	Archived   bool              `json:"archived,omitempty"`
	Refs       map[string]string `json:"refs"`
	Protected  []string          `json:"protected,omitempty"` // branches that take no direct push
	Numbers    int               `json:"numbers"`             // of pull requests
	Created    time.Time         `json:"created"`
	Updated    time.Time         `json:"updated"`
}

// FullName is owner/name.
func (r *Repo) FullName() string { return r.Owner + "/" + r.Name }

// Private tells whether not everybody may read the repository.
func (r *Repo) Private() bool { return r.Visibility != "public" }

// Token is one a client may send; only its hash is kept.
type Token struct {
	Hash           string            `json:"hash"`
	Login          string            `json:"login"` // whose it is
	Owner          string            `json:"owner"` // what it reaches
	All            bool              `json:"all,omitempty"`
	Permissions    map[string]string `json:"permissions,omitempty"` // name -> read or write
	Repos          []int64           `json:"repos,omitempty"`
	Selected       bool              `json:"selected,omitempty"` // only Repos
	Expires        time.Time         `json:"expires,omitzero"`
	InstallationID int64             `json:"installation_id,omitempty"`
}

// App is a GitHub App and where it is installed.
type App struct {
	ID            int64           `json:"id"`
	Slug          string          `json:"slug"`
	Owner         string          `json:"owner"`
	PublicKey     string          `json:"public_key"` // PEM, PKIX
	Installations []*Installation `json:"installations"`
	Created       time.Time       `json:"created"`
}

// Installation is an App on an owner.
type Installation struct {
	ID          int64             `json:"id"`
	Owner       string            `json:"owner"`
	Permissions map[string]string `json:"permissions"`
	Selected    bool              `json:"selected,omitempty"`
	Repos       []int64           `json:"repos,omitempty"`
	Created     time.Time         `json:"created"`
}

// Label is one of a runner's.
type Label struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Runner is a self-hosted runner. Scope is an owner or owner/repo.
type Runner struct {
	ID        int64     `json:"id"`
	Scope     string    `json:"scope"`
	Name      string    `json:"name"`
	OS        string    `json:"os"`
	GroupID   int64     `json:"group_id,omitempty"`
	Labels    []Label   `json:"labels"`
	Ephemeral bool      `json:"ephemeral,omitempty"`
	Online    bool      `json:"online,omitempty"`
	JobID     int64     `json:"job_id,omitempty"` // 0: idle
	JIT       string    `json:"jit,omitempty"`    // hash of its unused configuration
	Used      string    `json:"used,omitempty"`   // hash of its used one
	Version   string    `json:"version,omitempty"`
	Created   time.Time `json:"created"`
}

// Grant is a registration or remove token.
type Grant struct {
	Hash    string    `json:"hash"`
	Scope   string    `json:"scope"`
	Remove  bool      `json:"remove,omitempty"`
	Expires time.Time `json:"expires"`
}

// Release is one of the runner program.
type Release struct {
	Version   string    `json:"version"`
	Published time.Time `json:"published"`
}

// FirstRelease is the release that every GitHub has.
var FirstRelease = Release{"2.336.0", time.Date(2026, 8, 18, 14, 16, 0, 0, time.UTC)}

// Group is a runner group of an organization.
type Group struct {
	ID         int64    `json:"id"`
	Org        string   `json:"org"`
	Name       string   `json:"name"`
	Visibility string   `json:"visibility"` // all, selected or private
	Default    bool     `json:"default,omitempty"`
	Public     bool     `json:"public,omitempty"`
	Restricted bool     `json:"restricted,omitempty"`
	Workflows  []string `json:"workflows,omitempty"`
	Repos      []int64  `json:"repos,omitempty"`
}

// Seal is the key pair that secrets of a scope are sealed with.
type Seal struct {
	ID      string `json:"id"`
	Public  []byte `json:"public"`
	Private []byte `json:"private"`
}

// Secret is one of an owner's or a repository's, sealed as it came.
type Secret struct {
	Scope      string    `json:"scope"`
	Name       string    `json:"name"`
	Sealed     []byte    `json:"sealed"`
	Visibility string    `json:"visibility,omitempty"`
	Repos      []int64   `json:"repos,omitempty"`
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
}

// Pull is a pull request within one repository.
type Pull struct {
	ID       int64     `json:"id"`
	RepoID   int64     `json:"repo_id"`
	Number   int       `json:"number"`
	Title    string    `json:"title"`
	Body     string    `json:"body"`
	Head     string    `json:"head"` // branches
	Base     string    `json:"base"`
	HeadSHA  string    `json:"head_sha"` // when it was closed
	BaseSHA  string    `json:"base_sha"`
	Draft    bool      `json:"draft,omitempty"`
	Closed   bool      `json:"closed,omitempty"`
	Author   string    `json:"author"`
	MergeSHA string    `json:"merge_sha,omitempty"`
	MergedBy string    `json:"merged_by,omitempty"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
	ClosedAt time.Time `json:"closed_at,omitzero"`
}

// Run is a run of a workflow.
type Run struct {
	ID         int64     `json:"id"`
	RepoID     int64     `json:"repo_id"`
	Number     int       `json:"number"`
	Attempt    int       `json:"attempt"`
	Workflow   string    `json:"workflow"` // path of its file
	WorkflowID int64     `json:"workflow_id"`
	Event      string    `json:"event"`
	Branch     string    `json:"branch"`
	SHA        string    `json:"sha"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion,omitempty"`
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
}

// Job is one job of a run.
type Job struct {
	ID         int64     `json:"id"`
	RunID      int64     `json:"run_id"`
	Name       string    `json:"name"`
	Labels     []string  `json:"labels"`
	Group      string    `json:"group,omitempty"` // of runners; empty: any
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion,omitempty"`
	RunnerID   int64     `json:"runner_id,omitempty"`
	RunnerName string    `json:"runner_name,omitempty"`
	Created    time.Time `json:"created"`
	Started    time.Time `json:"started,omitzero"`
	Completed  time.Time `json:"completed,omitzero"`
}

// Download is a build of the runner; its bytes are one of git's blobs.
type Download struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Filename     string `json:"filename"`
	SHA256       string `json:"sha256"`
	Blob         string `json:"blob"`
}

// Owner is the organization or user called login, nil when there is none.
func (w *World) Owner(login string) *Owner {
	for _, o := range w.Owners {
		if strings.EqualFold(o.Login, login) {
			return o
		}
	}
	return nil
}

// Repo is the repository owner/name, nil when there is none.
func (w *World) Repo(owner, name string) *Repo {
	for _, r := range w.Repos {
		if strings.EqualFold(r.Owner, owner) && strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return nil
}

// RepoByID is the repository with that ID, nil when there is none.
func (w *World) RepoByID(id int64) *Repo {
	for _, r := range w.Repos {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Group is the organization's runner group, nil when there is none.
func (w *World) Group(org string, id int64) *Group {
	for _, g := range w.Groups {
		if g.ID == id && strings.EqualFold(g.Org, org) {
			return g
		}
	}
	return nil
}

// Runner is the scope's runner, nil when there is none.
func (w *World) Runner(scope string, id int64) *Runner {
	for _, r := range w.Runners {
		if r.ID == id && strings.EqualFold(r.Scope, scope) {
			return r
		}
	}
	return nil
}

// Run is the run with that ID, nil when there is none.
func (w *World) Run(id int64) *Run {
	for _, r := range w.Runs {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Job is the job with that ID, nil when there is none.
func (w *World) Job(id int64) *Job {
	for _, j := range w.Jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

// May tells whether the token has the permission.
func (t *Token) May(permission string, write bool) bool {
	have, ok := t.Permissions[permission]
	return t.All || ok && (!write || have == "write" || have == "admin")
}

// Reaches tells whether the token was given the repository.
func (t *Token) Reaches(r *Repo) bool {
	if t.All && t.Owner == "" {
		return true
	}
	return strings.EqualFold(t.Owner, r.Owner) && (!t.Selected || slices.Contains(t.Repos, r.ID))
}
