package planner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/providers"
	"hostler/state"
)

// TestFailedSteps: whatever happened, the record is what stands, and the next
// run repairs the rest.
func TestFailedSteps(t *testing.T) {
	const old, changed, replaced = `note "a" { text = "1" }`, `note "a" { text = "2" }`, "note \"a\" {\n text = \"1\"\n kind = \"k\"\n}"
	for name, c := range map[string]struct {
		before, src string
		fail        string // the operation
		err         string // how; see notes
		recorded    string
		next        string // what the next plan does
	}{
		"create, nothing made":    {"", old, "create a", "disk on fire", "", "create note.a"},
		"create, unknown to it":   {"", old, "create a", "unaware", "note.a", ""},
		"create, torn":            {"", old, "create a", "torn", "note.a tainted", "replace note.a"},
		"create, half":            {"", old, "create a", "halfway", "note.a tainted", "replace note.a"},
		"update, nothing done":    {old, changed, "update a", "disk on fire", "note.a", "update note.a"},
		"update, half":            {old, changed, "update a", "halfway", "note.a", "update note.a"},
		"replace, still there":    {old, replaced, "delete a", "disk on fire", "note.a", "replace note.a"},
		"replace, not made anew":  {old, replaced, "create a", "disk on fire", "", "create note.a"},
		"delete, still there":     {old, "", "delete a", "disk on fire", "note.a", "delete note.a"},
		"tainted, still there":    {"tainted", old, "delete a", "disk on fire", "note.a tainted", "replace note.a"},
		"cancelled in the middle": {"", old, "create a", "cancelled", "", "create note.a"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			switch c.before {
			case "":
			case "tainted":
				b.notes.fail["create a"] = errors.New("halfway")
				b.apply(old, planner.Options{})
				clear(b.notes.fail)
			default:
				b.mustApply(c.before, planner.Options{})
			}
			b.notes.fail[c.fail] = errors.New(c.err)
			r, diags := b.apply(c.src, planner.Options{})
			if !diags.HasErrors() || len(r.Failed) != 1 || r.Failed[0] != addr.New("note", "a") {
				t.Fatalf("%+v %v", r, diags)
			}
			b.want(b.recorded(), c.recorded)
			if open := b.snapshot().Unfinished; len(open) != 0 {
				t.Errorf("still open: %+v", open)
			}
			clear(b.notes.fail)
			b.want(b.mustPlan(c.src, planner.Options{}), c.next)
			b.mustApply(c.src, planner.Options{})
			b.want(b.mustPlan(c.src, planner.Options{}), "")
		})
	}
}

// TestNobodyKnows: a creation failed, and its Finder fails as well. The intent
// stays open until a plan can tell.
func TestNobodyKnows(t *testing.T) {
	b := newBench(t)
	const src = `note "a" {}`
	b.notes.fail["create a"], b.notes.fail["find a"] = errors.New("unaware"), errors.New("cable is out")
	_, diags := b.apply(src, planner.Options{})
	if !strings.Contains(fmt.Sprint(diags), "cable is out") {
		t.Error(diags)
	}
	b.want(b.recorded(), "")
	plan, diags := b.plan(src, planner.Options{})
	if !strings.Contains(fmt.Sprint(diags), "Unfinished creation of note.a") {
		t.Errorf("%v\n%s", diags, actions(plan))
	}
	clear(b.notes.fail)
	b.mustApply(src, planner.Options{})
	b.want(b.recorded(), "note.a")
}

// TestProgress: a running step is mentioned every ten seconds and when the
// provider has news, until it has ended.
func TestProgress(t *testing.T) {
	dir := t.TempDir() // outside of the bubble, where it can be removed
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.dir = filepath.Join(dir, "files")
		if err := os.Mkdir(b.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var late context.Context
		b.notes.during["create a"] = func(ctx context.Context) {
			late = ctx
			time.Sleep(4 * time.Second)
			providers.Report(ctx, "halfway there")
			time.Sleep(19 * time.Second)
		}
		var lines []string
		b.locked(func(lock *state.Lock) {
			plan, _ := b.p.Plan(context.Background(), b.config(`note "a" {}`), lock.Snapshot(), planner.Options{})
			b.p.Apply(context.Background(), plan, lock, nil, func(e planner.Event) {
				lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Elapsed, e.Text)))
			})
		})
		providers.Report(late, "never heard")
		b.want(strings.Join(lines, "\n"), "start 0s\nprogress 4s halfway there\nprogress 10s\nprogress 20s\ncomplete 23s")
	})
}

// TestRecordOfTheOutputsFails: what was done stays done, but the outputs are
// not shown as if they were recorded.
func TestRecordOfTheOutputsFails(t *testing.T) {
	b := newBench(t)
	b.locked(func(lock *state.Lock) {
		plan, _ := b.p.Plan(context.Background(), b.config("output \"o\" { value = 1 }"), lock.Snapshot(), planner.Options{})
		r, diags := b.p.Apply(context.Background(), plan, noOutputs{lock}, nil, nil)
		if !diags.HasErrors() || len(r.Outputs) != 0 {
			t.Errorf("%+v %v", r, diags)
		}
	})
}

type noOutputs struct{ *state.Lock }

func (noOutputs) SetOutputs(map[string]state.Output) error {
	return errors.New("no space left on device")
}
