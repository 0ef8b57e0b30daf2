package runners

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/auth"
	"hostler/providers/testbed/internal/github/world"
)

// What the runner program meets with when it talks to GitHub.
var (
	ErrUsed    = errors.New("the registration was used already, or is no more: 404")
	ErrSession = errors.New("a session for this runner already exists")
	ErrExpired = errors.New("the registration token is invalid or has expired")
)

// Connect brings the runner of a JIT configuration online. A configuration
// serves one program.
func Connect(w *world.World, blob, os, version string) (*world.Runner, error) {
	hash := auth.Hash(blob)
	for _, r := range w.Runners {
		switch hash {
		case r.Used:
			return nil, ErrSession
		case r.JIT:
			r.JIT, r.Used, r.Online, r.OS, r.Version = "", hash, true, os, version
			return r, nil
		}
	}
	return nil, ErrUsed
}

// Named is the ID of the runner that a JIT configuration is for, 0 if it is
// none.
func Named(blob string) int64 {
	var files map[string]string
	var runner struct {
		AgentID string `json:"AgentId"`
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(blob))
	if err != nil || json.Unmarshal(raw, &files) != nil {
		return 0
	}
	if raw, err = base64.StdEncoding.DecodeString(files[".runner"]); err != nil || json.Unmarshal(raw, &runner) != nil {
		return 0
	}
	id, _ := strconv.ParseInt(runner.AgentID, 10, 64)
	return id
}

// Register makes a runner with a registration token, as config.sh does;
// replace takes the place of one of that name.
func Register(w *world.World, now time.Time, scope, token, name string, labels []string, group int64, os, version string, replace bool) (*world.Runner, error) {
	if !granted(w, now, scope, token, false) {
		return nil, ErrExpired
	}
	for _, r := range w.Runners {
		if strings.EqualFold(r.Scope, scope) && strings.EqualFold(r.Name, name) {
			if !replace {
				return nil, errors.New("A runner exists with the same name")
			}
			Remove(w, r)
			break
		}
	}
	r := &world.Runner{ID: w.ID(), Scope: scope, Name: name, OS: os, GroupID: group, Version: version, Created: now}
	for _, l := range []string{"self-hosted", os, "ARM64"} {
		r.Labels = append(r.Labels, world.Label{ID: w.ID(), Name: l, ReadOnly: true})
	}
	Label(w, r, labels)
	w.Runners = append(w.Runners, r)
	return r, nil
}

// Unregister removes a runner with a remove token, as config.sh does.
func Unregister(w *world.World, now time.Time, scope, token string, id int64) error {
	if !granted(w, now, scope, token, true) {
		return ErrExpired
	}
	if r := w.Runner(scope, id); r != nil {
		Remove(w, r)
	}
	return nil
}

func granted(w *world.World, now time.Time, scope, token string, remove bool) bool {
	return slices.ContainsFunc(w.Grants, func(g *world.Grant) bool {
		return g.Hash == auth.Hash(token) && strings.EqualFold(g.Scope, scope) && g.Remove == remove && now.Before(g.Expires)
	})
}

// Take gives an idle runner that is online the oldest queued job that it may
// run, or nil.
func Take(w *world.World, now time.Time, id int64) *world.Job {
	r := byID(w, id)
	if r == nil || !r.Online || r.JobID != 0 {
		return nil
	}
	for _, j := range w.Jobs {
		if j.Status == "queued" && covers(r, j.Labels) && reaches(w, r, j) {
			j.Status, j.RunnerID, j.RunnerName, j.Started, r.JobID = "in_progress", r.ID, r.Name, now, j.ID
			return j
		}
	}
	return nil
}

func covers(r *world.Runner, labels []string) bool {
	for _, want := range labels {
		if !slices.ContainsFunc(r.Labels, func(l world.Label) bool { return strings.EqualFold(l.Name, want) }) {
			return false
		}
	}
	return true
}

// reaches reports whether the runner serves the job's repository.
func reaches(w *world.World, r *world.Runner, j *world.Job) bool {
	run := w.Run(j.RunID)
	repo := w.RepoByID(run.RepoID)
	if strings.Contains(r.Scope, "/") {
		return strings.EqualFold(r.Scope, repo.FullName())
	}
	g := w.Group(r.Scope, r.GroupID)
	return strings.EqualFold(r.Scope, repo.Owner) && (g == nil || (g.Public || repo.Private()) && (g.Visibility != "selected" || slices.Contains(g.Repos, repo.ID)))
}

// Complete ends the runner's job; an ephemeral runner is removed.
func Complete(w *world.World, now time.Time, id int64, conclusion string) {
	r := byID(w, id)
	if r == nil || r.JobID == 0 {
		return
	}
	if j := w.Job(r.JobID); j != nil {
		j.Status, j.Conclusion, j.Completed = "completed", conclusion, now
	}
	if r.JobID = 0; r.Ephemeral {
		Remove(w, r)
	}
}

// Disconnect takes a runner offline; a job that it has is lost.
func Disconnect(w *world.World, now time.Time, id int64) {
	r := byID(w, id)
	if r == nil {
		return
	}
	r.Online = false
	if r.JobID != 0 {
		Complete(w, now, id, "failure")
	}
}

func byID(w *world.World, id int64) *world.Runner {
	for _, r := range w.Runners {
		if r.ID == id {
			return r
		}
	}
	return nil
}
