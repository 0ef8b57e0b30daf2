package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hostler/cmd/internal/view/term"
	"hostler/hcl/addr"
	"hostler/planner"
)

// step is one running operation.
type step struct {
	addr   addr.Addr
	action planner.Action
	began  time.Time
	text   string        // the provider's latest news
	told   time.Duration // after how long a line last told them
}

// doing and done are an action's words while it runs and when it ended.
func doing(a planner.Action) string {
	switch a {
	case planner.Create:
		return "Creating"
	case planner.Update:
		return "Modifying"
	case planner.Delete:
		return "Destroying"
	case planner.Forget:
		return "Forgetting"
	}
	return "Importing"
}

func done(a planner.Action) string {
	switch a {
	case planner.Create:
		return "Creation"
	case planner.Update:
		return "Modifications"
	case planner.Delete:
		return "Destruction"
	case planner.Forget:
		return "Removal from state"
	}
	return "Import"
}

// seconds is a duration without fractions.
func seconds(d time.Duration) string { return max(d, 0).Round(time.Second).String() }

// sentence is what an event is as one line; "" for one that is told at the end.
func sentence(e planner.Event) string {
	id := ""
	if e.ID != "" {
		id = " [id=" + term.Line(e.ID) + "]"
	}
	a := term.Clean(e.Addr.String()) + ": "
	switch e.Kind {
	case planner.Refreshing:
		return a + "Refreshing state..." + id
	case planner.Started:
		if e.Action == planner.Create {
			id = "" // it has none yet
		}
		return a + doing(e.Action) + "..." + id
	case planner.Progress:
		text := ""
		if e.Text != "" {
			text = " " + term.Line(e.Text)
		}
		return fmt.Sprintf("%sStill %s... [%s elapsed]%s", a, strings.ToLower(doing(e.Action)), seconds(e.Elapsed), text)
	case planner.Completed:
		if e.Action == planner.Delete || e.Action == planner.Forget {
			id = "" // it is there no more
		}
		if e.Action == planner.NoOp {
			return a + "Import complete" + id
		}
		return fmt.Sprintf("%s%s complete after %s%s", a, done(e.Action), seconds(e.Elapsed), id)
	case planner.Errored:
		return fmt.Sprintf("%s%s errored after %s", a, done(e.Action), seconds(e.Elapsed))
	}
	return ""
}

// Event implements View. On a terminal what runs is redrawn and what has ended
// becomes a line that stays; elsewhere all are lines.
func (h *Human) Event(e planner.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.IndexFunc(h.steps, func(s *step) bool { return s.addr == e.Addr })
	ended := e.Kind == planner.Completed || e.Kind == planner.Errored
	switch {
	case e.Kind == planner.Refreshing:
		h.reading++
	case e.Kind == planner.Started && at < 0:
		h.reading = 0
		h.steps = append(h.steps, &step{addr: e.Addr, action: e.Action, began: h.streams.Now()})
	case e.Kind == planner.Progress:
		if at >= 0 && !h.news(h.steps[at], &e) {
			return
		}
	case ended && at >= 0:
		h.steps = slices.Delete(h.steps, at, at+1)
	}
	if h.region == nil || ended {
		h.write(h.eventLine(e))
	} else if e.Kind != planner.Skipped {
		h.write("")
	}
}

// newsEvery is how often a step that runs is worth a line of a log: a little
// less than the planner's own ten seconds.
const newsEvery = 9 * time.Second

// news keeps what the provider says, and reports whether to tell it now. A
// terminal shows it with the next tick.
func (h *Human) news(s *step, e *planner.Event) bool {
	if e.Text != "" {
		s.text = term.Line(e.Text)
	}
	if h.region != nil || e.Elapsed-s.told < newsEvery {
		return false
	}
	s.told, e.Text = e.Elapsed, s.text
	return true
}

func (h *Human) eventLine(e planner.Event) string {
	line := sentence(e)
	if line == "" {
		return ""
	}
	switch e.Kind {
	case planner.Errored:
		line = h.streams.ErrColor.With(term.Red, line)
	case planner.Completed:
		line = h.streams.ErrColor.With(term.Bold, line)
	}
	return line + "\n"
}

// line writes to Err, above the redrawn lines.
func (h *Human) line(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	h.write(text)
}

// Result implements View.
func (h *Human) Result(mode planner.Mode, r *planner.Result) {
	h.mu.Lock()
	h.steps, h.reading = nil, 0
	h.mu.Unlock()
	paint := h.streams.Color
	var b strings.Builder
	style := term.BoldGreen
	if incomplete(r) {
		style = term.BoldRed
	}
	b.WriteString("\n" + paint.With(style, Outcome(mode, r)) + "\n")
	if incomplete(r) {
		b.WriteString(remainder(mode, r, h.streams.Width))
	}
	if outputs := outputsAfter(r.Outputs); len(outputs) > 0 {
		b.WriteString("\n" + paint.With(term.Bold, "Outputs:") + "\n\n" + OutputsText(outputs))
	}
	h.out(b.String())
}

func incomplete(r *planner.Result) bool {
	return len(r.Failed) > 0 || len(r.Skipped) > 0 || r.Interrupted
}

// Outcome is the sentence that counts what an apply did; other tools read it.
func Outcome(mode planner.Mode, r *planner.Result) string {
	what, word := "Apply", "complete"
	counts := fmt.Sprintf("%d added, %d changed, %d destroyed", r.Added, r.Changed, r.Removed)
	if r.Imported > 0 {
		counts = fmt.Sprintf("%d imported, ", r.Imported) + counts
	}
	if mode == planner.Destroy {
		what, counts = "Destroy", fmt.Sprintf("%d destroyed", r.Removed)
	}
	if incomplete(r) {
		word = "incomplete"
		counts += fmt.Sprintf("; %d failed, %d skipped", len(r.Failed), len(r.Skipped))
	}
	return fmt.Sprintf("%s %s! Resources: %s.", what, word, counts)
}

// remainder lists what was not done and why, and what to do next.
func remainder(mode planner.Mode, r *planner.Result, width int) string {
	var b strings.Builder
	if len(r.Failed) > 0 {
		b.WriteString("\nFailed:\n")
		for _, a := range slices.SortedFunc(slices.Values(r.Failed), addr.Compare) {
			fmt.Fprintf(&b, "  %s\n", term.Clean(a.String()))
		}
	}
	if len(r.Skipped) > 0 {
		b.WriteString("\nSkipped:\n")
		for _, e := range r.Skipped {
			fmt.Fprintf(&b, "  %s, %s\n", term.Clean(e.Addr.String()), because(e))
		}
	}
	next := "What was done is recorded in the state. "
	if r.Interrupted {
		next = "The run was interrupted: what was running has ended, and what is listed as skipped was not begun. " + next
	}
	if len(r.Failed) > 0 {
		next += "Mend the cause, then run"
	} else {
		next += "Run"
	}
	command := "apply"
	if mode == planner.Destroy {
		command = "destroy"
	}
	b.WriteString("\n" + term.Wrap(next+" the following command to do the rest:\n    hostler "+command, width) + "\n")
	return b.String()
}

// because says why a step was skipped.
func because(e planner.Event) string {
	if e.Because.IsZero() {
		return "because the run was interrupted"
	}
	return "because " + term.Clean(e.Because.String()) + " failed"
}
