package mac

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

const callLog = "calls.jsonl"

// Call is one call of a tool.
type Call struct {
	ID   string `json:"id"`
	Tool string `json:"tool"`
	// Args are the arguments without the tool's name. What runs under sudo is
	// a call of its own, after sudo's.
	Args []string `json:"args"`
	// Env is the tool's whole environment, as NAME=value, sorted.
	Env []string `json:"env"`
	// Dir is the tool's working folder on this machine.
	Dir      string    `json:"dir"`
	PID      int       `json:"pid"`
	PPID     int       `json:"ppid"`
	UID      int       `json:"uid"` // the simulated one
	Start    time.Time `json:"start"`
	Mutating bool      `json:"mutating"` // this command can change the Mac
	Fault    Kind      `json:"fault,omitempty"`

	// Done is false while the tool runs, and for ever when it was killed.
	Done bool      `json:"-"`
	End  time.Time `json:"-"`
	Code int       `json:"-"`
}

// Getenv is a variable of the tool's environment; ok tells whether it was set,
// which for some is all that counts.
func (c Call) Getenv(name string) (value string, ok bool) {
	for _, kv := range c.Env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v, true
		}
	}
	return "", false
}

type callEnd struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	Code int       `json:"code"`
}

// callLine is one line of the log: the start of a call or its end.
type callLine struct {
	Begin *Call    `json:"begin,omitempty"`
	End   *callEnd `json:"end,omitempty"`
}

func (p *Process) begin(mutating bool, fault *Fault) (end func(code int) error, err error) {
	c := &Call{
		ID: rand.Text(), Tool: p.Name, Args: slices.Clone(p.Args), PID: os.Getpid(), PPID: os.Getppid(),
		UID: p.UID, Start: time.Now(), Mutating: mutating,
	}
	if fault != nil {
		c.Fault = fault.Kind
	}
	for _, k := range slices.Sorted(maps.Keys(p.Env)) {
		c.Env = append(c.Env, k+"="+p.Env[k])
	}
	c.Dir, _ = os.Getwd()
	if err := p.log(callLine{Begin: c}); err != nil {
		return nil, err
	}
	return func(code int) error {
		err := p.log(callLine{End: &callEnd{ID: c.ID, Time: time.Now(), Code: code}})
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the Mac went away while the tool ran
		}
		return err
	}, nil
}

// log appends one line in one write, which O_APPEND makes atomic.
func (m *Mac) log(l callLine) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(m.file(callLog), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(data, '\n'))
	return err
}

// Calls are all calls of tools, in the order in which they started.
func (m *Mac) Calls() ([]Call, error) {
	data, err := os.ReadFile(m.file(callLog))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// A reader may see a line before the rest of it: it is not there yet.
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	var calls []Call
	at := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l callLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s: %w", callLog, err)
		}
		if l.Begin != nil {
			at[l.Begin.ID] = len(calls)
			calls = append(calls, *l.Begin)
		}
		if l.End != nil {
			if i, ok := at[l.End.ID]; ok {
				calls[i].Done, calls[i].End, calls[i].Code = true, l.End.Time, l.End.Code
			}
		}
	}
	return calls, lines.Err()
}

// ResetCalls forgets all calls.
func (m *Mac) ResetCalls() error {
	err := os.Truncate(m.file(callLog), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
