package build

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/secret"
)

// transcript is the log of a build, which goes on in the next attempt at it. It
// is written as a whole, every now and then, so that it can be read at any
// time.
type transcript struct {
	mac     *machine.Machine
	path    string
	secrets []string // what must not get into it

	mu      sync.Mutex
	text    []byte
	written time.Time
}

const (
	longest = 4 << 20         // of a log; its beginning gives way
	pace    = 2 * time.Second // between two writes while something runs
)

// openTranscript continues the log at path.
func openTranscript(m *machine.Machine, path string, password secret.Value) (*transcript, error) {
	t := &transcript{mac: m, path: path}
	// A secret of several lines is looked for line by line.
	for _, part := range strings.FieldsFunc(password.Reveal(), func(r rune) bool { return r == '\n' || r == '\r' }) {
		t.secrets = append(t.secrets, part)
	}
	t.text, _ = m.ReadFile(path) // what can't be read is begun anew
	return t, t.flush()
}

// head begins a part of the log.
func (t *transcript) head(kind, name string) { t.add(fmt.Sprintf("== %s %q\n", kind, name)) }

func (t *transcript) add(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	if over := len(t.text) - longest; over > 0 {
		cut := over + bytes.IndexByte(t.text[over:], '\n') + 1
		t.text = append([]byte("…\n"), t.text[cut:]...)
	}
	if time.Since(t.written) > pace {
		// What can't be written now is tried again, and told by flush.
		_ = t.write()
	}
}

// flush writes the log.
func (t *transcript) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write()
}

func (t *transcript) write() error {
	t.written = time.Now()
	return t.mac.WriteFile(t.path, t.text, 0o600)
}

func (t *transcript) redact(text string) string {
	for _, s := range t.secrets {
		text = strings.ReplaceAll(text, s, "(secret)")
	}
	return text
}

// output is what one step or check prints, on its way into the log.
type output struct {
	log  *transcript
	each func(line string)
	rest []byte // a line that has not ended
	all  []byte // the end of what was printed
}

func (t *transcript) of(each func(line string)) *output { return &output{log: t, each: each} }

// Write takes whole lines out of what comes; a progress bar makes lines, too.
func (o *output) Write(p []byte) (int, error) {
	o.rest = append(o.rest, p...)
	for {
		i := bytes.IndexAny(o.rest, "\n\r")
		if i < 0 && len(o.rest) <= longest {
			return len(p), nil
		}
		if i < 0 {
			i = longest
		}
		o.line(string(o.rest[:i]))
		o.rest = o.rest[i+1:]
	}
}

func (o *output) line(text string) {
	text = o.log.redact(text)
	o.log.add(text + "\n")
	o.all = append(o.all, text+"\n"...)
	if over := len(o.all) - longest; over > 0 {
		o.all = o.all[over:]
	}
	if text = strings.TrimSpace(text); text != "" {
		o.each(text)
	}
}

// close passes on what has no end of line.
func (o *output) close() error {
	if len(o.rest) > 0 {
		o.line(string(o.rest))
		o.rest = nil
	}
	return o.log.flush()
}

func (o *output) printed() string { return string(o.all) }
