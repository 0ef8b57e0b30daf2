package runner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"howett.net/plist"

	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
	"hostler/providers/runner/policy"
)

// What lies on the Mac: for each runner a folder of the user's with the script
// that configures it, and in there the program's own folder, which belongs to
// the account that runs it.

const homes = "/Users/Shared/hostler-runners"

func home(name string) string   { return path.Join(homes, name) }
func folder(name string) string { return path.Join(home(name), "runner") }
func script(name string) string { return path.Join(home(name), "configure.sh") }
func hook(name string) string   { return path.Join(home(name), "job-started.sh") }
func rules(name string) string  { return path.Join(home(name), "policy.json") }
func label(name string) string  { return "hostler.runner." + name }

// configure is run as the runner's account. That config.sh takes its answers
// from such variables, and removes them from its environment, is in its source
// (CommandSettings.cs).
const configure = `#!/bin/sh
# Written by hostler. It runs config.sh with the registration token that comes on
# standard input, in a variable: arguments are everybody's to read.
cd "$(dirname "$0")/runner" || exit
IFS= read -r ACTIONS_RUNNER_INPUT_TOKEN || exit
export ACTIONS_RUNNER_INPUT_TOKEN
exec ./config.sh "$@" </dev/null
`

// jobStarted is what the runner program calls before the first step of each job,
// by the variable ACTIONS_RUNNER_HOOK_JOB_STARTED. If it fails, the job does.
const jobStarted = `#!/bin/sh
# Written by hostler.
exec /Users/Shared/hostler/bin/hostler hook job-started "$(dirname "$0")/policy.json"
`

// guard writes which jobs the runner takes. It counts from the next job on.
func (c *runners) guard(r *Runner) error {
	data, err := json.MarshalIndent(policy.Policy{Owner: r.Owner, Workflows: r.Workflows, Events: r.Events}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(c.mac.Folder(homes, 0o755), c.mac.Folder(home(r.Name), 0o755),
		c.mac.WriteFile(rules(r.Name), append(data, '\n'), 0o644), c.mac.WriteFile(hook(r.Name), []byte(jobStarted), 0o755))
}

// guarded reads what guard has written.
func (c *runners) guarded(r *Runner) (p policy.Policy, sound bool, err error) {
	data, err := c.mac.ReadFile(rules(r.Name))
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	text, failed := c.mac.ReadFile(hook(r.Name))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(failed, fs.ErrNotExist):
		return p, false, nil
	case failed != nil:
		return p, false, failed
	}
	return p, err == nil && p.Owner == r.Owner && string(text) == jobStarted, nil
}

// archives is where downloads are kept; macOS may empty it.
const archives = "~/Library/Caches/hostler/runner"

// other is the account if it is not the user's own, else "".
func (c *runners) other(user string) (string, error) {
	facts, err := c.mac.Facts()
	if err != nil || user == facts.User {
		return "", err
	}
	return user, nil
}

// installed reports whether the program is unpacked, as far as that can be seen.
func (c *runners) installed(name string) bool {
	_, err := c.mac.Stat(path.Join(folder(name), "bin", "Runner.Listener"))
	return err == nil
}

// install unpacks the release in a new folder.
func (c *runners) install(ctx context.Context, api *ghapi.Client, want *Runner) error {
	data, err := c.archive(ctx, api, want.Release)
	if err != nil {
		return err
	}
	if err := c.clear(ctx, want); err != nil {
		return err
	}
	if err := errors.Join(c.mac.Folder(homes, 0o755), c.mac.Folder(home(want.Name), 0o755)); err != nil {
		return err
	}
	user, err := c.other(want.User)
	if err != nil {
		return err
	}
	if user == "" {
		err = c.mac.Folder(folder(want.Name), 0o755)
	} else {
		_, err = c.mac.Run(ctx, machine.Command{Program: "/usr/bin/install", Args: []string{"-d", "-m", "0755", "-o", user, "-g", "staff", folder(want.Name)}, Sudo: true})
	}
	if err != nil {
		return err
	}
	providers.Report(ctx, "unpacking the runner program %s", want.Release)
	_, err = c.mac.Run(ctx, machine.Command{
		Program: "/usr/bin/tar", Args: []string{"-xzf", "-", "-C", folder(want.Name)}, User: user, Stdin: bytes.NewReader(data),
	})
	return err
}

// archive is the release's archive, from the cache or from GitHub.
func (c *runners) archive(ctx context.Context, api *ghapi.Client, release string) ([]byte, error) {
	offer, err := c.offer(ctx, api)
	if err != nil {
		return nil, err
	}
	if offer.Version != release {
		return nil, fmt.Errorf("GitHub offers the runner program %s now, and %s no more; make a new plan, with --upgrade where version is latest", offer.Version, release)
	}
	file := path.Join(archives, offer.Filename)
	if data, err := c.mac.ReadFile(file); err == nil && offer.Fits(data) {
		return data, nil
	}
	percent := int64(-1)
	data, err := api.Fetch(ctx, offer, func(have, all int64) {
		if now := 100 * have / max(all, 1); now != percent && all > 0 {
			percent = now
			providers.Report(ctx, "downloading %s: %d %%", offer.Filename, now)
		}
	})
	if err != nil {
		return nil, err
	}
	// A cache that can't be written costs another download, and nothing else.
	if c.mac.Folder(archives, 0o700) == nil && c.mac.RemoveAll(archives) == nil && c.mac.Folder(archives, 0o700) == nil {
		_ = c.mac.WriteFile(file, data, 0o600)
	}
	return data, nil
}

// clear removes the program's folder, and all that is in it.
func (c *runners) clear(ctx context.Context, r *Runner) error { return c.rm(ctx, r, folder(r.Name)) }

// forget removes what config.sh has written, so that it can run again.
func (c *runners) forget(ctx context.Context, r *Runner) error {
	var args []string
	for _, name := range []string{".runner", ".credentials", ".credentials_rsaparams"} {
		args = append(args, path.Join(folder(r.Name), name))
	}
	return c.rm(ctx, r, args...)
}

func (c *runners) rm(ctx context.Context, r *Runner, paths ...string) error {
	if _, err := c.mac.Lstat(folder(r.Name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	user, err := c.other(r.User)
	if err != nil {
		return err
	}
	if user != "" {
		_, err = c.mac.Run(ctx, machine.Command{Program: "/bin/rm", Args: append([]string{"-rf"}, paths...), Sudo: true})
		return err
	}
	for _, p := range paths {
		err = errors.Join(err, c.mac.RemoveAll(p))
	}
	return err
}

// register registers the unpacked program at GitHub.
func (c *runners) register(ctx context.Context, api *ghapi.Client, want *Runner) error {
	token, err := api.Token(ctx, false)
	if err != nil {
		return err
	}
	user, err := c.other(want.User)
	if err != nil {
		return err
	}
	if err := c.mac.WriteFile(script(want.Name), []byte(configure), 0o755); err != nil {
		return err
	}
	providers.Report(ctx, "registering at %s", want.Owner)
	args := []string{"--unattended", "--disableupdate", "--url", api.Site() + "/" + want.Owner, "--name", want.Name, "--labels", strings.Join(want.Labels, ","), "--work", "_work"}
	if api.Repo() == "" {
		args = append(args, "--runnergroup", want.GroupName)
	}
	_, err = c.mac.Run(ctx, machine.Command{Program: script(want.Name), Args: args, User: user, Stdin: strings.NewReader(token.Reveal() + "\n")})
	return err
}

// number is that of the registration in the program's own settings, 0 if there
// is none.
func (c *runners) number(name string) (int64, error) {
	data, err := c.mac.ReadFile(path.Join(folder(name), ".runner"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var s struct {
		AgentID int64 `json:"agentId"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &s); err != nil {
		return 0, nil // half written: as good as none
	}
	return s.AgentID, nil
}

// job is the launchd job that runs the program.
func (c *runners) job(r *Runner) (j launchctl.Job, err error) {
	facts, err := c.mac.Facts()
	if err != nil {
		return j, err
	}
	dir := folder(r.Name)
	keys := map[string]any{
		"Label": label(r.Name), "ProgramArguments": []string{path.Join(dir, "bin", "runsvc.sh")}, "WorkingDirectory": dir,
		"RunAtLoad": true, "KeepAlive": true, "ProcessType": "Interactive",
		"EnvironmentVariables": map[string]string{"ACTIONS_RUNNER_SVC": "1", "ACTIONS_RUNNER_HOOK_JOB_STARTED": hook(r.Name)},
		"StandardOutPath":      path.Join(dir, "service.log"), "StandardErrorPath": path.Join(dir, "service.log"),
	}
	j = launchctl.Job{Domain: launchctl.Gui(facts.UID), Label: label(r.Name)}
	if r.User != facts.User {
		j.Domain = launchctl.System
		keys["UserName"], keys["SessionCreate"] = r.User, true
	}
	if j.File, err = c.launchd.File(j.Domain, j.Label); err != nil {
		return j, err
	}
	j.List, err = plist.MarshalIndent(keys, plist.XMLFormat, "\t")
	j.List = append(j.List, '\n')
	return j, err
}

// stop ends the launchd job; one that is not loaded is success.
func (c *runners) stop(ctx context.Context, r *Runner) error {
	j, err := c.job(r)
	if err != nil {
		return err
	}
	return c.launchd.Unload(ctx, j.Domain, j.Label)
}

// start has launchd run the program.
func (c *runners) start(ctx context.Context, r *Runner) error {
	if err := c.guard(r); err != nil {
		return err
	}
	j, err := c.job(r)
	if err != nil {
		return err
	}
	if err := c.launchd.Write(ctx, j.Domain, j.File, j.List); err != nil {
		return err
	}
	return c.launchd.Load(ctx, j.Domain, j.Label, j.File)
}

// loaded are the jobs that launchd has loaded in a domain.
type loaded func(launchctl.Domain) (map[string]int, error)

// loaded asks once for each domain.
func (c *runners) loaded(ctx context.Context) loaded {
	known := map[launchctl.Domain]map[string]int{}
	return func(d launchctl.Domain) (map[string]int, error) {
		if all, ok := known[d]; ok {
			return all, nil
		}
		all, err := c.launchd.List(ctx, d)
		if err == nil {
			known[d] = all
		}
		return all, err
	}
}

// service is what is wrong with the launchd job, absent or sound.
func (c *runners) service(r *Runner, jobs loaded) (string, error) {
	j, err := c.job(r)
	if err != nil {
		return "", err
	}
	all, err := jobs(j.Domain)
	if err != nil {
		return "", err
	}
	_, runs := all[j.Label]
	flaw, err := c.launchd.Flaw(j, runs)
	return cmp.Or(flaw, absent), err
}
