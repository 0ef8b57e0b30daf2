package term

import (
	"fmt"
	"io"
	"strings"
)

// Region is the lines at the bottom of a terminal that are redrawn in place.
type Region struct {
	w     io.Writer
	size  func() (cols, rows int)
	drawn []int // columns of the lines on the screen
}

// NewRegion returns an empty region of the terminal w.
func NewRegion(w io.Writer, size func() (cols, rows int)) *Region {
	return &Region{w: w, size: size}
}

// Cols is how long a line may be now; the last column stays free, since
// terminals differ in what they do after it.
func (r *Region) Cols() int {
	cols, _ := r.size()
	return max(cols-1, 0)
}

// Draw writes above, which is finished text and scrolls away, and below it
// the lines of the region in place of those drawn before. What doesn't fit the
// terminal's height is counted.
func (r *Region) Draw(above string, lines []string) {
	cols, rows := r.size()
	if room := max(rows-2, 1); len(lines) > room {
		hidden := len(lines) - room + 1
		lines = append(lines[:room-1:room-1], Truncate(fmt.Sprintf("… and %d more", hidden), r.Cols()))
	}
	up := 0
	for _, n := range r.drawn {
		// A terminal that was made narrower has broken the lines itself.
		up += max(1, (n+cols-1)/cols)
	}
	if up == 0 && above == "" && len(lines) == 0 {
		return
	}
	var b strings.Builder
	if up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", min(up, rows-1))
	}
	erase := ""
	if up > 0 {
		erase = "\x1b[K"
	}
	if above != "" {
		b.WriteString(strings.ReplaceAll(strings.TrimSuffix(above, "\n"), "\n", erase+"\n") + erase + "\n")
	}
	r.drawn = r.drawn[:0]
	for _, line := range lines {
		b.WriteString(line + erase + "\n")
		r.drawn = append(r.drawn, Columns(line))
	}
	if up > 0 {
		b.WriteString("\x1b[J")
	}
	// A terminal that can't be written to has no reader to tell.
	_, _ = io.WriteString(r.w, b.String())
}
