// Package view owns everything that a person or a program reads: plans,
// progress, results, diagnostics, state and outputs, as text and as JSON.
//
// Invariants:
//
//  1. Results go to Out, progress and diagnostics to Err. The JSON view writes
//     everything to Out, one object a line.
//  2. The summary sentences are Terraform's to the byte, and the JSON has its
//     names and fields, since other tools read them.
//  3. A value with the mark hcl.Sensitive, or inside of a sensitive output, is
//     written nowhere, not even as JSON.
//  4. The same plan gives the same bytes: nothing here depends on the order of
//     a map, and time is read from Streams.Now only.
//
// Start at View, which commands talk to without asking which it is; plan.go
// draws a plan, progress.go what happens during an apply, json.go is the view
// for programs, and jsonplan.go and jsonstate.go are its documents. Below are
// diff (two objects as a block), excerpt (a diagnostic and its place in the
// files), value (what a value looks like) and term (what a terminal can do).
package view

import (
	"fmt"
	"io"
	"sync"
	"time"

	"hostler/cmd/internal/view/capacity"
	"hostler/cmd/internal/view/excerpt"
	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers/runtime"
)

// View is what plan, apply, destroy and refresh say. Its methods may be called
// from several goroutines.
type View interface {
	// Start begins to show progress; stop ends it, and leaves the terminal as
	// it was. Calling stop again does nothing.
	Start() (stop func())
	// Plan shows what apply will do; nil, with Ending.Failed, when planning
	// failed early.
	Plan(*planner.Plan, Ending)
	Event(planner.Event)
	Result(planner.Mode, *planner.Result)
	// Diagnostics shows problems, with excerpts from the files by their names.
	Diagnostics(hcl.Diagnostics, map[string]*hcl.File)
	// Note says in passing what is going on, such as LockHeld.
	Note(string)
}

// Ending is what stands below a plan.
type Ending struct {
	// SavedAs is the plan file that was written.
	SavedAs string
	// Unsaved: nothing was saved, and nothing will be applied now. A reader on
	// a terminal is told what that means.
	Unsaved bool
	// Failed: planning found problems, so that the plan is not complete.
	Failed bool
	// Capacity is what fits on each Mac once the plan is applied.
	Capacity []runtime.Capacity
	// Disk is what the plan's builds need of it; nil when they pull nothing.
	Disk *capacity.Disk
}

// Human is the View for people.
type Human struct {
	streams term.Streams
	schemas map[string]*schema.Block

	mu      sync.Mutex
	region  *term.Region // nil where lines can't be redrawn
	steps   []*step      // running, in the order in which they began
	reading int          // objects being refreshed
	frame   int          // of the spinner
}

// NewHuman returns a view on these streams. A plan's blocks are drawn in the
// order of the schemas, which may lack types.
func NewHuman(s term.Streams, schemas map[string]*schema.Block) *Human {
	h := &Human{streams: s, schemas: schemas}
	if s.Live {
		h.region = term.NewRegion(s.Err, s.Size)
	}
	return h
}

// out writes a result. The redrawn lines give way, for Out and Err may be the
// same terminal.
func (h *Human) out(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.region != nil {
		h.region.Draw("", nil)
	}
	// Who does not read stdout any more is not told so.
	_, _ = io.WriteString(h.streams.Out, text)
}

// Plan implements View.
func (h *Human) Plan(p *planner.Plan, end Ending) {
	h.mu.Lock()
	h.reading = 0
	h.mu.Unlock()
	h.out(planText(p, h.schemas, h.streams, end))
}

// Diagnostics implements View.
func (h *Human) Diagnostics(diags hcl.Diagnostics, files map[string]*hcl.File) {
	w := excerpt.Writer{Files: files, Paint: h.streams.ErrColor, Width: h.streams.Width}
	for _, diag := range excerpt.Sorted(diags) {
		h.line(w.Text(diag))
	}
}

// Note implements View.
func (h *Human) Note(text string) { h.line(term.Wrap(term.Clean(text), h.streams.Width)) }

// Valid says that a configuration is, maybe after warnings.
func (h *Human) Valid(diags hcl.Diagnostics) {
	if diags.HasErrors() {
		return
	}
	warned := ""
	if len(diags) > 0 {
		warned = ", but there were some validation warnings as shown above"
	}
	h.out(h.streams.Color.With(term.BoldGreen, "Success!") + " The configuration is valid" + warned + ".\n\n")
}

// Holder is who holds the state lock.
type Holder struct {
	PID             int
	User, Host      string
	Operation, Path string
	Since           time.Time
	ID              string // what force-unlock takes; "" when the holder has not said who it is
}

// LockHeld says whom we wait for.
func LockHeld(h Holder, now time.Time) string {
	if h.ID == "" {
		return "Waiting for the state lock of " + h.Path + ", which another process holds."
	}
	return fmt.Sprintf("Waiting for the state lock of %s: %s by %s@%s (process %d) holds it since %s ago, lock ID %s.",
		h.Path, h.Operation, h.User, h.Host, h.PID, seconds(now.Sub(h.Since)), h.ID)
}

// Stopping says what the first interrupt does.
const Stopping = `Interrupt received. Steps that are running will finish, and no new ones start.
Interrupt again to stop those too; what was begun is in the journal, and the next plan finds it.`

// ApprovalPrompt is the question before an apply; only "yes" is consent.
func ApprovalPrompt(mode planner.Mode) string {
	switch mode {
	case planner.Destroy:
		return `Do you really want to destroy all resources?
  hostler will destroy all your managed infrastructure, as shown above.
  There is no undo. Only 'yes' will be accepted to confirm.

  Enter a value: `
	case planner.RefreshOnly:
		return `Would you like to update the hostler state to reflect these detected changes?
  hostler will write these changes to the state without modifying any real infrastructure.
  There is no undo. Only 'yes' will be accepted to confirm.

  Enter a value: `
	}
	return `Do you want to perform these actions?
  hostler will perform the actions described above.
  Only 'yes' will be accepted to approve.

  Enter a value: `
}
