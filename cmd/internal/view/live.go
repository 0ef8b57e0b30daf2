package view

import (
	"fmt"
	"io"
	"sync"
	"time"

	"hostler/cmd/internal/view/term"
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
