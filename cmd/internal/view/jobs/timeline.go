package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hostler/cmd/internal/view/term"
	"hostler/providers/runtime/ledger"
)

// Timeline draws a line for each lease, from its wish to its end. Times are
// drawn as if they had passed pace times as fast. Memory is what the Mac lends,
// in bytes.
func Timeline(leases []ledger.Lease, memory uint64, pace float64, width int, paint term.Paint) string {
	if len(leases) == 0 {
		return ""
	}
	leases = slices.Clone(leases)
	slices.SortFunc(leases, func(a, b ledger.Lease) int { return a.Ticket.Enqueued.Compare(b.Ticket.Enqueued) })
	from, to := leases[0].Ticket.Enqueued, leases[0].Released
	name := 0
	for _, l := range leases {
		from, to = earlier(from, l.Ticket.Enqueued), later(to, l.Released)
		name = max(name, term.Columns(l.Ticket.Profile))
	}
	cols := max(width-name-26, 20)
	at := func(t time.Time) int {
		if !to.After(from) {
			return 0
		}
		return min(int(float64(cols)*float64(t.Sub(from))/float64(to.Sub(from))), cols)
	}
	real := func(d time.Duration) time.Duration { return time.Duration(float64(d) * pace) }
	var b strings.Builder
	fmt.Fprintf(&b, "  %s waits  %s boots  %s works  %s is taken away\n\n", paint.With(term.Dim, "·"), paint.With(term.Yellow, "▒"), paint.With(term.Green, "█"), paint.With(term.Cyan, "▫"))
	var waits []time.Duration
	var used float64 // byte-seconds
	for _, l := range leases {
		boots, works, ends := l.Granted, began(l, ledger.Waiting, l.Released), began(l, ledger.Ending, l.Released)
		var line strings.Builder
		line.WriteString(strings.Repeat(" ", at(l.Ticket.Enqueued)))
		for _, part := range []struct {
			from, to time.Time
			sign     string
			style    term.Style
		}{
			{l.Ticket.Enqueued, boots, "·", term.Dim}, {boots, works, "▒", term.Yellow}, {works, ends, "█", term.Green}, {ends, l.Released, "▫", term.Cyan},
		} {
			line.WriteString(paint.With(part.style, strings.Repeat(part.sign, at(part.to)-at(part.from))))
		}
		line.WriteString(strings.Repeat(" ", cols-at(l.Released)))
		wait := real(boots.Sub(l.Ticket.Enqueued))
		waits = append(waits, wait)
		used += float64(l.Demand.Memory) * ends.Sub(l.Granted).Seconds()
		fmt.Fprintf(&b, "  %-*s %s %8s %s\n", name, term.Line(l.Ticket.Profile), line.String(), precise(wait), outcome(l, paint))
	}
	slices.Sort(waits)
	span := to.Sub(from)
	fmt.Fprintf(&b, "\n  %s in %s. Waits for room: %s in the middle, %s at most.\n", term.Count(len(leases), "VM"), precise(real(span)), precise(waits[len(waits)/2]), precise(waits[len(waits)-1]))
	if memory > 0 && span > 0 {
		fmt.Fprintf(&b, "  The memory that the Mac lends was in use to %.0f %%.\n", 100*used/(float64(memory)*span.Seconds()))
	}
	return b.String()
}

func outcome(l ledger.Lease, paint term.Paint) string {
	if l.End.Class == ledger.Succeeded {
		return "ok"
	}
	return paint.With(term.Red, string(l.End.Class))
}

// began is when a phase began, or otherwise if it never did.
func began(l ledger.Lease, p ledger.Phase, otherwise time.Time) time.Time {
	for _, s := range l.Timeline {
		if s.Phase == p || s.Phase == ledger.Ending {
			return s.At
		}
	}
	return otherwise
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
