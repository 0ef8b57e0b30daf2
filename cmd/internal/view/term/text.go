package term

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Paint colours text, or, when false, leaves it as it is.
type Paint bool

// Style is a terminal's way to show text.
type Style string

const (
	Bold      Style = "1"
	Dim       Style = "2"
	Underline Style = "4"
	Red       Style = "31"
	Green     Style = "32"
	Yellow    Style = "33"
	Cyan      Style = "36"
	BoldRed   Style = "1;31"
	BoldGreen Style = "1;32"
)

// With is text in that style. Styles don't nest.
func (p Paint) With(s Style, text string) string {
	if !p || text == "" || s == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Clean makes control characters visible, and takes the effect from those that
// reorder text; newlines and tabs stay.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20:
			return '␀' + r
		case r == 0x7f:
			return '␡'
		case r >= 0x80 && r < 0xa0, unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, s)
}

// Line is Clean on one line: what ends a line or jumps in it becomes a space.
func Line(s string) string {
	return Clean(strings.Join(strings.Fields(s), " "))
}

// Count is "1 noun" or "2 nouns".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// columns is how many columns a rune takes.
func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100:
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			return 2
		}
	}
	return 1
}

// Columns is how many columns s takes; colours take none.
func Columns(s string) int {
	n, escape := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n += columns(r)
		}
	}
	return n
}

// Truncate shortens s, which has no colours, to that many columns; a cut is
// marked with an ellipsis.
func Truncate(s string, cols int) string {
	if Columns(s) <= cols {
		return s
	}
	n := 1
	for i, r := range s {
		if n += columns(r); n > cols {
			if cols < 1 {
				return ""
			}
			return s[:i] + "…"
		}
	}
	return s
}

// Wrap breaks the lines of text that are longer than cols at spaces. Indented
// lines (commands, code) are kept, and so are commands in `…`, to be copied.
func Wrap(text string, cols int) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			b.WriteString(line)
			continue
		}
		at := 0
		for j, word := range words(line) {
			n := Columns(word)
			switch {
			case j == 0:
			case at+1+n > cols:
				b.WriteByte('\n')
				at = 0
			default:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += n
		}
	}
	return b.String()
}

// words are the words of a line, with what stands in `…` as one.
func words(line string) []string {
	var out []string
	open := false
	for _, word := range strings.Fields(line) {
		if open {
			out[len(out)-1] += " " + word
		} else {
			out = append(out, word)
		}
		if strings.Count(word, "`")%2 == 1 {
			open = !open
		}
	}
	if open { // no closing one
		return strings.Fields(line)
	}
	return out
}
