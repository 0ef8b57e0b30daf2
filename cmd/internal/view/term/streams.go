// Package term owns what a terminal is and does: whether there is one, how
// wide it is, its colours, and the lines at its bottom that are redrawn in
// place. It knows nothing of plans.
//
// Invariants:
//
//  1. Text that came from outside (a file, a guest, a server) goes through
//     Clean before it is written, so that it can't drive the terminal.
//  2. Every colour that is switched on is switched off in the same string.
//  3. A redraw is one write, which overwrites and never blanks first: it
//     doesn't flicker.
//
// Start at Streams; the redrawn lines are in region.go.
package term

import (
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
)

// Streams are where results (Out) and progress and diagnostics (Err) go.
type Streams struct {
	Out, Err io.Writer
	// Width is the column at which prose is wrapped.
	Width int
	// Color and ErrColor tell whether Out and Err show colours.
	Color, ErrColor Paint
	// Interactive tells that Out is a terminal: someone reads along.
	Interactive bool
	// Live tells that lines of Err can be redrawn in place. Size is then the
	// terminal's size in columns and rows; it is asked before every redraw.
	Live bool
	Size func() (cols, rows int)
	Now  func() time.Time
}

const (
	pipeWidth = 78  // as other tools wrap where there is no terminal
	proseMost = 100 // longer lines are hard to read
)

// Open looks at the two files and at NO_COLOR and TERM in environ, which has
// the form of os.Environ.
func Open(out, err *os.File, environ []string, noColor bool) Streams {
	dumb := slices.Contains(environ, "TERM=dumb")
	noColor = noColor || dumb || slices.ContainsFunc(environ, func(e string) bool {
		value, found := strings.CutPrefix(e, "NO_COLOR=")
		return found && value != ""
	})
	tty := func(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }
	s := Streams{
		Out: out, Err: err, Width: pipeWidth,
		Color: Paint(tty(out) && !noColor), ErrColor: Paint(tty(err) && !noColor),
		Interactive: tty(out), Live: tty(err) && !dumb, Now: time.Now,
	}
	for _, f := range []*os.File{err, out} {
		if !tty(f) {
			continue
		}
		s.Size = func() (int, int) {
			if cols, rows, err := term.GetSize(int(f.Fd())); err == nil && cols > 0 && rows > 0 {
				return cols, rows
			}
			return 80, 24
		}
		cols, _ := s.Size()
		s.Width = min(cols, proseMost)
		break
	}
	return s
}
