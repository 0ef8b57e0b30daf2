package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// guest is a simulated macOS guest made from a public base image: a home
// folder, and doubles of the tools on PATH (testdata/double.sh).
type guest struct {
	t   *testing.T
	dir string
}

const (
	runnerVersion = "2.336.0"
	oldRunner     = "2.300.0" // the unpinned one that the public image brings
	delivered     = "downloads/actions-runner-osx-arm64-" + runnerVersion + ".tar.gz"
)

func newGuest(t *testing.T) *guest {
	t.Helper()
	if _, err := os.Stat("/bin/bash"); err != nil {
		t.Skip("no /bin/bash here, and the scripts are written for it")
	}
	g := &guest{t, t.TempDir()}
	double, err := os.ReadFile("testdata/double.sh")
	if err != nil {
		t.Fatal(err)
	}
	g.write("double.sh", string(double))
	for _, name := range []string{"sudo", "pmset", "systemsetup", "mdutil", "defaults", "sysadminctl", "fdesetup", "softwareupdate", "curl", "shasum"} {
		g.provide("system/" + name)
	}
	// The real tools that the scripts need, and no other: this machine's own
	// node or ffmpeg must not pass for the guest's.
	for _, name := range []string{"awk", "bash", "cat", "cp", "grep", "gzip", "head", "id", "ln", "mkdir", "mktemp", "mv", "rm", "tar", "tr", "true", "wc"} {
		real, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		g.link(real, "system/"+name)
	}
	g.provide("brew/bin/brew")
	g.provide("brew/opt/node@24/bin/node")
	// The public images link ~/.profile to ~/.zprofile and bring a Node.
	g.write("home/.zprofile", `export PATH="$MAC/brew/opt/node@24/bin:$MAC/brew/bin:$MAC/system"`+"\n")
	g.link(".zprofile", "home/.profile")
	g.write("home/actions-runner/bin/Runner.Listener", listener(oldRunner))
	g.write("home/actions-runner/run.sh", "#!/bin/bash\n")
	g.write(delivered, runnerPackage(t, runnerVersion))
	return g
}

// settle brings all settings to what setup.sh wants; the runner stays old.
func (g *guest) settle() {
	g.t.Helper()
	library := "state/defaults/Library/Preferences/"
	for name, value := range map[string]string{
		"state/pmset/sleep":        "0",
		"state/pmset/displaysleep": "0",
		"state/pmset/disksleep":    "0",
		"state/mdutil":             "Indexing disabled.",
		"state/screenLock":         "is off",
		"state/defaults/host.com.apple.screensaver/idleTime":                  "0",
		library + "com.apple.screensaver/loginWindowIdleTime":                 "0",
		library + "com.apple.SoftwareUpdate/AutomaticCheckEnabled":            "0",
		library + "com.apple.SoftwareUpdate/AutomaticDownload":                "0",
		library + "com.apple.SoftwareUpdate/AutomaticallyInstallMacOSUpdates": "0",
		library + "com.apple.SoftwareUpdate/ConfigDataInstall":                "0",
		library + "com.apple.SoftwareUpdate/CriticalUpdateInstall":            "0",
	} {
		g.write(name, value+"\n")
	}
}

func (g *guest) path(name string) string { return filepath.Join(g.dir, name) }

// write makes an executable file.
func (g *guest) write(name, content string) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(g.path(name)), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(g.path(name), []byte(content), 0o755); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) link(target, name string) {
	g.t.Helper()
	if err := os.MkdirAll(filepath.Dir(g.path(name)), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Symlink(target, g.path(name)); err != nil {
		g.t.Fatal(err)
	}
}

// provide puts a double at that place.
func (g *guest) provide(name string) { g.link(g.path("double.sh"), name) }

// read is the content of a file, empty when there is none.
func (g *guest) read(name string) string {
	g.t.Helper()
	b, err := os.ReadFile(g.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		g.t.Fatal(err)
	}
	return string(b)
}

func (g *guest) remove(name string) {
	g.t.Helper()
	if err := os.RemoveAll(g.path(name)); err != nil {
		g.t.Fatal(err)
	}
}

// sum is the checksum of the runner package that curl delivers.
func (g *guest) sum() string { return sum(g.read(delivered)) }

func sum(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// How a script reaches /bin/bash -l.
type feed bool

const (
	asFile  feed = false
	onStdin feed = true
)

// run gives a script to /bin/bash -l and returns what it printed and its exit
// code, -1 when it was killed.
func (g *guest) run(how feed, script string, env ...string) (string, int) {
	g.t.Helper()
	cmd := exec.Command("/bin/bash", "-l", script)
	if how == onStdin {
		f, err := os.Open(script)
		if err != nil {
			g.t.Fatal(err)
		}
		defer f.Close()
		cmd = exec.Command("/bin/bash", "-l")
		cmd.Stdin = f
	}
	cmd.Env = append([]string{"HOME=" + g.path("home"), "MAC=" + g.dir, "PATH=/usr/bin:/bin", "TMPDIR=" + g.t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		g.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must is run for a script that has to succeed.
func (g *guest) must(how feed, script string, env ...string) string {
	g.t.Helper()
	out, code := g.run(how, script, env...)
	if code != 0 {
		g.t.Fatalf("%s: exit code %d\n%s", script, code, out)
	}
	return out
}

// snapshot is all files below name: their contents and modes.
func (g *guest) snapshot(name string) string {
	g.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(g.path(name), func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == g.path("calls") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(g.dir, p)
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(p); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %s %x\n", rel, info.Mode(), sha256.Sum256(content))
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return b.String()
}

// leftovers are the folders that an installation of the runner works in.
func (g *guest) leftovers() []string {
	g.t.Helper()
	found, err := filepath.Glob(g.path("home/.actions-runner.*"))
	if err != nil {
		g.t.Fatal(err)
	}
	return found
}

func listener(version string) string {
	return "#!/bin/bash\n[ \"$1\" = --version ] && echo " + version + "\n"
}

// runnerPackage is an archive like GitHub's, whose runner says it is version.
func runnerPackage(t *testing.T, version string) string {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for _, f := range []struct{ name, content string }{
		{"run.sh", "#!/bin/bash\n"},
		{"bin/Runner.Listener", listener(version)},
	} {
		if err := archive.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(f.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
