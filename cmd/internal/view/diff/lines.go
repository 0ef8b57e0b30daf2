package diff

import (
	"slices"
	"strings"

	"hostler/cmd/internal/view/term"
)

// pair is one line of an alignment of two sequences: indexes into both, -1
// where one has nothing.
type pair struct{ i, j int }

// mostEdits bounds the work and memory of an alignment. Beyond it the two
// have so little in common that a diff would tell nothing.
const mostEdits = 1000

// align finds what two sequences have in common, in order; equal tells whether
// element i of the first is element j of the second. Between common elements
// what left stands before what came.
func align(n, m int, equal func(i, j int) bool) []pair {
	var pairs []pair
	i, j := 0, 0
	upTo := func(x, y int) {
		for ; i < x; i++ {
			pairs = append(pairs, pair{i, -1})
		}
		for ; j < y; j++ {
			pairs = append(pairs, pair{-1, j})
		}
	}
	for _, c := range common(n, m, equal) {
		upTo(c.i, c.j)
		pairs = append(pairs, c)
		i, j = c.i+1, c.j+1
	}
	upTo(n, m)
	return pairs
}

// common is Myers' greedy algorithm: a longest common subsequence in
// O((n+m)·edits).
func common(n, m int, equal func(i, j int) bool) []pair {
	var furthest [][]int // by number of edits: x on each diagonal k, at k+edits
	for d := 0; d <= min(n+m, mostEdits); d++ {
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := 0
			if d > 0 {
				x, _ = advance(furthest[d-1], d, k)
			}
			for x < n && x-k < m && equal(x, x-k) {
				x++
			}
			row[k+d] = x
			if x >= n && x-k >= m {
				return trace(append(furthest, row), n, m)
			}
		}
		furthest = append(furthest, row)
	}
	return nil
}

// advance is where the d-th edit leads to on diagonal k, from the row before:
// by a removal from diagonal k-1, or by an addition from k+1.
func advance(before []int, d, k int) (x int, removal bool) {
	left, right := -1, -1
	if at := k - 1 + d - 1; at >= 0 {
		left = before[at]
	}
	if at := k + 1 + d - 1; at < len(before) {
		right = before[at]
	}
	if left >= right {
		return left + 1, true
	}
	return right, false
}

// trace walks back from the end, and returns the common elements in order.
func trace(furthest [][]int, x, y int) []pair {
	var back []pair
	for d := len(furthest) - 1; d >= 0; d-- {
		from, removal := 0, false
		if d > 0 {
			from, removal = advance(furthest[d-1], d, x-y)
		}
		for x > from {
			x, y = x-1, y-1
			back = append(back, pair{x, y})
		}
		if removal {
			x--
		} else {
			y--
		}
	}
	slices.Reverse(back)
	return back
}

// linesAround is how many unchanged lines stand on each side of a change.
const linesAround = 3

// heredoc writes a string of several lines, or the difference of two. Lines
// that both have are shown near a change only, unless nothing changed.
func (w *Writer) heredoc(depth int, before, after, note string) {
	a, b := split(before), split(after)
	pairs := align(len(a), len(b), func(i, j int) bool { return a[i] == b[j] })
	changed := make([]bool, len(pairs))
	any := false
	for at, p := range pairs {
		changed[at] = p.i < 0 || p.j < 0
		any = any || changed[at]
	}
	w.WriteString("<<-EOT" + note + "\n")
	hidden := 0
	flush := func() {
		w.hidden(depth+1, hidden, "line")
		hidden = 0
	}
	near := nearby(changed, linesAround)
	for at, p := range pairs {
		if any && !near[at] {
			hidden++
			continue
		}
		flush()
		switch {
		case p.i < 0:
			w.textLine(depth+1, "+", b[p.j], a)
		case p.j < 0:
			w.textLine(depth+1, "-", a[p.i], b)
		default:
			w.textLine(depth+1, " ", a[p.i], nil)
		}
	}
	flush()
	w.Lead(depth, " ")
	w.WriteString("EOT")
}

// textLine writes one line of a heredoc. A last line that only lacks its
// newline would look unchanged; other are the lines of the other side.
func (w *Writer) textLine(depth int, sym, line string, other []string) {
	bare := strings.TrimSuffix(line, "\n")
	switch {
	case bare == "" && sym == " ":
		w.WriteByte('\n')
		return
	case bare == line && len(other) > 0:
		bare += " # (no newline at the end)"
	}
	w.Lead(depth, sym)
	w.WriteString(w.Paint.With(symbolStyle(sym), term.Clean(strings.ReplaceAll(bare, "\r", "␍"))) + "\n")
}

// nearby marks what is changed or at most n from a change.
func nearby(changed []bool, n int) []bool {
	near := make([]bool, len(changed))
	for at, c := range changed {
		if !c {
			continue
		}
		for i := max(at-n, 0); i <= min(at+n, len(changed)-1); i++ {
			near[i] = true
		}
	}
	// One hidden line would take the place that the line itself takes.
	for at := range near {
		if !near[at] && (at == 0 || near[at-1]) && (at == len(near)-1 || near[at+1]) {
			near[at] = true
		}
	}
	return near
}

func split(s string) []string {
	lines := strings.SplitAfter(s, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines
}
