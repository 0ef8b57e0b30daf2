package planner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

const pair = "note \"a\" {}\nnote \"b\" {}"

// TestCancelledStartsNothing: ending the context stops the run as a signal
// does, even if nobody closed stop.
func TestCancelledStartsNothing(t *testing.T) {
	b := newBench(t)
	b.p.Parallelism = 1
	ctx, cancel := context.WithCancel(context.Background())
	b.locked(func(lock *state.Lock) {
		plan, _ := b.p.Plan(context.Background(), b.config(pair), lock.Snapshot(), planner.Options{})
		r, _ := b.p.Apply(ctx, plan, lock, nil, func(e planner.Event) {
			if e.Kind == planner.Started {
				cancel()
			}
		})
		if !r.Interrupted || r.Added != 1 || len(r.Skipped) != 1 {
			t.Errorf("%+v", r)
		}
	})
	b.want(strings.Join(b.notes.log, "\n"), "create a")
}

// TestStoppedBeforeTheStart: the signal came while the plan was being
// confirmed.
func TestStoppedBeforeTheStart(t *testing.T) {
	b := newBench(t)
	stop := make(chan struct{})
	close(stop)
	b.locked(func(lock *state.Lock) {
		plan, _ := b.p.Plan(context.Background(), b.config(pair), lock.Snapshot(), planner.Options{})
		r, _ := b.p.Apply(context.Background(), plan, lock, stop, nil)
		if !r.Interrupted || r.Added != 0 || len(r.Skipped) != 2 {
			t.Errorf("%+v", r)
		}
	})
	b.want(strings.Join(b.notes.log, "\n"), "")
}

// TestStoppedInAThicket: there are 2^30 ways through these notes. Saying why
// each was skipped must not take every one.
func TestStoppedInAThicket(t *testing.T) {
	b := newBench(t)
	var src strings.Builder
	for i := range 30 {
		for _, side := range []string{"l", "r"} {
			fmt.Fprintf(&src, "note %q {\n", fmt.Sprint(side, i))
			if i > 0 {
				fmt.Fprintf(&src, " depends_on = [note.l%d, note.r%d]\n", i-1, i-1)
			}
			src.WriteString("}\n")
		}
	}
	b.locked(func(lock *state.Lock) {
		plan, _ := b.p.Plan(context.Background(), b.config(src.String()), lock.Snapshot(), planner.Options{})
		stop, done := make(chan struct{}), make(chan *planner.Result, 1)
		close(stop)
		go func() {
			r, _ := b.p.Apply(context.Background(), plan, lock, stop, nil)
			done <- r
		}()
		select {
		case r := <-done:
			if r.Added+len(r.Skipped) != 60 {
				t.Errorf("%d added, %d skipped", r.Added, len(r.Skipped))
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it still looks for reasons")
		}
	})
}

// failing is a lock whose disk fails at the n-th record about one address.
type failing struct {
	*state.Lock
	addr addr.Addr
}

func (f failing) Put(a addr.Addr, r *state.Resource) error {
	if a == f.addr {
		return errors.New("no space left on device")
	}
	return f.Lock.Put(a, r)
}

// TestRecordFails: after a record that can't be written nothing starts, and
// what was left out names it as the reason. What the plan records before its
// first step is no exception.
func TestRecordFails(t *testing.T) {
	for name, c := range map[string]struct{ before, src string }{
		"of a step": {"", pair},
		"before the first step": {
			"note \"a\" {}", "note \"a\" {\n prevent_destroy = true\n}\nnote \"b\" {}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.p.Parallelism = 1
			b.mustApply(c.before, planner.Options{})
			b.notes.log = nil
			b.locked(func(lock *state.Lock) {
				plan, _ := b.p.Plan(context.Background(), b.config(c.src), lock.Snapshot(), planner.Options{})
				r, diags := b.p.Apply(context.Background(), plan, failing{lock, addr.New("note", "a")}, nil, nil)
				if !strings.Contains(fmt.Sprint(diags), "The state can't be written") {
					t.Error(diags)
				}
				if len(r.Failed) != 1 || len(r.Skipped) != 1 || r.Skipped[0].Because != addr.New("note", "a") || r.Interrupted {
					t.Errorf("%+v", r)
				}
			})
			if log := strings.Join(b.notes.log, "\n"); strings.Contains(log, "create b") {
				t.Error(log)
			}
		})
	}
}
