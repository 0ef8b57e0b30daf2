// Package status tells people how a Mac's dispatch stands: what is lent, who
// waits and why, what can't be explained, what was. It is plain data, and works
// while the service is down as well. Start at Of and Offline.
package status

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/queue"
)

// Amount is how much there is of something, and how much of that is taken.
type Amount struct {
	Used  uint64 `json:"used"`
	Total uint64 `json:"total"`
}

// Waiting is a ticket, and why it gets nothing yet.
type Waiting struct {
	ledger.Ticket
	Position int       `json:"position"`
	Reason   string    `json:"reason"`
	Starts   time.Time `json:"starts,omitzero"` // by which it has room for sure, if anybody knows
}

// Other is what takes room and is not lent.
type Other struct {
	Name   string `json:"name"`
	Memory uint64 `json:"memory"`
	Guests int    `json:"guests"`
}

// Status is how a Mac stands. Memory and disk are bytes.
type Status struct {
	Host       string              `json:"host"`
	Running    bool                `json:"running"` // the service is
	Draining   bool                `json:"draining"`
	Stopped    map[string]string   `json:"stopped,omitempty"` // profiles that get nothing, and why
	Contended  time.Time           `json:"contended,omitzero"`
	Memory     Amount              `json:"memory"`
	Guests     Amount              `json:"macos_guests"`
	Disk       Amount              `json:"disk"`
	Leases     []ledger.Lease      `json:"leases"`
	Queue      []Waiting           `json:"queue"`
	Quarantine []ledger.Quarantine `json:"quarantine"`
	Others     []Other             `json:"others"`
	Flaws      []string            `json:"flaws,omitempty"` // profiles whose documents can't be trusted
}

// Configuration is what apply has installed on the Mac.
type Configuration = site.Configuration

// Growth is how many bytes of the disk must be free for a job, beside what the
// host keeps for itself.
const Growth = site.Growth

// Installed reads it. Its error says that there is nothing, or what is broken.
func Installed(o dispatch.Options) (Configuration, error) {
	return site.Mac{Machine: machine.Local(o.Env.Root, o.Env.Environ)}.Configure()
}

// Of is the status by what a ledger says.
func Of(ctx context.Context, o dispatch.Options, snap ledger.Snapshot, running bool) (Status, error) {
	sit, conf, err := dispatch.Situate(ctx, o, snap)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Host: conf.Host.Name, Running: running, Draining: snap.State.Draining, Stopped: snap.State.Stopped, Contended: snap.State.Contended,
		Leases: append([]ledger.Lease{}, snap.Leases...), Quarantine: append([]ledger.Quarantine{}, snap.Quarantine...), Queue: []Waiting{}, Others: []Other{},
	}
	for _, flaw := range conf.Broken {
		s.Flaws = append(s.Flaws, flaw.Error())
	}
	s.Memory.Total, s.Guests.Total, s.Disk.Total = sit.Mac.Capacity.Memory, uint64(sit.Mac.Capacity.Guests), sit.Mac.Capacity.Disk
	for _, h := range sit.Holdings {
		s.Memory.Used += h.Takes.Memory
		s.Guests.Used += uint64(h.Takes.Guests)
		s.Disk.Used += h.Takes.Disk
		if h.Ends.IsZero() && h.Takes.Memory > 0 {
			s.Others = append(s.Others, Other{h.Name, h.Takes.Memory, h.Takes.Guests})
		}
	}
	s.queue(queue.Admit(o.Clock(), sit.Mac, sit.Holdings, sit.Tickets), snap.Tickets)
	return s, nil
}

// queue fills in who waits. What would be lent or refused at once is not, as
// long as the service is down.
func (s *Status) queue(d queue.Decision, tickets []ledger.Ticket) {
	find := func(id string) ledger.Ticket {
		return tickets[slices.IndexFunc(tickets, func(t ledger.Ticket) bool { return t.ID == id })]
	}
	for _, id := range d.Grants {
		s.Queue = append(s.Queue, Waiting{Ticket: find(id), Reason: "there is room for it"})
	}
	for _, w := range d.Waits {
		s.Queue = append(s.Queue, Waiting{Ticket: find(w.Ticket), Reason: w.Reason, Starts: w.Starts})
	}
	for _, r := range d.Refused {
		s.Queue = append(s.Queue, Waiting{Ticket: find(r.Ticket), Reason: r.Reason})
	}
	for i := range s.Queue {
		s.Queue[i].Position = i + 1
	}
}

// Offline reads the ledger of a service that does not run: what is lent, and
// what was. ledger.ErrBusy says that it does run. Without a ledger there is
// nothing.
func Offline(o dispatch.Options) (snap ledger.Snapshot, past []ledger.Lease, err error) {
	l, err := dispatch.OpenRead(o)
	if errors.Is(err, fs.ErrNotExist) {
		return snap, nil, nil
	}
	if err != nil {
		return snap, nil, err
	}
	defer l.Close()
	if snap, err = l.Read(); err == nil {
		past, err = l.Past(0)
	}
	return snap, past, err
}

// Find are the leases that people mean by a word: a lease, a VM, a ticket or
// the number of a run; the last one first.
func Find(all []ledger.Lease, word string) ([]ledger.Lease, error) {
	var out []ledger.Lease
	for _, l := range all {
		if run := strconv.FormatInt(l.Ticket.Job.RunID, 10); word == l.ID || word == l.VM || word == l.Ticket.ID || word == l.Name || l.Ticket.Job.RunID != 0 && word == run {
			out = append(out, l)
		}
	}
	if len(out) > 0 {
		slices.SortStableFunc(out, func(a, b ledger.Lease) int { return b.Granted.Compare(a.Granted) })
		return out, nil
	}
	var last []string
	for i := 0; i < len(all) && i < 5; i++ {
		last = append(last, all[i].ID)
	}
	hint := "no lease is recorded on this Mac yet"
	if len(last) > 0 {
		hint = "the last leases are " + strings.Join(last, ", ")
	}
	return nil, fmt.Errorf("no lease, run, VM or ticket %q is recorded here; %s", word, hint)
}
