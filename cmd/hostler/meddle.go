package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/testbed"
)

// meddle does to the simulated Mac what colleagues do to a real one, one of
// each kind, and says what it did.
func (r *rehearsal) meddle() (done int, err error) {
	for _, prank := range []func() (string, error){r.resizeVM, r.unloadJob, r.editWorkflow, r.loseSettings, r.openGroup, r.relabelRunner, r.changeSecret} {
		text, err := prank()
		if err != nil {
			return done, err
		}
		if text != "" {
			done++
			fmt.Fprintln(r.stdout, "  •", text)
		}
	}
	if done == 0 {
		fmt.Fprintln(r.stdout, "  There is nothing to meddle with.")
	}
	return done, nil
}

// tool runs one of the simulated Mac's programs, as its user would.
func (r *rehearsal) tool(args ...string) error {
	var out bytes.Buffer
	code, ok := testbed.Main(args, r.mac.Environ(), strings.NewReader(""), &out, &out)
	if !ok || code != 0 {
		return fmt.Errorf("%s: exit status %d: %s", strings.Join(args, " "), code, strings.TrimSpace(out.String()))
	}
	return nil
}

func (r *rehearsal) resizeVM() (string, error) {
	vms, err := r.mac.VMs()
	if err != nil || len(vms) == 0 {
		return "", err
	}
	name := vms[0].Name
	const cpus = 5
	return fmt.Sprintf("tart set %s --cpu %d", name, cpus), r.tool("tart", "set", name, "--cpu", strconv.Itoa(cpus))
}

func (r *rehearsal) unloadJob() (string, error) {
	plists, err := filepath.Glob(r.mac.Path("/Users/*/Library/LaunchAgents/*.plist"))
	if err != nil || len(plists) == 0 {
		return "", err
	}
	target := "gui/501/" + strings.TrimSuffix(filepath.Base(plists[0]), ".plist")
	return "launchctl bootout " + target, r.tool("launchctl", "bootout", target)
}

func (r *rehearsal) editWorkflow() (string, error) {
	name, err := r.firstFile(func(p string) bool { return strings.Contains(p, "/.github/workflows/") })
	if name == "" || err != nil {
		return "", err
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	edited := strings.Replace(string(src), "timeout-minutes: ", "timeout-minutes: 9", 1)
	if edited == string(src) {
		edited += "# edited by hand\n"
	}
	return "someone edits " + r.macPath(name), os.WriteFile(name, []byte(edited), 0o644)
}

func (r *rehearsal) loseSettings() (string, error) {
	name, err := r.firstFile(func(p string) bool { return strings.Contains(p, "/hostler/profiles/") })
	if name == "" || err != nil {
		return "", err
	}
	return "rm " + strconv.Quote(r.macPath(name)), os.Remove(name)
}

// openGroup lets public repositories, and so everybody, use a runner group.
func (r *rehearsal) openGroup() (text string, err error) {
	gh, owner, err := r.gitHub()
	if err != nil || owner == "" {
		return "", err
	}
	return text, gh.EditGroups(owner, func(g *testbed.GitHubGroup) bool {
		if !g.Default && text == "" {
			g.Public, text = true, fmt.Sprintf("someone opens runner group %q to public repositories", g.Name)
		}
		return true
	})
}

// relabelRunner takes the labels away that somebody gave a runner.
func (r *rehearsal) relabelRunner() (string, error) {
	gh, owner, err := r.gitHub()
	if err != nil || owner == "" {
		return "", err
	}
	all, err := gh.Runners()
	if err != nil || len(all) == 0 {
		return "", err
	}
	name := all[0].Name
	return fmt.Sprintf("someone takes the labels of runner %s away", name), gh.EditRunner(name, func(o *testbed.GitHubRunner) {
		o.Labels = slices.DeleteFunc(o.Labels, func(l testbed.GitHubLabel) bool { return !l.ReadOnly })
	})
}

func (r *rehearsal) changeSecret() (string, error) {
	gh, owner, err := r.gitHub()
	if err != nil || owner == "" {
		return "", err
	}
	for _, b := range r.cfg.Blocks {
		if b.Addr.Type != "secret" {
			continue
		}
		scope := owner
		if repos := b.Value.GetAttr("repositories"); !repos.IsNull() && repos.LengthInt() > 0 {
			scope += "/" + repos.AsValueSlice()[0].AsString()
		}
		name := providers.InstanceName(b.Addr)
		return fmt.Sprintf("someone sets secret %s of %s", name, scope), gh.TouchSecret(scope, name, false)
	}
	return "", nil
}

// gitHub is the simulated one, and the owner that the files name, "" for none.
func (r *rehearsal) gitHub() (gh *testbed.GitHub, owner string, err error) {
	if b := r.cfg.Block(addr.New("github", "github")); b != nil {
		owner, _, _ = strings.Cut(b.Value.GetAttr("owner").AsString(), "/")
	}
	gh, err = r.mac.GitHub()
	return gh, owner, err
}

func (r *rehearsal) macPath(name string) string {
	return strings.TrimPrefix(name, r.mac.Root())
}

// firstFile is the first file of the Mac, by name, that fits.
func (r *rehearsal) firstFile(fits func(path string) bool) (string, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(r.mac.Root(), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && fits(p) {
			found[p] = true
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return slices.Sorted(maps.Keys(found))[0], nil
}
