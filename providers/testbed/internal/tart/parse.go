package tart

import (
	"fmt"
	"strconv"
	"strings"

	"hostler/providers/testbed/internal/vm"
)

// command is one subcommand of tart.
type command struct {
	name     string
	since    string
	operands []string // "<name>"; a last one that ends in "..." takes one or more
	options  []option
	// passthrough ends the options at the first operand: what follows is the
	// guest's command line, word for word.
	passthrough bool
	mutating    bool
	run         func(*call) error
}

// option is one option of a command.
type option struct {
	name  string // with its dashes
	short string
	value string // placeholder; empty for a flag
	bits  int    // of a whole number; 0 for any text
	since string
}

func flag(name string) option               { return option{name: name} }
func value(name, placeholder string) option { return option{name: name, value: placeholder} }
func number(name string, bits int) option {
	return option{name: name, value: "<" + strings.TrimLeft(name, "-") + ">", bits: bits}
}
func (o option) from(since string) option { o.since = since; return o }
func (o option) or(short string) option   { o.short = short; return o }
func (c command) option(s string) (option, bool) {
	for _, o := range c.options {
		if s == o.name || s != "" && s == o.short {
			return o, true
		}
	}
	return option{}, false
}

// usage is the command's line in its own help.
func (c command) usage() string {
	words := []string{"tart", c.name}
	for _, o := range c.options {
		if o.value == "" {
			words = append(words, "["+o.name+"]")
		} else {
			words = append(words, "["+o.name+" "+o.value+"]")
		}
	}
	return strings.Join(append(words, c.operands...), " ")
}

func (c *call) refuse(format string, args ...any) error {
	return usage{text: fmt.Sprintf(format, args...), usage: c.cmd.usage(), command: c.cmd.name}
}

// invalid is a refusal that comes from the command's body, where the usage line
// is that of tart itself.
func invalid(format string, args ...any) error { return usage{text: fmt.Sprintf(format, args...)} }

// parse reads the arguments; done is true if there is nothing left to do.
func (c *call) parse(args []string) (done bool, err error) {
	c.options = map[string][]string{}
	var words []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" && !c.cmd.passthrough {
			words = append(words, args...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" || arg == "--" {
			words = append(words, arg)
			if c.cmd.passthrough {
				words = append(words, args...)
				break
			}
			continue
		}
		if arg == "--help" || arg == "-h" {
			fmt.Fprintf(c.Stdout, "USAGE: %s\n", c.cmd.usage())
			return true, nil
		}
		name, val, joined := strings.Cut(arg, "=")
		o, ok := c.cmd.option(name)
		if !ok || !c.tart.since(o.since) {
			return false, c.refuse("Unknown option '%s'", name)
		}
		switch {
		case o.value == "" && joined:
			return false, c.refuse("The option '%s' does not take any value, but '%s' was specified.", o.name, val)
		case o.value != "" && !joined && len(args) == 0:
			return false, c.refuse("Missing value for '%s %s'", o.name, o.value)
		case o.value != "" && !joined:
			val, args = args[0], args[1:]
		}
		c.options[o.name] = append(c.options[o.name], val)
	}
	return false, c.take(words)
}

func (c *call) take(words []string) error {
	want := c.cmd.operands
	open := c.cmd.passthrough || len(want) > 0 && strings.HasSuffix(want[len(want)-1], "...")
	if len(words) < len(want) {
		return c.refuse("Missing expected argument '%s'", strings.TrimSuffix(want[len(words)], " ..."))
	}
	if extra := words[len(want):]; len(extra) == 1 && !open {
		return c.refuse("Unexpected argument '%s'", extra[0])
	} else if len(extra) > 1 && !open {
		return c.refuse("%d unexpected arguments: '%s'", len(extra), strings.Join(extra, "', '"))
	}
	c.operands = words
	for _, o := range c.cmd.options {
		if o.bits > 0 {
			if _, err := c.number(o.name, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) has(name string) bool { return len(c.options[name]) > 0 }

// text is the last value of an option, or other when it is not given.
func (c *call) text(name, other string) string {
	if all := c.options[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return other
}

// number is the last value of an option that takes a whole number.
func (c *call) number(name string, other uint64) (uint64, error) {
	if !c.has(name) {
		return other, nil
	}
	s := c.text(name, "")
	o, _ := c.cmd.option(name)
	n, err := strconv.ParseUint(s, 10, o.bits)
	if err != nil {
		return 0, c.refuse("The value '%s' is invalid for '%s %s'", s, name, o.value)
	}
	return n, nil
}

// choice is the value of an option that takes one of a few words.
func (c *call) choice(name, other string, words ...string) (string, error) {
	s := c.text(name, other)
	for _, w := range words {
		if s == w {
			return s, nil
		}
	}
	if s == other {
		return s, nil
	}
	o, _ := c.cmd.option(name)
	return "", c.refuse("The value '%s' is invalid for '%s %s'. Please provide one of '%s'.", s, name, o.value, strings.Join(words, "', '"))
}

// local is the VM that the first operand names.
func (c *call) local() (vm.Named, error) {
	n := vm.Named{Name: c.operands[0], Dir: c.home.Local(c.operands[0])}
	return n, c.check(n)
}

// check answers for a VM's folder as tart does when it opens it.
func (c *call) check(n vm.Named) error {
	switch {
	case n.Dir.Complete():
		return nil
	case n.Dir.Exists() && c.tart.since("2.36.0"):
		return failure("VM is missing files for a supported layout: config.json, nvram.bin and either disk.img or manifest.json and overlay.asif")
	case n.Dir.Exists():
		return failure("VM is missing some of its files (config.json, disk.img or nvram.bin)")
	}
	return missing(n.Name)
}

func help(v version) string {
	var b strings.Builder
	b.WriteString("OVERVIEW:\n\nUSAGE: tart <subcommand>\n\nOPTIONS:\n  --version               Show the version.\n  -h, --help              Show help information.\n\nSUBCOMMANDS:\n")
	for _, c := range commands() {
		if v.since(c.since) {
			fmt.Fprintf(&b, "  %s\n", c.name)
		}
	}
	return b.String()
}
