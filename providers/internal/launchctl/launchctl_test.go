package launchctl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

const gui = launchctl.Domain("gui/501")

type bench struct {
	*testbed.Mac
	t *testing.T
	m *machine.Machine
	*launchctl.Client
}

func newBench(t *testing.T, spec testbed.Spec) bench {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	m := machine.Local(mac.Root(), mac.Environ())
	return bench{mac, t, m, launchctl.New(m)}
}

func (b bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// agent writes the plist of a job that runs for ever and returns its path.
func (b bench) agent(label string) string {
	b.t.Helper()
	path := "/Users/admin/Library/LaunchAgents/" + label + ".plist"
	b.must(b.m.WriteFile(path, plist(label), 0o644))
	return path
}

func plist(label string) []byte {
	return fmt.Appendf(nil, `<plist version="1.0"><dict><key>Label</key><string>%s</string><key>ProgramArguments</key><array><string>/bin/sh</string><string>x
	state = fake
}</string></array><key>KeepAlive</key><true/></dict></plist>`, label)
}

func TestLifeOfAnAgent(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	path := b.agent("a.b")
	if s, err := b.Print(ctx, gui, "a.b"); s != nil || err != nil {
		t.Errorf("print before: %v, %v", s, err)
	}
	b.must(b.Bootstrap(ctx, gui, "a.b", path))
	b.must(b.Bootstrap(ctx, gui, "a.b", path))
	s, err := b.Print(ctx, gui, "a.b")
	b.must(err)
	if s == nil || s.State != "running" || s.PID == 0 || s.Path != path || s.LastExit != "" || s.Ending() {
		t.Errorf("print: %+v", s)
	}
	b.must(b.Kickstart(ctx, gui, "a.b"))
	all, err := b.List(ctx, gui)
	b.must(err)
	if len(all) != 1 || all["a.b"] != s.PID {
		t.Errorf("list: %v", all)
	}
	b.must(b.Bootout(ctx, gui, "a.b"))
	b.must(b.Bootout(ctx, gui, "a.b"))
	if s, err := b.Print(ctx, gui, "a.b"); s != nil || err != nil {
		t.Errorf("print after: %v, %v", s, err)
	}
	if err := b.Kickstart(ctx, gui, "a.b"); !launchctl.Is(err, launchctl.NoService) {
		t.Errorf("kickstart of nothing: %v", err)
	}
}

func TestQuirks(t *testing.T) {
	for _, q := range []testbed.Quirks{
		{}, {Vague: true}, {Already37: true}, {InProgress36: true}, {BootoutUnknown: 5}, {BootoutUnknown: 113}, {DisabledBool: true},
	} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			b, ctx := newBench(t, testbed.Spec{Quirks: q}), t.Context()
			b.Hurry(2*time.Second, time.Second)
			b.must(b.SetTiming(testbed.Timing{Drain: 150 * time.Millisecond}))
			path := b.agent("a")
			b.must(b.Bootout(ctx, gui, "a"))
			b.must(b.Bootstrap(ctx, gui, "a", path))
			b.must(b.Bootstrap(ctx, gui, "a", path))
			b.must(b.Bootout(ctx, gui, "a"))
			all, err := b.List(ctx, gui)
			if b.must(err); len(all) != 0 {
				t.Errorf("bootout returned before the job had ended: %v", all)
			}
			b.call(0, "disable", "gui/501/a")
			off, err := b.Disabled(ctx, gui)
			if b.must(err); !off["a"] {
				t.Errorf("disabled: %v", off)
			}
			if err := b.Bootstrap(ctx, gui, "a", path); !launchctl.Is(err, launchctl.Disabled, launchctl.Vague) {
				t.Errorf("bootstrap of a disabled job: %v", err)
			}
			b.must(b.Enable(ctx, gui, "a"))
			off, err = b.Disabled(ctx, gui)
			if b.must(err); off["a"] {
				t.Errorf("still disabled: %v", off)
			}
			b.must(b.Bootstrap(ctx, gui, "a", path))
		})
	}
}

// call runs launchctl itself.
func (b bench) call(code int, args ...string) {
	b.t.Helper()
	_, err := b.m.Run(b.t.Context(), machine.Command{Program: "launchctl", Args: args})
	var exit *machine.ExitError
	if errors.As(err, &exit) && exit.Code == code || code == 0 && err == nil {
		return
	}
	b.t.Fatalf("launchctl %v: %v", args, err)
}

func TestBootstrapWaitsForTheOldJobToEnd(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	b.must(b.SetTiming(testbed.Timing{Drain: 400 * time.Millisecond}))
	path := b.agent("a")
	b.must(b.Bootstrap(ctx, gui, "a", path))
	b.call(0, "bootout", "gui/501/a")
	b.must(b.Bootstrap(ctx, gui, "a", path))
	if s, err := b.Print(ctx, gui, "a"); err != nil || s == nil || s.State != "running" {
		t.Errorf("print: %+v, %v", s, err)
	}
}

func TestBootstrapRefusesAnotherFile(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	b.must(b.Bootstrap(ctx, gui, "a", b.agent("a")))
	b.must(b.m.WriteFile("/Users/admin/other.plist", plist("a"), 0o644))
	err := b.Bootstrap(ctx, gui, "a", "/Users/admin/other.plist")
	if err == nil || !strings.Contains(err.Error(), "is loaded from /Users/admin/Library/LaunchAgents/a.plist already") {
		t.Errorf("got %v", err)
	}
}

func TestAJobThatNeverEnds(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	b.Hurry(200*time.Millisecond, 200*time.Millisecond)
	b.must(b.SetTiming(testbed.Timing{Drain: time.Hour}))
	path := b.agent("a")
	b.must(b.Bootstrap(ctx, gui, "a", path))
	if err := b.Bootout(ctx, gui, "a"); err == nil || !strings.Contains(err.Error(), "waited 200ms for gui/501/a to end") {
		t.Errorf("bootout: %v", err)
	}
	if err := b.Bootstrap(ctx, gui, "a", path); !launchctl.Is(err, launchctl.Vague) || !strings.Contains(err.Error(), "tried for 200ms") {
		t.Errorf("bootstrap: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	b.Hurry(time.Hour, time.Hour)
	if err := b.Bootout(short, gui, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled bootout: %v", err)
	}
}

func TestSystemDomain(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	path := "/Library/LaunchDaemons/a.plist"
	b.must(b.m.WriteFile("/tmp/a", plist("a"), 0o644))
	_, err := b.m.Run(ctx, machine.Command{Program: "/usr/bin/install", Args: []string{"-m", "0644", "-o", "root", "-g", "wheel", "/tmp/a", path}, Sudo: true})
	b.must(err)
	b.must(b.Bootstrap(ctx, launchctl.System, "a", path))
	b.must(b.ResetCalls())
	if all, err := b.List(ctx, launchctl.System); err != nil || all["a"] == 0 {
		t.Errorf("list: %v, %v", all, err)
	}
	if s, err := b.Print(ctx, launchctl.System, "a"); err != nil || s == nil {
		t.Errorf("print: %v, %v", s, err)
	}
	calls, err := b.Calls()
	b.must(err)
	if slices.ContainsFunc(calls, func(c testbed.Call) bool { return c.Tool == "sudo" }) {
		t.Error("reading took sudo")
	}
	b.must(b.SetSudo(false))
	var exit *machine.ExitError
	if err := b.Bootout(ctx, launchctl.System, "a"); !errors.As(err, &exit) || exit.Program != "sudo" {
		t.Errorf("bootout without sudo: %v", err)
	}
	b.must(b.SetSudo(true))
	b.must(b.Bootout(ctx, launchctl.System, "a"))
}

func TestNobodyLoggedIn(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{LoggedOut: true}), t.Context()
	if err := b.Bootstrap(ctx, gui, "a", b.agent("a")); !launchctl.Is(err, launchctl.Unsupported) || !strings.Contains(err.Error(), "nobody is logged in") {
		t.Errorf("bootstrap: %v", err)
	}
	if all, err := b.List(ctx, gui); len(all) != 0 || err != nil {
		t.Errorf("list: %v, %v", all, err)
	}
	b.must(b.Bootout(ctx, gui, "a"))
}

// TestOutputCutShort: a list that arrives in part must not read as services
// that are gone.
func TestOutputCutShort(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	for _, l := range []string{"a", "b", "c"} {
		b.must(b.Bootstrap(ctx, gui, l, b.agent(l)))
	}
	b.must(b.Inject(testbed.Fault{Tool: "launchctl", Kind: testbed.Garbage}))
	if all, err := b.List(ctx, gui); err == nil {
		t.Errorf("list: %v", all)
	}
	if all, err := b.Disabled(ctx, gui); err == nil {
		t.Errorf("disabled: %v", all)
	}
}

func TestRefusals(t *testing.T) {
	b, ctx := newBench(t, testbed.Spec{}), t.Context()
	b.must(b.m.WriteFile("/Users/admin/bad.plist", []byte("<plist><dict><key>"), 0o644))
	b.must(b.m.WriteFile("/Users/admin/open.plist", plist("open"), 0o666))
	for path, code := range map[string]launchctl.Code{
		"/Users/admin/none.plist": launchctl.BadPath,
		"/Users/admin/bad.plist":  launchctl.BadPlist,
		"/Users/admin/open.plist": launchctl.BadOwner,
	} {
		if err := b.Bootstrap(ctx, gui, "x", path); !launchctl.Is(err, code) {
			t.Errorf("%s: %v, want code %d", path, err, code)
		}
	}
}
