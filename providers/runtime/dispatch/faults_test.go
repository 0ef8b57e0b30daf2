package dispatch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/hcl/schema"
	"hostler/providers/runtime"
	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
)

// refused asks for a profile, and wants no runner for that reason.
func (b *bed) refused(profile string, reason Reason, text string) *AskError {
	b.t.Helper()
	// Only who is to run out of time has little of it: the machine may be slow.
	patience := time.Minute
	if reason == Full {
		patience = 2 * time.Second
	}
	_, err := b.s.Ask(b.t.Context(), Request{Profile: profile, Timeout: patience}, func(Update) {})
	var end *AskError
	if !errors.As(err, &end) || end.Reason != reason || !strings.Contains(end.Text, text) {
		b.t.Errorf("%s: %v; want %q: …%s…", profile, err, reason, text)
		return &AskError{}
	}
	b.until("nothing is lent", func() bool { snap, err := b.s.Snapshot(); return err == nil && len(snap.Leases) == 0 })
	return end
}

func (b *bed) profile(name string, change func(*runtime.Profile)) {
	b.t.Helper()
	p := runtime.Profile{VM: "golden-linux", Memory: 2 * gib, CPUs: 4, Timeout: schema.Duration(time.Minute), Labels: []string{name}, Trust: "branch", Cache: "none", Network: "nat"}
	change(&p)
	b.install("profiles/"+name+".json", p)
}

func TestBadWishes(t *testing.T) {
	b := newBed(t)
	b.profile("huge", func(p *runtime.Profile) { p.Memory = 13 * gib })
	b.profile("bare", func(p *runtime.Profile) { p.VM = "no-such-vm" })
	must(t, os.WriteFile(b.mac.Path("/Users/admin/Library/Application Support/hostler/profiles/torn.json"), []byte("{"), 0o600))
	s := b.serve()
	b.refused("smal", Unknown, `did you mean "small"?`)
	b.refused("nothing-like-it", Unknown, "there are bare, big, huge, mac, small, twin")
	b.refused("torn", Broken, "hostler apply mends it")
	b.refused("huge", Refused, "needs 13 GiB of memory, 12 GiB free at all")
	b.refused("bare", Refused, "hostler apply builds it")
	must(t, s.Drain(true))
	b.refused("small", Full, "no room within 2s: this Mac is draining")
	must(t, s.Drain(false))
	h, err := s.Ask(t.Context(), Request{Profile: "big"}, func(Update) {})
	must(t, err)
	_, err = s.Ask(t.Context(), Request{Profile: "mac", Timeout: 2 * time.Second}, func(Update) {})
	var full *AskError
	if !errors.As(err, &full) || full.Reason != Full || !strings.Contains(full.Text, "lease "+h.Lease+" ends within") {
		t.Errorf("%v", err)
	}
	if err := s.Release(h.Lease, ledger.Job{Repository: "acme/other", RunID: 3}); err == nil {
		t.Error("released by another run")
	}
	must(t, s.Release(h.Lease, ledger.Job{}))
	b.past(h.Lease)
	must(t, s.Release(h.Lease, ledger.Job{}))
	b.empty()
}

// What goes wrong on the Mac is told to whoever asked, and leaves nothing.
func TestTroubleOnTheMac(t *testing.T) {
	for name, c := range map[string]struct {
		fault testbed.Fault
		text  string
	}{
		"disk full during clone": {testbed.Fault{Tool: "tart", Match: []string{"clone"}, Kind: testbed.Fail, Code: 1, Stderr: "You can’t save the file: No space left on device\n"}, "the disk is full"},
		"set refused":            {testbed.Fault{Tool: "tart", Match: []string{"set"}, Kind: testbed.Fail, Code: 1, Stderr: "Error: LessThanMinimalResourcesError: VM should have 1 bytes\n"}, "LessThanMinimalResourcesError"},
		"no login session":       {testbed.Fault{Tool: "tart", Match: []string{"run"}, Kind: testbed.Fail, Code: 1, Stderr: "Error Domain=VZErrorDomain Code=-9 \n"}, "security unlock-keychain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.serve()
			must(t, b.mac.Inject(c.fault))
			if end := b.refused("small", Failed, c.text); end.Class != ledger.BootFailed || end.Lease == "" {
				t.Errorf("%+v", end)
			}
			b.empty()
		})
	}
	t.Run("tart too old", func(t *testing.T) {
		b := newBedOf(t, testbed.Spec{Memory: 16 * gib, CPUs: 10, TartVersion: "2.28.4"})
		b.serve()
		b.refused("small", Refused, "brew upgrade")
		b.empty()
	})
	t.Run("tart missing", func(t *testing.T) {
		b := newBed(t)
		must(t, os.Rename(b.mac.Tool("tart"), b.mac.Tool("tart")+"-away"))
		b.serve()
		b.refused("small", Refused, "tart is not installed")
		must(t, os.Rename(b.mac.Tool("tart")+"-away", b.mac.Tool("tart")))
	})
}

func TestTroubleAtGitHub(t *testing.T) {
	const jit, runner = "generate-jitconfig$", "actions/runners/[0-9]+$"
	for name, f := range map[string]testbed.GitHubFault{
		"down at registration":    {Kind: testbed.Unavailable, Path: jit, Times: 3},
		"registration lost":       {Kind: testbed.ResetAfter, Path: jit, Times: 1},
		"registration cut off":    {Kind: testbed.ResetBefore, Path: jit, Times: 2},
		"registration truncated":  {Kind: testbed.Truncated, Path: jit, Times: 1},
		"too many requests":       {Kind: testbed.TooMany, Path: jit, Times: 1, Delay: time.Second},
		"down at deregistration":  {Kind: testbed.Unavailable, Method: "DELETE", Path: runner, Times: 5},
		"deregistration lost":     {Kind: testbed.ResetAfter, Method: "DELETE", Path: runner, Times: 1},
		"everything slow":         {Kind: testbed.Slow, Times: -1, Delay: 100 * time.Millisecond},
		"limited at registration": {Kind: testbed.SecondaryLimit, Path: jit, Times: 1, Delay: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.serve()
			must(t, b.gh.Inject(f))
			h, err := b.job(t.Context(), "small", 1)
			must(t, err)
			if l := b.past(h.Lease); l.End.Class != ledger.Succeeded {
				t.Errorf("%+v", l.End)
			}
			b.empty()
		})
	}
	t.Run("token revoked", func(t *testing.T) {
		b := newBed(t)
		b.env.Environ = append(b.env.Environ, "GITHUB_TOKEN=ghp_revoked")
		b.serve()
		end := b.refused("small", Failed, "does not know the credential")
		if strings.Contains(end.Text, "ghp_revoked") {
			t.Error("the token is in the error")
		}
	})
	t.Run("no token", func(t *testing.T) {
		b := newBed(t)
		b.install("github.json", map[string]any{"owner": "acme", "api_url": "https://api.github.com/", "token": "file:~/none"})
		b.serve()
		b.refused("small", Failed, "the token for GitHub can't be read from file:~/none")
		b.empty()
	})
	t.Run("not configured", func(t *testing.T) {
		b := newBed(t)
		must(t, os.Remove(b.mac.Path("/Users/admin/Library/Application Support/hostler/github.json")))
		b.serve()
		b.refused("small", Failed, "add a block github")
		b.empty()
	})
}

func TestTroubleOfTheRunner(t *testing.T) {
	for trouble, c := range map[string]struct {
		class ledger.Class
		text  string
	}{
		testbed.RunnerDeprecated: {ledger.Deprecated, "raise RUNNER_VERSION"},
		testbed.RunnerConflict:   {ledger.Conflict, "registered as the same runner"},
		testbed.RunnerCrash:      {ledger.BootFailed, "before it listened for jobs"},
		testbed.RunnerSilent:     {ledger.BootFailed, "it took longer than 5s, in the phase registering"},
	} {
		t.Run(trouble, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			if trouble == testbed.RunnerSilent {
				b.limits.Boot = 5 * time.Second
			}
			s := b.serve()
			must(t, b.mac.SetTrouble(testbed.Trouble{Runner: trouble}))
			if end := b.refused("small", Failed, c.text); end.Class != c.class {
				t.Errorf("%+v", end)
			}
			must(t, b.mac.SetTrouble(testbed.Trouble{}))
			if trouble == testbed.RunnerDeprecated {
				b.refused("small", Refused, "profile small is stopped: GitHub gives this version of the runner no jobs any more")
				must(t, s.Drain(false))
			}
			h, err := b.job(t.Context(), "small", 1)
			must(t, err)
			b.past(h.Lease)
			b.empty()
		})
	}
}

func TestJobsThatDontCome(t *testing.T) {
	b := newBed(t)
	b.limits.Pickup = 300 * time.Millisecond
	s := b.serve()
	h, err := s.Ask(t.Context(), Request{Profile: "small"}, func(Update) {})
	must(t, err)
	if l := b.past(h.Lease); l.End.Class != ledger.NeverPicked || l.Timeline[len(l.Timeline)-2].Phase != ledger.Waiting {
		t.Errorf("%+v", l.End)
	}
	b.empty()
}

func TestJobsThatTakeTooLong(t *testing.T) {
	b := newBed(t)
	b.limits.Grace = 100 * time.Millisecond
	b.profile("short", func(p *runtime.Profile) { p.Timeout = schema.Duration(300 * time.Millisecond) })
	must(t, b.mac.SetTiming(testbed.Timing{Job: time.Minute}))
	b.serve()
	h, err := b.job(t.Context(), "short", 1)
	must(t, err)
	b.until("it ends", func() bool {
		snap, err := b.s.Snapshot()
		return err == nil && len(snap.Leases) == 1 && snap.Leases[0].MemoryBack
	})
	// GitHub removes no runner that works, until it sees that nobody answers.
	runners, err := b.gh.Runners()
	must(t, err)
	for _, r := range runners {
		must(t, b.gh.Disconnect(r.ID))
	}
	if l := b.past(h.Lease); l.End.Class != ledger.TimedOut || !strings.Contains(l.End.Reason, "300ms that profile short allows") {
		t.Errorf("%+v", l.End)
	}
	b.empty()
}

// What a sweep finds is mended where it is ours for sure, and nothing else is
// touched.
func TestSweep(t *testing.T) {
	b := newBed(t)
	s := b.serve()
	h, err := b.job(t.Context(), "small", 1)
	must(t, err)
	l := b.past(h.Lease)
	b.tart("clone", "golden-linux", l.VM)            // came back from a backup
	b.tart("clone", "golden-linux", "hostler-x-abc") // nobody knows it
	b.tart("clone", "golden-linux", "mine")
	_, err = b.gh.QueueJob(repo, "old", []string{"none"})
	must(t, err)
	found, err := s.Sweep(t.Context(), true)
	must(t, err)
	verdicts := map[string]string{}
	for _, f := range found {
		verdicts[f.Name] = f.Verdict + f.Error
	}
	if len(verdicts) != 2 || verdicts[l.VM] != "removed" || verdicts["hostler-x-abc"] != "quarantined" {
		t.Errorf("%v", verdicts)
	}
	snap, err := s.Snapshot()
	must(t, err)
	if len(snap.Quarantine) != 1 || snap.Quarantine[0].Resolve != "tart delete hostler-x-abc" {
		t.Errorf("%+v", snap.Quarantine)
	}
	vms, err := b.mac.VMs()
	must(t, err)
	if len(vms) != 4 {
		t.Errorf("%v", vms)
	}
	b.tart("delete", "hostler-x-abc")
	if found, err = s.Sweep(t.Context(), false); err != nil || len(found) != 1 || found[0].Verdict != "cleared" {
		t.Errorf("%v %v", found, err)
	}
	b.empty()
}

// Of the logs of leases that are over the oldest go when there are too many, and
// those that no record tells of when they are old.
func TestLogsAreBounded(t *testing.T) {
	b := newBed(t)
	s := b.serve()
	var ids []string
	for run := range 3 {
		h, err := b.job(t.Context(), "small", int64(run+1))
		must(t, err)
		b.past(h.Lease)
		ids = append(ids, h.Lease)
	}
	logs := b.mac.Path("/Users/admin/Library/Logs/hostler/jobs")
	must(t, os.Truncate(filepath.Join(logs, ids[1], "runner.log"), 1<<30)) // without the room that would take
	for name, age := range map[string]time.Duration{"new": time.Hour, "old": 15 * 24 * time.Hour} {
		must(t, os.Mkdir(filepath.Join(logs, name), 0o700))
		must(t, os.Chtimes(filepath.Join(logs, name), time.Time{}, time.Now().Add(-age)))
	}
	_, err := s.Sweep(t.Context(), false)
	must(t, err)
	left, err := filepath.Glob(logs + "/*")
	must(t, err)
	want := []string{filepath.Join(logs, ids[2]), filepath.Join(logs, "new")}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("%q, want %q", left, want)
	}
	if past, err := s.Past(); err != nil || len(past) != 3 {
		t.Errorf("%d leases, %v", len(past), err)
	}
}

// What tart does not list, since files of it are missing, is still there: a VM
// of a lease that is over is removed once it is proved stopped, and another one
// quarantined.
func TestSweepOfDamagedVMs(t *testing.T) {
	b := newBed(t)
	s := b.serve()
	h, err := b.job(t.Context(), "small", 1)
	must(t, err)
	l := b.past(h.Lease)
	damage := func(vm, file string) {
		t.Helper()
		b.tart("clone", "golden-linux", vm)
		must(t, os.Remove(b.mac.Path("/Users/admin/.tart/vms/"+vm+"/"+file)))
	}
	damage(l.VM, "disk.img")
	damage("hostler-x-abc", "config.json")
	for range 2 { // it is looked at again, and not told of again
		found, err := s.Sweep(t.Context(), false)
		must(t, err)
		t.Log(found)
	}
	snap, err := s.Snapshot()
	must(t, err)
	if len(snap.Quarantine) != 1 || snap.Quarantine[0].Resolve != "rm -r ~/.tart/vms/hostler-x-abc" {
		t.Errorf("%+v", snap.Quarantine)
	}
	if _, err := os.Stat(b.mac.Path("/Users/admin/.tart/vms/" + l.VM)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", l.VM, err)
	}
	must(t, os.RemoveAll(b.mac.Path("/Users/admin/.tart/vms/hostler-x-abc")))
	if found, err := s.Sweep(t.Context(), false); err != nil || len(found) != 1 || found[0].Verdict != "cleared" {
		t.Errorf("%v %v", found, err)
	}
	b.empty()
}

// A VM that can't be removed is quarantined in the end, and mended when it can.
func TestVMsThatStay(t *testing.T) {
	b := newBed(t)
	b.limits.Teardown = 200 * time.Millisecond
	s := b.serve()
	must(t, b.mac.Inject(testbed.Fault{Tool: "tart", Match: []string{"delete"}, Kind: testbed.Fail, Code: 1, Stderr: "Operation not permitted\n"}))
	h, err := b.job(t.Context(), "small", 1)
	must(t, err)
	l := b.past(h.Lease)
	snap, err := s.Snapshot()
	must(t, err)
	if len(snap.Quarantine) != 1 || snap.Quarantine[0].VM != l.VM || !strings.Contains(snap.Quarantine[0].Evidence, "Operation not permitted") {
		t.Errorf("%+v", snap.Quarantine)
	}
	must(t, b.mac.ClearFaults())
	_, err = s.Sweep(t.Context(), true)
	must(t, err)
	b.empty()
}

// VMs of somebody else take room too.
func TestForeignVMs(t *testing.T) {
	b := newBed(t)
	b.tart("clone", sequoia, "mine")
	b.background("run", "mine", "--no-graphics")
	b.serve()
	b.refused("mac", Full, "needs 8 GiB of memory, 4 GiB free")
	vms, err := b.mac.VMs()
	must(t, err)
	for _, v := range vms {
		if v.Name == "mine" && v.State != "running" {
			t.Errorf("%+v", v)
		}
	}
}
