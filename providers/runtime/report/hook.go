package report

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/runtime/ledger"
)

// Event is what the hook command gets on its standard input, as one line of
// JSON. Durations are seconds.
type Event struct {
	Event      string    `json:"event"` // queued, started, finished, quarantined or degraded
	At         time.Time `json:"at"`
	Host       string    `json:"host"`
	Profile    string    `json:"profile,omitempty"`
	Repository string    `json:"repository,omitempty"`
	RunID      int64     `json:"run_id,omitempty"`
	Attempt    int       `json:"attempt,omitempty"`
	Job        string    `json:"job,omitempty"`
	Ticket     string    `json:"ticket,omitempty"`
	Lease      string    `json:"lease,omitempty"`
	VM         string    `json:"vm,omitempty"`
	Class      string    `json:"class,omitempty"`  // of finished: how it ended
	Result     string    `json:"result,omitempty"` // of finished: the job's, in the runner's words
	Reason     string    `json:"reason,omitempty"`
	Waited     float64   `json:"waited_seconds,omitempty"`
	Lasted     float64   `json:"lasted_seconds,omitempty"`
}

// event is what the hook is told of an event of the ledger, if it is.
func (r *Reporter) event(e ledger.Event) (out Event, ok bool) {
	out = Event{Event: string(e.Kind), At: r.options.Clock().UTC()}
	t := e.Ticket
	if e.Lease.ID != "" {
		l := e.Lease
		t, out.Lease, out.VM = l.Ticket, l.ID, l.VM
		out.Waited = l.Granted.Sub(t.Enqueued).Seconds()
	}
	out.Profile, out.Repository, out.RunID, out.Attempt, out.Job, out.Ticket = t.Profile, t.Job.Repository, t.Job.RunID, t.Job.Attempt, t.Job.Name, t.ID
	switch e.Kind {
	case ledger.Queued:
	case ledger.Moved:
		out.Event = "started"
		return out, e.Lease.Phase == ledger.Working
	case ledger.Finished:
		out.Lasted = e.Lease.Released.Sub(e.Lease.Granted).Seconds()
		if end := e.Lease.End; end != nil {
			out.Class, out.Result, out.Reason = string(end.Class), end.Result, end.Reason
		}
	case ledger.Quarantined:
		out.VM, out.Reason = e.Quarantine.VM, e.Quarantine.Reason
	case ledger.Degraded:
		out.Profile, out.Reason = e.Profile, e.Reason
	default:
		return out, false
	}
	return out, true
}

// hookTime is how long the hook command may take for one event.
const hookTime = 30 * time.Second

// Run gives each event to the hook command of the host's block, one after the
// other, until ctx ends. Which command that is, is looked up each time.
func (r *Reporter) Run(ctx context.Context, hook func() (host string, command []string, err error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-r.events:
			host, command, err := hook()
			if err != nil || len(command) == 0 {
				continue
			}
			e.Host = host
			outcome := "ok"
			if err := r.call(ctx, command, e); err != nil {
				outcome = "failed"
				r.log.Warn("hook", "command", command[0], "event", e.Event, "error", err)
			}
			r.hooks.WithLabelValues(outcome).Inc()
		}
	}
}

func (r *Reporter) call(ctx context.Context, command []string, e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	_, err = r.mac.Run(ctx, machine.Command{Program: command[0], Args: command[1:], Stdin: bytes.NewReader(append(line, '\n'))})
	return err
}
