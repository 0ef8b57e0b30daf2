package ledger

// Kind is what has happened.
type Kind string

// The kinds of events.
const (
	Queued      Kind = "queued"      // a ticket waits
	Granted     Kind = "granted"     // it became a lease
	Moved       Kind = "moved"       // a lease entered a phase
	Finished    Kind = "finished"    // a lease is over, all of it taken away
	Quarantined Kind = "quarantined" // a VM can't be explained
	Degraded    Kind = "degraded"    // less is lent than could be
)

// Event is something that has happened, and is on disk. What does not concern
// its kind is zero.
type Event struct {
	Kind       Kind
	Ticket     Ticket
	Lease      Lease
	Before     Lease // of Moved
	Quarantine Quarantine
	Profile    string // of Degraded; "" is all of the Mac
	Reason     string // of Degraded
}

func (l *Ledger) tell(e Event) {
	if l.Observe != nil {
		l.Observe(e)
	}
}
