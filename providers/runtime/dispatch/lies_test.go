package dispatch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

var long = flag.Bool("long", false, "play all faults, not a sample")

// TestLyingTart lets each call of tart that a job makes go wrong, in every way.
// Whoever asked gets a runner or an error, nothing is left, and the next job is
// done. CI plays a sample of them, this all:
//
//	go test ./providers/runtime/dispatch -run LyingTart -long
func TestLyingTart(t *testing.T) {
	t.Parallel()
	whole := newBed(t)
	whole.serve()
	must(t, whole.mac.ResetCalls())
	h, err := whole.job(t.Context(), "small", 1)
	must(t, err)
	whole.past(h.Lease)
	calls, err := whole.mac.Calls()
	must(t, err)
	var verbs []string
	for _, c := range calls {
		if c.Tool == "tart" {
			verbs = append(verbs, c.Args[0])
		}
	}
	if len(verbs) < 6 {
		t.Fatalf("tart was called for %q", verbs)
	}
	for i, verb := range verbs {
		for k, f := range mactest.Lies() {
			if !*long && ((i+k)%9 != 0 || f.Kind == testbed.Hang) {
				continue // what hangs is waited for, up to two minutes
			}
			t.Run(fmt.Sprintf("%d %s %s %d %d", i, verb, f.Kind, f.Code, k), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				b.limits.Boot, b.limits.Pickup, b.limits.Sweep = 20*time.Second, 20*time.Second, 200*time.Millisecond
				b.serve()
				f.Tool, f.Nth = "tart", i+1
				must(t, b.mac.Inject(f))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				h, err := b.job(ctx, "small", 1)
				var end *AskError
				switch {
				case err != nil && !errors.As(err, &end):
					t.Errorf("asked: %v", err)
				case err != nil && strings.TrimSpace(end.Text) == "":
					t.Errorf("an error without words: %+v", end)
				case err == nil:
					b.past(h.Lease)
				}
				b.until("nothing is left", func() bool {
					snap, err := b.s.ledger.Read()
					must(t, err)
					vms, err := b.mac.VMs()
					if err != nil {
						return false // one is being removed
					}
					for _, v := range vms {
						if strings.HasPrefix(v.Name, ledger.Prefix) {
							return false
						}
					}
					return len(snap.Leases)+len(snap.Tickets)+len(snap.Quarantine) == 0
				})
				h, err = b.job(ctx, "small", 2)
				if err != nil {
					t.Fatalf("the next job: %v", err)
				}
				if l := b.past(h.Lease); l.End.Class != ledger.Succeeded {
					t.Errorf("the next job: %+v", l.End)
				}
			})
		}
	}
}
