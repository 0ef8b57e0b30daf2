// Package doctor looks for what breaks a Mac in practice: each fact is a named
// check, which tells what is so, why that matters, and the command that mends it.
//
// Invariants:
//
//  1. Looking changes nothing, neither on the Mac nor at GitHub.
//  2. One trouble is told once: a check that needs what another one has found
//     wrong is skipped.
//  3. What is mended by itself ends no job and can be undone; and it counts as
//     mended when the check, made again, says so.
//
// Start at checks.go, the list of all checks.
package doctor

import (
	"context"
	"errors"

	"hostler/hcl/schema"
	"hostler/providers/host"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/hostsettings"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/registry"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
	"hostler/providers/tart"
)

// Level is how bad what a check has found is.
type Level string

// The levels. With an error the Mac loses jobs, or runs none; of a warning it
// will when something else happens.
const (
	Sound   Level = "ok"
	Warning Level = "warning"
	Failure Level = "error"
	Skipped Level = "skipped"
)

// Result is what a check has found.
type Result struct {
	Check    string `json:"check"`
	Level    Level  `json:"level"`
	Evidence string `json:"evidence"`
	Why      string `json:"why"`            // it matters
	Mend     string `json:"mend,omitempty"` // the command, or what else to do
	Fixable  bool   `json:"fixable"`        // by --fix
	Fixed    bool   `json:"fixed"`
}

// Options say which Mac is looked at, and for what.
type Options struct {
	dispatch.Options
	// Secrets, Files and Pulls are the repositories that have secrets, workflow
	// files, and workflow files by pull request of ours, without the owner; "" are
	// secrets of the organization.
	Secrets, Files, Pulls []string
	Fix                   bool
}

// finding is what is so. A finding without a level is sound.
type finding struct {
	level    Level
	evidence string
	mend     string
	fix      func(context.Context) error // nil: not by itself
}

func sound(evidence string) finding         { return finding{Sound, evidence, "", nil} }
func skipped(evidence string) finding       { return finding{Skipped, evidence, "", nil} }
func warning(evidence, mend string) finding { return finding{Warning, evidence, mend, nil} }
func failure(evidence, mend string) finding { return finding{Failure, evidence, mend, nil} }
func unknown(what string, err error) finding {
	return finding{Warning, what + " can't be told: " + err.Error(), "", nil}
}

// by is the finding with what mends it by itself.
func (f finding) by(fix func(context.Context) error) finding {
	f.fix = fix
	return f
}

// patient is the Mac, and what was learnt of it on the way.
type patient struct {
	Options
	mac      *machine.Machine
	tart     *tartcli.Tart
	macos    *hostsettings.Client
	settings *hostsettings.Batch
	remote   *registry.Client
	facts    machine.Facts
	wrong    map[string]bool // what earlier checks found to be

	conf      status.Configuration
	unapplied error // there is no configuration
	status    status.Status
	unread    error // there is no status
	answers   bool  // the service does

	github   *ghapi.Client
	runners  []ghapi.Runner
	unlisted error
	builds   []tart.Build
	unbuilt  error
}

// Examine makes all checks, tells each result as soon as it is there, and
// returns all of them. Its error is one of not knowing the Mac at all.
func Examine(ctx context.Context, o Options, told func(Result)) ([]Result, error) {
	p := &patient{Options: o, mac: machine.Of(o.Env), wrong: map[string]bool{}}
	p.tart, p.macos, p.remote = tartcli.New(p.mac), hostsettings.New(p.mac), registry.New(p.mac, o.Env.Web)
	p.settings = p.macos.Batch()
	var err error
	if p.facts, err = p.mac.Facts(); err != nil {
		return nil, err
	}
	p.conf, p.unapplied = status.Installed(o.Options)
	p.ask(ctx)
	p.list(ctx)
	p.builds, p.unbuilt = tart.Builds(ctx, o.Env)
	var all []Result
	for _, c := range checks() {
		if ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		r := p.make(ctx, c)
		if told != nil {
			told(r)
		}
		all = append(all, r)
	}
	return all, nil
}

// make makes one check, and mends what it may.
func (p *patient) make(ctx context.Context, c check) Result {
	f := c.look(p, ctx)
	fixed := false
	if bad(f) && f.fix != nil && p.Fix {
		err := f.fix(ctx)
		p.settings = p.macos.Batch()
		if again := c.look(p, ctx); err == nil {
			f, fixed = again, !bad(again)
		} else {
			f.evidence += "; to mend it was tried: " + err.Error()
		}
	}
	p.wrong[c.name] = bad(f)
	return Result{Check: c.name, Level: f.level, Evidence: f.evidence, Why: c.why, Mend: f.mend, Fixable: f.fix != nil && bad(f), Fixed: fixed}
}

func bad(f finding) bool { return f.level == Warning || f.level == Failure }

// ask asks the service, or its ledger while it is down.
func (p *patient) ask(ctx context.Context) {
	if p.unapplied != nil {
		p.unread = p.unapplied
		return
	}
	c, err := socket.Dial(p.Env)
	if err == nil {
		p.status, err = c.Status(ctx)
		// A service that answers with what is wrong does answer.
		if p.answers = !errors.As(err, new(*socket.NoServiceError)); p.answers {
			p.unread = err
			return
		}
	}
	snap, _, err := status.Offline(p.Options.Options)
	if err == nil {
		p.status, err = status.Of(ctx, p.Options.Options, snap, false)
	}
	p.unread = err
}

// restart has launchd run the service anew, and asks it.
func (p *patient) restart(ctx context.Context) error {
	if err := host.Restart(ctx, p.Env); err != nil {
		return err
	}
	p.wait(ctx)
	return nil
}

// size is an amount of bytes for people.
func size(n uint64) string { return schema.Size(n).String() }
