package report

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
)

// count makes what is counted as it happens.
func (r *Reporter) count() {
	seconds := []float64{.1, .5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600}
	r.waits = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hostler_queue_wait_seconds", Help: "How long tickets waited until they got a lease.", Buckets: seconds}, []string{"profile"})
	r.phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hostler_phase_seconds", Help: "How long leases were in each phase.", Buckets: seconds}, []string{"phase"})
	r.ends = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hostler_leases_ended_total", Help: "Leases that are over, by how they ended."}, []string{"profile", "class"})
	r.sweeps = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hostler_sweep_findings_total", Help: "What sweeps found that should not have been."}, []string{"what", "verdict"})
	r.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hostler_hook_total", Help: "Events for the hook command, by what became of them."}, []string{"outcome"})
	r.registry = prometheus.NewRegistry()
	r.registry.MustRegister(r.waits, r.phases, r.ends, r.sweeps, r.hooks)
	for _, p := range ledger.Phases() {
		r.phases.WithLabelValues(string(p))
	}
	for _, outcome := range []string{"ok", "failed", "dropped"} {
		r.hooks.WithLabelValues(outcome)
	}
}

// now tells how the service stands whenever it is asked.
type now struct {
	*Reporter
	service *dispatch.Service
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hostler_"+name, help, labels, nil)
}

var (
	up         = gauge("up", "1 if how the service stands could be read.")
	memory     = gauge("memory_bytes", "Memory for VMs: total, and used.", "amount")
	guests     = gauge("macos_guests", "Slots for macOS guests: total, and used.", "amount")
	disk       = gauge("disk_bytes", "Disk for VMs: total, and used.", "amount")
	leases     = gauge("leases", "What is lent, by profile and phase.", "profile", "phase")
	waiting    = gauge("queue_length", "Tickets that wait.", "profile")
	oldest     = gauge("queue_oldest_seconds", "How long the oldest ticket has waited; 0 if none waits.")
	quarantine = gauge("quarantined_vms", "VMs that can't be explained.")
	draining   = gauge("draining", "1 while nothing is lent.")
	stopped    = gauge("profile_stopped", "1 for a profile that gets nothing.", "profile")
	left       = gauge("github_requests_left", "Requests that GitHub still allows in this hour, as of the last answer.")
)

// Describe names all that Collect tells.
func (n *now) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{up, memory, guests, disk, leases, waiting, oldest, quarantine, draining, stopped, left} {
		ch <- d
	}
}

// patience is how long one look at the service may take.
const patience = 10 * time.Second

// Collect looks at the service.
func (n *now) Collect(ch chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if requests, _, ok := n.service.GitHub().Left(); ok {
		tell(left, float64(requests))
	}
	s, err := n.status(ctx, n.service)
	if err != nil {
		tell(up, 0)
		return
	}
	tell(up, 1)
	for d, a := range map[*prometheus.Desc][2]uint64{memory: {s.Memory.Used, s.Memory.Total}, guests: {s.Guests.Used, s.Guests.Total}, disk: {s.Disk.Used, s.Disk.Total}} {
		tell(d, float64(a[0]), "used")
		tell(d, float64(a[1]), "total")
	}
	lent := map[[2]string]int{}
	for _, l := range s.Leases {
		lent[[2]string{l.Ticket.Profile, string(l.Phase)}]++
	}
	for at, count := range lent {
		tell(leases, float64(count), at[0], at[1])
	}
	queued, age := map[string]int{}, time.Duration(0)
	for _, w := range s.Queue {
		queued[w.Profile]++
		age = max(age, n.options.Clock().Sub(w.Enqueued))
	}
	for profile, count := range queued {
		tell(waiting, float64(count), profile)
	}
	for profile := range s.Stopped {
		tell(stopped, 1, profile)
	}
	tell(oldest, age.Seconds())
	tell(quarantine, float64(len(s.Quarantine)))
	tell(draining, map[bool]float64{true: 1}[s.Draining])
}
