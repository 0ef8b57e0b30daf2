package dispatch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hostler/providers/runtime"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/queue"
)

// BenchmarkAdmission queues a thousand tickets, decides about them and lends to
// each, in order and on disk, as the service does before it lives the leases.
// It tells the tickets per second.
//
//	go test ./providers/runtime/dispatch -bench Admission -run '^$'
func BenchmarkAdmission(b *testing.B) {
	const n = 1000
	for range b.N {
		b.StopTimer()
		s := queued(b, n)
		b.StartTimer()
		sit, d := decided(b, s)
		for i, ticket := range d.Grants {
			if ticket != fmt.Sprint("t", i+1) {
				b.Fatalf("%s is number %d", ticket, i+1)
			}
			_, err := s.ledger.Grant(ticket, s.draft(sit.Profiles["tiny"], sit.Demands["tiny"]))
			must(b, err)
		}
		b.StopTimer()
		must(b, s.ledger.Close())
		b.StartTimer()
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "tickets/s")
}

// BenchmarkDecision is one decision about a thousand tickets that wait.
func BenchmarkDecision(b *testing.B) {
	s := queued(b, 1000)
	for b.Loop() {
		decided(b, s)
	}
	must(b, s.ledger.Close())
}

// queued is a service that does not run, with n tickets.
func queued(b *testing.B, n int) *Service {
	bed := newBed(b)
	bed.profile("tiny", func(p *runtime.Profile) { p.Memory = 1 << 20 })
	s, err := New(Options{Env: bed.env})
	must(b, err)
	for i := range n {
		_, _, err := s.ledger.Enqueue(ledger.Ticket{Profile: "tiny", Job: ledger.Job{RunID: int64(i + 1)}, Enqueued: time.Now(), Deadline: time.Now().Add(time.Hour)})
		must(b, err)
	}
	return s
}

func decided(b *testing.B, s *Service) (site.Situation, queue.Decision) {
	snap, err := s.ledger.Read()
	must(b, err)
	now := s.Now()
	sit, err := s.Situate(b.Context(), snap, s.limits.Whole, func(ctx context.Context) (site.Surroundings, error) { return s.lookAround(ctx, snap, now) })
	must(b, err)
	sit.Mac.Capacity.Disk = 1 << 62
	return sit, queue.Admit(now, sit.Mac, sit.Holdings, sit.Tickets)
}
