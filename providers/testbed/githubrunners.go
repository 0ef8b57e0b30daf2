package testbed

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/actions"
	"hostler/providers/testbed/internal/github/runners"
	"hostler/providers/testbed/internal/github/secrets"
	"hostler/providers/testbed/internal/github/world"
)

// AddDownload offers a build of the runner; it returns the checksum.
func (g *GitHub) AddDownload(os, arch, filename string, data []byte) (sum string, err error) {
	blob, err := g.objects().PutBlob(bytes.Clone(data))
	if err != nil {
		return "", err
	}
	sum = fmt.Sprintf("%x", sha256.Sum256(data))
	return sum, g.change(func(w *world.World) error {
		w.Downloads = slices.DeleteFunc(w.Downloads, func(d *world.Download) bool { return d.OS == os && d.Architecture == arch })
		w.Downloads = append(w.Downloads, &world.Download{OS: os, Architecture: arch, Filename: filename, SHA256: sum, Blob: blob})
		return nil
	})
}

// Release publishes a version of the runner program. The newest is what GitHub
// offers to download.
func (g *GitHub) Release(version string, published time.Time) error {
	newest := true
	err := g.change(func(w *world.World) error {
		for _, r := range w.Releases {
			newest = newest && published.After(r.Published)
		}
		w.Releases = slices.Insert(w.Releases, 0, &world.Release{Version: version, Published: published})
		return nil
	})
	if err != nil || !newest {
		return err
	}
	return g.offer(version)
}

// offer lets Macs download a version of the runner program.
func (g *GitHub) offer(version string) error {
	_, err := g.AddDownload("osx", "arm64", actions.Filename(version), actions.Archive(version))
	return err
}

// Runners are all of them, by ID.
func (g *GitHub) Runners() (out []GitHubRunner, err error) {
	err = g.look(func(w *world.World) error {
		for _, r := range w.Runners {
			out = append(out, *r)
		}
		return nil
	})
	return out, err
}

// EditRunner changes a runner behind everybody's back.
func (g *GitHub) EditRunner(name string, change func(*GitHubRunner)) error {
	return g.change(func(w *world.World) error {
		for _, r := range w.Runners {
			if r.Name == name {
				change(r)
				return nil
			}
		}
		return fmt.Errorf("there is no runner %s", name)
	})
}

// RemoveRunner removes a runner behind everybody's back.
func (g *GitHub) RemoveRunner(name string) error {
	return g.change(func(w *world.World) error {
		w.Runners = slices.DeleteFunc(w.Runners, func(r *world.Runner) bool { return r.Name == name })
		return nil
	})
}

// Groups are the runner groups of an organization.
func (g *GitHub) Groups(org string) (out []GitHubGroup, err error) {
	err = g.look(func(w *world.World) error {
		for _, o := range w.Groups {
			if strings.EqualFold(o.Org, org) {
				out = append(out, *o)
			}
		}
		return nil
	})
	return out, err
}

// EditGroups changes an organization's groups behind everybody's back: change
// is given each and says whether it stays.
func (g *GitHub) EditGroups(org string, change func(*GitHubGroup) bool) error {
	return g.change(func(w *world.World) error {
		w.Groups = slices.DeleteFunc(w.Groups, func(o *world.Group) bool { return strings.EqualFold(o.Org, org) && !change(o) })
		return nil
	})
}

// Secrets are the values of a scope's secrets (an owner, or OWNER/NAME), by
// name.
func (g *GitHub) Secrets(scope string) (map[string]string, error) {
	out := map[string]string{}
	return out, g.look(func(w *world.World) error {
		for _, s := range w.Secrets {
			if strings.EqualFold(s.Scope, scope) {
				value, err := secrets.Open(w, s)
				if err != nil {
					return err
				}
				out[s.Name] = value
			}
		}
		return nil
	})
}

// SetSecret sets a scope's secret as somebody else does.
func (g *GitHub) SetSecret(scope, name, value string) error {
	return g.change(func(w *world.World) error { return secrets.Set(w, g.now(), scope, name, value) })
}

// TouchSecret lets a secret look changed by somebody else; with remove it is
// gone.
func (g *GitHub) TouchSecret(scope, name string, remove bool) error {
	return g.change(func(w *world.World) error {
		for i, s := range w.Secrets {
			if strings.EqualFold(s.Scope, scope) && s.Name == name {
				if s.Updated = s.Updated.Add(time.Minute); remove {
					w.Secrets = slices.Delete(w.Secrets, i, i+1)
				}
				return nil
			}
		}
		return fmt.Errorf("there is no secret %s of %s", name, scope)
	})
}

// QueueJob queues a job of OWNER/NAME that wants these labels; it returns its
// number.
func (g *GitHub) QueueJob(fullName, name string, labels []string) (id int64, err error) {
	err = g.change(func(w *world.World) error {
		r, err := repo(w, fullName)
		if err != nil {
			return err
		}
		run := &world.Run{ID: w.ID(), RepoID: r.ID, Number: len(w.Runs) + 1, Attempt: 1, Workflow: ".github/workflows/x.yml", Event: "push", Branch: "main", Status: "queued", Created: g.now(), Updated: g.now()}
		w.Runs = append(w.Runs, run)
		id = w.ID()
		w.Jobs = append(w.Jobs, &world.Job{ID: id, RunID: run.ID, Name: name, Labels: labels, Status: "queued", Created: g.now()})
		return nil
	})
	return id, err
}

// Jobs are all jobs.
func (g *GitHub) Jobs() (out []GitHubJob, err error) {
	err = g.look(func(w *world.World) error {
		for _, j := range w.Jobs {
			out = append(out, *j)
		}
		return nil
	})
	return out, err
}

// Connect brings the runner of a JIT configuration online, as the runner
// program in a guest does; it returns its number.
func (g *GitHub) Connect(blob, os, version string) (id int64, name string, err error) {
	err = g.change(func(w *world.World) error {
		r, err := runners.Connect(w, strings.TrimSpace(blob), os, version)
		if err == nil {
			id, name = r.ID, r.Name
		}
		return err
	})
	return id, name, err
}

// Register makes a runner with a registration token, as config.sh does.
func (g *GitHub) Register(scope, token, name string, labels []string, os, version string, replace bool) (id int64, err error) {
	err = g.change(func(w *world.World) error {
		r, err := runners.Register(w, g.now(), scope, token, name, labels, 1, os, version, replace)
		if err == nil {
			id = r.ID
		}
		return err
	})
	return id, err
}

// Take gives a runner its next job; ok is false when there is none.
func (g *GitHub) Take(runner int64) (job GitHubJob, ok bool, err error) {
	err = g.change(func(w *world.World) error {
		if j := runners.Take(w, g.now(), runner); j != nil {
			job, ok = *j, true
		}
		return nil
	})
	return job, ok, err
}

// Complete ends a runner's job. Conclusion is success, failure or cancelled.
func (g *GitHub) Complete(runner int64, conclusion string) error {
	return g.change(func(w *world.World) error { runners.Complete(w, g.now(), runner, conclusion); return nil })
}

// Disconnect takes a runner offline.
func (g *GitHub) Disconnect(runner int64) error {
	return g.change(func(w *world.World) error { runners.Disconnect(w, g.now(), runner); return nil })
}

// AddRunner registers a runner of an owner as somebody else.
func (g *GitHub) AddRunner(scope, name string, labels []string) error {
	return g.change(func(w *world.World) error {
		r := &world.Runner{ID: w.ID(), Scope: scope, Name: name, OS: "macOS", GroupID: 1, Created: g.now()}
		runners.Label(w, r, labels)
		w.Runners = append(w.Runners, r)
		return nil
	})
}

// AddGroup adds a runner group of an organization, for all its private
// repositories.
func (g *GitHub) AddGroup(org, name string) error {
	return g.change(func(w *world.World) error {
		w.Groups = append(w.Groups, &world.Group{ID: w.ID(), Org: org, Name: name, Visibility: "private"})
		return nil
	})
}
