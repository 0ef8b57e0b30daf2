package guest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// However the stream is cut into pieces, what is between the marks comes
// through, and nothing else.
func TestOutput(t *testing.T) {
	const mark = "hostler-AB"
	for _, c := range []struct {
		stream, want string
		begun        bool
		pid, code    int // code -1: no end
	}{
		{"hostler-AB begin 17\nhello\nhostler-AB end 3\nlater", "hello\n", true, 17, 3},
		{"noise\nhostler-AB begin 17\nno newlinehostler-AB end 0\n", "no newline", true, 17, 0},
		{"hostler-A hostler-AB begin 1\nhostler-A hostler-hostler-AC\nhostler-AB end 255\n", "hostler-A hostler-hostler-AC\n", true, 1, 255},
		{"hostler-AB begin 1\nhostler-AB end 0\n", "", true, 1, 0},
		{"hostler-AB begin 1\nhalf", "half", true, 1, -1},
		{"hostler-AB begin 1\nhalf\nhostler-AB end", "half\n", true, 1, -1},
		{"login failed\n", "", false, 0, -1},
		{strings.Repeat("noise\n", 1000) + "hostler-AB begin 1\nx\nhostler-AB end 7\n", "x\n", true, 1, 7},
	} {
		for size := 1; size <= len(c.stream); size = size*3/2 + 1 {
			var got bytes.Buffer
			o := newOutput(mark, &got)
			for r := strings.NewReader(c.stream); r.Len() > 0; {
				if _, err := io.CopyN(o, r, int64(size)); err != nil && err != io.EOF {
					t.Fatal(err)
				}
			}
			if got.String() != c.want || o.begun != c.begun || o.shell() != c.pid || o.over() != (c.code >= 0) || o.over() && o.code != c.code {
				t.Errorf("%.60q in pieces of %d: %q, begun %v by %d, over %v with %d", c.stream, size, got.String(), o.begun, o.pid, o.over(), o.code)
			}
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// A reader that fails does not end the script, and is not forgotten.
func TestOutputThatCanNotBePassedOn(t *testing.T) {
	o := newOutput("m", full{})
	if n, err := io.WriteString(o, "m begin 1\nx\nm end 0\n"); err != nil || n != 20 {
		t.Errorf("%d, %v", n, err)
	}
	if !o.over() || o.failed == nil {
		t.Errorf("%v, %v", o.over(), o.failed)
	}
}
