package view

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
)

// diff writes the difference of two values, or one value, as indented lines
// in the language's syntax. A value that both sides have is written once.
type diff struct {
	bytes.Buffer
	paint term.Paint
	// plain leaves out the column of the symbols: a value is shown, not a change.
	plain bool
	// all shows unchanged attributes too.
	all bool
}

// The symbols of one line: added, removed, changed, or as it was.
func symbol(before, after cty.Value) string {
	switch {
	case same(before, after):
		return " "
	case absent(before):
		return "+"
	case absent(after):
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

// lead begins a line: its indentation, with the symbol in its column.
func (d *diff) lead(depth int, sym string) {
	if d.plain {
		d.WriteString(strings.Repeat("    ", depth))
		return
	}
	d.WriteString(strings.Repeat(" ", 4*depth+3-len(sym)))
	if sym == "-/+" {
		d.WriteString(d.paint.With(term.Red, "-") + "/" + d.paint.With(term.Green, "+"))
	} else {
		d.WriteString(d.paint.With(symbolStyle(sym), sym))
	}
	d.WriteByte(' ')
}

// hidden counts what is not shown, if anything.
func (d *diff) hidden(depth, n int, noun string) {
	if n > 0 {
		d.lead(depth, " ")
		d.WriteString(d.paint.With(term.Dim, fmt.Sprintf("# (%s hidden)", count(n, "unchanged "+noun))) + "\n")
	}
}

// count is "1 noun" or "2 nouns".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// null follows a value that goes away altogether.
func (d *diff) null() string { return d.arrow() + d.paint.With(term.Dim, "null") }

func (d *diff) arrow() string { return d.paint.With(term.Dim, " -> ") }

// value writes what stands right of the equals sign, without a newline at its
// end. The note, and after it null for what goes away, end the first line.
func (d *diff) value(depth int, before, after cty.Value, null, note string) {
	sym := symbol(before, after)
	one := after
	if sym == "-" {
		one = before
	}
	switch {
	case marked(before) || marked(after):
		d.WriteString(redacted + note)
	case sym != "~" && container(one):
		d.container(depth, before, after, null, note)
	case sym != "~" && hasText(one) && strings.Contains(one.AsString(), "\n"):
		d.heredoc(depth, one.AsString(), one.AsString(), note)
		d.WriteString(null)
	case sym != "~":
		d.WriteString(scalar(one) + null + note)
	case hasText(before) && hasText(after) && strings.Contains(before.AsString()+after.AsString(), "\n"):
		d.heredoc(depth, before.AsString(), after.AsString(), note)
	case container(before) && container(after) && keyed(before) == keyed(after):
		d.container(depth, before, after, null, note)
	default:
		d.value(depth, before, before, "", "")
		d.WriteString(d.arrow())
		d.value(depth, after, after, "", note)
	}
}

func marked(v cty.Value) bool { return v != cty.NilVal && v.IsMarked() }

// container writes a list or a map element by element. One side may be absent.
func (d *diff) container(depth int, before, after cty.Value, null, note string) {
	one := after
	if absent(one) {
		one = before
	}
	open, shut := "[", "]"
	if keyed(one) {
		open, shut = "{", "}"
	}
	d.WriteString(open)
	head := d.Len()
	d.WriteString(note + "\n")
	body := d.Len()
	if keyed(one) {
		d.entries(depth+1, before, after)
	} else {
		d.sequence(depth+1, before, after)
	}
	if d.Len() == body {
		d.Truncate(head)
		d.WriteString(shut + null + note)
		return
	}
	d.lead(depth, " ")
	d.WriteString(shut + null)
}

// identity tells which attributes are shown though they did not change: they
// say what the object is.
func identity(name string) bool { return name == "name" || name == "id" }

// entry is one named element on both sides.
type entry struct {
	key           string // as written
	before, after cty.Value
	keep          bool // shown even when unchanged
	note          string
}

// entries writes the elements of a map or the attributes of an object.
func (d *diff) entries(depth int, before, after cty.Value) {
	both := map[string]entry{}
	noun := "element"
	put := func(v cty.Value, set func(*entry, cty.Value)) {
		if !container(v) {
			return
		}
		names, values := elements(v)
		for i, name := range names {
			e := both[name]
			if e.key = quote(name); v.Type().IsObjectType() {
				e.key, e.keep, noun = term.Clean(name), identity(name), "attribute"
			}
			set(&e, values[i])
			both[name] = e
		}
	}
	put(before, func(e *entry, v cty.Value) { e.before = v })
	put(after, func(e *entry, v cty.Value) { e.after = v })
	names := make([]string, 0, len(both))
	for name := range both {
		names = append(names, name)
	}
	slices.Sort(names)
	list := make([]entry, len(names))
	for i, name := range names {
		list[i] = both[name]
	}
	d.list(depth, list, noun, "", same(before, after))
}

// list writes entries with their equals signs below each other, and counts
// those it doesn't show. null follows the values that go away.
func (d *diff) list(depth int, entries []entry, noun, null string, all bool) {
	shown, hidden, width := entries[:0:0], 0, 0
	for _, e := range entries {
		switch {
		case absent(e.before) && absent(e.after):
		case all || d.all || e.keep || !same(e.before, e.after):
			shown = append(shown, e)
			width = max(width, term.Columns(e.key))
		default:
			hidden++
		}
	}
	for _, e := range shown {
		sym, gone := symbol(e.before, e.after), ""
		if sym == "-" {
			gone = null
		}
		d.lead(depth, sym)
		d.WriteString(e.key + strings.Repeat(" ", width-term.Columns(e.key)) + " = ")
		d.value(depth, e.before, e.after, gone, e.note)
		d.WriteByte('\n')
	}
	d.hidden(depth, hidden, noun)
}

// sequence writes the elements of a list.
func (d *diff) sequence(depth int, before, after cty.Value) {
	var a, b []cty.Value
	if container(before) {
		_, a = elements(before)
	}
	if container(after) {
		_, b = elements(after)
	}
	pairs := matched(align(len(a), len(b), func(i, j int) bool { return same(a[i], b[j]) }), a, b)
	changed := make([]bool, len(pairs))
	for at, p := range pairs {
		changed[at] = p.i < 0 || p.j < 0 || !same(a[p.i], b[p.j])
	}
	near := nearby(changed, 1)
	hidden := 0
	for at, p := range pairs {
		if !near[at] && !d.all && slices.Contains(changed, true) {
			hidden++
			continue
		}
		d.hidden(depth, hidden, "element")
		hidden = 0
		var old, new cty.Value
		if p.i >= 0 {
			old = a[p.i]
		}
		if p.j >= 0 {
			new = b[p.j]
		}
		d.lead(depth, symbol(old, new))
		d.value(depth, old, new, "", "")
		d.WriteString(",\n")
	}
	d.hidden(depth, hidden, "element")
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
		if objects := came < at && gone < came && container(a[pairs[gone].i]) && container(b[pairs[came].j]); objects || came-gone == at-came {
			twins = min(came-gone, at-came)
		}
		for t := range twins {
			out = append(out, pair{pairs[gone+t].i, pairs[came+t].j})
		}
		out = append(append(out, pairs[gone+twins:came]...), pairs[came+twins:at]...)
	}
	return out
}
