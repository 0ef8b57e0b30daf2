package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner/internal/operation"
	"hostler/planner/internal/schedule"
	"hostler/planner/internal/settlement"
	"hostler/planner/internal/walk"
	"hostler/providers"
)

// Apply carries a plan out and records every step as it happens. It goes on
// past failures wherever nothing depends on what failed. When stop is closed
// it starts no further step, lets the running ones finish and records them;
// when ctx is cancelled the running ones are cut short as well, and recorded
// as they then are. on is called from one goroutine at a time, and not after
// Apply has returned.
func (p *Planner) Apply(ctx context.Context, plan *Plan, rec Recorder, stop <-chan struct{}, on func(Event)) (*Result, hcl.Diagnostics) {
	if on == nil {
		on = func(Event) {}
	}
	p.configure(planned{plan.Changes})
	operations := p.operations(plan)
	e := &execution{
		Planner: p, plan: plan, operations: operations, schedule: schedule.Of(operations), rec: rec,
		on: on, running: map[int]time.Time{}, result: &Result{},
	}
	if at, err := settlement.Settle(ctx, p.Types, operations, len(plan.Targets) > 0, rec); err != nil {
		e.abandon(at, err)
		return e.result, e.diags
	}
	e.walk(ctx, stop)
	if err := e.recordOutputs(); err != nil {
		e.diags = append(e.diags, notRecorded(err))
	}
	return e.result, e.diags
}

// operations are a plan's changes, one each and in the same order.
func (p *Planner) operations(plan *Plan) []*operation.Operation {
	out := make([]*operation.Operation, len(plan.Changes))
	for i, c := range plan.Changes {
		out[i] = &operation.Operation{
			Addr: c.Addr, Type: p.Types[c.Addr.Type], Kind: operation.Kind(c.Action), Before: c.Before, After: c.After,
			Deps: c.Deps, PriorDeps: c.PriorDeps, PreventDestroy: c.PreventDestroy, Tainted: c.Tainted,
			MovedFrom: c.MovedFrom, Import: c.ImportID != "",
		}
	}
	return out
}

// execution is one call of Apply.
type execution struct {
	*Planner
	plan       *Plan
	operations []*operation.Operation
	schedule   *schedule.Schedule
	rec        Recorder

	// mu guards the following, while steps run, and calls of on.
	mu      sync.Mutex
	on      func(Event)
	running map[int]time.Time // since when
	result  *Result
	diags   hcl.Diagnostics
	broken  bool // the record can't be written, and that has been said
}

// heartbeat is how often a running step is mentioned.
const heartbeat = 10 * time.Second

// walk runs the steps.
func (e *execution) walk(ctx context.Context, stop <-chan struct{}) {
	limit := e.Parallelism
	if limit < 1 {
		limit = DefaultParallelism
	}
	endBeat := e.beat()
	rest := e.schedule.Graph.Walk(ctx, walk.How{Limit: limit, Stop: stop, Started: e.started, Do: e.do})
	endBeat()
	e.result.Interrupted = rest.Stopped
	for _, s := range rest.Skipped {
		because := addr.Addr{}
		if s.Because >= 0 {
			because = e.change(s.Because).Addr
		}
		e.skip(s.Step, because)
	}
	e.tellSkipped()
}

// abandon gives up before the first step: what the plan found out about one
// object could not be recorded.
func (e *execution) abandon(at addr.Addr, err error) {
	e.diags = append(e.diags, unsettled(err)...)
	e.result.Failed = []addr.Addr{at}
	for _, i := range slices.Sorted(maps.Keys(e.schedule.Steps)) {
		e.skip(i, at)
	}
	e.tellSkipped()
}

func (e *execution) skip(i int, because addr.Addr) {
	ev := e.event(Skipped, i)
	ev.Because = because
	e.result.Skipped = append(e.result.Skipped, ev)
}

func (e *execution) tellSkipped() {
	slices.SortStableFunc(e.result.Skipped, func(a, b Event) int { return addr.Compare(a.Addr, b.Addr) })
	for _, ev := range e.result.Skipped {
		e.on(ev)
	}
}

// beat tells of the running steps from time to time, until it is ended.
func (e *execution) beat() (end func()) {
	tick, over := time.NewTicker(heartbeat), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				e.mu.Lock()
				for _, i := range slices.Sorted(maps.Keys(e.running)) {
					e.progress(i, "")
				}
				e.mu.Unlock()
			}
		}
	})
	return func() {
		tick.Stop()
		close(over)
		wg.Wait()
	}
}

// progress tells of a running step; the caller holds mu.
func (e *execution) progress(i int, text string) {
	if since, runs := e.running[i]; runs {
		ev := e.event(Progress, i)
		ev.Text, ev.Elapsed = text, e.Now().Sub(since)
		e.on(ev)
	}
}

func (e *execution) started(i int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running[i] = e.Now()
	e.on(e.event(Started, i))
}

// do does one step and tells how it went.
func (e *execution) do(ctx context.Context, i int) walk.Verdict {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What a provider still says when the step has ended is not heard.
	ctx = providers.WithReporter(ctx, func(text string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.progress(i, text)
	})
	s := e.schedule.Steps[i]
	out := e.operations[s.Operation].Do(ctx, s.Kind, e.rec)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended(i, out)
}

// ended counts a step, or reports why it failed; the caller holds mu.
func (e *execution) ended(i int, out operation.Outcome) walk.Verdict {
	ev := e.event(Completed, i)
	ev.Elapsed, ev.Err = e.Now().Sub(e.running[i]), out.Err
	delete(e.running, i)
	verdict := walk.Done
	switch {
	case out.Err == nil:
		e.result.count(ev.Action, e.change(i).ImportID != "")
	case out.Unrecorded == nil:
		verdict = walk.Failed
	default:
		verdict = walk.Fatal
		if !e.broken {
			e.broken = true
			e.diags = append(e.diags, notRecorded(out.Unrecorded))
		}
	}
	if out.Err != nil {
		ev.Kind = Errored
		e.result.Failed = append(e.result.Failed, ev.Addr)
		e.diags = append(e.diags, diagnose(problem{doing: doing(ev), addr: ev.Addr, err: out.Err}, e.change(i).Source)...)
	}
	e.on(ev)
	return verdict
}

// change is what a step belongs to.
func (e *execution) change(i int) *Change { return e.plan.Changes[e.schedule.Steps[i].Operation] }

func (e *execution) event(kind EventKind, i int) Event {
	c := e.change(i)
	return Event{Kind: kind, Addr: c.Addr, Action: Action(e.schedule.Steps[i].Kind), ID: c.ID}
}

func doing(e Event) string {
	verb := map[Action]string{Create: "Creating", Update: "Modifying", Delete: "Destroying", Forget: "Forgetting", NoOp: "Importing"}[e.Action]
	return fmt.Sprintf("%s %s failed", verb, e.Addr)
}

// count adds a step that was done.
func (r *Result) count(a Action, imports bool) {
	if imports && a != Delete {
		r.Imported++
	}
	switch a {
	case Create:
		r.Added++
	case Update:
		r.Changed++
	case Delete:
		r.Removed++
	}
}
