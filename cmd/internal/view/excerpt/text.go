// Package excerpt draws diagnostics with the place in the files that they are
// about: the lines, what is meant in them, and the values it refers to.
//
// Text is for people and JSON for programs, and both point at the same bytes.
// Files that changed since, or are not there, cost the excerpt and nothing
// else.
package excerpt

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/hcl/addr"
)

// Sorted orders diagnostics as they are read: warnings before errors, so that
// the last on the screen are those that matter; what concerns no file first;
// then by file and position.
func Sorted(diags hcl.Diagnostics) hcl.Diagnostics {
	list := slices.Clone(diags)
	slices.SortStableFunc(list, func(a, b *hcl.Diagnostic) int {
		if a.Severity != b.Severity {
			return cmp.Compare(b.Severity, a.Severity)
		}
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(present(a.Subject), present(b.Subject))
		}
		return cmp.Or(
			strings.Compare(a.Subject.Filename, b.Subject.Filename),
			cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
			cmp.Compare(a.Subject.End.Byte, b.Subject.End.Byte),
		)
	})
	return list
}

func present(r *hcl.Range) int {
	if r == nil {
		return 0
	}
	return 1
}

// concerned is the resource that a diagnostic is about, which its maker put
// into Extra; zero if none.
func concerned(diag *hcl.Diagnostic) addr.Addr {
	a, _ := diag.Extra.(addr.Addr)
	return a
}

// Writer draws diagnostics.
type Writer struct {
	Files map[string]*hcl.File // by the names in ranges
	Paint term.Paint
	Width int // columns
}

// Text is one diagnostic: with colours inside a rule on its left, else bare.
func (w Writer) Text(diag *hcl.Diagnostic) string {
	style, word := term.Red, "Error"
	if diag.Severity == hcl.DiagWarning {
		style, word = term.Yellow, "Warning"
	}
	width := w.Width
	if w.Paint {
		width -= 2
	}
	var b strings.Builder
	b.WriteString(w.Paint.With(style, word+":") + " " + w.Paint.With(term.Bold, term.Line(diag.Summary)) + "\n")
	if where := w.where(diag); where != "" {
		b.WriteString("\n" + where)
	}
	if diag.Detail != "" {
		b.WriteString("\n" + term.Wrap(term.Clean(strings.TrimRight(diag.Detail, "\n")), width) + "\n")
	}
	if !w.Paint {
		return "\n" + b.String()
	}
	var ruled strings.Builder
	ruled.WriteString(w.Paint.With(style, "╷") + "\n")
	for line := range strings.Lines(b.String()) {
		ruled.WriteString(w.Paint.With(style, "│") + strings.TrimRight(" "+line, " \n") + "\n")
	}
	ruled.WriteString(w.Paint.With(style, "╵") + "\n")
	return ruled.String()
}

// where tells which resource, and shows the place in the files.
func (w Writer) where(diag *hcl.Diagnostic) string {
	var b strings.Builder
	a := concerned(diag)
	if !a.IsZero() {
		b.WriteString("  with " + term.Clean(a.String()))
		if diag.Subject != nil {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	if diag.Subject == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "  on %s line %d", term.Clean(diag.Subject.Filename), diag.Subject.Start.Line)
	s := excerpt(diag, w.Files)
	if s == nil {
		b.WriteString(":\n  (source code not available)\n")
		return b.String()
	}
	if s.context != "" {
		b.WriteString(", in " + term.Clean(s.context))
	}
	b.WriteString(":\n")
	w.code(&b, s)
	if len(s.values) > 0 {
		b.WriteString("    " + w.Paint.With(term.Dim, "├────────────────") + "\n")
		for _, v := range s.values {
			fmt.Fprintf(&b, "    %s %s %s\n", w.Paint.With(term.Dim, "│"), w.Paint.With(term.Bold, term.Clean(v.Traversal)), v.Statement)
		}
	}
	return b.String()
}

// linesMost bounds an excerpt: of a longer one, such as a whole block, the
// first lines tell enough.
const linesMost = 8

// code writes the numbered lines. What is meant is underlined, or where there
// are no colours, its first line stands above carets.
func (w Writer) code(b *strings.Builder, s *snippet) {
	at := 0
	for i, line := range strings.SplitAfter(s.code, "\n") {
		if i == linesMost {
			b.WriteString("      " + w.Paint.With(term.Dim, "…") + "\n")
			return
		}
		bare := strings.TrimRight(line, "\r\n")
		from, to := clamp(s.from-at, len(bare)), clamp(s.to-at, len(bare))
		at += len(line)
		// Underlined blanks round the code would look like part of it.
		from = max(from, min(to, len(bare)-len(strings.TrimLeft(bare, " \t"))))
		to = from + len(strings.TrimRight(bare[from:to], " \t"))
		before, meant, after := term.Clean(bare[:from]), term.Clean(bare[from:to]), term.Clean(bare[to:])
		if i == 0 && meant == "" && after == "" {
			meant = " " // the end of the line is meant
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%4d: %s%s%s", s.line+i, before, w.Paint.With(term.Underline, meant), after), " ") + "\n")
		if !w.Paint && i == 0 {
			b.WriteString("      " + blanks(before) + strings.Repeat("^", max(term.Columns(meant), 1)) + "\n")
		}
	}
}

func clamp(n, most int) int { return min(max(n, 0), most) }

// blanks is as wide as s on a terminal; tabs stay, since their width varies.
func blanks(s string) string {
	var b strings.Builder
	for part := range strings.SplitAfterSeq(s, "\t") {
		text, tab := strings.CutSuffix(part, "\t")
		b.WriteString(strings.Repeat(" ", term.Columns(text)))
		if tab {
			b.WriteByte('\t')
		}
	}
	return b.String()
}

// snippet is the excerpt of a file that a diagnostic points at: whole lines.
type snippet struct {
	context  string // header of the block around it, "" outside of blocks
	code     string
	line     int // of the first line
	from, to int // the range meant, in bytes of code
	values   []valueOf
}

// excerpt is nil when the file is not there, or is not the file that the range
// was made for.
func excerpt(diag *hcl.Diagnostic, files map[string]*hcl.File) *snippet {
	subject := *diag.Subject
	file := files[subject.Filename]
	if file == nil || subject.Start.Byte < 0 || subject.End.Byte < subject.Start.Byte || subject.End.Byte > len(file.Bytes) {
		return nil
	}
	src := string(file.Bytes)
	first := strings.LastIndexByte(src[:subject.Start.Byte], '\n') + 1
	// A range that ends with a newline does not mean the next line too.
	end := subject.End.Byte
	if end > subject.Start.Byte && src[end-1] == '\n' {
		end--
	}
	last := len(src)
	if i := strings.IndexByte(src[end:], '\n'); i >= 0 {
		last = end + i
	}
	s := &snippet{
		context: contextOf(file, subject.Start.Byte), code: strings.TrimSuffix(src[first:last], "\r"),
		line: subject.Start.Line, from: subject.Start.Byte - first, to: end - first, values: valuesOf(diag, files),
	}
	s.from = min(s.from, len(s.code))
	// An empty range means the place after it.
	s.to = min(max(s.to, s.from+1), len(s.code))
	return s
}

// headerLine is the first line of a block.
var headerLine = regexp.MustCompile(`^([A-Za-z_][\w-]*(?: "[^"]*")*) *\{`)

// contextOf is the header of the outermost block around an offset.
func contextOf(file *hcl.File, offset int) string {
	if nav, ok := file.Nav.(interface{ ContextString(int) string }); ok {
		context := nav.ContextString(offset)
		// Where a quote is missing, labels swallow what follows them.
		if broken := strings.IndexAny(context, "{}\n"); broken >= 0 {
			context, _, _ = strings.Cut(context[:broken], " ")
		}
		return context
	}
	end := offset
	for end > 0 {
		start := strings.LastIndexByte(string(file.Bytes[:end-1]), '\n') + 1
		line := string(file.Bytes[start:end])
		if start < offset && strings.HasPrefix(line, "}") {
			return ""
		}
		if m := headerLine.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		end = start
	}
	return ""
}
