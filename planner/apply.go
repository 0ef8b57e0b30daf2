package planner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/providers"
)

// Apply carries a plan out and records every step as it happens. It goes on
// past failures wherever nothing depends on what failed. When stop is closed
// it starts no further step, lets the running ones finish and records them;
// when ctx is cancelled the running ones are cut short as well, and recorded
// as they then are. on is called from one goroutine at a time.
func (p *Planner) Apply(ctx context.Context, plan *Plan, rec Recorder, stop <-chan struct{}, on func(Event)) (*Result, hcl.Diagnostics) {
	if on == nil {
		on = func(Event) {}
	}
	e := &execution{
		Planner: p, plan: plan, rec: rec, on: on,
		steps: p.stepsOf(plan), result: &Result{},
		news: make(chan Event), done: make(chan outcome),
	}
	if err := e.settle(); err != nil {
		return e.result, hcl.Diagnostics{notRecorded(err)}
	}
	e.walk(ctx, stop)
	if err := e.finish(); err != nil {
		e.diags = append(e.diags, notRecorded(err))
	}
	return e.result, e.diags
}

// execution is one call of Apply. Only walk's goroutine touches its fields;
// the goroutines of steps send to news and done.
type execution struct {
	*Planner
	plan   *Plan
	rec    Recorder
	on     func(Event)
	steps  []step
	result *Result
	diags  hcl.Diagnostics
	news   chan Event
	done   chan outcome
	broken error // the record can't be written any more; nothing may start
}

// outcome is how a step ended.
type outcome struct {
	step int
	took time.Duration
	err  error // of the step itself
	// unrecorded is an error of the record: nothing more may be done.
	unrecorded error
}

// status is where a step is.
type status int

const (
	waiting status = iota
	running
	finished
	failed
	skipped
)

// heartbeat is how often a running step is mentioned.
const heartbeat = 10 * time.Second

// walk runs the steps, as many at a time as allowed, one in each lane.
func (e *execution) walk(ctx context.Context, stop <-chan struct{}) {
	state := make([]status, len(e.steps))
	started := make([]time.Time, len(e.steps))
	lanes := map[string]bool{}
	limit := e.Parallelism
	if limit < 1 {
		limit = DefaultParallelism
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	ready, waits, followers := e.readiness()
	inFlight, stopped := 0, false

	start := func(i int) {
		s := &e.steps[i]
		state[i], started[i] = running, e.Now()
		lanes[s.lane] = s.lane != ""
		inFlight++
		e.on(e.event(Started, i))
		go e.run(ctx, i)
	}
	settleFollowers := func(i int) {
		for _, f := range followers[i] {
			if waits[f]--; waits[f] == 0 {
				ready = append(ready, f)
			}
		}
	}
	end := func(o outcome) {
		inFlight--
		delete(lanes, e.steps[o.step].lane)
		ev := e.event(Completed, o.step)
		ev.Elapsed, ev.Err = o.took, o.err
		state[o.step] = finished
		if o.unrecorded != nil && e.broken == nil {
			e.broken = o.unrecorded
			e.diags = append(e.diags, notRecorded(o.unrecorded))
		}
		if o.err != nil {
			state[o.step], ev.Kind = failed, Errored
			e.fail(o)
		} else {
			e.count(o.step)
			settleFollowers(o.step)
		}
		e.on(ev)
	}
	for {
		for k := 0; k < len(ready) && inFlight < limit && !stopped && e.broken == nil; {
			i := ready[k]
			if lanes[e.steps[i].lane] {
				k++
				continue
			}
			ready = slices.Delete(ready, k, k+1)
			start(i)
		}
		if inFlight == 0 {
			break
		}
		select {
		case o := <-e.done:
			end(o)
		case ev := <-e.news:
			e.on(ev)
		case <-tick.C:
			for i, s := range state {
				if s == running {
					ev := e.event(Progress, i)
					ev.Elapsed = e.Now().Sub(started[i])
					e.on(ev)
				}
			}
		case <-stop:
			stop, stopped, e.result.Interrupted = nil, true, true
		}
	}
	e.skipRest(state)
}

// readiness lists the steps that wait for nothing, how many others each step
// waits for, and which wait for it.
func (e *execution) readiness() (ready, waits []int, followers [][]int) {
	waits, followers = make([]int, len(e.steps)), make([][]int, len(e.steps))
	for i, s := range e.steps {
		waits[i] = len(s.after)
		for _, j := range s.after {
			followers[j] = append(followers[j], i)
		}
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	return ready, waits, followers
}

// skipRest names what was not started, and why.
func (e *execution) skipRest(state []status) {
	var because func(i int) addr.Addr
	because = func(i int) addr.Addr {
		for _, j := range e.steps[i].after {
			if state[j] == failed {
				return e.steps[j].change.Addr
			}
			if state[j] == waiting {
				if a := because(j); !a.IsZero() {
					return a
				}
			}
		}
		return addr.Addr{}
	}
	for i, s := range state {
		if s != waiting {
			continue
		}
		ev := e.event(Skipped, i)
		ev.Because = because(i)
		e.result.Skipped = append(e.result.Skipped, ev)
	}
	slices.SortStableFunc(e.result.Skipped, func(a, b Event) int { return addr.Compare(a.Addr, b.Addr) })
	for _, ev := range e.result.Skipped {
		e.on(ev)
	}
}

func (e *execution) event(kind EventKind, i int) Event {
	s := &e.steps[i]
	return Event{Kind: kind, Addr: s.change.Addr, Action: s.action, ID: s.change.ID}
}

func (e *execution) fail(o outcome) {
	s := &e.steps[o.step]
	e.result.Failed = append(e.result.Failed, s.change.Addr)
	e.diags = append(e.diags, diagnose(problem{doing: doing(s), addr: s.change.Addr, err: o.err}, s.change.Source)...)
}

func doing(s *step) string {
	verb := map[Action]string{Create: "Creating", Update: "Modifying", Delete: "Destroying", Forget: "Forgetting", NoOp: "Importing"}[s.action]
	return fmt.Sprintf("%s %s failed", verb, s.change.Addr)
}

func (e *execution) count(i int) {
	s := &e.steps[i]
	if s.change.ImportID != "" && s.action != Delete {
		e.result.Imported++
	}
	switch s.action {
	case Create:
		e.result.Added++
	case Update:
		e.result.Changed++
	case Delete:
		e.result.Removed++
	}
}

// notRecorded is the one error after which nothing more may be done.
func notRecorded(err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "The state can't be written",
		Detail: fmt.Sprintf("%s\n\nNo further step was started. What was done up to here is in the journal beside the state, "+
			"and the next plan looks for what an unrecorded step may have left behind: mend this, then run hostler plan.", sentence(err.Error())),
	}
}

// report lets a provider tell how the step gets on, until ctx ends.
func (e *execution) report(ctx context.Context, i int, started time.Time) context.Context {
	return providers.WithReporter(ctx, func(text string) {
		ev := e.event(Progress, i)
		ev.Text, ev.Elapsed = text, e.Now().Sub(started)
		select {
		case e.news <- ev:
		case <-ctx.Done():
		}
	})
}
