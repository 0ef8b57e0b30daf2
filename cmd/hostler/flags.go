package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
)

// twoDashes reads Terraform's single-dash long flags: -auto-approve becomes
// --auto-approve, up to "--". hostler has no one-letter flags but -h, so no
// meaning is lost.
func twoDashes(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			break
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// varFlags are --var and --var-file. Their order on the command line counts
// across both.
type varFlags struct{ args []hcl.VarArg }

func (v *varFlags) register(f *pflag.FlagSet) {
	f.Var(varFlag{v, false}, "var", "set a variable: `NAME=VALUE`; may be repeated")
	f.Var(varFlag{v, true}, "var-file", "read variables from `FILE`; may be repeated")
}

type varFlag struct {
	all  *varFlags
	file bool
}

func (f varFlag) String() string { return "" }
func (f varFlag) Type() string   { return "string" }
func (f varFlag) Set(text string) error {
	f.all.args = append(f.all.args, hcl.VarArg{Text: text, File: f.file})
	return nil
}

// lockFlags say how long to wait for another run.
type lockFlags struct{ timeout time.Duration }

func (l *lockFlags) register(f *pflag.FlagSet) {
	f.DurationVar(&l.timeout, "lock-timeout", 0, "wait so long (`DURATION`, such as 30s) for another run's lock")
	fixed(f, "lock", true, "the lock is what keeps two runs from undoing each other; it frees itself when its holder dies")
}

// planFlags shape a plan.
type planFlags struct {
	vars                         varFlags
	targets, replace             addrList
	destroy, refreshOnly, noScan bool
	upgrade                      bool
	parallelism                  int
}

func (p *planFlags) register(f *pflag.FlagSet) {
	p.vars.register(f)
	f.Var(&p.targets, "target", "plan only `ADDRESS` and what it depends on; may be repeated")
	f.Var(&p.replace, "replace", "destroy and create `ADDRESS` anew; may be repeated")
	f.BoolVar(&p.refreshOnly, "refresh-only", false, "only record how the objects are now; change nothing")
	f.Var(&negated{&p.noScan}, "refresh", "with `=false`: believe the state instead of reading the objects")
	f.Lookup("refresh").NoOptDefVal = "true"
	f.BoolVar(&p.upgrade, "upgrade", false, "follow the tags of images that have moved since the images were made")
	f.IntVar(&p.parallelism, "parallelism", planner.DefaultParallelism, "`N` steps at a time at most, 10 when left out")
}

func (p *planFlags) options() (planner.Options, error) {
	o := planner.Options{Mode: planner.Normal, Targets: p.targets, Replace: p.replace, SkipRefresh: p.noScan, Upgrade: p.upgrade}
	switch {
	case p.destroy && p.refreshOnly:
		return o, usageError("--destroy and --refresh-only exclude each other")
	case p.refreshOnly && p.noScan:
		return o, usageError("--refresh-only and --refresh=false exclude each other")
	case p.refreshOnly && len(p.replace) > 0:
		return o, usageError("--refresh-only and --replace exclude each other")
	case p.parallelism < 1:
		return o, usageError("--parallelism must be at least 1")
	case p.destroy:
		o.Mode = planner.Destroy
	case p.refreshOnly:
		o.Mode = planner.RefreshOnly
	}
	return o, nil
}

// addrList is a repeatable flag of addresses.
type addrList []addr.Addr

func (l *addrList) String() string { return "" }
func (l *addrList) Type() string   { return "string" }
func (l *addrList) Set(text string) error {
	a, err := addr.Parse(text)
	*l = append(*l, a)
	return err
}

// negated is a bool flag whose false is what matters.
type negated struct{ not *bool }

func (n *negated) String() string { return fmt.Sprint(n.not == nil || !*n.not) }
func (n *negated) Type() string   { return "string" }
func (n *negated) Set(text string) error {
	switch text {
	case "true", "false":
		*n.not = text == "false"
		return nil
	}
	return fmt.Errorf("must be true or false")
}

// constant is a flag that wrappers written for Terraform pass, whose one
// possible value is what hostler does anyway.
type constant struct {
	value  bool
	reason string
}

// fixed registers a constant, hidden from help; the reason is why it can't be
// otherwise.
func fixed(f *pflag.FlagSet, name string, value bool, reason string) {
	f.Var(&constant{value, reason}, name, "")
	f.Lookup(name).NoOptDefVal = "true"
	f.Lookup(name).Hidden = true
}

func (c *constant) String() string { return fmt.Sprint(c.value) }
func (c *constant) Type() string   { return "bool" }
func (c *constant) Set(text string) error {
	if text != "true" && text != "false" {
		return fmt.Errorf("must be true or false")
	}
	if text != c.String() {
		return fmt.Errorf("can't be %s: %s", text, c.reason)
	}
	return nil
}

// neverAsks registers --input, which Terraform's wrappers pass to every command,
// where nothing is asked: either value is what happens anyway.
func neverAsks(f *pflag.FlagSet) {
	f.Bool("input", false, "")
	f.Lookup("input").Hidden = true
}

// usageError is a mistake in the command line itself: exit code 64.
type usageError string

func (e usageError) Error() string { return string(e) }

// onlyOne reads the one argument that a command wants.
func onlyOne(args []string, what string) (string, error) {
	if len(args) != 1 {
		return "", usageError(fmt.Sprintf("want exactly one argument: %s", what))
	}
	return args[0], nil
}

// parseAddr reads an address argument.
func parseAddr(text string) (addr.Addr, error) {
	a, err := addr.Parse(text)
	if err != nil {
		return a, usageError(err.Error())
	}
	return a, nil
}

// splitFlag tells --chdir=DIR from --chdir DIR.
func splitFlag(args []string, name string) (value string, rest []string, found bool, err error) {
	if len(args) == 0 {
		return "", args, false, nil
	}
	if v, ok := strings.CutPrefix(args[0], "--"+name+"="); ok {
		return v, args[1:], true, nil
	}
	if args[0] != "--"+name {
		return "", args, false, nil
	}
	if len(args) < 2 {
		return "", args, false, usageError("--" + name + " needs a value")
	}
	return args[1], args[2:], true, nil
}
