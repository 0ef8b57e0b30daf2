// Package limits owns how long each thing that the dispatch service does may
// take.
package limits

import "time"

// Limits are what things may take. A zero one is its default.
type Limits struct {
	Boot     time.Duration // 5m, from the lease to a runner that listens
	Agent    time.Duration // 20s, by which a guest's agent may answer later than SSH and be preferred still
	Pickup   time.Duration // 3m, from there to a job
	Grace    time.Duration // 2m, beyond the profile's timeout
	Retry    time.Duration // 1s, before the first repetition; it doubles, up to 5m
	Teardown time.Duration // 1h, for which a VM is tried to be removed
	Sweep    time.Duration // 1m, between two sweeps
	Absent   time.Duration // 1m, for which a ticket waits for whoever asked to come back
	Contend  time.Duration // 30s, before a refused macOS guest is tried again
}

// OrDefault fills in the defaults.
func (l Limits) OrDefault() Limits {
	for _, d := range []struct {
		limit *time.Duration
		other time.Duration
	}{
		{&l.Boot, 5 * time.Minute}, {&l.Agent, 20 * time.Second}, {&l.Pickup, 3 * time.Minute}, {&l.Grace, 2 * time.Minute}, {&l.Retry, time.Second},
		{&l.Teardown, time.Hour}, {&l.Sweep, time.Minute}, {&l.Absent, time.Minute}, {&l.Contend, 30 * time.Second},
	} {
		if *d.limit == 0 {
			*d.limit = d.other
		}
	}
	return l
}

// Whole is the longest that a lease can last whose job may take timeout.
func (l Limits) Whole(timeout time.Duration) time.Duration {
	return l.Boot + l.Pickup + timeout + l.Grace
}
