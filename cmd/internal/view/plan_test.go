package view

import (
	"strings"
	"testing"

	"hostler/hcl/addr"
	"hostler/planner"
)

func TestPlan(t *testing.T) {
	only := func(keep func(*planner.Plan)) *planner.Plan {
		p := &planner.Plan{Mode: planner.Normal}
		keep(p)
		return p
	}
	all := everyChange()
	destroy := only(func(p *planner.Plan) {
		p.Mode = planner.Destroy
		p.Changes = []*planner.Change{{Addr: base, Action: planner.Delete, Before: image(), After: gone()}}
	})
	for name, c := range map[string]struct {
		plan *planner.Plan
		end  Ending
	}{
		"plan":           {all, Ending{}},
		"plan-saved":     {only(func(p *planner.Plan) { p.Changes = all.Changes[:1] }), Ending{SavedAs: "p.out"}},
		"plan-unsaved":   {only(func(p *planner.Plan) { p.Changes = all.Changes[:1] }), Ending{Unsaved: true}},
		"plan-failed":    {only(func(p *planner.Plan) { p.Changes = all.Changes[:1] }), Ending{Failed: true}},
		"plan-hopeless":  {only(func(p *planner.Plan) { p.Changes = all.Changes[7:8] }), Ending{Failed: true}},
		"plan-none":      {nil, Ending{Failed: true}},
		"plan-empty":     {only(func(p *planner.Plan) { p.Changes = all.Changes[7:8] }), Ending{Unsaved: true}},
		"plan-moved":     {only(func(p *planner.Plan) { p.Changes = all.Changes[10:11] }), Ending{}},
		"plan-imported":  {only(func(p *planner.Plan) { p.Changes = all.Changes[9:10] }), Ending{}},
		"plan-outputs":   {only(func(p *planner.Plan) { p.Outputs = all.Outputs }), Ending{}},
		"plan-destroy":   {destroy, Ending{}},
		"plan-destroyed": {only(func(p *planner.Plan) { p.Mode = planner.Destroy }), Ending{}},
		"plan-refresh":   {only(func(p *planner.Plan) { p.Mode, p.Drift = planner.RefreshOnly, all.Drift }), Ending{}},
		"plan-unmoved":   {only(func(p *planner.Plan) { p.Mode = planner.RefreshOnly }), Ending{}},
		"plan-capacity":  {only(func(p *planner.Plan) { p.Changes = all.Changes[:1] }), Ending{Capacity: capacities()}},
		"plan-disk":      {only(func(p *planner.Plan) { p.Changes = all.Changes[:1] }), Ending{Disk: disk()}},
		"plan-drifted":   {only(func(p *planner.Plan) { p.Drift = all.Drift }), Ending{}},
	} {
		for _, colour := range []bool{false, true} {
			s, out, err := streams(colour)
			s.Interactive = true
			NewHuman(s, schemas()).Plan(c.plan, c.end)
			if err.Len() > 0 {
				t.Errorf("%s wrote to stderr: %s", name, err)
			}
			golden(t, name+suffix(colour), out.String())
			if strings.Contains(out.String(), canary) {
				t.Errorf("%s shows a sensitive value", name)
			}
			for line := range strings.Lines(out.String()) {
				if !colour && strings.TrimRight(line, " \n")+"\n" != line {
					t.Errorf("%s: blanks at the end of %q", name, line)
				}
			}
		}
	}
}

// Other tools read these sentences.
func TestSummarySentences(t *testing.T) {
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(Summary(planner.Counts{Add: 1, Change: 2, Remove: 3}), "Plan: 1 to add, 2 to change, 3 to destroy.")
	check(Summary(planner.Counts{Import: 1, Add: 2, Change: 1, Remove: 2}), "Plan: 1 to import, 2 to add, 1 to change, 2 to destroy.")
	done := planner.Result{Added: 1, Changed: 2, Removed: 3}
	check(Outcome(planner.Normal, &done), "Apply complete! Resources: 1 added, 2 changed, 3 destroyed.")
	check(Outcome(planner.RefreshOnly, &planner.Result{}), "Apply complete! Resources: 0 added, 0 changed, 0 destroyed.")
	check(Outcome(planner.Destroy, &planner.Result{Removed: 5}), "Destroy complete! Resources: 5 destroyed.")
	imported := done
	imported.Imported = 1
	check(Outcome(planner.Normal, &imported), "Apply complete! Resources: 1 imported, 1 added, 2 changed, 3 destroyed.")
	failed := planner.Result{Added: 3, Changed: 1, Failed: []addr.Addr{base}, Skipped: make([]planner.Event, 2)}
	check(Outcome(planner.Normal, &failed), "Apply incomplete! Resources: 3 added, 1 changed, 0 destroyed; 1 failed, 2 skipped.")
	for _, colour := range []bool{false, true} {
		s, out, _ := streams(colour)
		NewHuman(s, schemas()).Plan(&planner.Plan{Mode: planner.Normal}, Ending{})
		if first := "No changes. Your infrastructure matches the configuration."; !colour && !strings.Contains(out.String(), first) {
			t.Errorf("%q lacks %q", out, first)
		}
	}
}
