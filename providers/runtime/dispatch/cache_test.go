package dispatch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers/runtime"
	"hostler/providers/runtime/internal/cache"
	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
)

const caches = "/Users/admin/Library/Application Support/hostler/caches"

// cached is a job of a profile that leaves a file in its cache; it tells what
// it found there.
func (b *bed) cached(profile, leaves string, end func(h *Handover)) (found string) {
	b.t.Helper()
	h, err := b.s.Ask(b.t.Context(), Request{Profile: profile, Job: ledger.Job{Repository: repo, RunID: 1}}, func(Update) {})
	must(b.t, err)
	copied := b.mac.Path(caches + "/" + profile + "/acme--app/lease-" + h.Lease)
	data, err := os.ReadFile(filepath.Join(copied, "file"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Error(err)
	}
	must(b.t, os.WriteFile(filepath.Join(copied, "file"), []byte(leaves), 0o644), os.RemoveAll(filepath.Join(copied, "link")), os.Symlink("/etc/passwd", filepath.Join(copied, "link")))
	end(h)
	b.past(h.Lease)
	if _, err := os.Stat(copied); err == nil {
		b.t.Error("the copy stays")
	}
	return string(data)
}

func TestCaches(t *testing.T) {
	b := newBed(t)
	for name, trust := range map[string]string{"trusted": "branch", "stranger": "pull_request", "model": "agent"} {
		b.profile(name, func(p *runtime.Profile) { p.Cache, p.Trust = "snapshot", trust })
	}
	b.profile("reader", func(p *runtime.Profile) { p.Cache = "read-only" })
	b.profile("open", func(p *runtime.Profile) { p.Cache = "shared" })
	b.serve()
	work := func(h *Handover) {
		_, err := b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
		must(t, err)
	}
	giveUp := func(h *Handover) { must(t, b.s.Release(h.Lease, ledger.Job{})) }
	for i, c := range []struct {
		profile, leaves string
		end             func(*Handover)
		found           string
	}{
		{"trusted", "one", work, ""},
		{"trusted", "two", work, "one"},
		{"trusted", "spoilt", giveUp, "two"}, // its job did not succeed
		{"trusted", "three", work, "two"},
		{"stranger", "poison", work, ""},
		{"stranger", "poison", work, ""},
		{"model", "poison", work, ""},
		{"model", "poison", work, ""},
	} {
		if found := b.cached(c.profile, c.leaves, c.end); found != c.found {
			t.Errorf("%d: %s found %q, want %q", i, c.profile, found, c.found)
		}
	}
	manifest, err := os.ReadFile(b.mac.Path(caches + "/trusted/acme--app/manifest.json"))
	must(t, err)
	if !strings.Contains(string(manifest), `"repository": "acme/app"`) {
		t.Errorf("%s", manifest)
	}
	// How the VMs see it.
	for profile, option := range map[string]string{"reader": "base:ro", "open": "base"} {
		h, err := b.job(t.Context(), profile, 9)
		must(t, err)
		b.past(h.Lease)
		calls, err := b.mac.Calls()
		must(t, err)
		want := "--dir=cache:" + caches + "/" + profile + "/acme--app/" + option
		if last := runOf(calls, h.Lease); last[len(last)-1] != want {
			t.Errorf("%q, want %q", last, want)
		}
	}
	b.empty()
}

func runOf(calls []testbed.Call, lease string) []string {
	for _, c := range calls {
		if c.Tool == "tart" && c.Args[0] == "run" && strings.HasSuffix(c.Args[1], "-"+lease) {
			return c.Args
		}
	}
	return []string{""}
}

// A promotion that broke off between its renames is mended; what is too old is
// begun anew; a volume that clones no files is no reason to fail.
func TestCachesThatBroke(t *testing.T) {
	b := newBed(t)
	b.profile("trusted", func(p *runtime.Profile) { p.Cache = "snapshot" })
	s := b.serve()
	work := func(h *Handover) {
		_, err := b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
		must(t, err)
	}
	b.cached("trusted", "one", work)
	base := b.mac.Path(caches + "/trusted/acme--app/base")
	must(t, os.Rename(base, base+".old"))
	if found := b.cached("trusted", "two", work); found != "one" {
		t.Errorf("after a broken promotion it found %q", found)
	}
	must(t, b.mac.Inject(testbed.Fault{Tool: "cp", Match: []string{"-cRp"}, Kind: testbed.Fail, Code: 1, Stderr: "cp: clonefile failed: Operation not supported\n"}))
	if found := b.cached("trusted", "three", work); found != "two" {
		t.Errorf("without clonefile it found %q", found)
	}
	past, err := s.Past()
	must(t, err)
	ready, err := os.ReadFile(b.mac.Path("/Users/admin/Library/Logs/hostler/jobs/" + past[0].ID + "/ready.log"))
	must(t, err)
	if !strings.Contains(string(ready), "copied byte by byte") {
		t.Errorf("nobody is told: %s", ready)
	}
	s.vms.Caches.Now = func() time.Time { return time.Now().AddDate(0, 2, 0) }
	if found := b.cached("trusted", "four", work); found != "" {
		t.Errorf("after two months it found %q", found)
	}
}

// Caches go when nobody uses them, whole or not at all; what was left of leases
// goes, too.
func TestPruneCaches(t *testing.T) {
	b := newBed(t)
	b.profile("trusted", func(p *runtime.Profile) { p.Cache = "snapshot" })
	b.serve()
	work := func(h *Handover) {
		_, err := b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
		must(t, err)
	}
	folder := b.mac.Path(caches + "/trusted/acme--app")
	prune := func(w cache.Wish, want ...string) {
		t.Helper()
		removed, err := b.s.Prune(w)
		must(t, err)
		var got []string
		for _, r := range removed {
			got = append(got, r.What+": "+r.Why)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", w, got, want)
		}
	}
	b.cached("trusted", "one", work)
	list, err := b.s.vms.Caches.List(t.Context())
	must(t, err)
	if len(list) != 1 || list[0].Repository != repo || list[0].Bytes == 0 || list[0].Kept.IsZero() || len(list[0].Copies) > 0 {
		t.Errorf("%+v", list)
	}
	prune(cache.Wish{})
	prune(cache.Wish{Older: time.Hour})
	for _, name := range []string{"lease-xyz", "gone"} {
		must(t, os.MkdirAll(filepath.Join(folder, name, "deep"), 0o755))
	}
	// While a lease has it, the cache stays.
	b.cached("trusted", "two", func(h *Handover) {
		prune(cache.Wish{All: true}, "the copy of lease xyz: its lease is over")
		work(h)
	})
	prune(cache.Wish{Older: time.Nanosecond, Dry: true}, "gone: it was left when something broke off", "the cache: nothing was kept in it for more than 1ns")
	if found := b.cached("trusted", "three", work); found != "two" {
		t.Errorf("found %q", found)
	}
	prune(cache.Wish{All: true}, "gone: it was left when something broke off", "the cache: no lease uses it")
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	if found := b.cached("trusted", "four", work); found != "" {
		t.Errorf("found %q", found)
	}
}
