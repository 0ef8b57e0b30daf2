package sweep

import "testing"

// Whatever is found, of whatever record, has a verdict; what is lent or foreign
// is never touched, and nothing that is not on record is ever removed.
func TestTheVerdictsAreTotal(t *testing.T) {
	for name, table := range map[string]map[record]map[found]verdict{"VMs": verdicts(), "runners": runnerVerdicts()} {
		if len(table) != len(records()) {
			t.Errorf("%s: %d records of %d", name, len(table), len(records()))
		}
		for _, r := range records() {
			if len(table[r]) != len(finds()) {
				t.Errorf("%s: %s has %d verdicts of %d", name, r, len(table[r]), len(finds()))
			}
			for _, f := range finds() {
				v, ok := table[r][f]
				switch {
				case !ok:
					t.Errorf("%s: %s that %s has no verdict", name, r, f)
				case (r == lent || r == alien) && v != leave:
					t.Errorf("%s: %s that %s is %s", name, r, f, v)
				case v == remove && r != past:
					t.Errorf("%s: %s that %s is removed without a record", name, r, f)
				}
			}
		}
	}
}
