package dispatch

import "hostler/providers/runtime/ledger"

// event is what can happen to a lease.
type event string

const (
	done      event = "done"      // the phase's work is done
	failed    event = "failed"    // it can't be done
	timedOut  event = "timed out" // it took too long
	gone      event = "vm gone"   // the VM ended, or is not there
	exited    event = "exited"    // the runner program ended
	contended event = "contended" // the kernel refuses another macOS guest
	cancelled event = "cancelled" // nobody wants it any more
	restarted event = "restarted" // the service was, in the middle of the phase
)

func events() []event {
	return []event{done, failed, timedOut, gone, exited, contended, cancelled, restarted}
}

// move is what an event leads to: a phase, whose work is then done, and for
// Ending how it ended; "" is told by what the runner said. With again the
// ticket waits anew once everything is taken away, while it has tries left.
type move struct {
	to    ledger.Phase
	class ledger.Class
	again bool
}

func to(p ledger.Phase) move    { return move{to: p} }
func end(c ledger.Class) move   { return move{to: ledger.Ending, class: c} }
func retry(c ledger.Class) move { return move{to: ledger.Ending, class: c, again: true} }
func classified() move          { return move{to: ledger.Ending} }

// table decides every event in every phase. A phase that leads to itself does
// its work anew: all work looks at what is there already.
func table() map[ledger.Phase]map[event]move {
	const (
		failure = ledger.BootFailed
		full    = ledger.Withdrawn // nothing was wrong with it
	)
	return map[ledger.Phase]map[event]move{
		// Nothing was done yet, so everything can be done still.
		ledger.Reserved: {
			done: to(ledger.Cloning), failed: end(failure), timedOut: end(failure), gone: to(ledger.Reserved),
			exited: to(ledger.Reserved), contended: retry(full), cancelled: end(ledger.Withdrawn), restarted: to(ledger.Reserved),
		},
		// Half a clone is removed, and made again.
		ledger.Cloning: {
			done: to(ledger.Starting), failed: end(failure), timedOut: end(failure), gone: retry(failure),
			exited: to(ledger.Cloning), contended: retry(full), cancelled: end(ledger.Withdrawn), restarted: to(ledger.Cloning),
		},
		// It may run already, and is adopted then.
		ledger.Starting: {
			done: to(ledger.Reaching), failed: end(failure), timedOut: end(failure), gone: retry(failure),
			exited: to(ledger.Starting), contended: retry(full), cancelled: end(ledger.Withdrawn), restarted: to(ledger.Starting),
		},
		ledger.Reaching: {
			done: to(ledger.Registering), failed: end(failure), timedOut: end(failure), gone: retry(failure),
			exited: to(ledger.Reaching), contended: retry(full), cancelled: end(ledger.Withdrawn), restarted: to(ledger.Reaching),
		},
		// The runner's configuration is a secret that nobody kept: there is
		// another one, unless the runner was started with it already.
		ledger.Registering: {
			done: to(ledger.Waiting), failed: end(failure), timedOut: end(failure), gone: retry(failure),
			exited: classified(), contended: retry(full), cancelled: end(ledger.Withdrawn), restarted: to(ledger.Registering),
		},
		// The runner listens, and whoever asked has been told: from here on
		// nothing is tried again.
		ledger.Waiting: {
			done: to(ledger.Working), failed: end(ledger.Broken), timedOut: end(ledger.NeverPicked), gone: end(ledger.VMDied),
			exited: classified(), contended: end(ledger.VMDied), cancelled: end(ledger.Released), restarted: to(ledger.Waiting),
		},
		ledger.Working: {
			done: classified(), failed: end(ledger.Broken), timedOut: end(ledger.TimedOut), gone: end(ledger.VMDied),
			exited: classified(), contended: end(ledger.VMDied), cancelled: end(ledger.Released), restarted: to(ledger.Working),
		},
		// Teardown goes on until everything is taken away, whatever happens;
		// how it ended is not changed any more.
		ledger.Ending: {
			done: to(ledger.Ending), failed: to(ledger.Ending), timedOut: to(ledger.Ending), gone: to(ledger.Ending),
			exited: to(ledger.Ending), contended: to(ledger.Ending), cancelled: to(ledger.Ending), restarted: to(ledger.Ending),
		},
	}
}
