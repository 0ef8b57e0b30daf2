package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view/jobs"
	"hostler/cmd/internal/view/term"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
)

// top is status, drawn anew until somebody has seen enough.
func top(a *app, f *pflag.FlagSet) func([]string) error {
	every := f.Duration("interval", time.Second, "how often to look")
	jsonFlag(a, f)
	return func(args []string) error {
		switch {
		case len(args) > 0:
			return usageError("top takes no arguments")
		case *every < 100*time.Millisecond:
			return usageError("--interval must be at least 100ms")
		}
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		ctx, quit := context.WithCancel(ctx)
		defer quit()
		c, err := socket.Dial(p.env)
		if err != nil {
			return p.reportError(err)
		}
		show, restore, err := a.screen(quit)
		if err != nil {
			return p.reportError(err)
		}
		defer restore()
		for tick := time.NewTicker(*every); ; {
			s, err := p.standing(ctx, c)
			if ctx.Err() != nil {
				return nil // who looks has seen enough
			}
			if err := show(s, err); err != nil {
				restore()
				return p.reportError(err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
}

// screen is where top draws: a terminal, in which q and Ctrl-C call quit, or
// with --json one object a line.
func (a *app) screen(quit func()) (show func(status.Status, error) error, restore func(), err error) {
	if a.json {
		return func(s status.Status, err error) error {
			if err != nil {
				return err
			}
			return json.NewEncoder(a.stdout).Encode(s)
		}, func() {}, nil
	}
	s := a.streams()
	keys, restore, ok := term.Keys(a.stdin)
	if !ok || !s.Interactive {
		restore()
		return nil, nil, errors.New("top needs a terminal; hostler status shows the same, once, and top --json one object a line")
	}
	go func() {
		for key := range keys {
			if key == 'q' || key == 3 {
				quit()
			}
		}
	}()
	region := term.NewRegion(term.Lines{To: a.stdout}, s.Size)
	return func(now status.Status, err error) error {
		cols := region.Cols()
		if err != nil { // it may come back
			region.Draw("", []string{term.Truncate(term.Line(err.Error()), cols), "", "q quits"})
			return nil
		}
		region.Draw("", fitted(func(paint term.Paint) string { return jobs.Status(now, a.now(), paint) + "\nq quits" }, s.Color, cols))
		return nil
	}, restore, nil
}

// fitted are the lines of a text that fit so many columns. A line that is cut
// has no colours.
func fitted(text func(term.Paint) string, paint term.Paint, cols int) []string {
	plain, lines := strings.Split(text(false), "\n"), strings.Split(text(paint), "\n")
	for i, line := range plain {
		if term.Columns(line) > cols {
			lines[i] = term.Truncate(line, cols)
		}
	}
	return lines
}
