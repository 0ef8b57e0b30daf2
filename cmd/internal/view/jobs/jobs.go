// Package jobs draws how a Mac's dispatch stands, and what became of a job: for
// people. Programs get the same data as JSON.
package jobs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"hostler/cmd/internal/view/term"
	"hostler/hcl/schema"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
)

// barWidth is how many columns a budget's bar has.
const barWidth = 24

// Status is the whole picture of a Mac.
func Status(s status.Status, now time.Time, paint term.Paint) string {
	var b strings.Builder
	service := paint.With(term.Green, "the service runs")
	if !s.Running {
		service = paint.With(term.Yellow, "the service is down; VMs go on, nothing is lent")
	}
	fmt.Fprintf(&b, "%s: %s\n", paint.With(term.Bold, "host."+term.Line(s.Host)), service)
	if s.Draining {
		b.WriteString(paint.With(term.Yellow, "Draining: nothing is lent until hostler resume.") + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Stopped)) {
		b.WriteString(paint.With(term.Red, "Profile "+name+" is stopped: ") + term.Line(s.Stopped[name]) + "; then run hostler resume.\n")
	}
	for _, flaw := range s.Flaws {
		b.WriteString(paint.With(term.Red, term.Line(flaw)) + "\n")
	}
	if now.Before(s.Contended) {
		b.WriteString(paint.With(term.Yellow, "macOS refused another macOS guest: another tool runs one.") + "\n")
	}
	b.WriteString("\n")
	for _, r := range []struct {
		name  string
		of    status.Amount
		words func(uint64) string
	}{
		{"memory", s.Memory, size}, {"macOS guests", s.Guests, func(n uint64) string { return fmt.Sprint(n) }}, {"disk", s.Disk, size},
	} {
		fmt.Fprintf(&b, "  %-13s %s  %s of %s\n", r.name, bar(r.of, paint), r.words(r.of.Used), r.words(r.of.Total))
	}
	for _, o := range s.Others {
		fmt.Fprintf(&b, "  %-13s %s takes %s\n", "", term.Line(o.Name), size(o.Memory))
	}
	table(&b, "Leases", "Nothing is lent.", []string{"LEASE", "PROFILE", "PHASE", "SINCE", "JOB", "MEMORY", "ENDS WITHIN"}, rows(s.Leases, func(l ledger.Lease) []string {
		return []string{l.ID, l.Ticket.Profile, string(l.Phase), ago(now.Sub(l.Since)), Job(l.Ticket.Job), size(l.Holds().Memory), ago(l.Deadline.Sub(now))}
	}), paint)
	b.WriteString(Queue(s, now, paint))
	if len(s.Quarantine) > 0 {
		table(&b, "Quarantine", "", []string{"VM", "SINCE", "WHY", "RESOLVE WITH"}, rows(s.Quarantine, func(q ledger.Quarantine) []string {
			return []string{q.VM, ago(now.Sub(q.Since)), q.Reason, q.Resolve}
		}), paint)
	}
	return b.String()
}

// Queue is who waits, and why.
func Queue(s status.Status, now time.Time, paint term.Paint) string {
	var b strings.Builder
	table(&b, "Queue", "Nobody waits.", []string{"#", "TICKET", "PROFILE", "JOB", "WAITS", "WHY"}, rows(s.Queue, func(w status.Waiting) []string {
		return []string{fmt.Sprint(w.Position), w.ID, w.Profile, Job(w.Job), ago(now.Sub(w.Enqueued)), w.Reason}
	}), paint)
	return b.String()
}

// Explain is the life of one lease: phase by phase, and how it ended.
func Explain(l ledger.Lease, now time.Time, paint term.Paint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  profile %s, %s\n", paint.With(term.Bold, "Lease "+l.ID), l.Ticket.Profile, Job(l.Ticket.Job))
	fmt.Fprintf(&b, "  VM %s of %s, %s of memory\n", l.VM, l.Image, size(l.Demand.Memory))
	if l.Name != "" {
		fmt.Fprintf(&b, "  runner %s, label %s\n", l.Name, l.Label)
	}
	b.WriteString("\n")
	last := now
	if !l.Released.IsZero() {
		last = l.Released
	}
	whole := last.Sub(l.Ticket.Enqueued)
	line := func(name string, from, to time.Time, note string) {
		took := to.Sub(from)
		n := 0
		if whole > 0 {
			n = int(float64(barWidth)*float64(took)/float64(whole) + 0.5)
		}
		at := 0
		if whole > 0 {
			at = int(float64(barWidth) * float64(from.Sub(l.Ticket.Enqueued)) / float64(whole))
		}
		at = min(max(at, 0), barWidth-1)
		n = min(max(n, 1), barWidth-at)
		chart := strings.Repeat(" ", at) + paint.With(term.Cyan, strings.Repeat("━", n)) + strings.Repeat(" ", barWidth-at-n)
		text := fmt.Sprintf("  %s  %-12s %8s  %s  %s", from.Local().Format("15:04:05"), name, precise(took), chart, term.Line(note))
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	line("queued", l.Ticket.Enqueued, l.Granted, "")
	for i, s := range l.Timeline {
		to := last
		if i+1 < len(l.Timeline) {
			to = l.Timeline[i+1].At
		}
		line(string(s.Phase), s.At, to, s.Note)
	}
	b.WriteString("\n")
	switch e := l.End; {
	case e == nil:
		fmt.Fprintf(&b, "  It is %s; it ends by %s.\n", l.Phase, l.Deadline.Local().Format("15:04:05"))
	default:
		style := term.Red
		if e.Class == ledger.Succeeded {
			style = term.Green
		}
		text := string(e.Class)
		if e.Result != "" {
			text += ", the job's result is " + e.Result
		}
		fmt.Fprintf(&b, "  Ended: %s\n", paint.With(style, text))
		if e.Reason != "" {
			fmt.Fprintf(&b, "  Why: %s\n", term.Line(e.Reason))
		}
	}
	if l.Requeue {
		b.WriteString("  Its ticket waited again, for another VM.\n")
	}
	return b.String()
}

// Job names a job for people.
func Job(j ledger.Job) string {
	if j.RunID == 0 {
		return cmp.Or(term.Line(j.Repository), "by hand")
	}
	text := fmt.Sprintf("%s run %d", term.Line(j.Repository), j.RunID)
	if j.Attempt > 1 {
		text += fmt.Sprintf(" attempt %d", j.Attempt)
	}
	if j.Name != "" {
		text += " " + term.Line(j.Name)
	}
	return text
}

func bar(a status.Amount, paint term.Paint) string {
	n := 0
	if a.Total > 0 {
		n = min(int(float64(barWidth)*float64(a.Used)/float64(a.Total)+0.5), barWidth)
	}
	style := term.Green
	if n == barWidth {
		style = term.Yellow
	}
	return paint.With(style, strings.Repeat("█", n)) + paint.With(term.Dim, strings.Repeat("░", barWidth-n))
}

func size(n uint64) string {
	if n >= 1<<30 {
		n = n >> 20 << 20 // what is less than a MiB is noise here
		if n >= 10<<30 {
			n = n >> 30 << 30
		}
	}
	return schema.Size(n).String()
}

// ago is a length of time, roughly.
func ago(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// precise is a length of time to the tenth of a second, or finer where it is
// short.
func precise(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func rows[T any](all []T, row func(T) []string) [][]string {
	var out [][]string
	for _, one := range all {
		out = append(out, row(one))
	}
	return out
}

func table(b *strings.Builder, title, none string, head []string, lines [][]string, paint term.Paint) {
	b.WriteString("\n" + paint.With(term.Bold, title) + "\n")
	if len(lines) == 0 {
		b.WriteString("  " + none + "\n")
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{head}, lines...) {
		for i := range cells {
			cells[i] = term.Line(cells[i])
		}
		fmt.Fprintln(w, "  "+strings.Join(cells, "\t"))
	}
	w.Flush()
}
