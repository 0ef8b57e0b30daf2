package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
)

// memory is what a VM of each profile of a bed takes.
var memory = map[string]uint64{"mac": 8 * gib, "twin": 4 * gib, "big": 10 * gib, "small": 2 * gib}

// withinBudget holds the log of tart's runs against the budget: what ran at the
// same time never took more than the Mac lends, nor more than two slots.
func (b *bed) withinBudget(lends uint64) {
	b.t.Helper()
	calls, err := b.mac.Calls()
	must(b.t, err)
	type edge struct {
		at     time.Time
		memory int64
		guests int
	}
	var edges []edge
	for _, c := range calls {
		if c.Tool != "tart" || c.Args[0] != "run" {
			continue
		}
		profile, _, ok := ledger.ParseVM(c.Args[1])
		if !ok {
			b.t.Errorf("%v was run", c.Args)
		}
		guests := 0
		if profile == "mac" || profile == "twin" {
			guests = 1
		}
		if !c.Done {
			b.t.Errorf("%v never ended", c.Args)
		}
		edges = append(edges, edge{c.Start, int64(memory[profile]), guests}, edge{c.End, -int64(memory[profile]), -guests})
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	var now edge
	var most int64
	for _, e := range edges {
		now.memory, now.guests = now.memory+e.memory, now.guests+e.guests
		most = max(most, now.memory)
		if now.memory > int64(lends) || now.guests > 2 {
			b.t.Errorf("at %s %d bytes and %d macOS guests were in use", e.at, now.memory, now.guests)
		}
	}
	b.t.Logf("%d VMs, at most %.0f GiB of %.0f at a time", len(edges)/2, float64(most)/gib, float64(lends)/gib)
}

// The crowd: sixty jobs of mixed profiles ask at once.
func TestSixtyAtOnce(t *testing.T) {
	b := newBed(t)
	must(t, b.mac.ResetCalls(), b.mac.SetTiming(testbed.Timing{Job: 20 * time.Millisecond}))
	b.serve()
	profiles := []string{"mac", "small", "big", "twin", "small", "small"}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if _, err := b.job(t.Context(), profiles[i%len(profiles)], int64(i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.until("everything is over", func() bool { snap, err := b.s.Snapshot(); return err == nil && len(snap.Leases) == 0 })
	past, err := b.s.Past()
	must(t, err)
	if len(past) != 60 {
		t.Errorf("%d leases", len(past))
	}
	for _, l := range past {
		if l.End.Class != ledger.Succeeded {
			t.Errorf("%s: %+v", l.ID, l.End)
		}
	}
	jobs, err := b.gh.Jobs()
	must(t, err)
	for _, j := range jobs {
		if j.Conclusion != "success" {
			t.Errorf("%+v", j)
		}
	}
	b.empty()
	b.withinBudget(12 * gib)
}

// Hold and wait: sixteen mixed runs on Macs of 12 GiB, with one coordinator
// each, which holds its only slot while a boot job waits for room. Where the
// tool before us deadlocked, all must come to their end.
func TestNoDeadlock(t *testing.T) {
	for macs := 1; macs <= 3; macs++ {
		t.Run(fmt.Sprint(macs), func(t *testing.T) {
			t.Parallel()
			boot := make(chan int64, 16)
			for i := range 16 {
				boot <- int64(i + 1)
			}
			close(boot)
			beds := make([]*bed, macs)
			var wg sync.WaitGroup
			var mu sync.Mutex
			ended := 0
			for i := range beds {
				b := newBed(t)
				beds[i] = b
				must(t, b.mac.SetTiming(testbed.Timing{Job: time.Duration(10+rand.IntN(40)) * time.Millisecond}))
				b.serve()
				wg.Go(func() { // the coordinator of this Mac: one boot job at a time
					for run := range boot {
						h, err := b.job(t.Context(), []string{"small", "twin", "mac"}[run%3], run)
						if err != nil {
							t.Error(err)
							continue
						}
						wg.Go(func() {
							if l := b.past(h.Lease); l.End.Class == ledger.Succeeded {
								mu.Lock()
								defer mu.Unlock()
								ended++
							}
						})
					}
				})
			}
			wg.Wait()
			if ended != 16 {
				t.Errorf("%d of 16 runs came to their end", ended)
			}
			for _, b := range beds {
				b.empty()
			}
		})
	}
}

// A slot that the kernel refuses is no failure: it is tried again.
func TestContended(t *testing.T) {
	b := newBed(t)
	must(t, b.mac.TakeSlots(2))
	b.serve()
	// Only once it was told that macOS refuses the guest, it does no more.
	h, err := b.s.Ask(t.Context(), Request{Profile: "twin", Timeout: time.Minute}, func(u Update) {
		if strings.Contains(u.Reason, "another macOS guest") {
			must(t, b.mac.TakeSlots(0))
		}
	})
	must(t, err)
	b.s.cancel(h.Lease)
	b.until("everything is over", func() bool { snap, err := b.s.Snapshot(); return err == nil && len(snap.Leases) == 0 })
	b.empty()
}

// Whoever goes away gives back what was asked for, at once, at any time.
func TestGoingAway(t *testing.T) {
	b := newBed(t)
	must(t, b.mac.SetTiming(testbed.Timing{Agent: 200 * time.Millisecond}))
	b.serve()
	holder, err := b.s.Ask(t.Context(), Request{Profile: "big"}, func(Update) {})
	must(t, err)
	for _, when := range []ledger.Phase{"", ledger.Reserved, ledger.Cloning, ledger.Starting, ledger.Reaching, ledger.Registering} {
		ctx, cancel := context.WithCancel(t.Context())
		profile := "small"
		if when == "" {
			profile = "mac" // has to wait
		}
		_, err := b.s.Ask(ctx, Request{Profile: profile}, func(u Update) {
			if u.Phase == when {
				cancel()
			}
		})
		cancel()
		if err == nil {
			t.Errorf("%q: it was not taken back", when)
		}
		b.until("it is taken back", func() bool {
			snap, err := b.s.Snapshot()
			return err == nil && len(snap.Tickets) == 0 && len(snap.Leases) == 1
		})
	}
	must(t, b.s.Release(holder.Lease, ledger.Job{}))
	b.past(holder.Lease)
	b.empty()
}
