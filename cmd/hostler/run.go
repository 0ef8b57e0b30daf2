package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/socket"
)

// runJob is what workflows invoke: it waits for a VM whose runner listens,
// and tells the workflow by which label its job finds that.
func runJob(a *app, f *pflag.FlagSet) func([]string) error {
	r := dispatch.Request{Key: rand.Text()}
	f.StringVar(&r.Profile, "profile", "", "the profile of the VM (`NAME`), as the configuration calls it")
	f.DurationVar(&r.Timeout, "queue-timeout", time.Hour, "how long to wait for room")
	f.BoolVar(&r.Share, "share", false, "give the runner the profile's own labels as well, for workflows in the old style: then another run's job may take this VM")
	jsonFlag(a, f)
	return func(args []string) error {
		switch {
		case len(args) > 0:
			return usageError("run takes no arguments; the profile is --profile NAME")
		case r.Profile == "":
			return usageError("run needs --profile NAME")
		case r.Timeout <= 0:
			return usageError("--queue-timeout must be longer than nothing, such as 60m")
		}
		var err error
		if r.Job, err = a.job(); err != nil {
			return usageError(err.Error())
		}
		w := &waiting{app: a, profile: r.Profile, since: a.now()}
		var h *dispatch.Handover
		err = a.service(func(ctx context.Context, _ *project, c *socket.Client) (err error) {
			if r.Share {
				w.say("--share: the runner also has the labels of profile %s, so that another run's job may take this VM", r.Profile)
			}
			h, err = c.Run(ctx, r, w.update)
			return w.failed(err)
		})
		if err != nil {
			return err
		}
		return w.online(*h)
	}
}

// job is the job that runs hostler, as the runner's environment tells it; none
// outside of one.
func (a *app) job() (ledger.Job, error) {
	j := ledger.Job{Repository: a.getenv("GITHUB_REPOSITORY"), Name: a.getenv("GITHUB_JOB")}
	var err error
	if text := a.getenv("GITHUB_RUN_ID"); text != "" {
		if j.RunID, err = strconv.ParseInt(text, 10, 64); err != nil {
			return j, fmt.Errorf("GITHUB_RUN_ID is %q, which is no number", text)
		}
	}
	if text := a.getenv("GITHUB_RUN_ATTEMPT"); text != "" {
		if j.Attempt, err = strconv.Atoi(text); err != nil {
			return j, fmt.Errorf("GITHUB_RUN_ATTEMPT is %q, which is no number", text)
		}
	}
	return j, nil
}

// waiting tells whoever runs the command how it gets on.
type waiting struct {
	*app
	profile string
	since   time.Time
	last    string
}

func (w *waiting) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text == w.last {
		return
	}
	w.last = text
	if !w.json {
		fmt.Fprintf(w.stderr, "%s  %s\n", w.now().Format("15:04:05"), text)
	}
}

// event prints a line for programs.
func (w *waiting) event(kind string, v any) {
	if w.json {
		_ = json.NewEncoder(w.stdout).Encode(map[string]any{"type": kind, "@timestamp": w.now().UTC().Format(time.RFC3339Nano), kind: v})
	}
}

func (w *waiting) update(u dispatch.Update) {
	switch {
	case u.Online != nil, u.End != nil, u.Refused != "":
		return // the answer says it
	case u.Phase != "" && u.Reason != "":
		w.say("lease %s: %s: %s", u.Lease, u.Phase, u.Reason)
	case u.Phase != "":
		w.say("lease %s: %s", u.Lease, u.Phase)
	case u.Position > 0:
		w.say("waiting, number %d: %s", u.Position, u.Reason)
	default:
		w.say("waiting: %s", u.Reason)
	}
	w.event("update", u)
}

// failed shows a wish that does not come true where GitHub shows it, too, and
// chooses the exit code.
func (w *waiting) failed(err error) error {
	var end *dispatch.AskError
	if !errors.As(err, &end) {
		return err
	}
	what := map[dispatch.Reason]string{
		dispatch.Unknown: "There is no such profile", dispatch.Refused: "The VM is refused", dispatch.Full: "There is no room",
		dispatch.Failed: "The VM did not come up", dispatch.Broken: "This Mac can't lend VMs",
	}[end.Reason]
	text := end.Text
	if end.Lease != "" {
		text = fmt.Sprintf("%s (%s)\n\nhostler explain %s and hostler logs %s tell more, on the Mac.", text, end.Class, end.Lease, end.Lease)
	}
	first, _, _ := strings.Cut(text, "\n")
	w.event("failed", map[string]any{"reason": end.Reason, "class": end.Class, "lease": end.Lease, "text": end.Text})
	if w.getenv("GITHUB_ACTIONS") == "true" && !w.json {
		fmt.Fprintf(w.stdout, "::error title=hostler::%s: %s\n", what, escape(first))
	}
	summary := w.summary(fmt.Sprintf("❌ **No VM of profile `%s`.** %s: %s\n", w.profile, what, first))
	shown := errors.Join(fmt.Errorf("%s\n\n%s", cmp.Or(what, "There is no VM"), text), summary)
	if end.Reason == dispatch.Full {
		_ = w.open().reportError(shown)
		return exitCode(exitNoCapacity)
	}
	return shown
}

// escape makes a text the value of a workflow command.
func escape(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// online hands the runner over to the workflow.
func (w *waiting) online(h dispatch.Handover) error {
	took := w.now().Sub(w.since).Round(100 * time.Millisecond)
	outputs := fmt.Sprintf("label=%s\nrunner=%s\nhost=%s\nlease=%s\n", h.Label, h.Runner, h.Host, h.Lease)
	err := errors.Join(
		appendTo(w.getenv("GITHUB_OUTPUT"), outputs),
		w.summary(fmt.Sprintf("✅ A VM of profile `%s` is up on **%s** after %s: runner `%s`, label `%s`, lease `%s`.\n", w.profile, h.Host, took, h.Runner, h.Label, h.Lease)),
	)
	if err != nil {
		return fmt.Errorf("the workflow can't be told of the runner: %w", err)
	}
	w.event("online", h)
	if !w.json {
		w.say("online after %s", took)
		fmt.Fprint(w.stdout, outputs)
	}
	return nil
}

func (w *waiting) summary(text string) error {
	return appendTo(w.getenv("GITHUB_STEP_SUMMARY"), text)
}

// appendTo adds to a file that the runner reads; "" is none.
func appendTo(path, text string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// releaseLease gives a lease back, for a cleanup job. Nothing depends on it.
func releaseLease(a *app, f *pflag.FlagSet) func([]string) error {
	var lease string
	f.StringVar(&lease, "lease", "", "the lease (`ID`), as run printed it")
	return func(args []string) error {
		if len(args) > 0 || lease == "" {
			return usageError("release needs --lease ID, and no arguments")
		}
		job, err := a.job()
		if err != nil {
			return usageError(err.Error())
		}
		return a.service(func(ctx context.Context, _ *project, c *socket.Client) error {
			if err := c.Release(ctx, socket.ReleaseRequest{Lease: lease, Job: job}); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "Lease %s ends.\n", lease)
			return nil
		})
	}
}
