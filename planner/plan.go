package planner

import (
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/state"
)

// Action is what a plan does about one resource.
type Action string

const (
	NoOp    Action = "no-op"
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace" // delete, then create
	Delete  Action = "delete"
	Forget  Action = "forget" // leaves the object, drops the record
)

// Reason says why an action was chosen where the values alone don't.
type Reason string

const (
	ReasonNone         Reason = ""
	ReasonTainted      Reason = "replace_because_tainted"
	ReasonRequested    Reason = "replace_by_request"
	ReasonCannotUpdate Reason = "replace_because_cannot_update"
	ReasonNoConfig     Reason = "delete_because_no_resource_config"
	ReasonEachKey      Reason = "delete_because_each_key"         // its key left the for_each map
	ReasonRepetition   Reason = "delete_because_wrong_repetition" // for_each was added or dropped
)

// Change is the step planned for one resource: data, complete, to be printed,
// saved and applied. Values are objects of the type's schema, or null where
// there is no object.
type Change struct {
	Addr   addr.Addr
	Action Action
	Reason Reason
	// Before is the object as it really is, After as it will be.
	Before, After cty.Value
	// Replacing are the attributes whose change forces the replacement.
	Replacing []string
	// Deps are applied before this one; PriorDeps are what state recorded, and
	// are destroyed after it.
	Deps, PriorDeps []addr.Addr
	MovedFrom       addr.Addr // zero when it did not move
	ImportID        string    // the object is taken into state by this change
	ID              string    // the object's natural key
	PreventDestroy  bool
	Tainted         bool        // Before was created but not finished
	Source          *hcl.Source // nil when the block is gone, and in a plan read from a file
}

// OutputChange is the change of one output value; null means absent.
type OutputChange struct {
	Name          string
	Action        Action // NoOp, Create, Update or Delete
	Before, After cty.Value
	Sensitive     bool
}

// Mode is the kind of plan.
type Mode string

const (
	Normal      Mode = "normal"
	Destroy     Mode = "destroy"
	RefreshOnly Mode = "refresh-only"
)

// Plan is what apply will do, as data. Equal inputs give equal plans.
type Plan struct {
	Lineage string // of the state it was made from; "" if there was none
	Serial  uint64
	Mode    Mode
	Targets []addr.Addr
	Changes []*Change // sorted by address, NoOp included
	// Drift is how objects differ from the last applied state (Update, or
	// Delete when gone), sorted. Relevant tells which led to a Change.
	Drift   []Drift
	Outputs []OutputChange // sorted by name, NoOp included
	// Recovered says what became of operations that a killed run left
	// unfinished.
	Recovered []Recovery
}

// Drift is one object that changed behind our back. Before is what state
// recorded, After the object as it is.
type Drift struct {
	Change
	Relevant bool
}

// Recovery is an unfinished operation of a killed run, and what was found.
type Recovery struct {
	Addr  addr.Addr
	Op    state.Operation
	Found bool // the object stands, and is ours
}

// Counts are the numbers of the summary line. A replace counts in Add and in
// Remove.
type Counts struct{ Import, Add, Change, Remove, Forget int }

// Counts counts the plan's changes.
func (p *Plan) Counts() Counts {
	var n Counts
	for _, c := range p.Changes {
		if c.ImportID != "" {
			n.Import++
		}
		switch c.Action {
		case Create:
			n.Add++
		case Update:
			n.Change++
		case Replace:
			n.Add++
			n.Remove++
		case Delete:
			n.Remove++
		case Forget:
			n.Forget++
		}
	}
	return n
}

// Empty reports whether applying the plan would change neither objects nor
// outputs nor what is recorded of them on purpose (moves, imports). Drift
// alone does not count, except in a refresh-only plan.
func (p *Plan) Empty() bool {
	for _, c := range p.Changes {
		if c.Action != NoOp || c.ImportID != "" || !c.MovedFrom.IsZero() {
			return false
		}
	}
	for _, o := range p.Outputs {
		if o.Action != NoOp {
			return false
		}
	}
	return p.Mode != RefreshOnly || len(p.Drift) == 0
}

// EventKind is what happened to one step of an apply, or of a refresh.
type EventKind string

const (
	Refreshing EventKind = "refresh"  // an object is about to be read
	Started    EventKind = "start"    // a step began
	Progress   EventKind = "progress" // it still runs: every ten seconds, and when the provider has news
	Completed  EventKind = "complete"
	Errored    EventKind = "error"
	Skipped    EventKind = "skip" // not started: a step it depends on failed, or the run was interrupted
)

// Event is told while a plan is made or applied, from one goroutine at a time.
type Event struct {
	Kind    EventKind
	Addr    addr.Addr
	Action  Action // Create, Update, Delete, Forget; NoOp for a mere import
	ID      string // the object's natural key, where it is known
	Elapsed time.Duration
	Text    string    // of Progress, may be empty
	Err     error     // of Errored
	Because addr.Addr // of Skipped: what failed; zero after an interrupt
}

// Result is what an apply really did.
type Result struct {
	Imported, Added, Changed, Removed int
	Failed                            []addr.Addr
	Skipped                           []Event // Kind Skipped, in order of address
	Interrupted                       bool
	Outputs                           []OutputChange // as they are now; empty when the apply was not complete
}
