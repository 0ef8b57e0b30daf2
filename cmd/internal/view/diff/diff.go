// Package diff draws the difference of two objects as a block of the language,
// each line with a symbol: + added, - removed, ~ changed.
//
// Invariants:
//
//  1. What is equal on both sides is hidden and counted, but for what says
//     which object it is, and for the surroundings of a change in a list or a
//     text.
//  2. Drawing never fails: it takes any two values, of whatever types, marked
//     or not known.
//
// Start at Writer.Object; diff.go draws values and collections, lines.go texts.
package diff

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/cmd/internal/view/value"
)

// Writer collects the difference of two values, or one value, as indented
// lines in the language's syntax. What both sides have is written once.
type Writer struct {
	bytes.Buffer
	Paint term.Paint
	// Plain leaves out the column of the symbols: a value is shown, not a change.
	Plain bool
	// All shows unchanged attributes too.
	All bool
}

// The symbols of one line: added, removed, changed, or as it was.
func symbol(before, after cty.Value) string {
	switch {
	case value.Same(before, after):
		return " "
	case value.Absent(before):
		return "+"
	case value.Absent(after):
		return "-"
	}
	return "~"
}

func symbolStyle(sym string) term.Style {
	switch sym {
	case "+":
		return term.Green
	case "-":
		return term.Red
	case "~":
		return term.Yellow
	}
	return ""
}

// Lead begins a line: its indentation, with the symbol in its column.
func (w *Writer) Lead(depth int, sym string) {
	if w.Plain {
		w.WriteString(strings.Repeat("    ", depth))
		return
	}
	w.WriteString(strings.Repeat(" ", 4*depth+3-len(sym)))
	if sym == "-/+" {
		w.WriteString(w.Paint.With(term.Red, "-") + "/" + w.Paint.With(term.Green, "+"))
	} else {
		w.WriteString(w.Paint.With(symbolStyle(sym), sym))
	}
	w.WriteByte(' ')
}

// hidden counts what is not shown, if anything.
func (w *Writer) hidden(depth, n int, noun string) {
	if n > 0 {
		w.Lead(depth, " ")
		w.WriteString(w.Paint.With(term.Dim, fmt.Sprintf("# (%s hidden)", term.Count(n, "unchanged "+noun))) + "\n")
	}
}

// null follows a value that goes away altogether.
func (w *Writer) null() string { return w.arrow() + w.Paint.With(term.Dim, "null") }

func (w *Writer) arrow() string { return w.Paint.With(term.Dim, " -> ") }

// value writes what stands right of the equals sign, without a newline at its
// end. The note, and after it null for what goes away, end the first line.
func (w *Writer) value(depth int, before, after cty.Value, null, note string) {
	sym := symbol(before, after)
	one := after
	if sym == "-" {
		one = before
	}
	switch {
	case value.Marked(before) || value.Marked(after):
		w.WriteString(value.Redacted + note)
	case sym != "~" && value.Container(one):
		w.collection(depth, before, after, null, note)
	case sym != "~" && value.HasText(one) && strings.Contains(one.AsString(), "\n"):
		w.heredoc(depth, one.AsString(), one.AsString(), note)
		w.WriteString(null)
	case sym != "~":
		w.WriteString(value.Scalar(one) + null + note)
	case value.HasText(before) && value.HasText(after) && strings.Contains(before.AsString()+after.AsString(), "\n"):
		w.heredoc(depth, before.AsString(), after.AsString(), note)
	case value.Container(before) && value.Container(after) && value.Keyed(before) == value.Keyed(after):
		w.collection(depth, before, after, null, note)
	default:
		w.value(depth, before, before, "", "")
		w.WriteString(w.arrow())
		w.value(depth, after, after, "", note)
	}
}

// collection writes a list or a map element by element. One side may be absent.
func (w *Writer) collection(depth int, before, after cty.Value, null, note string) {
	one := after
	if value.Absent(one) {
		one = before
	}
	open, shut := "[", "]"
	if value.Keyed(one) {
		open, shut = "{", "}"
	}
	w.WriteString(open)
	head := w.Len()
	w.WriteString(note + "\n")
	body := w.Len()
	if value.Keyed(one) {
		w.entries(depth+1, before, after)
	} else {
		w.sequence(depth+1, before, after)
	}
	if w.Len() == body {
		w.Truncate(head)
		w.WriteString(shut + null + note)
		return
	}
	w.Lead(depth, " ")
	w.WriteString(shut + null)
}

// identity tells which attributes are shown though they did not change: they
// say what the object is.
func identity(name string) bool { return name == "name" || name == "id" }

// Entry is one named element on both sides.
type Entry struct {
	Key           string // as written
	Before, After cty.Value
	Keep          bool // shown even when unchanged
	note          string
}

// entries writes the elements of a map or the attributes of an object.
func (w *Writer) entries(depth int, before, after cty.Value) {
	both := map[string]Entry{}
	noun := "element"
	put := func(v cty.Value, set func(*Entry, cty.Value)) {
		if !value.Container(v) {
			return
		}
		names, values := value.Elements(v)
		for i, name := range names {
			e := both[name]
			if e.Key = value.Quote(name); v.Type().IsObjectType() {
				e.Key, e.Keep, noun = term.Clean(name), identity(name), "attribute"
			}
			set(&e, values[i])
			both[name] = e
		}
	}
	put(before, func(e *Entry, v cty.Value) { e.Before = v })
	put(after, func(e *Entry, v cty.Value) { e.After = v })
	names := make([]string, 0, len(both))
	for name := range both {
		names = append(names, name)
	}
	slices.Sort(names)
	list := make([]Entry, len(names))
	for i, name := range names {
		list[i] = both[name]
	}
	w.list(depth, list, noun, "", value.Same(before, after))
}

// Named writes entries that stand alone, such as outputs.
func (w *Writer) Named(entries []Entry) { w.list(0, entries, "value", w.null(), false) }

// list writes entries with their equals signs below each other, and counts
// those it doesn't show. null follows the values that go away.
func (w *Writer) list(depth int, entries []Entry, noun, null string, all bool) {
	shown, hidden, width := entries[:0:0], 0, 0
	for _, e := range entries {
		switch {
		case value.Absent(e.Before) && value.Absent(e.After):
		case all || w.All || e.Keep || !value.Same(e.Before, e.After):
			shown = append(shown, e)
			width = max(width, term.Columns(e.Key))
		default:
			hidden++
		}
	}
	for _, e := range shown {
		sym, gone := symbol(e.Before, e.After), ""
		if sym == "-" {
			gone = null
		}
		w.Lead(depth, sym)
		w.WriteString(e.Key + strings.Repeat(" ", width-term.Columns(e.Key)) + " = ")
		w.value(depth, e.Before, e.After, gone, e.note)
		w.WriteByte('\n')
	}
	w.hidden(depth, hidden, noun)
}

// sequence writes the elements of a list.
func (w *Writer) sequence(depth int, before, after cty.Value) {
	var a, b []cty.Value
	if value.Container(before) {
		_, a = value.Elements(before)
	}
	if value.Container(after) {
		_, b = value.Elements(after)
	}
	pairs := matched(align(len(a), len(b), func(i, j int) bool { return value.Same(a[i], b[j]) }), a, b)
	changed := make([]bool, len(pairs))
	for at, p := range pairs {
		changed[at] = p.i < 0 || p.j < 0 || !value.Same(a[p.i], b[p.j])
	}
	near := nearby(changed, 1)
	hidden := 0
	for at, p := range pairs {
		if !near[at] && !w.All && slices.Contains(changed, true) {
			hidden++
			continue
		}
		w.hidden(depth, hidden, "element")
		hidden = 0
		var old, new cty.Value
		if p.i >= 0 {
			old = a[p.i]
		}
		if p.j >= 0 {
			new = b[p.j]
		}
		w.Lead(depth, symbol(old, new))
		w.value(depth, old, new, "", "")
		w.WriteString(",\n")
	}
	w.hidden(depth, hidden, "element")
}

// matched turns a removed and an added element in the same place into one
// that changed, where it is likely the same thing: for objects, and where as
// many left as came.
func matched(pairs []pair, a, b []cty.Value) []pair {
	var out []pair
	for at := 0; at < len(pairs); {
		if pairs[at].i >= 0 && pairs[at].j >= 0 {
			out = append(out, pairs[at])
			at++
			continue
		}
		gone := at
		for at < len(pairs) && pairs[at].j < 0 {
			at++
		}
		came := at
		for at < len(pairs) && pairs[at].i < 0 {
			at++
		}
		twins := 0
		if objects := came < at && gone < came && value.Container(a[pairs[gone].i]) && value.Container(b[pairs[came].j]); objects || came-gone == at-came {
			twins = min(came-gone, at-came)
		}
		for t := range twins {
			out = append(out, pair{pairs[gone+t].i, pairs[came+t].j})
		}
		out = append(append(out, pairs[gone+twins:came]...), pairs[came+twins:at]...)
	}
	return out
}
