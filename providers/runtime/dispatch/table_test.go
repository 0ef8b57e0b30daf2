package dispatch

import (
	"testing"

	"hostler/providers/runtime/ledger"
)

// Every event is decided in every phase, every lease that lives on has a phase
// that leads to the end, and no class of end is forgotten.
func TestTheTableIsTotal(t *testing.T) {
	rules := table()
	if len(rules) != len(ledger.Phases()) {
		t.Errorf("%d phases of %d", len(rules), len(ledger.Phases()))
	}
	order := map[ledger.Phase]int{}
	for i, p := range ledger.Phases() {
		order[p] = i
	}
	classes := map[ledger.Class]bool{}
	for _, p := range ledger.Phases() {
		if len(rules[p]) != len(events()) {
			t.Errorf("%s decides %d events of %d", p, len(rules[p]), len(events()))
		}
		for _, ev := range events() {
			m, ok := rules[p][ev]
			switch {
			case !ok:
				t.Errorf("%s: %s is not decided", p, ev)
			case order[m.to] < order[p]:
				t.Errorf("%s: %s leads back to %s", p, ev, m.to)
			case m.class != "" && m.to != ledger.Ending:
				t.Errorf("%s: %s has a class, and does not end", p, ev)
			case m.again && order[p] >= order[ledger.Waiting]:
				t.Errorf("%s: %s is tried again, and whoever asked has been told of the runner", p, ev)
			case ev == done && p != ledger.Ending && order[m.to] != order[p]+1:
				t.Errorf("%s: done leads to %s", p, m.to)
			case (ev == cancelled || ev == timedOut) && p != ledger.Ending && m.to != ledger.Ending:
				t.Errorf("%s: %s does not end it", p, ev)
			}
			classes[m.class] = true
		}
	}
	// These are told by what the runner said.
	for _, c := range []ledger.Class{ledger.Succeeded, ledger.Deprecated, ledger.Conflict} {
		classes[c] = true
	}
	for _, c := range ledger.Classes() {
		if !classes[c] {
			t.Errorf("nothing ends as %s", c)
		}
	}
}
