// Package report tells machines how a Mac's dispatch goes: Prometheus by a page
// of metrics, and a command of the user's by one JSON object for each event.
//
// Invariants:
//
//  1. It never holds up dispatch: events go into a queue of bounded length, and
//     what does not fit is counted and lost.
//  2. Labels have few values, all from the configuration or from our own lists:
//     profiles, phases, classes, verdicts. No repository, run or VM is a label.
//  3. No secret is told.
//
// Start at Reporter.
package report

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hostler/providers/internal/machine"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
)

// Reporter reports on one service.
type Reporter struct {
	options dispatch.Options
	mac     *machine.Machine
	log     *slog.Logger
	events  chan Event

	registry *prometheus.Registry
	waits    *prometheus.HistogramVec
	phases   *prometheus.HistogramVec
	ends     *prometheus.CounterVec
	sweeps   *prometheus.CounterVec
	hooks    *prometheus.CounterVec
}

// backlog is how many events may wait for the hook.
const backlog = 256

// New returns the reporter of a service with these options, and the options
// that make the service report to it.
func New(o dispatch.Options) (*Reporter, dispatch.Options) {
	if o.Env.Log == nil {
		o.Env.Log = slog.New(slog.DiscardHandler)
	}
	r := &Reporter{options: o, mac: machine.Local(o.Env.Root, o.Env.Environ), log: o.Env.Log, events: make(chan Event, backlog)}
	r.count()
	o.Observe, o.Found = r.observe, r.found
	return r, o
}

// observe notes an event that is on disk.
func (r *Reporter) observe(e ledger.Event) {
	switch e.Kind {
	case ledger.Granted:
		r.waits.WithLabelValues(e.Lease.Ticket.Profile).Observe(e.Lease.Granted.Sub(e.Lease.Ticket.Enqueued).Seconds())
	case ledger.Moved:
		r.phases.WithLabelValues(string(e.Before.Phase)).Observe(e.Lease.Since.Sub(e.Before.Since).Seconds())
	case ledger.Finished:
		r.phases.WithLabelValues(string(e.Lease.Phase)).Observe(e.Lease.Released.Sub(e.Lease.Since).Seconds())
		class := "unknown"
		if e.Lease.End != nil {
			class = string(e.Lease.End.Class)
		}
		r.ends.WithLabelValues(e.Lease.Ticket.Profile, class).Inc()
	}
	out, ok := r.event(e)
	if !ok {
		return
	}
	select {
	case r.events <- out:
	default:
		r.hooks.WithLabelValues("dropped").Inc()
	}
}

func (r *Reporter) found(f dispatch.Finding) { r.sweeps.WithLabelValues(f.What, f.Verdict).Inc() }

// Metrics is the page of metrics of a service.
func (r *Reporter) Metrics(s *dispatch.Service) http.Handler {
	r.registry.MustRegister(&now{r, s})
	return promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// status is how the service stands now.
func (r *Reporter) status(ctx context.Context, s *dispatch.Service) (status.Status, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return status.Status{}, err
	}
	return status.Of(ctx, r.options, snap, true)
}
