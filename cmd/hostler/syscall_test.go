package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hostler/providers/testbed/tracer"
)

// tracedChild is set where this program is hostler, and stops for its tracer at
// every syscall that changes something.
const tracedChild = "HOSTLER_TEST_TRACED"

// writing is a folder whose files an apply writes, and the files of another
// version of the same configuration.
type writing struct {
	t   *testing.T
	dir string
}

func newWriting(t *testing.T) *writing {
	w := &writing{t, t.TempDir()}
	w.version(1)
	return w
}

func (w *writing) version(n int) {
	w.t.Helper()
	must(w.t, os.WriteFile(filepath.Join(w.dir, "t.yml.tmpl"), fmt.Appendf(nil, "on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: %d, steps: [{run: ls}]}}\n", n), 0o644))
	must(w.t, os.WriteFile(filepath.Join(w.dir, "main.hcl"), fmt.Appendf(nil, `
workflow "w" {
  for_each  = toset(["a", "b", "of-%d"])
  directory = "src"
  path      = "${each.key}.yml"
  template  = "t.yml.tmpl"
}
`, n), 0o644))
}

func (w *writing) command(exe string, args ...string) *exec.Cmd {
	c := exec.Command(exe, append([]string{"--chdir", w.dir}, args...)...)
	c.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	return c
}

func (w *writing) must(args ...string) string {
	w.t.Helper()
	out, err := w.command(builtHostler(w.t), args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// traced applies until the verdict on one of the changing syscalls, of which it
// made so many.
func (w *writing) traced(decide func(n int, c tracer.Call) tracer.Verdict) (printed string, calls int) {
	w.t.Helper()
	exe, err := builtTest()
	must(w.t, err)
	c := w.command(exe, "apply", "--auto-approve")
	c.Env = append(c.Env, tracedChild+"=1")
	printed, err = tracer.Output(c, tracer.Watcher{
		Watched: tracer.Folders(w.dir, filepath.Join(w.dir, "src")),
		Before: func(_ int, c tracer.Call) tracer.Verdict {
			calls++
			return decide(calls, c)
		},
	})
	if errors.Is(err, tracer.ErrNotHere) {
		w.t.Skip(err)
	}
	must(w.t, err)
	return printed, calls
}

// files are the workflow files, by name.
func (w *writing) files() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Join(w.dir, "src"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		all[d.Name()] = string(data)
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		must(w.t, err)
	}
	return all
}

// converges looks whether the state can be read, a plan is made, and one apply
// comes to what it should.
func (w *writing) converges(want map[string]string) error {
	for _, args := range [][]string{{"state", "pull"}, {"plan"}, {"apply", "--auto-approve"}, {"plan", "--detailed-exitcode"}} {
		if out, err := w.command(builtHostler(w.t), args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	if diff := cmp.Diff(want, w.files()); diff != "" {
		return errors.New(diff)
	}
	return nil
}

// TestEverySyscall lets each syscall by which an apply changes something kill it,
// or fail as on a full disk; the apply after that comes to what an undisturbed
// one does. CI plays a sample of them, this all:
//
//	go test ./cmd/hostler -run EverySyscall -long -v
func TestEverySyscall(t *testing.T) {
	t.Parallel()
	first := newWriting(t)
	first.must("apply", "--auto-approve")
	first.version(2)
	_, calls := first.traced(func(int, tracer.Call) tracer.Verdict { return tracer.Verdict{} })
	want := first.files()
	if calls < 60 || len(want) != 3 {
		t.Fatalf("%d calls, %d files", calls, len(want))
	}
	step := 23
	if *long {
		step = 1
	}
	points := 0
	for how, verdict := range map[string]tracer.Verdict{"killed": {Kill: true}, "torn": {Torn: true}, "full": {Fail: syscall.ENOSPC}} {
		for n := 1; n <= calls; n += step {
			w := newWriting(t)
			w.must("apply", "--auto-approve")
			w.version(2)
			var hit tracer.Call
			printed, _ := w.traced(func(at int, c tracer.Call) tracer.Verdict {
				if at != n || how == "torn" && c.Name != "write" || how == "full" && !c.Grow {
					return tracer.Verdict{}
				}
				hit = c
				return verdict
			})
			if hit.Nth == 0 {
				continue
			}
			points++
			if how == "full" && !strings.Contains(printed, "Apply complete!") && !strings.Contains(strings.Join(strings.Fields(printed), " "), "no space left") {
				t.Errorf("full at %v, and nobody says so:\n%s", hit, printed)
			}
			if err := w.converges(want); err != nil {
				t.Errorf("%s at %v: %v", how, hit, err)
			}
		}
	}
	t.Logf("%d calls, %d points", calls, points)
}
