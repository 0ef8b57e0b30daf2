package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hostler/providers/doctor"
	"hostler/providers/testbed"
)

// unplayed are the commands of the documents that the test below does not run,
// by how they begin, and why.
var unplayed = map[string]string{
	"go test": "these are the tests, and benchmarks that take minutes",
	"gh api":  "it asks GitHub itself",
	".ci/":    "it measures for minutes, or builds releases",
}

// documented are the commands of a document's sh blocks, without comments.
func documented(t *testing.T, file string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)\n```").FindAllStringSubmatch(string(data), -1) {
		for line := range strings.Lines(block[1]) {
			if line, _, _ = strings.Cut(line, " # "); strings.TrimSpace(line) != "" {
				all = append(all, strings.TrimSpace(line))
			}
		}
	}
	return all
}

// reader does what a document says, on a simulated Mac, in a copy of this
// repository.
type reader struct {
	*builder
	cwd string
	bin string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{builder: newBuilder(t, testbed.Pretend, nil), cwd: t.TempDir(), bin: t.TempDir()}
	root, err := filepath.Abs("../..")
	must(t, err)
	must(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && rel != ".":
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(r.cwd, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(r.cwd, rel), data, 0o644)
	}))
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOSUMDB"} {
		out, err := exec.Command("go", "env", name).Output()
		must(t, err)
		r.env = append(r.env, name+"="+strings.TrimSpace(string(out)))
	}
	program, err := exec.LookPath("go")
	must(t, err)
	for _, kv := range r.mac.Environ() {
		if list, ok := strings.CutPrefix(kv, "PATH="); ok {
			r.env = append(r.env, "PATH="+r.bin+":"+list+":"+filepath.Dir(program))
		}
	}
	r.env = append(r.env, "GOBIN="+r.bin, "GITHUB_TOKEN="+testbed.GitHubToken)
	return r
}

// does runs one line, answers what it asks, and stays where it led.
func (r *reader) does(line string) string {
	r.t.Helper()
	for begin := range unplayed {
		if strings.HasPrefix(line, begin) {
			return ""
		}
	}
	answer := "yes\n"
	if strings.HasPrefix(line, "security ") {
		answer = testbed.GitHubToken + "\n"
	}
	at := filepath.Join(r.t.TempDir(), "pwd")
	c := exec.Command("bash", "-c", regexp.MustCompile(`\bRUN\b`).ReplaceAllString(line, "77")+"\ncode=$?\npwd >'"+at+"'\nexit $code")
	c.Dir, c.Stdin = r.cwd, strings.NewReader(answer)
	c.Env = append(r.mac.Environ(), r.env...)
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	pwd, err := os.ReadFile(at)
	must(r.t, err)
	r.cwd = strings.TrimSpace(string(pwd))
	return string(out)
}

// TestREADME: whoever does what README says, line by line, comes from nothing to
// a first job, looks at it, and takes everything away again.
func TestREADME(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	gh, err := r.mac.GitHub()
	must(t, err)
	must(t, gh.AddRepository("my-organization/app", "private", map[string]string{"README.md": "x\n"}))
	played := 0
	for _, line := range documented(t, "../../README.md") {
		if line == "hostler explain RUN" {
			// What the workflow of the pull request does on the coordinator.
			out := r.does("GITHUB_REPOSITORY=my-organization/app GITHUB_RUN_ID=77 GITHUB_RUN_ATTEMPT=1 GITHUB_JOB=boot hostler run --profile developer")
			_, err := gh.QueueJob("my-organization/app", "work", []string{"self-hosted", regexp.MustCompile(`vm-77-1-\w+`).FindString(out)})
			must(t, err)
		}
		out := r.does(line)
		played++
		switch line {
		case "hostler apply":
			pulls, err := gh.Pulls("my-organization/app")
			if err != nil || len(pulls) != 1 {
				t.Errorf("pull requests: %+v, %v", pulls, err)
			}
			r.exe = filepath.Join(r.bin, "hostler")
			r.serve() // as launchd does
		case "hostler explain RUN":
			if !strings.Contains(out, "my-organization/app run 77") {
				t.Errorf("%s", out)
			}
		case "hostler destroy":
			if !strings.Contains(out, "Destroy complete!") {
				t.Errorf("%s", out)
			}
		}
	}
	if played < 20 {
		t.Errorf("README has %d commands", played)
	}
}

// TestDocumentedCommands runs those of all other documents; each example has one,
// and is rehearsed with jobs.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	must(t, os.Symlink(r.exe, filepath.Join(r.bin, "hostler")))
	examples, err := filepath.Glob("../../examples/*")
	must(t, err)
	images, err := filepath.Glob("../../images/*/README.md")
	must(t, err)
	for _, dir := range examples {
		file := filepath.Join(dir, "README.md")
		rehearsed := func(line string) bool { return strings.HasPrefix(line, "hostler rehearse --jobs") }
		if !slices.ContainsFunc(documented(t, file), rehearsed) {
			t.Errorf("%s rehearses nothing", file)
		}
		images = append(images, file)
	}
	for _, file := range images {
		for _, line := range documented(t, file) {
			if out := r.does(line); strings.HasPrefix(line, "hostler rehearse") && !strings.Contains(out, "The rehearsal went well") {
				t.Errorf("%s: %s\n%s", file, line, out)
			}
		}
	}
}

// TestREADMENamesChecks: each check of the doctor is in README's table of what can
// go wrong, and each one there exists.
func TestREADMENamesChecks(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	must(t, err)
	_, text, _ := strings.Cut(string(data), "## When something is wrong")
	text, _, _ = strings.Cut(text, "\n## ")
	named := map[string]bool{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || strings.Contains(cells[1], "checks") {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cells[1], -1) {
			named[m[1]] = true
		}
	}
	for _, name := range doctor.Names() {
		if !named[name] {
			t.Errorf("check %s is in no row", name)
		}
		delete(named, name)
	}
	if len(named) > 0 {
		t.Error(fmt.Sprint("no checks: ", named))
	}
}
