// Package runners is a simulated GitHub's self-hosted runners: how they are
// registered, listed and removed through the API, and what they do by
// themselves (life.go).
package runners

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/auth"
	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations on runners of organizations and repositories.
func Routes() []rest.Route {
	var all []rest.Route
	for _, s := range []struct{ root, needs, kind, one string }{
		{"/orgs/{org}", "organization_self_hosted_runners", "org", "self-hosted-runner"},
		{"/repos/{owner}/{repo}", "administration", "repo", "self-hosted-runner"},
	} {
		base := s.root + "/actions/runners"
		read, write := s.needs+":read", s.needs+":write"
		all = append(all,
			rest.Route{Method: "GET", Pattern: base, ID: "actions/list-self-hosted-runners-for-" + s.kind, Needs: read, Do: list},
			rest.Route{Method: "GET", Pattern: base + "/downloads", ID: "actions/list-runner-applications-for-" + s.kind, Needs: read, Do: downloads},
			rest.Route{Method: "POST", Pattern: base + "/generate-jitconfig", ID: "actions/generate-runner-jitconfig-for-" + s.kind, Needs: write, Do: jit},
			rest.Route{Method: "POST", Pattern: base + "/registration-token", ID: "actions/create-registration-token-for-" + s.kind, Needs: write, Do: func(c *rest.Call) rest.Answer { return grant(c, false) }},
			rest.Route{Method: "POST", Pattern: base + "/remove-token", ID: "actions/create-remove-token-for-" + s.kind, Needs: write, Do: func(c *rest.Call) rest.Answer { return grant(c, true) }},
			rest.Route{Method: "GET", Pattern: base + "/{runner_id}", ID: "actions/get-self-hosted-runner-for-" + s.kind, Needs: read, Do: get},
			rest.Route{Method: "DELETE", Pattern: base + "/{runner_id}", ID: "actions/delete-self-hosted-runner-from-" + s.kind, Needs: write, Do: remove},
			rest.Route{Method: "GET", Pattern: base + "/{runner_id}/labels", ID: "actions/list-labels-for-self-hosted-runner-for-" + s.kind, Needs: read, Do: showLabels},
			rest.Route{Method: "PUT", Pattern: base + "/{runner_id}/labels", ID: "actions/set-custom-labels-for-self-hosted-runner-for-" + s.kind, Needs: write, Do: setLabels},
		)
	}
	return append(all,
		rest.Route{Method: "GET", Pattern: "/actions/runner/releases/download/{tag}/{file}", Needs: "none", Do: download},
		rest.Route{Method: "GET", Pattern: stored + "{file}", Needs: "none", Do: download},
	)
}

// Show is a runner as the API tells of it.
func Show(r *world.Runner) rest.M {
	status := "offline"
	if r.Online {
		status = "online"
	}
	m := rest.M{"id": r.ID, "name": r.Name, "os": r.OS, "status": status, "busy": r.JobID != 0, "labels": labels(r), "ephemeral": r.Ephemeral}
	if r.GroupID != 0 {
		m["runner_group_id"] = r.GroupID
	}
	if r.Version != "" {
		m["version"] = r.Version
	}
	return m
}

func labels(r *world.Runner) []rest.M {
	out := []rest.M{}
	for _, l := range r.Labels {
		kind := "custom"
		if l.ReadOnly {
			kind = "read-only"
		}
		out = append(out, rest.M{"id": l.ID, "name": l.Name, "type": kind})
	}
	return out
}

func list(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	var all []rest.M
	for _, r := range c.World.Runners {
		if name := c.Query.Get("name"); strings.EqualFold(r.Scope, scope) && (name == "" || r.Name == name) {
			all = append(all, Show(r))
		}
	}
	return rest.Page(c, all, "runners", nil)
}

func runner(c *rest.Call) *world.Runner {
	scope, _ := c.Scope()
	return c.World.Runner(scope, c.Number("runner_id"))
}

func get(c *rest.Call) rest.Answer {
	if r := runner(c); r != nil {
		return rest.OK(Show(r))
	}
	return rest.NotFound()
}

func remove(c *rest.Call) rest.Answer {
	r := runner(c)
	switch {
	case r == nil:
		return rest.NotFound()
	case r.JobID != 0:
		return rest.Fail(http.StatusUnprocessableEntity, "Bad request - Runner %q is still running a job", r.Name)
	}
	Remove(c.World, r)
	return rest.NoContent()
}

// Remove takes a runner out of the world.
func Remove(w *world.World, r *world.Runner) {
	w.Runners = slices.DeleteFunc(w.Runners, func(o *world.Runner) bool { return o == r })
}

func showLabels(c *rest.Call) rest.Answer {
	r := runner(c)
	if r == nil {
		return rest.NotFound()
	}
	return rest.OK(rest.M{"total_count": len(r.Labels), "labels": labels(r)})
}

func setLabels(c *rest.Call) rest.Answer {
	r := runner(c)
	if r == nil {
		return rest.NotFound()
	}
	var in struct{ Labels []string }
	if a, ok := c.Read(&in); !ok {
		return a
	}
	r.Labels = slices.DeleteFunc(r.Labels, func(l world.Label) bool { return !l.ReadOnly })
	Label(c.World, r, in.Labels)
	return showLabels(c)
}

// Label adds custom labels, each once; GitHub doesn't tell capitals from small
// letters.
func Label(w *world.World, r *world.Runner, names []string) {
	for _, n := range names {
		if !slices.ContainsFunc(r.Labels, func(l world.Label) bool { return strings.EqualFold(l.Name, n) }) {
			r.Labels = append(r.Labels, world.Label{ID: w.ID(), Name: n})
		}
	}
}

// grant hands out a registration or remove token.
func grant(c *rest.Call, forRemoval bool) rest.Answer {
	scope, _ := c.Scope()
	token := "A" + rand.Text()
	g := &world.Grant{Hash: auth.Hash(token), Scope: scope, Remove: forRemoval, Expires: c.Now.Add(time.Hour)}
	c.World.Grants = append(c.World.Grants, g)
	return rest.Created(rest.M{"token": token, "expires_at": rest.Time(g.Expires)})
}

func jit(c *rest.Call) rest.Answer {
	scope, _ := c.Scope()
	var in struct {
		Name   string
		Group  int64 `json:"runner_group_id"`
		Labels []string
		Folder string `json:"work_folder"`
	}
	if a, ok := c.Read(&in); !ok {
		return a
	}
	switch {
	case in.Name == "" || len(in.Name) > 64:
		return rest.Invalid("Runner", "name", "invalid", "name must be between 1 and 64 characters")
	case len(in.Labels) == 0 || len(in.Labels) > 100:
		return rest.Invalid("Runner", "labels", "invalid", "labels must have between 1 and 100 items")
	case c.Vars["org"] != "" && c.World.Group(scope, in.Group) == nil:
		return rest.Fail(http.StatusNotFound, "Runner group %d not found", in.Group)
	}
	for _, r := range c.World.Runners {
		if strings.EqualFold(r.Scope, scope) && strings.EqualFold(r.Name, in.Name) {
			return rest.Fail(http.StatusConflict, "Already exists - A runner with the name %q already exists.", in.Name)
		}
	}
	r := &world.Runner{ID: c.World.ID(), Scope: scope, Name: in.Name, OS: "unknown", GroupID: in.Group, Ephemeral: true, Created: c.Now}
	Label(c.World, r, in.Labels)
	blob := blob(c, r)
	r.JIT = auth.Hash(blob)
	c.World.Runners = append(c.World.Runners, r)
	return rest.Created(rest.M{"runner": Show(r), "encoded_jit_config": blob})
}

// blob has the shape of the real one: the files of a configured runner, with
// its private key.
func blob(c *rest.Call, r *world.Runner) string {
	file := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.StdEncoding.EncodeToString(data)
	}
	number := func() string {
		return base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text() + rand.Text()))
	}
	data, err := json.Marshal(map[string]string{
		".runner": file(rest.M{
			"AgentId": fmt.Sprint(r.ID), "AgentName": r.Name, "PoolId": fmt.Sprint(r.GroupID), "PoolName": "Default", "ServerUrl": c.Site,
			"ServerUrlV2": c.Site, "UseV2Flow": "True", "GitHubUrl": c.Site + "/" + r.Scope, "WorkFolder": "_work", "Ephemeral": "True", "DisableUpdate": "False",
		}),
		".credentials":           file(rest.M{"Scheme": "OAuth", "Data": rest.M{"ClientId": rand.Text(), "AuthorizationUrl": c.Site + "/_apis/oauth2/token", "RequireFipsCryptography": "True"}}),
		".credentials_rsaparams": file(rest.M{"d": number(), "dp": number(), "dq": number(), "exponent": "AQAB", "inverseQ": number(), "modulus": number(), "p": number(), "q": number()}),
	})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

// stored is where the files of releases really lie, on a host of their own.
const stored = "/github-production-release-asset/"

func downloads(c *rest.Call) rest.Answer {
	site := strings.Replace(c.Site, "//api.", "//", 1)
	out := []rest.M{}
	for _, d := range c.World.Downloads {
		out = append(out, rest.M{
			"os": d.OS, "architecture": d.Architecture, "filename": d.Filename, "sha256_checksum": d.SHA256,
			"download_url": site + "/actions/runner/releases/download/v" + version(d.Filename) + "/" + d.Filename,
		})
	}
	return rest.OK(out)
}

// version is that of an archive's name.
func version(filename string) string {
	v := strings.TrimSuffix(filename, ".tar.gz")
	return v[strings.LastIndex(v, "-")+1:]
}

func download(c *rest.Call) rest.Answer {
	if c.Site == "https://github.com" {
		return rest.Answer{Status: http.StatusFound, Header: http.Header{"Location": {"https://objects.githubusercontent.com" + stored + c.Vars["file"]}}}
	}
	for _, d := range c.World.Downloads {
		if d.Filename == c.Vars["file"] {
			data, err := c.Git.Blob(d.Blob)
			if err != nil {
				return rest.Fail(http.StatusInternalServerError, "%v", err)
			}
			return rest.Answer{Status: http.StatusOK, Raw: data, Header: http.Header{"Content-Type": {"application/octet-stream"}}}
		}
	}
	return rest.NotFound()
}
