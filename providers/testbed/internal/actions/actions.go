// Package actions owns the stand-in for GitHub's runner program as it is
// installed on a Mac for good: its archive, its config.sh, and that it is online
// for as long as launchd runs it.
//
// Invariants:
//
//   - The archive of a version is always the same, byte for byte.
//   - What config.sh prints and refuses is what the real one does when it is
//     unattended; a token reaches it by an argument or the environment.
//   - A runner is online if and only if a job of launchd runs in its folder.
//
// Start reading at Config.
package actions

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/runners"
	"hostler/providers/testbed/internal/github/world"
	"hostler/providers/testbed/internal/launchd"
	"hostler/providers/testbed/internal/mac"
)

// Filename is what GitHub calls the archive for Macs.
func Filename(version string) string { return "actions-runner-osx-arm64-" + version + ".tar.gz" }

// Archive is the runner program of a version.
func Archive(version string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range []struct{ name, text string }{
		{"config.sh", "#!/bin/sh\ncd \"$(dirname \"$0\")\" && exec config.sh \"$@\"\n"},
		{"run.sh", "#!/bin/sh\necho 'this runner is a stand-in' >&2\nexit 1\n"},
		{"bin/runsvc.sh", "#!/bin/sh\necho 'this runner is a stand-in' >&2\nexit 1\n"},
		{"bin/Runner.Listener", "#!/bin/sh\necho " + version + "\n"},
	} {
		// Writing to memory does not fail.
		_ = t.WriteHeader(&tar.Header{Name: "./" + f.name, Mode: 0o755, Size: int64(len(f.text)), Format: tar.FormatUSTAR})
		_, _ = io.WriteString(t, f.text)
	}
	_, _ = t.Close(), z.Close()
	return b.Bytes()
}

// registered are the folders of runners that config.sh has configured, as this
// machine has them, with their numbers.
const registered = "runners.json"

// Settings is the file .runner, as far as anybody reads it.
type settings struct {
	ID        int64  `json:"agentId"`
	Name      string `json:"agentName"`
	PoolID    int64  `json:"poolId"`
	PoolName  string `json:"poolName"`
	GitHubURL string `json:"gitHubUrl"`
	Work      string `json:"workFolder"`
	NoUpdate  bool   `json:"disableUpdate"`
}

// Config is the program config.sh, in the folder of the runner.
func Config(p *mac.Process) int {
	if p.Root() {
		return p.Errorf(1, "Must not run with sudo")
	}
	dir, err := os.Getwd()
	if err != nil {
		return p.Errorf(1, "%v", err)
	}
	args := p.Args
	remove := len(args) > 0 && args[0] == "remove"
	if remove {
		args = args[1:]
	}
	fl := flag.NewFlagSet("config.sh", flag.ContinueOnError)
	fl.SetOutput(p.Stderr)
	unattended, replace, noUpdate := fl.Bool("unattended", false, ""), fl.Bool("replace", false, ""), fl.Bool("disableupdate", false, "")
	link, name, labels, group, work := fl.String("url", "", ""), fl.String("name", "", ""), fl.String("labels", "", ""), fl.String("runnergroup", "Default", ""), fl.String("work", "_work", "")
	token := fl.String("token", p.Env["ACTIONS_RUNNER_INPUT_TOKEN"], "")
	if err := fl.Parse(args); err != nil || fl.NArg() > 0 {
		return p.Errorf(1, "Unrecognized command-line input arguments: '%s'. For usage refer to: .\\config.cmd --help or ./config.sh --help", strings.Join(fl.Args(), ", "))
	}
	if !*unattended && !remove || *token == "" {
		return p.Errorf(1, "Invalid configuration provided for token. Terminating unattended configuration.")
	}
	if remove {
		return unconfigure(p, dir, *token)
	}
	if _, err := os.Stat(filepath.Join(dir, ".runner")); err == nil {
		return p.Errorf(1, "Cannot configure the runner because it is already configured. To reconfigure the runner, run 'config.cmd remove' or './config.sh remove' first.")
	}
	u, err := url.Parse(*link)
	if err != nil || u.Host == "" {
		return p.Errorf(1, "Invalid configuration provided for url. Terminating unattended configuration.")
	}
	scope := strings.Trim(u.Path, "/")
	fmt.Fprint(p.Stdout, "\n√ Connected to GitHub\n\n# Runner Registration\n\n")
	made, pool := (*world.Runner)(nil), int64(1)
	err = gitHub(p.Mac, func(w *world.World) error {
		if !strings.Contains(scope, "/") {
			pool = 0
			for _, g := range w.Groups {
				if strings.EqualFold(g.Org, scope) && (strings.EqualFold(g.Name, *group) || g.Default && strings.EqualFold(*group, "default")) {
					pool = g.ID
				}
			}
			if pool == 0 {
				return fmt.Errorf("Could not find any self-hosted runner group named %q.", *group)
			}
		}
		version, err := os.ReadFile(filepath.Join(dir, "bin", "Runner.Listener"))
		if err != nil {
			return err
		}
		words := strings.Fields(string(version))
		var all []string
		if *labels != "" {
			all = strings.Split(*labels, ",")
		}
		made, err = runners.Register(w, p.Now(), scope, *token, *name, all, pool, "macOS", words[len(words)-1], *replace)
		return err
	})
	switch {
	case errors.Is(err, runners.ErrExpired):
		return p.Errorf(1, "Http response code: NotFound from 'POST https://api.github.com/actions/runner-registration' (Request Id: ABCD)\n{\"message\":\"Not Found\"}\nResponse status code does not indicate success: 404 (Not Found).")
	case err != nil:
		return p.Errorf(1, "%v", err)
	}
	fmt.Fprint(p.Stdout, "√ Runner successfully added\n√ Runner connection is good\n\n# Runner settings\n\n√ Settings Saved.\n\n")
	err = errors.Join(
		write(dir, ".credentials_rsaparams", "{\"d\": \"a private key\"}", 0o600),
		write(dir, ".credentials", "{\"scheme\": \"OAuth\"}", 0o644),
		writeSettings(dir, settings{made.ID, made.Name, pool, *group, *link, *work, *noUpdate}),
		mac.Update(p.Mac, registered, func(all *map[string]int64) error {
			if *all == nil {
				*all = map[string]int64{}
			}
			(*all)[dir] = made.ID
			return nil
		}))
	if err != nil {
		return p.Errorf(1, "%v", err)
	}
	return 0
}

// writeSettings writes .runner as the real program does: with a mark of the
// order of bytes before it.
func writeSettings(dir string, s settings) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return write(dir, ".runner", "\ufeff"+string(data), 0o644)
}

func write(dir, name, text string, mode fs.FileMode) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), mode)
}

// unconfigure is `config.sh remove`.
func unconfigure(p *mac.Process, dir, token string) int {
	data, err := os.ReadFile(filepath.Join(dir, ".runner"))
	if err != nil {
		fmt.Fprintln(p.Stdout, "Does not exist. Skipping Removing .runner")
		return 0
	}
	var s settings
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &s); err != nil {
		return p.Errorf(1, "%v", err)
	}
	u, err := url.Parse(s.GitHubURL)
	if err != nil {
		return p.Errorf(1, "%v", err)
	}
	err = gitHub(p.Mac, func(w *world.World) error {
		return runners.Unregister(w, p.Now(), strings.Trim(u.Path, "/"), token, s.ID)
	})
	if err != nil {
		return p.Errorf(1, "%v", err)
	}
	for _, name := range []string{".credentials", ".credentials_rsaparams", ".runner"} {
		err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
	}
	if err != nil {
		return p.Errorf(1, "%v", err)
	}
	fmt.Fprint(p.Stdout, "√ Runner removed successfully\n√ Removed .credentials\n√ Removed .runner\n")
	return 0
}

// gitHub changes the GitHub that the Mac sees.
func gitHub(m *mac.Mac, do func(*world.World) error) error {
	return world.Change(filepath.Join(m.Dir(), "github"), do)
}

// Sync brings every configured runner online whose folder a job of launchd
// runs in, and the others offline.
func Sync(m *mac.Mac) error {
	all, err := mac.Load[map[string]int64](m, registered)
	if err != nil || len(all) == 0 {
		return err
	}
	folders, err := launchd.Folders(m)
	if err != nil {
		return err
	}
	return gitHub(m, func(w *world.World) error {
		for dir, id := range all {
			runs := slices.ContainsFunc(folders, func(f string) bool { return m.Path(f) == dir })
			_, err := os.Stat(filepath.Join(dir, ".runner"))
			for _, r := range w.Runners {
				switch {
				case r.ID != id:
				case runs && err == nil:
					r.Online = true
				case r.Online:
					runners.Disconnect(w, time.Now(), id)
				}
			}
		}
		return nil
	})
}

// After is a tool after which launchd's jobs may be others.
func After(run func(*mac.Process) int) func(*mac.Process) int {
	return func(p *mac.Process) int {
		code := run(p)
		if err := Sync(p.Mac); err != nil {
			return p.Errorf(70, "simulated mac: %v", err)
		}
		return code
	}
}
