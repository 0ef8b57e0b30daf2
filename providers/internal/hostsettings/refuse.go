package hostsettings

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hostler/providers"
	"hostler/providers/internal/machine"
)

// refusals gathers what went wrong with the settings that are named. What sudo
// denied becomes one error, however many settings it concerns.
type refusals struct {
	c      *Client
	named  *Values
	errs   []error
	denied []string // settings
}

// reading notes an error of reading a setting.
func (r *refusals) reading(s setting, err error) {
	if deniedBySudo(err) {
		r.denied = append(r.denied, s.name)
		return
	}
	r.errs = append(r.errs, fmt.Errorf("read the setting %s: %w", s.name, err))
}

// writing notes what became of a change; now is the setting as read back, which
// alone decides.
func (r *refusals) writing(ch change, now any) {
	var err error
	switch {
	case reflect.DeepEqual(now, ch.want):
		return
	case deniedBySudo(ch.err):
		r.denied = append(r.denied, ch.name)
		return
	case ch.err != nil:
		err = fmt.Errorf("the Mac refused %s: %w; %s", show(ch.want), ch.err, ch.refusal)
	default:
		cmds, said := ch.write(ch.want), ""
		if ch.said != "" {
			said = fmt.Sprintf(" (which said: %s)", ch.said)
		}
		err = fmt.Errorf("the Mac did not take %s: after `%s`%s it has %s; %s", show(ch.want), cmds[len(cmds)-1], said, show(now), ch.refusal)
	}
	r.errs = append(r.errs, &providers.AttrError{Path: attr(ch.name), Err: err})
}

func (r *refusals) join() error {
	if len(r.denied) > 0 {
		r.errs = append(r.errs, r.c.explain(r.denied, r.named))
	}
	return errors.Join(r.errs...)
}

// deniedBySudo tells that sudo did not let a command run at all.
func deniedBySudo(err error) bool {
	var exit *machine.ExitError
	if !errors.As(err, &exit) || exit.Program != "sudo" {
		return false
	}
	return slices.ContainsFunc([]string{"sudo: a password is required", "is not allowed to execute", "is not in the sudoers file", "may not run sudo", "a terminal is required"},
		func(text string) bool { return strings.Contains(exit.Stderr, text) })
}

// explain says which lines of sudoers let hostler read and write what is named.
func (c *Client) explain(denied []string, named *Values) error {
	facts, err := c.m.Facts()
	if err != nil {
		return err
	}
	lines, err := c.sudoers(facts.User, named)
	if err != nil {
		return err
	}
	what := "the setting " + denied[0] + " belongs"
	if len(denied) > 1 {
		what = "the settings " + strings.Join(denied, ", ") + " belong"
	}
	// The empty last line keeps a full stop from being taken for a part of the
	// last command.
	return fmt.Errorf("%s to root, and sudo asks for a password. Let %s run these commands, and no others, without one. Run\n\n    sudo visudo -f /etc/sudoers.d/hostler-settings\n\nand write\n\n    %s\n",
		what, facts.User, strings.Join(lines, "\n    "))
}

// sudoers are the lines that allow exactly what reading and writing the named
// settings takes.
func (c *Client) sudoers(user string, named *Values) ([]string, error) {
	var lines []string
	allow := func(words ...string) {
		for i, w := range words {
			words[i] = escape(w)
		}
		line := fmt.Sprintf("%s ALL=(root) NOPASSWD: %s", user, strings.Join(words, " "))
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, s := range named.settings() {
		for _, w := range s.read {
			if w.call.root {
				allow(strings.Fields(w.call.line)...)
			}
		}
		for _, cmd := range s.write(named.get(s.name)) {
			if !cmd.root {
				continue
			}
			args, err := c.expanded(cmd.args)
			if err != nil {
				return nil, err
			}
			allow(append([]string{cmd.program}, args...)...)
		}
	}
	return lines, nil
}

// escape writes a word of a command as sudoers wants it.
func escape(word string) string {
	var b strings.Builder
	for _, r := range word {
		if strings.ContainsRune(`,:=\*?[]!#`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}
