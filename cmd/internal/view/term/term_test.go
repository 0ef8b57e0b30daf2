package term

import (
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(Paint(true).With(Red, "x"), "\x1b[31mx\x1b[0m")
	check(Paint(false).With(Red, "x"), "x")
	check(Paint(true).With(Red, ""), "")
	check(Clean("a\x1b[2J\x00\x7f\u009b\u202eb\n\tc"), "a␛[2J␀␡\ufffd\ufffdb\n\tc")
	check(Line(" a\n\tb\r\nc "), "a b c")
	check(Truncate("abcdef", 6), "abcdef")
	check(Truncate("abcdef", 4), "abc…")
	check(Truncate("日本語", 5), "日本…")
	check(Truncate("日本語", 4), "日…")
	check(Truncate("abc", 0), "")
	check(Wrap("one two three\n\n  keep this line\nfour", 7), "one two\nthree\n\n  keep this line\nfour")
	check(Wrap("longerthanall x", 4), "longerthanall\nx")
	check(Count(1, "line")+Count(0, "line"), "1 line0 lines")
	if n := Columns("\x1b[1;31mä日\u0301\x1b[0m"); n != 3 {
		t.Errorf("%d columns", n)
	}
}

// Without terminals there is no colour and nothing live, whatever else is set.
func TestOpenPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	s := Open(w, w, []string{"TERM=xterm-256color"}, false)
	if bool(s.Color || s.ErrColor) || s.Live || s.Interactive || s.Size != nil || s.Width != 78 {
		t.Errorf("%+v", s)
	}
}

// screen is a terminal: it keeps every line, breaks those that are too long,
// and knows the few codes that a region sends.
type screen struct {
	cols, rows int
	lines      [][]rune
	row, col   int
}

var code = regexp.MustCompile(`^\x1b\[(\d*)([AJKm])`)

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		if m := code.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1])
			switch m[2] {
			case "A":
				// The cursor can't go above the visible part.
				s.row = max(s.row-n, len(s.lines)-s.rows, 0)
			case "K":
				s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
			case "J":
				s.lines = s.lines[:s.row+1]
				s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
			}
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\n':
			s.down()
			s.col = 0
		case '\r':
			s.col = 0
		case '\x1b':
			return 0, fmt.Errorf("unknown code %q", text)
		default:
			if s.col == s.cols {
				s.down()
				s.col = 0
			}
			s.at(s.row)
			line := s.lines[s.row]
			for len(line) <= s.col {
				line = append(line, ' ')
			}
			line[s.col] = r
			s.lines[s.row] = line
			s.col++
		}
	}
	return len(p), nil
}

func (s *screen) down() { s.row++; s.at(s.row) }

func (s *screen) at(row int) {
	for len(s.lines) <= row {
		s.lines = append(s.lines, nil)
	}
}

// resize breaks and joins lines as terminals do.
func (s *screen) resize(cols int) {
	var lines [][]rune
	for _, line := range s.lines[:s.row] {
		for len(line) > cols {
			lines = append(lines, line[:cols:cols])
			line = line[cols:]
		}
		lines = append(lines, line)
	}
	s.lines, s.row, s.cols = append(lines, nil), len(lines), cols
}

func (s *screen) text() string {
	var b strings.Builder
	for _, line := range s.lines[:s.row] {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return b.String()
}

// Whatever is drawn in whatever order, the finished text stands whole above
// the lines of the last redraw, and nothing else is left; narrowing the
// terminal changes nothing about that.
func TestRegion(t *testing.T) {
	for seed := range int64(100) {
		r := rand.New(rand.NewSource(seed))
		s := &screen{cols: 20 + r.Intn(60), rows: 24, lines: [][]rune{nil}}
		region := NewRegion(s, func() (int, int) { return s.cols, s.rows })
		var above, want string
		for i := range 20 {
			if r.Intn(4) == 0 {
				narrower := max(s.cols-r.Intn(30), 12)
				s.resize(narrower)
			}
			text := ""
			if r.Intn(2) == 0 {
				text = fmt.Sprintf("done %d\n", i)
				above += text
			}
			lines := make([]string, r.Intn(5))
			for j := range lines {
				lines[j] = Truncate(strings.Repeat(fmt.Sprintf("%d.%d running ", i, j), r.Intn(6)), region.Cols())
			}
			region.Draw(text, lines)
			want = above
			for _, line := range lines {
				want += strings.TrimRight(line, " ") + "\n"
			}
			if got := s.text(); got != want {
				t.Fatalf("seed %d, step %d: got\n%swant\n%s", seed, i, got, want)
			}
		}
		region.Draw("", nil)
		if got := s.text(); got != above {
			t.Fatalf("seed %d: left\n%swant\n%s", seed, got, above)
		}
	}
}

func TestRegionTooHigh(t *testing.T) {
	s := &screen{cols: 40, rows: 6, lines: [][]rune{nil}}
	region := NewRegion(s, func() (int, int) { return s.cols, s.rows })
	lines := strings.Split("a b c d e f g h", " ")
	region.Draw("", lines)
	region.Draw("", lines)
	if got, want := s.text(), "a\nb\nc\n… and 5 more\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrapKeepsCommandsWhole(t *testing.T) {
	for text, want := range map[string]string{
		"go on with `hostler state recover` now":  "go on with\n`hostler state recover`\nnow",
		"a (`b c`), `d` and `no closing one here": "a (`b c`), `d` and\n`no closing one here",
	} {
		if got := Wrap(text, 20); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
