package hostsettings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"hostler/providers/internal/machine"
)

// witness is one place that tells a setting. parse returns what it says: more
// than one value where it speaks of several things that should agree, a nil
// one for "never set", none for "no opinion".
type witness struct {
	call  call
	parse func(answer) ([]any, error)
}

// call is a program to run, or a file to read; none has an argument with a
// space.
type call struct {
	line string
	root bool
	file bool
}

func userCall(line string) call { return call{line: line} }
func sudoCall(line string) call { return call{line: line, root: true} }
func fileCall(name string) call { return call{line: name, file: true} }

// pmset tells custom settings for each power source, and plainly what holds
// for them all.
var (
	pmsetCustom = userCall(pmset + " -g custom")
	pmsetNow    = userCall(pmset + " -g")
)

func (c call) String() string {
	words := strings.Fields(c.line)
	words[0] = path.Base(words[0])
	return strings.Join(words, " ")
}

// answer is what a call told.
type answer struct {
	out  string // stdout, or the file
	all  string // stdout and stderr
	code int
	gone bool  // the file is not there
	err  error // there is no answer
}

// ask makes a call, unless this batch has made it.
func (b *Batch) ask(ctx context.Context, c call) *answer {
	if b.answers[c] == nil {
		a := b.c.ask(ctx, c)
		b.answers[c] = &a
	}
	return b.answers[c]
}

func (c *Client) ask(ctx context.Context, q call) answer {
	if q.file {
		data, err := c.m.ReadFile(q.line)
		if errors.Is(err, fs.ErrNotExist) {
			return answer{gone: true}
		}
		return answer{out: string(data), err: err}
	}
	words := strings.Fields(q.line)
	out, err := c.m.Run(ctx, machine.Command{Program: words[0], Args: words[1:], Sudo: q.root})
	a := answer{out: string(out.Stdout), all: string(out.Stdout) + string(out.Stderr)}
	var exit *machine.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code > 0 && !deniedBySudo(err):
		a.code = exit.Code
	case err != nil:
		a.err = err
	case needsAdmin(a.out):
		a.err = fmt.Errorf("%s: it wants to be root: %s", q, strings.TrimSpace(a.out))
	}
	return a
}

// needsAdmin is how systemsetup says no, with exit status 0.
func needsAdmin(out string) bool { return strings.Contains(out, "You need administrator access") }

// odd is an answer that nothing in the reference of these tools explains.
func (a answer) odd() error {
	return fmt.Errorf("exit status %d and an answer that hostler can't read: %q", a.code, strings.TrimSpace(a.all))
}
