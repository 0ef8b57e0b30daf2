package tartcli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

const (
	sequoia = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
	ubuntu  = "ghcr.io/cirruslabs/ubuntu:latest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

// bed is a simulated Mac and a driver of its tart.
type bed struct {
	*testbed.Mac
	*tartcli.Tart
	t *testing.T
}

func newBed(t *testing.T, spec testbed.Spec, environ ...string) *bed {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mac.Reboot(); err != nil {
			t.Error(err)
		}
	})
	// The race detector lets each process sleep for a second at its end.
	environ = append(mac.Environ(), environ...)
	return &bed{mac, tartcli.New(machine.Local(mac.Root(), environ)), t}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) inject(f testbed.Fault) { b.t.Helper(); b.must(b.Inject(f)) }

// tart runs the simulated tart behind the driver's back.
func (b *bed) tart(args ...string) {
	b.t.Helper()
	cmd := exec.Command(b.Tool("tart"), args...)
	cmd.Env = b.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("tart %v: %v\n%s", args, err, out)
	}
}

// boot starts a VM and waits until it runs.
func (b *bed) boot(name string, args ...string) {
	b.t.Helper()
	cmd := exec.Command(b.Tool("tart"), append([]string{"run", name}, args...)...)
	cmd.Env = b.Environ()
	b.must(cmd.Start())
	go cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); b.vm(name).State != "running"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s never ran", name)
		}
	}
}

func (b *bed) vm(name string) testbed.VM {
	b.t.Helper()
	all, err := b.VMs()
	b.must(err)
	i := slices.IndexFunc(all, func(v testbed.VM) bool { return v.Name == name })
	if i < 0 {
		return testbed.VM{}
	}
	return all[i]
}

// calls are the arguments of tart's calls so far, joined.
func (b *bed) calls() []string {
	b.t.Helper()
	all, err := b.Mac.Calls()
	b.must(err)
	var out []string
	for _, c := range all {
		if c.Tool == "tart" {
			out = append(out, strings.Join(c.Args, " "))
		}
	}
	return out
}

func (b *bed) wantKind(err error, k tartcli.Kind) {
	b.t.Helper()
	if !tartcli.Is(err, k) {
		b.t.Errorf("error %v; want kind %q", err, k)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{}, "TRACEPARENT=00-1-1-00")
	_, err := b.List(t.Context())
	b.must(err)
	calls, err := b.Mac.Calls()
	b.must(err)
	for _, c := range calls {
		for _, want := range []string{"CI=true", "TART_NO_AUTO_PRUNE=1"} {
			if !slices.Contains(c.Env, want) {
				t.Errorf("tart %v lacks %s", c.Args, want)
			}
		}
		if slices.ContainsFunc(c.Env, func(kv string) bool { return strings.HasPrefix(kv, "TRACEPARENT") }) {
			t.Errorf("tart %v has TRACEPARENT", c.Args)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, good := range map[string]bool{
		"2.28.4": false, "2.28": false, "1.99.9": false, "2.28.5": true, "2.28.10": true, "2.30.0": true, "3.0": true, "SNAPSHOT": true,
	} {
		b := newBed(t, testbed.Spec{TartVersion: version})
		_, err := b.List(t.Context())
		if good != (err == nil) || !good && !tartcli.Is(err, tartcli.TooOld) {
			t.Errorf("%s: %v", version, err)
		}
		if !good && (!strings.Contains(err.Error(), version) || !strings.Contains(err.Error(), tartcli.MinVersion)) {
			t.Errorf("%s: unclear: %v", version, err)
		}
	}
}

func TestNoTart(t *testing.T) {
	tart := tartcli.New(machine.Local(t.TempDir(), []string{"PATH=/nowhere", "HOME=/Users/admin"}))
	_, err := tart.List(t.Context())
	if !tartcli.Is(err, tartcli.Missing) || !strings.Contains(err.Error(), "not installed") {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.28.5", "2.30.0", "2.35.0"} {
		b := newBed(t, testbed.Spec{TartVersion: version})
		l, err := b.List(t.Context())
		b.must(err)
		if len(l.Local)+len(l.Cached) != 0 {
			t.Errorf("%s: empty tart lists %v", version, l)
		}
		b.must(b.Pull(t.Context(), ubuntu, nil))
		b.must(b.Clone(t.Context(), ubuntu, "a"))
		l, err = b.List(t.Context())
		b.must(err)
		if want := (tartcli.VM{Name: "a", Disk: 20, State: "stopped"}); len(l.Local) != 1 || l.Local["a"] != want {
			t.Errorf("%s: local %v", version, l.Local)
		}
		if l.Cached[ubuntu].Disk != 20 || len(l.Cached) != 2 {
			t.Errorf("%s: cached %v", version, l.Cached)
		}
	}
}

// An older tart spelt the source of an image in lower case.
func TestListTakesEitherSpellingOfSource(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"list"}, Kind: testbed.Fail, Stdout: `[
	  {"Source":"oci","Name":"h/x:1","Disk":50,"Size":25,"SizeOnDisk":25,"Running":false,"State":"stopped"},
	  {"Source":"OCI","Name":"h/x:2","Disk":50,"Size":25,"Accessed":"2026-08-18T14:16:00Z","Running":false,"State":"stopped"},
	  {"Source":"Local","Name":"v","Disk":60,"Size":25,"Running":true,"State":"running"}]`})
	l, err := b.List(t.Context())
	b.must(err)
	if len(l.Local) != 1 || l.Local["v"].State != "running" || len(l.Cached) != 2 {
		t.Errorf("%v", l)
	}
}

func TestListTriesAgain(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]testbed.Fault{
		"vanished": {Kind: testbed.Fail, Code: 1, Stderr: "Error: Error Domain=NSCocoaErrorDomain Code=260 \"The file “config.json” couldn’t be opened because there is no such file.\"\n"},
		"torn":     {Kind: testbed.Garbage},
	} {
		b := newBed(t, testbed.Spec{})
		f.Tool, f.Match, f.Nth = "tart", []string{"list"}, 1
		b.inject(f)
		if _, err := b.List(t.Context()); err != nil {
			t.Errorf("%s once: %v", name, err)
		}
		b.must(b.ClearFaults())
		f.Nth = 0
		b.inject(f)
		_, err := b.Relist(t.Context())
		b.wantKind(err, tartcli.Unexpected)
		if n := len(b.calls()); n > 10 {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

func TestListIsRememberedUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	lists := func() (n int) {
		for _, c := range b.calls() {
			if strings.HasPrefix(c, "list") {
				n++
			}
		}
		return n
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := b.List(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := lists(); n != 1 {
		t.Fatalf("%d lists for 20 questions at once", n)
	}
	b.tart("create", "--linux", "v")
	for what, change := range map[string]func() error{
		"pull":      func() error { return b.Pull(t.Context(), ubuntu, nil) },
		"clone":     func() error { return b.Clone(t.Context(), ubuntu, "c") },
		"rename":    func() error { return b.Rename(t.Context(), "v", "w") },
		"delete":    func() error { return b.Delete(t.Context(), "nothing") },
		"configure": func() error { return b.Configure(t.Context(), "nothing", tartcli.Patch{}) },
	} {
		if err := change(); err != nil && !tartcli.Is(err, tartcli.NotFound) {
			t.Fatal(what, err)
		}
		before := lists()
		for range 2 {
			_, err := b.List(t.Context())
			b.must(err)
		}
		if n := lists() - before; n != 1 {
			t.Errorf("%d lists after a %s", n, what)
		}
	}
	before := lists()
	_, err := b.Relist(t.Context())
	b.must(err)
	if lists() == before {
		t.Error("Relist did not ask tart")
	}
}

func TestACancelledWaitEnds(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"list"}, Kind: testbed.Hang})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := b.List(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	start := time.Now()
	wg.Wait()
	if time.Since(start) > 5*time.Second {
		t.Errorf("took %v", time.Since(start))
	}
}

// A registry that dies on the way costs what it has not sent, not what it has.
func TestPullGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.must(b.SetTrouble(testbed.Trouble{Pull: 40}))
	b.must(b.SetTiming(testbed.Timing{Pull: 12 * time.Second}))
	var told []string
	b.must(b.Pull(t.Context(), sequoia, func(s string) { told = append(told, s) }))
	all := strings.Join(told, "\n")
	for _, want := range []string{"the registry was lost at 40%", "the registry was lost at 80%", "pulling disk: 20.0 of 25.0 GB (80%)", "pulling disk: 22.5 of 25.0 GB (90%), 1s left"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if n := strings.Count(all, "(10%)"); n != 1 {
		t.Errorf("what was there was pulled again:\n%s", all)
	}
	// One that brings nothing is not tried for ever.
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"pull"}, Nth: 2, Kind: testbed.Fail, Code: 1, Stderr: "Error Domain=NSURLErrorDomain Code=-1004\n"})
	b.wantKind(b.Pull(t.Context(), ubuntu, nil), tartcli.Network)
}

func TestPullTellsHowItGetsOn(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	var told []string
	b.must(b.Pull(t.Context(), sequoia, func(s string) { told = append(told, s) }))
	for i := range 11 {
		disk := fmt.Sprintf("pulling disk: %.1f of 25.0 GB (%d%%)", 2.5*float64(i), 10*i)
		if len(told) != 15 || told[3+i] != disk {
			t.Errorf("told %q; want %q", told, disk)
		}
	}
	if told := slices.Delete(told, 3, 14); !slices.Equal(told, []string{"pulling " + sequoia, "pulling manifest", "pulling disk (25.0 GB compressed)", "pulling NVRAM"}) {
		t.Errorf("told %q", told)
	}
	ref, ok := tartcli.ParseRef(sequoia)
	c, cached := b.CachedConfig(ref)
	if !ok || !cached || c.OS != "darwin" || c.MinMemory() != 4<<30 || c.MinCPUs() != 2 {
		t.Errorf("cached config %+v, %v", c, cached)
	}
}

func TestParseRef(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for in, want := range map[string]string{
		"ghcr.io/a/b":              "ghcr.io/a/b:latest",
		"ghcr.io/a/b:26.5":         "ghcr.io/a/b:26.5",
		"localhost:5000/a":         "localhost:5000/a:latest",
		"h/a_b.c-d/e@" + digest:    "h/a_b.c-d/e@" + digest,
		"base":                     "",
		"tahoe-xcode:26.5":         "",
		"https://ghcr.io/a":        "",
		"ghcr.io/":                 "",
		"ghcr.io/a b":              "",
		"ghcr.io/a:":               "",
		"ghcr.io/a@sha256:1234":    "",
		"ghcr.io/a/../../etc":      "",
		"ghcr.io/a//b":             "",
		"":                         "",
		"ghcr.io/a\n":              "",
		"ghcr.io/--insecure/a:tag": "",
	} {
		r, ok := tartcli.ParseRef(in)
		if ok != (want != "") || ok && r.String() != want {
			t.Errorf("ParseRef(%q) = %v, %v; want %q", in, r, ok, want)
		}
	}
}
