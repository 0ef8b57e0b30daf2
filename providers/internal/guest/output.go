package guest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// output reads what a script's shell prints on stdout: it passes on what comes
// between the two marks, as it comes, and keeps the end's exit code.
type output struct {
	mark string
	to   io.Writer

	mu     sync.Mutex
	rest   []byte // not passed on yet: it may be part of a mark
	begun  bool
	pid    int // of the shell; 0 when it said none
	ended  chan struct{}
	code   int // valid after ended
	failed error
}

func newOutput(mark string, to io.Writer) *output {
	return &output{mark: mark, to: to, ended: make(chan struct{})}
}

// Write never fails, because that would end the script.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over() {
		return len(p), nil // from what the script left running
	}
	o.rest = append(o.rest, p...)
	if !o.begun {
		line, after, ok := o.line("begin")
		if !ok {
			o.rest = o.rest[max(0, len(o.rest)-2*longest):]
			return len(p), nil
		}
		fmt.Sscan(line, &o.pid)
		o.begun, o.rest = true, after
	}
	at := bytes.Index(o.rest, []byte(o.mark))
	if at < 0 {
		o.pass(len(o.rest) - o.partial())
		return len(p), nil
	}
	o.pass(at)
	if line, _, ok := o.line("end"); ok {
		fmt.Sscan(line, &o.code)
		close(o.ended)
	}
	return len(p), nil
}

// longest is how many bytes of what went wrong an error repeats.
const longest = 1000

func (o *output) over() bool {
	select {
	case <-o.ended:
		return true
	default:
		return false
	}
}

// line looks for a whole line of the mark and a word, and returns what stands
// behind the two on it, and what follows the line.
func (o *output) line(word string) (behind string, after []byte, ok bool) {
	_, found, ok := bytes.Cut(o.rest, []byte(o.mark+" "+word+" "))
	if !ok {
		return "", nil, false
	}
	line, after, ok := bytes.Cut(found, []byte("\n"))
	return string(line), after, ok
}

// partial is how many bytes at the end may be the beginning of the mark.
func (o *output) partial() int {
	for n := min(len(o.mark)-1, len(o.rest)); n > 0; n-- {
		if bytes.HasSuffix(o.rest, []byte(o.mark[:n])) {
			return n
		}
	}
	return 0
}

// pass passes on the first n bytes.
func (o *output) pass(n int) {
	if n > 0 {
		if _, err := o.to.Write(o.rest[:n]); err != nil && o.failed == nil {
			o.failed = err
		}
	}
	o.rest = o.rest[n:]
}

// shell is the number of the shell that runs the script, once it has begun.
func (o *output) shell() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pid
}
