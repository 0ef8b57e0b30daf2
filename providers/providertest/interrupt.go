package providertest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hostler/providers/testbed"
	"hostler/providers/testbed/tracer"
)

// envChild makes the test binary a child that creates the object of one
// world: the test's name, a line end, the world's folder.
const envChild = "HOSTLER_PROVIDERTEST_CHILD"

// Child reports whether this process is such a child, which is killed before
// anybody reads what it finds.
func Child() bool { return os.Getenv(envChild) != "" }

// wantFile lies beside the world's folder and holds what the child creates.
func wantFile(dir string) string { return dir + ".want.json" }

// child does a child's work, if this process is one for that test.
func child(test string, s Suite) (ran bool, err error) {
	name, dir, ok := strings.Cut(os.Getenv(envChild), "\n")
	if !ok || name != test {
		return ok, nil
	}
	raw, err := os.ReadFile(wantFile(dir))
	if err != nil {
		return true, err
	}
	w, err := s.World(dir)
	if err != nil {
		return true, err
	}
	w.Type.Configure(w.Config)
	want, err := w.Type.Decode(json.RawMessage(raw), w.Type.Schema.Version)
	if err == nil {
		_, err = w.Type.Create(context.Background(), want)
	}
	return true, err
}

// spawn starts a child on the world of t.
func (t *trial) spawn(sys *syscall.SysProcAttr) (p *os.Process, output func() string, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	out, err := os.Create(t.dir + ".out")
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	p, err = os.StartProcess(exe, []string{exe, "-test.count=1", "-test.run=^" + strings.ReplaceAll(t.test, "/", "$/^") + "$"}, &os.ProcAttr{
		// The race detector sleeps at the end of a process unless it is told not to.
		Env:   append(os.Environ(), envChild+"="+t.test+"\n"+t.dir, "GORACE=atexit_sleep_ms=0"),
		Files: []*os.File{null, out, out}, Sys: sys,
	})
	return p, func() string { text, _ := os.ReadFile(out.Name()); return string(text) }, err
}

// holdInterrupt kills a Create at each of its calls that change something,
// before and after, and at each change it makes to files.
func holdInterrupt(t *trial) error {
	if err := t.start(); err != nil {
		return err
	}
	want, err := t.resolve(t.Want, t.Type.Null(), false)
	if err != nil {
		return err
	}
	if found, ok, err := t.Type.Find(context.Background(), want); !ok {
		return nil
	} else if err != nil || !found.IsNull() {
		return fmt.Errorf("find where nothing was made: %#v, %v; want null", found, err)
	}
	if t.Mac != nil {
		points, err := t.mutatingCalls()
		if err != nil {
			return err
		}
		for _, p := range points {
			for _, p.Kind = range []testbed.Kind{testbed.KillCallerBefore, testbed.KillCallerAfter} {
				if err := t.killedAtCall(p); err != nil {
					return fmt.Errorf("create, %s in call %d of %s: %w", p.Kind, p.Nth, p.Tool, err)
				}
			}
		}
	}
	for n := 1; tracer.Here; n++ {
		what, done, err := t.killedAtChange(n)
		if err != nil {
			return fmt.Errorf("create, killed before its change %d to files (%s): %w", n, what, err)
		}
		if done {
			break
		}
	}
	return nil
}

// prepare makes a world, what a child needs, and notes how the world was.
func (t *trial) prepare() (snapshot, error) {
	t.dir = filepath.Join(t.temp(), "world")
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return nil, err
	}
	if err := t.reopen(); err != nil {
		return nil, err
	}
	want, err := t.resolve(t.Want, t.Type.Null(), false)
	if err != nil {
		return nil, err
	}
	raw, err := t.Type.Encode(want)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(wantFile(t.dir), raw, 0o600); err != nil {
		return nil, err
	}
	return t.snapshot()
}

func (t *trial) killedAtCall(f testbed.Fault) error {
	empty, err := t.prepare()
	if err != nil {
		return err
	}
	if err := t.Mac.Inject(f); err != nil {
		return err
	}
	p, output, err := t.spawn(nil)
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the child was not killed: %s\n%s", state, output())
	}
	if err := t.quiet(); err != nil {
		return err
	}
	return t.recovers(empty)
}

// killedAtChange kills a child just before the n-th change it makes to files.
// done says that it made fewer.
func (t *trial) killedAtChange(n int) (what string, done bool, err error) {
	empty, err := t.prepare()
	if err != nil {
		return "", false, err
	}
	output := func() string { return "" }
	end, err := tracer.Run(func(sys *syscall.SysProcAttr) (p *os.Process, err error) {
		p, output, err = t.spawn(sys)
		return p, err
	}, tracer.Watcher{All: true, Watched: t.within, Before: func(_ int, c tracer.Call) tracer.Verdict {
		if c.Name == "fsync" || c.Nth < n || what != "" {
			return tracer.Verdict{}
		}
		what = c.Name + " " + filepath.Base(cmp.Or(c.To, c.Path))
		return tracer.Verdict{Kill: true}
	}})
	switch {
	case err != nil:
		return what, false, fmt.Errorf("%w\n%s", err, output())
	case what == "" && end.ExitStatus() == 0:
		return "", true, nil
	case !end.Signaled() || what == "":
		return what, false, fmt.Errorf("the child ended as %v\n%s", end, output())
	}
	if t.Mac != nil {
		if err := t.quiet(); err != nil {
			return what, false, err
		}
	}
	return what, false, t.recovers(empty)
}

// within tells what a child changes for itself. A double that runs in it writes
// for itself, too; what is real by it changes with one of its files.
func (t *trial) within(name string) (folder int, ok bool) {
	rel, ok := strings.CutPrefix(name, t.dir+"/")
	if !ok || t.Double == nil {
		return 0, ok
	}
	if rel, inside := strings.CutPrefix(name, t.Root+"/"); inside {
		return 0, !slices.ContainsFunc(t.Ignore, func(p string) bool { return strings.HasPrefix(rel, p) })
	}
	return 0, t.Double.MatchString(rel)
}

// quiet waits until the tools that outlived their caller have ended.
func (t *trial) quiet() error {
	for range 500 {
		calls, err := t.Mac.Calls()
		if err != nil {
			return err
		}
		busy := false
		for _, c := range calls {
			// A call under sudo ends in the same process; one that died says
			// nothing at its end.
			busy = busy || !c.Done && syscall.Kill(c.PID, 0) == nil
		}
		if !busy {
			return t.Mac.ClearFaults()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("a tool did not end")
}

// recovers is the next run: what the killed one left is found, completed, and
// can be deleted without a trace.
func (t *trial) recovers(empty snapshot) error {
	if err := t.reopen(); err != nil {
		return err
	}
	raw, err := os.ReadFile(wantFile(t.dir))
	if err != nil {
		return err
	}
	want, err := t.Type.Decode(raw, t.Type.Schema.Version)
	if err != nil {
		return err
	}
	found, _, err := t.Type.Find(context.Background(), want)
	if t.saw(err) != nil {
		return fmt.Errorf("find: %w", err)
	}
	if found.IsNull() {
		now, err := t.snapshot()
		if err != nil {
			return err
		}
		if d := empty.diff(now); d != "" {
			return fmt.Errorf("find answered that nothing stands, and yet: %s", d)
		}
	}
	have, err := t.converge(t.Want, found)
	if err != nil {
		return fmt.Errorf("after find answered %#v: %w", found, err)
	}
	if err := t.Type.Delete(context.Background(), have); t.saw(err) != nil {
		return fmt.Errorf("delete: %w", err)
	}
	now, err := t.snapshot()
	if err != nil {
		return err
	}
	if d := empty.diff(now); d != "" {
		return fmt.Errorf("deleted again, the world is not as it was before: %s", d)
	}
	return nil
}
