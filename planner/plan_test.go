package planner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// said is what a plan's diagnostics say, a line each: "main.hcl:2 summary; detail".
func (b *bench) said(src string, opt planner.Options) string {
	b.t.Helper()
	_, diags := b.plan(src, opt)
	var lines []string
	for _, d := range diags {
		at := ""
		if d.Subject != nil {
			at = fmt.Sprintf("%d: ", d.Subject.Start.Line)
		}
		lines = append(lines, at+d.Summary+"; "+d.Detail)
	}
	return strings.Join(lines, "\n")
}

func TestDiagnosticsHaveTheirPlace(t *testing.T) {
	b := newBench(t)
	b.want(b.said("note \"b\" {\n  text = \"worse\"\n}\nnote \"a\" {\n  text = \"odd\"\n}", planner.Options{}), `
1: Invalid configuration; Worse.
2: Invalid value for "text[2].line[\"first\"]"; Bad.
4: Worth knowing about note.a; And so is the rest.
5: Worth knowing about note.a; This is odd.`)
	unique := "note \"a\" {\n  text = \"unique\"\n}\nnote \"b\" {\n  text = \"unique\"\n}"
	b.want(b.said(unique, planner.Options{}), `
2: Invalid value for "text"; note.a and note.b say the same.
5: Invalid value for "text"; note.a and note.b say the same.`)
	if diags := b.p.Validate(b.config(unique)); len(diags) != 2 {
		t.Errorf("%v", diags)
	}
}

func TestUnreadableObjects(t *testing.T) {
	b := newBench(t)
	src := three + "note \"d\" {}\nnote \"e\" {}"
	b.mustApply(src, planner.Options{})
	saved, _ := b.plan("", planner.Options{})
	b.notes.fail["read b"] = errors.New("it is locked away")
	b.want(b.said(src, planner.Options{}), "3: Reading note.b; It is locked away.")
	clear(b.notes.fail)
	b.notes.fail["read"] = errors.New("the folder is gone")
	const all = "Reading objects of type \"note\"; The folder is gone.\n\nThis concerns note.a, note.b, note.c, 2 more. " +
		"Nothing was changed; mend this and run the command again, or plan from the recorded state alone with --refresh=false."
	b.want(b.said(src, planner.Options{}), all)
	b.want(b.said(src, planner.Options{SkipRefresh: true}), "")
	if diags := b.p.Verify(context.Background(), saved); len(diags) != 1 || diags[0].Summary+"; "+diags[0].Detail != all {
		t.Error(diags)
	}
}

// TestCheck: a saved plan fits the state that it was made from and no other.
func TestCheck(t *testing.T) {
	b := newBench(t)
	fresh, _ := b.plan(three, planner.Options{})
	if diags := fresh.Check(b.snapshot()); diags.HasErrors() {
		t.Error(diags)
	}
	b.mustApply(three, planner.Options{})
	if diags := fresh.Check(b.snapshot()); !strings.Contains(fmt.Sprint(diags), "Saved plan is stale") {
		t.Error(diags)
	}
	saved, _ := b.plan("", planner.Options{})
	if diags := saved.Check(b.snapshot()); diags.HasErrors() {
		t.Error(diags)
	}
	other := newBench(t)
	other.mustApply(three, planner.Options{})
	if diags := saved.Check(other.snapshot()); !strings.Contains(fmt.Sprint(diags), "different state lineage") {
		t.Error(diags)
	}
}

func TestCountsAndEmpty(t *testing.T) {
	b := newBench(t)
	b.mustApply("note \"update\" {}\nnote \"replace\" {}\nnote \"delete\" {}\nnote \"forget\" {}\nnote \"from\" {}\nnote \"same\" {}", planner.Options{})
	if err := b.notes.write(&note{Name: "import"}); err != nil {
		t.Fatal(err)
	}
	src := `
note "create" {}
note "update" { text = "new" }
note "replace" { kind = "new" }
note "to" {}
note "same" {}
note "import" {}
moved {
  from = note.from
  to   = note.to
}
removed {
  from = note.forget
}
import {
  to = note.import
  id = "import"
}
`
	plan, diags := b.plan(src, planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got, want := plan.Counts(), (planner.Counts{Import: 1, Add: 2, Change: 1, Remove: 2, Forget: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, c := range plan.Changes {
		one := &planner.Plan{Mode: planner.Normal, Changes: []*planner.Change{c}}
		if one.Empty() != (c.Addr == addr.New("note", "same")) {
			t.Errorf("a plan of %s %s alone is empty: %v", c.Action, c.Addr, one.Empty())
		}
	}
	r := b.mustApply(src, planner.Options{})
	if r.Imported != 1 || r.Added != 2 || r.Changed != 1 || r.Removed != 2 || len(r.Failed)+len(r.Skipped) > 0 {
		t.Errorf("%+v", r)
	}
	if plan, _ := b.plan(src, planner.Options{}); !plan.Empty() {
		t.Errorf("after the apply:\n%s", actions(plan))
	}
}

func TestSensitiveOutputIsNotRecorded(t *testing.T) {
	b := newBench(t)
	src := "variable \"v\" {\n default = \"s3cr3t\"\n sensitive = true\n}\noutput \"o\" {\n value = var.v\n sensitive = true\n}"
	b.mustApply(src, planner.Options{})
	if o := b.snapshot().Outputs["o"]; strings.Contains(string(o.Value), "s3cr3t") || !o.Sensitive {
		t.Errorf("%s %+v", o.Value, o)
	}
	plan, _ := b.plan(src, planner.Options{})
	if !plan.Empty() {
		t.Errorf("%+v", plan.Outputs)
	}
	b.mustApply("", planner.Options{Mode: planner.Destroy})
	if n := len(b.snapshot().Outputs); n != 0 {
		t.Errorf("%d outputs are left", n)
	}
}

func TestWarnings(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	b.locked(func(lock *state.Lock) {
		if err := lock.SetOutputs(map[string]state.Output{"o": {Type: []byte(`"apple"`), Value: []byte(`1`)}}); err != nil {
			t.Fatal(err)
		}
	})
	if said := b.said(three, planner.Options{}); !strings.Contains(said, "Unreadable output in state") {
		t.Error(said)
	}
	opt := planner.Options{Targets: []addr.Addr{addr.New("note", "a")}, Replace: []addr.Addr{addr.New("note", "bb")}}
	b.want(b.said(three, opt), "--replace note.bb matches nothing; Neither the files nor the state have a resource note.bb; did you mean note.b?")
	opt.Replace = nil
	if said := b.said(three, opt); !strings.Contains(said, "Resource targeting is in effect") {
		t.Error(said)
	}
}

// TestRefreshTellsWhatItReads in order, before it reads.
func TestRefreshTellsWhatItReads(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	var told []string
	b.notes.read = 0
	b.mustPlan(three, planner.Options{On: func(e planner.Event) {
		if b.notes.read > 0 {
			t.Error("told too late")
		}
		told = append(told, fmt.Sprint(e.Kind, " ", e.Addr, " ", e.ID))
	}})
	if !slices.Equal(told, []string{"refresh note.a a", "refresh note.b b", "refresh note.c c"}) || b.notes.read != 1 {
		t.Errorf("%q, %d calls", told, b.notes.read)
	}
}
