package view

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"hostler/cmd/internal/view/term"
	"hostler/planner"
)

const (
	redrawEvery = 100 * time.Millisecond
	spinner     = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
)

// Start implements View. On a terminal a goroutine redraws until stop.
func (h *Human) Start() (stop func()) {
	if h.region == nil {
		return func() {}
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				h.Tick()
			case <-ended:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(ended)
		<-gone
		h.mu.Lock()
		defer h.mu.Unlock()
		h.steps, h.reading = nil, 0
		h.region.Draw("", nil)
	})
}

// Tick moves the spinners on; Start calls it ten times a second.
func (h *Human) Tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.region != nil && (len(h.steps) > 0 || h.reading > 0) {
		h.frame++
		h.region.Draw("", h.running())
	}
}

// write writes to Err, above the redrawn lines if there are any.
func (h *Human) write(text string) {
	if h.region != nil {
		h.region.Draw(text, h.running())
		return
	}
	// Who does not read stderr any more is not told so.
	_, _ = io.WriteString(h.streams.Err, text)
}

// liveEvent keeps the list of what runs; what has ended becomes a line that
// stays.
func (h *Human) liveEvent(e planner.Event) {
	at := slices.IndexFunc(h.steps, func(s *step) bool { return s.addr == e.Addr })
	switch e.Kind {
	case planner.Refreshing:
		h.reading++
	case planner.Started:
		h.reading = 0
		if at < 0 {
			h.steps = append(h.steps, &step{addr: e.Addr, action: e.Action, began: h.streams.Now()})
		}
	case planner.Progress:
		if at >= 0 && e.Text != "" {
			h.steps[at].text = term.Line(e.Text)
		}
		return // the next tick shows it
	case planner.Completed, planner.Errored:
		if at >= 0 {
			h.steps = slices.Delete(h.steps, at, at+1)
		}
		h.region.Draw(h.eventLine(e), h.running())
		return
	}
	h.region.Draw("", h.running())
}

// running are the redrawn lines, cut to the terminal's width.
func (h *Human) running() []string {
	glyphs := []rune(spinner)
	glyph := h.streams.ErrColor.With(term.Cyan, string(glyphs[h.frame%len(glyphs)])) + " "
	cols := h.region.Cols() - 2
	var lines []string
	if h.reading > 0 {
		lines = append(lines, glyph+term.Truncate("Refreshing state... "+term.Count(h.reading, "object"), cols))
	}
	for _, s := range h.steps {
		text := fmt.Sprintf("%s: %s... [%s elapsed]", term.Clean(s.addr.String()), doing(s.action), seconds(h.streams.Now().Sub(s.began).Truncate(time.Second)))
		if s.text != "" {
			text += " " + s.text
		}
		lines = append(lines, glyph+term.Truncate(text, cols))
	}
	return lines
}
