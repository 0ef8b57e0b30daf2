package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hostler/providers"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
	"hostler/providers/testbed/tracer"
)

// canary is a secret that every script's environment holds, and that may turn
// up nowhere else: see checkCanary. It is put together here, so that it does not
// stand in this program, which apply installs.
var canary = strings.Join([]string{"c4n4ry", "53cr3t", "v4lu3"}, "-")

// TestMain makes the test binary hostler itself when it is called by that
// name, and the child of the kill test when it is asked for.
func TestMain(m *testing.M) {
	if at := os.Getenv("HOSTLER_TEST_CRASH"); at != "" {
		os.Exit(crashMain(at))
	}
	if os.Getenv(tracedChild) != "" {
		tracer.StopAtChanges()
		main()
	}
	testscript.Main(tidy{m}, map[string]func(){"hostler": main})
}

// tidy runs the tests and removes the programs that they built.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	code := mactest.Main(t.M)
	for _, program := range []func() (string, error){built, builtTest} {
		if exe, err := program(); err == nil {
			os.Remove(exe)
		}
	}
	return code
}

// builtHostler is the program as users have it.
func builtHostler(t *testing.T) string {
	t.Helper()
	exe, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

var (
	built     = sync.OnceValues(func() (string, error) { return goBuild("hostler", "build") })
	builtTest = sync.OnceValues(func() (string, error) { return goBuild("child", "test", "-c") })
)

// goBuild builds this package without the race detector.
func goBuild(name string, how ...string) (string, error) {
	exe := filepath.Join(os.TempDir(), fmt.Sprintf("hostler-test-%d-%s", os.Getpid(), name))
	out, err := exec.Command("go", append(how, "-ldflags=-s -w", "-o", exe, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(how, " "), err, out)
	}
	return exe, nil
}

// watched is a script's test that fails when the canary shows up in what it
// logs: the output of every command.
type watched struct{ *testing.T }

func (w watched) Run(name string, f func(testscript.T)) {
	w.T.Run(name, func(t *testing.T) { f(watched{t}) })
}

// Verbose keeps the whole log: else what went well is left out of it.
func (w watched) Verbose() bool { return true }

func (w watched) Log(args ...any) {
	w.T.Helper()
	// The log begins with the script's environment, up to an empty line.
	if _, text, _ := strings.Cut(fmt.Sprint(args...), "\n\n"); strings.Contains(text, canary) {
		w.T.Errorf("the secret was printed:\n%s", text)
	}
	w.T.Log(args...)
}

// TestScripts runs testdata/script/*.txtar. Each gets a simulated Mac of its
// own; README.md beside them lists the extra commands.
func TestScripts(t *testing.T) {
	testscript.RunT(watched{t}, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			mac, err := testbed.New(filepath.Join(env.WorkDir, ".mac"), mactest.Tools(), testbed.Spec{Memory: 16 << 30, CPUs: 10})
			if err != nil {
				return err
			}
			for _, kv := range mac.Environ() {
				name, value, _ := strings.Cut(kv, "=")
				if name == "PATH" {
					value = filepath.Dir(mac.Tool("tart")) + string(os.PathListSeparator) + env.Getenv("PATH")
				}
				env.Setenv(name, value)
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else every command takes a second more
			env.Setenv("ROOT", mac.Root())
			env.Setenv("CANARY", canary)
			env.Setenv("GITHUB_TOKEN", testbed.GitHubToken)
			env.Setenv("HOSTLER_VAR_canary", canary)
			env.Defer(func() { checkCanary(env.WorkDir) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"calls":   cmdCalls,
			"fault":   cmdFault,
			"code":    cmdCode,
			"mac":     cmdMac,
			"await":   cmdAwait,
			"publish": cmdPublish,
			"github":  cmdGitHub,

			"await-service": cmdAwaitService,
			"await-empty":   cmdAwaitEmpty,
		},
	})
}

// checkCanary panics, which fails the script, if the secret is in any file
// that the script left: the state, plans, the Mac, and the log of all calls
// of the Mac's tools with their arguments.
func checkCanary(dir string) {
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(name, ".img") {
			return err
		}
		data, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(data), canary) {
			err = fmt.Errorf("the secret is in %s", name)
		}
		return err
	})
	if err != nil {
		panic(err)
	}
}

// cmdCalls is `calls [-n N] TOOL [ARGS…]`: how often the tool was called with
// arguments that begin so; `calls reset` forgets them.
func cmdCalls(ts *testscript.TestScript, neg bool, args []string) {
	mac, err := testbed.Open(filepath.Join(ts.Getenv("WORK"), ".mac"))
	ts.Check(err)
	if len(args) == 1 && args[0] == "reset" {
		ts.Check(mac.ResetCalls())
		return
	}
	want := -1
	if len(args) > 1 && args[0] == "-n" {
		want, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	calls, err := mac.Calls()
	ts.Check(err)
	n := 0
	for _, c := range calls {
		line := append([]string{c.Tool}, c.Args...)
		if len(line) >= len(args) && strings.Join(line[:len(args)], " ") == strings.Join(args, " ") {
			n++
		}
	}
	switch {
	case want >= 0 && n != want:
		ts.Fatalf("%q was called %d times, want %d", args, n, want)
	case want < 0 && (n > 0) == neg:
		ts.Fatalf("%q was called %d times", args, n)
	}
}

// cmdFault is `fault KIND[=DELAY] TOOL [ARGS…]`: the next such call goes wrong
// that way, or with ~WORD the next one of which an argument contains that; `fault clear` takes all back.
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	mac, err := testbed.Open(filepath.Join(ts.Getenv("WORK"), ".mac"))
	ts.Check(err)
	if len(args) == 1 && args[0] == "clear" {
		ts.Check(mac.ClearFaults())
		return
	}
	if len(args) < 2 {
		ts.Fatalf("usage: fault KIND TOOL [ARGS…]")
	}
	kind, delay, _ := strings.Cut(args[0], "=")
	f := testbed.Fault{Tool: args[1], Match: args[2:], Nth: 1, Kind: testbed.Kind(kind), Code: 1, Stderr: "injected fault\n"}
	if len(f.Match) == 1 && strings.HasPrefix(f.Match[0], "~") {
		f.Holds, f.Match = f.Match[0][1:], nil
	}
	if delay != "" {
		f.Delay, err = time.ParseDuration(delay)
		ts.Check(err)
	}
	ts.Check(mac.Inject(f))
}

// cmdAwait is `await TOOL [ARGS…]`: waits until the tool is called so.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	mac, err := testbed.Open(filepath.Join(ts.Getenv("WORK"), ".mac"))
	ts.Check(err)
	for range 1000 {
		calls, err := mac.Calls()
		ts.Check(err)
		for _, c := range calls {
			if strings.HasPrefix(strings.Join(append([]string{c.Tool}, c.Args...), " "), strings.Join(args, " ")) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%q was not called", args)
}

// cmdMac is `mac TOOL ARGS…`: somebody runs the Mac's tool.
func cmdMac(ts *testscript.TestScript, neg bool, args []string) {
	mac, err := testbed.Open(filepath.Join(ts.Getenv("WORK"), ".mac"))
	ts.Check(err)
	var stdout, stderr strings.Builder
	code, ok := testbed.Main(args, mac.Environ(), strings.NewReader(""), &stdout, &stderr)
	if !ok || (code == 0) == neg {
		ts.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout.String(), stderr.String())
	}
}

// cmdPublish is `publish REF`: the registry has another image under that tag.
func cmdPublish(ts *testscript.TestScript, neg bool, args []string) {
	mac, err := testbed.Open(filepath.Join(ts.Getenv("WORK"), ".mac"))
	ts.Check(err)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: publish REF")
	}
	ts.Check(mac.Publish(testbed.RemoteImage{Ref: args[0], OS: "darwin", CPUs: 4, CPUMin: 4, Memory: 8 << 30, MemoryMin: 4 << 30, DiskGB: 60, UsedGB: 30}))
}

// cmdCode is `code N COMMAND…`: the command must exit with exactly N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if _, scanErr := fmt.Sscanf(err.Error(), "exit status %d", &got); scanErr != nil {
			ts.Fatalf("%v", err)
		}
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// cmdGitHub sets the Mac's simulated GitHub up, or looks behind it:
//
//	github OWNER/REPOSITORY[=VISIBILITY]…   adds repositories
//	github token TOKEN PERMISSION=LEVEL…    adds a token
//	github secret SCOPE NAME                wants the secret there, with the canary for a value
//	github jobs OWNER/REPOSITORY            queues a job for every runner that has none
//	github runner NAME online|offline LABEL wants the runner so
//	github relabel NAME                     takes the runner's labels away
//	github job OWNER/REPOSITORY LABEL       gives a runner a job of a second
//	github runner-of-others NAME            registers a runner
//	github meddle                           changes groups and secrets as somebody else
func cmdGitHub(ts *testscript.TestScript, neg bool, args []string) {
	mac, err := testbed.Open(filepath.Join(ts.Getenv("WORK"), ".mac"))
	ts.Check(err)
	gh, err := mac.GitHub()
	ts.Check(err)
	switch {
	case args[0] == "token":
		permissions := map[string]string{}
		for _, p := range args[2:] {
			name, level, _ := strings.Cut(p, "=")
			permissions[name] = level
		}
		ts.Check(gh.AddToken(args[1], "acme", permissions, time.Time{}))
	case args[0] == "secret":
		values, err := gh.Secrets(args[1])
		ts.Check(err)
		if values[args[2]] != canary {
			ts.Fatalf("%s has no secret %s, or another value", args[1], args[2])
		}
	case args[0] == "release":
		age, err := time.ParseDuration(args[2])
		ts.Check(err)
		ts.Check(gh.Release(args[1], time.Now().Add(-age)))
	case args[0] == "runner":
		list, err := gh.Runners()
		ts.Check(err)
		found := slices.ContainsFunc(list, func(r testbed.GitHubRunner) bool {
			return r.Name == args[1] && r.Online == (args[2] == "online") &&
				slices.ContainsFunc(r.Labels, func(l testbed.GitHubLabel) bool { return l.Name == args[3] })
		})
		if found == neg {
			ts.Fatalf("runners: %+v", list)
		}
	case args[0] == "relabel":
		ts.Check(gh.EditRunner(args[1], func(r *testbed.GitHubRunner) { r.Labels = r.Labels[:3] }))
	case args[0] == "job":
		ts.Check(giveJob(gh, args[1], args[2], time.Second))
	case args[0] == "runner-of-others":
		ts.Check(gh.AddRunner("acme", args[1], nil))
	case args[0] == "jobs":
		ts.Check(giveJobs(gh, args[1]))
	case args[0] == "meddle":
		ts.Check(gh.EditGroups("acme", func(g *testbed.GitHubGroup) bool { g.Public = !g.Default; return true }))
		ts.Check(gh.TouchSecret("acme/app", "API_KEY", false))
	default:
		for _, a := range args {
			name, visibility, ok := strings.Cut(a, "=")
			if !ok {
				visibility = "private"
			}
			ts.Check(gh.AddRepository(name, visibility, map[string]string{"README.md": "hello\n"}))
		}
	}
}

// giveJob has a runner with the label work on a job for a while.
func giveJob(gh *testbed.GitHub, repository, label string, lasts time.Duration) error {
	if _, err := gh.QueueJob(repository, "boot", []string{"self-hosted", label}); err != nil {
		return err
	}
	list, err := gh.Runners()
	if err != nil {
		return err
	}
	for _, r := range list {
		if _, ok, err := gh.Take(r.ID); err != nil || ok {
			time.AfterFunc(lasts, func() { _ = gh.Complete(r.ID, "success") })
			return err
		}
	}
	return fmt.Errorf("no runner takes a job for %s", label)
}

// giveJobs queues a job for the label that each runner has alone.
func giveJobs(gh *testbed.GitHub, repository string) error {
	runners, err := gh.Runners()
	if err != nil {
		return err
	}
	for _, r := range runners {
		for _, label := range r.Labels {
			if strings.HasPrefix(label.Name, "vm-") {
				if _, err := gh.QueueJob(repository, "work", []string{"self-hosted", label.Name}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cmdAwaitService waits until the dispatch service answers, cmdAwaitEmpty until
// nothing is lent.
func cmdAwaitService(ts *testscript.TestScript, _ bool, _ []string) {
	awaitStatus(ts, func(s status.Status) bool { return s.Running })
}

func cmdAwaitEmpty(ts *testscript.TestScript, _ bool, _ []string) {
	awaitStatus(ts, func(s status.Status) bool { return len(s.Leases) == 0 })
}

func awaitStatus(ts *testscript.TestScript, ok func(status.Status) bool) {
	c, err := socket.Dial(providers.Env{Root: ts.Getenv("ROOT"), Environ: []string{"HOME=" + ts.Getenv("HOME")}})
	ts.Check(err)
	var s status.Status
	for range 1000 {
		if s, err = c.Status(context.Background()); err == nil && ok(s) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("it did not come to that: %+v, %v", s, err)
}
