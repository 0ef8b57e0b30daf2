// Package sweep compares leases, VMs and runners at GitHub, and mends what
// should not be so. A total table of verdicts decides: what is ours and
// provable is mended, what is not provable is quarantined and looked at again
// each time, and what is foreign is never touched. Start at Run.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
)

// What is known of a VM or a runner, by the ledger.
type record string

const (
	lent    record = "lent"    // a lease has it
	past    record = "past"    // a lease had it, which is over
	unknown record = "unknown" // the name is one of ours, and no record has it
	alien   record = "foreign" // the name is not one of ours
)

func records() []record { return []record{lent, past, unknown, alien} }

// How a VM, or a runner, is found.
type found string

const (
	runs    found = "runs"    // a VM, or a runner that works
	stands  found = "stands"  // a VM that is stopped or damaged, or a runner that does not work
	nothing found = "nothing" // it is not there
)

func finds() []found { return []found{runs, stands, nothing} }

// verdict is what is done about something.
type verdict string

const (
	leave      verdict = "left alone"
	remove     verdict = "removed"
	quarantine verdict = "quarantined"
	clear      verdict = "cleared" // it was in quarantine, and is gone
)

// verdicts decides for every VM. What a lease has, its life looks after.
func verdicts() map[record]map[found]verdict {
	return map[record]map[found]verdict{
		lent:    {runs: leave, stands: leave, nothing: leave},
		past:    {runs: remove, stands: remove, nothing: clear},
		unknown: {runs: quarantine, stands: quarantine, nothing: clear},
		alien:   {runs: leave, stands: leave, nothing: leave},
	}
}

// runnerVerdicts decides for every runner at GitHub. One whose name no record
// has is another Mac's, or a person's; one that works will end by itself.
func runnerVerdicts() map[record]map[found]verdict {
	return map[record]map[found]verdict{
		lent:    {runs: leave, stands: leave, nothing: leave},
		past:    {runs: leave, stands: remove, nothing: leave},
		unknown: {runs: leave, stands: leave, nothing: leave},
		alien:   {runs: leave, stands: leave, nothing: leave},
	}
}

// Finding is something that a sweep did, or could not do.
type Finding struct {
	What    string `json:"what"` // "VM", "runner"
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Why     string `json:"why"`
	Error   string `json:"error,omitempty"`
}

// Sweeper is what a sweep works on. GitHub is nil where runners are not looked
// at; each lease has a folder of its own in Logs, for its logs.
type Sweeper struct {
	Mac    site.Mac
	Ledger *ledger.Ledger
	GitHub *ghapi.Client
	Logs   string
}

// Run sweeps. One bad record does not stop it.
func (s Sweeper) Run(ctx context.Context) ([]Finding, error) {
	out, err := s.vms(ctx)
	if s.GitHub != nil && ctx.Err() == nil {
		runners, unread := s.runners(ctx)
		out, err = append(out, runners...), errors.Join(err, unread)
	}
	return out, errors.Join(err, s.forget())
}

// books are who is recorded under which name.
type books struct {
	vms, runners map[string]record
	quarantine   map[string]ledger.Quarantine
}

func (s Sweeper) books() (books, error) {
	b := books{map[string]record{}, map[string]record{}, map[string]ledger.Quarantine{}}
	over, err := s.Ledger.Past(0)
	if err != nil {
		return b, err
	}
	for _, l := range over {
		b.vms[l.VM], b.runners[l.Name] = past, past
	}
	snap, err := s.Ledger.Read()
	for _, l := range snap.Leases {
		b.vms[l.VM], b.runners[l.Name] = lent, lent
	}
	for _, q := range snap.Quarantine {
		b.quarantine[q.VM] = q
	}
	return b, err
}

func (b books) of(names map[string]record, name string, ours bool) record {
	switch r, ok := names[name]; {
	case ok:
		return r
	case ours:
		return unknown
	}
	return alien
}

func (s Sweeper) vms(ctx context.Context) (out []Finding, err error) {
	// What is listed first can't have been lent after the books were read.
	list, err := s.Mac.Tart.Relist(ctx)
	if err != nil {
		return nil, err
	}
	standing, err := s.Mac.Tart.Names()
	if err != nil {
		return nil, err
	}
	b, err := s.books()
	if err != nil {
		return nil, err
	}
	names := map[string]found{}
	for name := range b.quarantine {
		names[name] = nothing
	}
	for _, name := range standing {
		if _, _, ours := ledger.ParseVM(name); ours {
			names[name] = stands // what is damaged, tart does not list
		}
	}
	for name, vm := range list.Local {
		names[name] = stands
		if vm.State == "running" {
			names[name] = runs
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		_, _, ours := ledger.ParseVM(name)
		r := b.of(b.vms, name, ours)
		if f, ok := s.treat(ctx, b, name, r, names[name]); ok {
			out = append(out, f)
		}
	}
	return out, nil
}

// treat does what the verdict says; ok is false where that is nothing.
func (s Sweeper) treat(ctx context.Context, b books, name string, r record, as found) (f Finding, ok bool) {
	f = Finding{What: "VM", Name: name}
	q, held := b.quarantine[name]
	v := verdicts()[r][as]
	var err error
	switch {
	case v == leave, v == clear && !held:
		return f, false
	case v == clear:
		f.Why = "it is gone"
		err = s.Ledger.Clear(name)
	case v == remove:
		f.Why = "its lease is over"
		if err = s.Mac.Tart.Stop(ctx, name); err == nil || tartcli.Is(err, tartcli.Corrupt) {
			err = s.Mac.Tart.Delete(ctx, name)
		}
		if err == nil && held {
			err = s.Ledger.Clear(name)
		}
	default:
		q = s.suspect(name, as)
		f.Why = q.Reason
		err = s.Ledger.Quarantine(q)
		v = quarantine
		if held && err == nil {
			return f, false // that is known
		}
	}
	f.Verdict = string(v)
	if err != nil {
		f.Error = err.Error()
	}
	return f, true
}

// suspect is the note about a VM that is named like ours, and in no record.
func (s Sweeper) suspect(name string, as found) ledger.Quarantine {
	now := s.Mac.Now()
	q := ledger.Quarantine{
		VM: name, Since: now, Examined: now,
		Reason:   "it is named like a VM of a lease, and no lease is recorded under that name",
		Evidence: fmt.Sprintf("tart lists it, and it %s", as),
		Resolve:  "tart delete " + name,
	}
	if as == runs {
		q.Resolve = "tart stop " + name + " && " + q.Resolve
	}
	c, err := s.Mac.Tart.Config(name)
	switch {
	case err == nil && as == runs:
		q.Demand.Memory = c.Memory
		if c.OS == "darwin" {
			q.Demand.Guests = 1
		}
	case err != nil && !tartcli.Is(err, tartcli.NotFound):
		q.Evidence, q.Resolve = err.Error(), "rm -r "+s.Mac.Tart.Folder(name)
	}
	return q
}

// runners removes the runners of leases that are over, where GitHub still
// has them.
func (s Sweeper) runners(ctx context.Context) (out []Finding, err error) {
	all, err := s.GitHub.Runners(ctx, "")
	if err != nil {
		return nil, err
	}
	b, err := s.books()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		as := stands
		if r.Busy {
			as = runs
		}
		ours := strings.HasPrefix(r.Name, ledger.Prefix)
		if runnerVerdicts()[b.of(b.runners, r.Name, ours)][as] != remove {
			continue
		}
		f := Finding{What: "runner", Name: r.Name, Verdict: string(remove), Why: "its lease is over"}
		if err := s.GitHub.RemoveRunner(ctx, r.ID); err != nil && !ghapi.Busy(err) {
			f.Error = err.Error()
		}
		out = append(out, f)
	}
	return out, nil
}
