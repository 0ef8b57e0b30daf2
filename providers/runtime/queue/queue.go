// Package queue decides who gets a VM next. It is pure: a decision depends on
// nothing but what it is given, the time included.
//
// The rule, in order:
//
//  1. What can never fit is refused at once.
//  2. Tickets stand by priority, which waiting raises by one each five minutes,
//     then by when they came.
//  3. The first that does not fit is the head: room is kept for it. From what
//     is lent, and when that must end, follows the earliest time at which it
//     can start for sure.
//  4. Whoever stands behind the head may pass if that can't delay it: there is
//     room for both even at that time, or the passer must have ended by then.
//     Where nobody knows when the head can start, since what is in its way has
//     no end that we know of, everybody may pass.
//
// So nobody starves: what is lent ends by its deadline, the head then starts,
// and everybody becomes the head. Start at Admit.
package queue

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Ageing is how long a ticket waits for its priority to rise by one.
const Ageing = 5 * time.Minute

// Vector is what there is, or is taken: bytes of memory and disk, slots for
// macOS guests, CPUs.
type Vector struct {
	Memory uint64
	Guests int
	Disk   uint64
	CPUs   int // not counted where the capacity has none
}

// Holding is something that takes room now.
type Holding struct {
	Name    string // what people call it: "lease k3f", "VM ubuntu of another tool"
	Takes   Vector
	Ends    time.Time // by when it is gone for sure; zero: nobody knows
	Elastic bool      // a lease that is being taken away already
}

// Ticket is a wish.
type Ticket struct {
	ID       string
	Profile  string
	Needs    Vector
	Priority int
	Enqueued time.Time
	Lasts    time.Duration // the longest that it can hold what it gets
	// Stopped says why its profile gets nothing, "" if it does.
	Stopped string
}

// Mac is what is lent in all, and what stands in the way of all.
type Mac struct {
	Capacity  Vector
	Draining  bool
	Contended time.Time // until when no macOS guest is tried
}

// Wait is a ticket that gets nothing now, and why.
type Wait struct {
	Ticket   string
	Position int // from 1
	Reason   string
	// Starts is the time by which it has room for sure; zero: nobody knows.
	Starts time.Time
}

// Refusal is a ticket that will never get anything.
type Refusal struct {
	Ticket string
	Reason string
}

// Decision is what Admit says: what to grant, in order, who waits and who is
// refused.
type Decision struct {
	Grants  []string
	Waits   []Wait
	Refused []Refusal
}

// Admit decides for all tickets.
func Admit(now time.Time, mac Mac, holdings []Holding, tickets []Ticket) Decision {
	if mac.Capacity.CPUs == 0 {
		mac.Capacity.CPUs = math.MaxInt32
	}
	var d Decision
	var queue []Ticket
	for _, t := range tickets {
		switch lacks := lacking(t.Needs, mac.Capacity); {
		case t.Stopped != "":
			d.Refused = append(d.Refused, Refusal{t.ID, fmt.Sprintf("profile %s is stopped: %s", t.Profile, t.Stopped)})
		case lacks != "":
			d.Refused = append(d.Refused, Refusal{t.ID, "it can never start: it " + lacks + " at all"})
		default:
			queue = append(queue, t)
		}
	}
	slices.SortStableFunc(queue, func(a, b Ticket) int {
		return cmp.Or(cmp.Compare(b.rank(now), a.rank(now)), a.Enqueued.Compare(b.Enqueued), len(a.ID)-len(b.ID), strings.Compare(a.ID, b.ID))
	})
	holdings = slices.Clone(holdings)
	used := usage(holdings)
	var head *Ticket
	var start time.Time // by which the head starts for sure
	for i := range queue {
		t := &queue[i]
		free := minus(mac.Capacity, used)
		wait := func(format string, args ...any) {
			d.Waits = append(d.Waits, Wait{Ticket: t.ID, Position: len(d.Waits) + 1, Reason: fmt.Sprintf(format, args...), Starts: starts(mac, holdings, *t)})
		}
		lacks := lacking(t.Needs, free)
		switch {
		case mac.Draining:
			wait("this Mac is draining: it gives out nothing until it is resumed")
			continue
		case t.Needs.Guests > 0 && now.Before(mac.Contended):
			wait("macOS refuses another macOS guest: something else runs one; it is tried again within %s", span(mac.Contended.Sub(now)))
			if head == nil {
				head, start = t, time.Time{}
			}
			continue
		case lacks != "":
			wait("%s%s", lacks, soonest(now, holdings))
			if head == nil {
				head, start = t, starts(mac, holdings, *t)
			}
			continue
		case head != nil && !harmless(now, mac, holdings, *head, start, *t):
			wait("there is room, but it would delay %s, which came before it", head.ID)
			continue
		}
		d.Grants = append(d.Grants, t.ID)
		used = plus(used, t.Needs)
		holdings = append(holdings, Holding{Name: t.ID, Takes: t.Needs, Ends: now.Add(t.Lasts)})
	}
	return d
}

// rank is the priority, raised by waiting.
func (t Ticket) rank(now time.Time) int {
	return t.Priority + int(max(now.Sub(t.Enqueued), 0)/Ageing)
}

// harmless reports whether a grant to t can't delay the head: there is room
// for both at the time the head starts for sure, or t is gone by then.
func harmless(now time.Time, mac Mac, holdings []Holding, head Ticket, start time.Time, t Ticket) bool {
	if start.IsZero() {
		return true // it waits for what may never end, and room kept for it would be lost
	}
	if !now.Add(t.Lasts).After(start) {
		return true
	}
	return lacking(plus(head.Needs, t.Needs), minus(mac.Capacity, usageAt(holdings, start))) == ""
}

// starts is the first time at which t has room for sure, if nobody is granted
// anything more: when enough of the holdings must have ended.
func starts(mac Mac, holdings []Holding, t Ticket) time.Time {
	var ends []time.Time
	for _, h := range holdings {
		if !h.Ends.IsZero() {
			ends = append(ends, h.Ends)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	for _, at := range ends {
		if lacking(t.Needs, minus(mac.Capacity, usageAt(holdings, at))) == "" {
			return at
		}
	}
	return time.Time{}
}

func usage(holdings []Holding) (v Vector) {
	for _, h := range holdings {
		v = plus(v, h.Takes)
	}
	return v
}

// usageAt is what is taken at a later time at most.
func usageAt(holdings []Holding, at time.Time) (v Vector) {
	for _, h := range holdings {
		if h.Ends.IsZero() || h.Ends.After(at) {
			v = plus(v, h.Takes)
		}
	}
	return v
}

func plus(a, b Vector) Vector {
	return Vector{a.Memory + b.Memory, a.Guests + b.Guests, a.Disk + b.Disk, a.CPUs + b.CPUs}
}

// minus is what is left; nothing is less than nothing.
func minus(a, b Vector) Vector {
	return Vector{a.Memory - min(a.Memory, b.Memory), max(a.Guests-b.Guests, 0), a.Disk - min(a.Disk, b.Disk), max(a.CPUs-b.CPUs, 0)}
}

// lacking says what there is too little of, "" if nothing.
func lacking(needs, free Vector) string {
	switch {
	case needs.Memory > free.Memory:
		return fmt.Sprintf("needs %s of memory, %s free", bytes(needs.Memory), bytes(free.Memory))
	case needs.Guests > free.Guests:
		return "needs a slot for a macOS guest, none free"
	case needs.Disk > free.Disk:
		return fmt.Sprintf("needs %s of disk, %s free", bytes(needs.Disk), bytes(free.Disk))
	case needs.CPUs > free.CPUs:
		return fmt.Sprintf("needs %d CPUs, %d free", needs.CPUs, free.CPUs)
	}
	return ""
}

// soonest names what ends first.
func soonest(now time.Time, holdings []Holding) string {
	var first *Holding
	for i, h := range holdings {
		if !h.Ends.IsZero() && (first == nil || h.Ends.Before(first.Ends)) {
			first = &holdings[i]
		}
	}
	switch {
	case first == nil:
		return ""
	case first.Elastic:
		return fmt.Sprintf("; %s is ending", first.Name)
	}
	return fmt.Sprintf("; %s ends within %s", first.Name, span(first.Ends.Sub(now)))
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	switch {
	case d <= 0:
		return "a moment"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int((d+time.Second-1)/time.Second))
	}
	return fmt.Sprintf("%d min", int((d+time.Minute-1)/time.Minute))
}

func bytes(n uint64) string {
	const gib, mib = 1 << 30, 1 << 20
	if n%gib == 0 || n >= 10*gib {
		return fmt.Sprintf("%d GiB", n/gib)
	}
	if n >= gib {
		return fmt.Sprintf("%.1f GiB", float64(n)/gib)
	}
	return fmt.Sprintf("%d MiB", n/mib)
}
