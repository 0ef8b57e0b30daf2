package dispatch

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

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/settings"
	"hostler/providers/runtime"
	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
	"hostler/providers/testbed/openapi"
)

const (
	sequoia = "ghcr.io/cirruslabs/macos-sequoia-base:latest"
	ubuntu  = "ghcr.io/cirruslabs/ubuntu:latest"
	gib     = 1 << 30
	repo    = "acme/app"
)

// bed is a simulated Mac on which hostler has applied something, and its
// GitHub.
type bed struct {
	t      testing.TB
	mac    *testbed.Mac
	gh     *testbed.GitHub
	env    providers.Env
	limits Limits
	clock  func() time.Time // nil: time.Now
	s      *Service
	end    func() // of the service
}

// newBed has the profiles mac (8 GiB, macOS), big (10 GiB, Linux) and small
// (2 GiB, Linux) on a Mac that lends 12 GiB.
func newBed(t testing.TB) *bed {
	t.Helper()
	return newBedOf(t, testbed.Spec{Memory: 16 * gib, CPUs: 10})
}

func newBedOf(t testing.TB, spec testbed.Spec) *bed {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	must(t, err)
	gh, err := mac.GitHub()
	must(t, err, gh.AddOwner("acme"), gh.AddRepository(repo, "private", nil))
	b := &bed{t: t, mac: mac, gh: gh, limits: Limits{Retry: 5 * time.Millisecond, Contend: 100 * time.Millisecond}}
	b.env = providers.Env{Dir: t.TempDir(), Root: mac.Root(), Environ: append(mac.Environ(), "GITHUB_TOKEN="+testbed.GitHubToken), Web: openapi.Checked(t, gh)}
	must(t, mac.SetTiming(testbed.Timing{Job: 50 * time.Millisecond}))
	b.tart("clone", sequoia, "golden-mac")
	b.tart("clone", ubuntu, "golden-linux")
	b.install("host.json", map[string]any{"name": "mini", "reserve": map[string]any{"memory": "4GiB", "disk": "20GiB"}, "macos_guests": 2})
	b.install("github.json", map[string]any{"owner": "acme", "api_url": "https://api.github.com/"})
	for name, p := range map[string]runtime.Profile{
		"mac": {VM: "golden-mac", Memory: 8 * gib}, "big": {VM: "golden-linux", Memory: 10 * gib}, "small": {VM: "golden-linux", Memory: 2 * gib},
		"twin": {VM: "golden-mac", Memory: 4 * gib},
	} {
		p.CPUs, p.Timeout, p.Labels, p.Trust, p.Cache, p.Network = 4, schema.Duration(time.Minute), []string{name}, "branch", "none", "nat"
		b.install("profiles/"+name+".json", p)
	}
	t.Cleanup(func() {
		b.stop()
		must(t, mac.Reboot())
	})
	return b
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) tart(args ...string) {
	b.t.Helper()
	c := exec.Command(b.mac.Tool("tart"), args...)
	c.Env = b.mac.Environ()
	if out, err := c.CombinedOutput(); err != nil {
		b.t.Fatalf("tart %v: %v\n%s", args, err, out)
	}
}

// background starts a tart that goes on until the Mac is restarted.
func (b *bed) background(args ...string) {
	b.t.Helper()
	c := exec.Command(b.mac.Tool("tart"), args...)
	c.Env = b.mac.Environ()
	must(b.t, c.Start())
	go c.Wait()
	b.until("it runs", func() bool {
		vms, err := b.mac.VMs()
		return err == nil && slices.ContainsFunc(vms, func(v testbed.VM) bool { return v.Name == args[1] && v.State == "running" })
	})
}

func (b *bed) install(name string, doc any) {
	b.t.Helper()
	m := macOf(Options{Env: b.env})
	must(b.t, settings.Store{Mac: m.Machine}.Write(name, doc))
}

// serve starts the service.
func (b *bed) serve() *Service {
	b.t.Helper()
	s, err := New(Options{Env: b.env, Limits: b.limits, Now: b.clock})
	must(b.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	b.s = s
	b.end = sync.OnceFunc(func() {
		cancel()
		if err := <-over; err != nil {
			b.t.Error(err)
		}
	})
	return s
}

func (b *bed) stop() {
	if b.end != nil {
		b.end()
	}
}

// job asks for a profile, and when the runner is there queues the job.
func (b *bed) job(ctx context.Context, profile string, run int64) (*Handover, error) {
	h, err := b.s.Ask(ctx, b.request(profile, run), func(Update) {})
	if err == nil {
		_, err = b.gh.QueueJob(repo, fmt.Sprint("work-", run), []string{"self-hosted", h.Label})
	}
	return h, err
}

func (b *bed) request(profile string, run int64) Request {
	return Request{Profile: profile, Job: ledger.Job{Repository: repo, RunID: run, Attempt: 1, Name: "work"}, Timeout: 10 * time.Minute}
}

// past waits for a lease to be over.
func (b *bed) past(id string) ledger.Lease {
	b.t.Helper()
	var out ledger.Lease
	b.until("lease "+id+" is over", func() bool {
		past, err := b.s.ledger.Past(0)
		must(b.t, err)
		i := slices.IndexFunc(past, func(l ledger.Lease) bool { return l.ID == id })
		if i >= 0 {
			out = past[i]
		}
		return i >= 0
	})
	return out
}

func (b *bed) until(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never came true: %s", what)
		}
	}
}

// empty wants nothing left: no VM but the golden ones, no runner, no lease.
func (b *bed) empty() {
	b.t.Helper()
	vms, err := b.mac.VMs()
	must(b.t, err)
	for _, v := range vms {
		if strings.HasPrefix(v.Name, ledger.Prefix) {
			b.t.Errorf("VM %s is left, %s", v.Name, v.State)
		}
	}
	runners, err := b.gh.Runners()
	must(b.t, err)
	for _, r := range runners {
		b.t.Errorf("runner %s is left", r.Name)
	}
	snap, err := b.s.ledger.Read()
	must(b.t, err)
	if len(snap.Leases)+len(snap.Tickets)+len(snap.Quarantine) > 0 {
		b.t.Errorf("left: %+v", snap)
	}
}

func TestAJob(t *testing.T) {
	b := newBed(t)
	b.serve()
	var seen []string
	h, err := b.s.Ask(t.Context(), Request{Profile: "mac", Job: ledger.Job{Repository: repo, RunID: 7, Attempt: 2, Name: "work"}}, func(u Update) {
		seen = append(seen, fmt.Sprint(u.Phase, u.Online != nil))
	})
	must(t, err)
	if h.Host != "mini" || h.Label != "vm-7-2-"+h.Lease || h.Runner != "hostler-mini-"+h.Lease {
		t.Errorf("%+v", h)
	}
	if len(seen) < 2 || seen[len(seen)-1] != "true" {
		t.Errorf("%v", seen)
	}
	runners, err := b.gh.Runners()
	must(t, err)
	if len(runners) != 1 || runners[0].Name != h.Runner {
		t.Errorf("%+v", runners)
	}
	_, err = b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
	must(t, err)
	l := b.past(h.Lease)
	if l.End.Class != ledger.Succeeded || l.End.Result != "Succeeded" {
		t.Errorf("%+v", l.End)
	}
	var phases []ledger.Phase
	for _, s := range l.Timeline {
		phases = append(phases, s.Phase)
	}
	if !slices.Equal(phases, ledger.Phases()) {
		t.Errorf("%v", phases)
	}
	b.empty()
	for _, name := range []string{"boot.log", "ready.log", "runner.log"} {
		if data, err := os.ReadFile(b.mac.Path("/Users/admin/Library/Logs/hostler/jobs/" + h.Lease + "/" + name)); err != nil || name != "boot.log" && len(data) == 0 {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

// Whoever is slow to listen misses news, and never the last of it.
func TestSlowListeners(t *testing.T) {
	b := newBed(t)
	b.serve()
	slow := func(Update) { time.Sleep(200 * time.Millisecond) }
	ask := func(key string) (*Handover, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return b.s.Ask(ctx, Request{Key: key, Profile: "small"}, slow)
	}
	h, err := ask("a")
	must(t, err)
	if again, err := ask("a"); err != nil || *again != *h {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	must(t, b.mac.Inject(testbed.Fault{Tool: "tart", Match: []string{"clone"}, Nth: 1, Kind: testbed.Fail, Code: 1, Stderr: "no\n"}))
	var end *AskError
	if _, err := ask("b"); !errors.As(err, &end) || end.Reason != Failed {
		t.Errorf("a failed boot: %v", err)
	}
	must(t, b.s.Release(h.Lease, ledger.Job{}))
	b.past(h.Lease)
	b.until("everything is over", func() bool { snap, err := b.s.Snapshot(); return err == nil && len(snap.Leases) == 0 })
	b.empty()
}
