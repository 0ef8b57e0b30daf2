package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view"
	"hostler/hcl"
	"hostler/planner"
	"hostler/planner/planfile"
	"hostler/state"
)

// applyFlags are what apply, destroy and refresh share.
type applyFlags struct {
	plan  planFlags
	lock  lockFlags
	auto  bool
	input bool
	shown bool // the plan was shown before; rehearse
}

func (f *applyFlags) register(a *app, set *pflag.FlagSet) {
	f.plan.register(set)
	f.lock.register(set)
	jsonFlag(a, set)
	set.BoolVar(&f.auto, "auto-approve", false, "do not ask")
	set.BoolVar(&f.input, "input", true, "with =false: fail rather than ask")
}

func applyCommand(a *app, f *pflag.FlagSet) func([]string) error {
	var flags applyFlags
	flags.register(a, f)
	f.BoolVar(&flags.plan.destroy, "destroy", false, "destroy everything that the state records")
	return func(args []string) error {
		switch len(args) {
		case 0:
			return a.applyConfig("apply", flags)
		case 1:
			return a.applyFile(args[0], f, flags)
		}
		return usageError("apply takes one saved plan at most; use --chdir DIR for another folder")
	}
}

func destroyCommand(a *app, f *pflag.FlagSet) func([]string) error {
	var flags applyFlags
	flags.register(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("destroy takes no arguments; --target ADDRESS narrows it")
		}
		flags.plan.destroy = true
		return a.applyConfig("destroy", flags)
	}
}

func refreshCommand(a *app, f *pflag.FlagSet) func([]string) error {
	var flags applyFlags
	flags.register(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("refresh takes no arguments")
		}
		flags.plan.refreshOnly, flags.auto = true, true
		return a.applyConfig("refresh", flags)
	}
}

// applyConfig applies what the files say.
func (a *app) applyConfig(operation string, flags applyFlags) error {
	opt, err := flags.plan.options()
	if err != nil {
		return err
	}
	if a.json && !flags.auto {
		return usageError("--json can't ask: add --auto-approve, or apply a saved plan")
	}
	p := a.open()
	p.planner.Parallelism = flags.plan.parallelism
	cfg, err := p.load(flags.plan.vars)
	if err != nil {
		return err
	}
	return p.apply(cfg, operation, opt, flags)
}

// apply plans under the lock, asks, and carries the plan out.
func (p *project) apply(cfg *hcl.Config, operation string, opt planner.Options, flags applyFlags) error {
	ctx, stop, end := p.interruptible()
	defer end()
	waiting, stopWaiting := untilStopped(ctx, stop)
	defer stopWaiting()
	lock, err := p.lock(waiting, p.storeOf(cfg), operation, flags.lock.timeout)
	if err != nil {
		return interruptedOr(waiting, p.reportError(err))
	}
	return p.unlock(lock, func() error {
		stopView := p.Start()
		defer stopView()
		opt.On = p.Event
		plan, diags := p.planner.Plan(waiting, cfg, lock.Snapshot(), opt)
		stopView()
		if waiting.Err() != nil {
			return exitCode(exitInterrupted)
		}
		if !flags.shown || diags.HasErrors() {
			end := view.Ending{Failed: diags.HasErrors()}
			if err := p.weigh(plan, diags, &end); err != nil {
				return p.reportError(err)
			}
			p.Plan(plan, end)
		}
		if err := p.report(diags); err != nil {
			return err
		}
		if !flags.auto && !plan.Empty() {
			if err := p.approve(waiting, plan.Mode, flags.input); err != nil {
				return err
			}
		}
		return p.carryOut(ctx, stop, plan, lock)
	}())
}

// applyFile applies a saved plan as it is, or not at all.
func (a *app) applyFile(path string, f *pflag.FlagSet, flags applyFlags) error {
	for _, name := range []string{"target", "replace", "destroy", "refresh-only", "upgrade", "var", "var-file"} {
		if f.Changed(name) {
			return usageError(fmt.Sprintf("--%s has no meaning with a saved plan: the plan is applied as it is", name))
		}
	}
	p := a.open()
	p.planner.Parallelism = flags.plan.parallelism
	plan, err := planfile.Read(a.inDir(path), p.types)
	if err != nil {
		return p.reportError(err)
	}
	ctx, stop, end := p.interruptible()
	defer end()
	waiting, stopWaiting := untilStopped(ctx, stop)
	defer stopWaiting()
	lock, err := p.lock(waiting, p.store(), "apply", flags.lock.timeout)
	if err != nil {
		return interruptedOr(waiting, p.reportError(err))
	}
	return p.unlock(lock, func() error {
		if err := p.report(plan.Check(lock.Snapshot())); err != nil {
			return err
		}
		if !flags.plan.noScan {
			if err := p.report(p.planner.Verify(waiting, plan)); err != nil {
				return err
			}
		}
		return p.carryOut(ctx, stop, plan, lock)
	}())
}

// carryOut applies a plan and says what came of it.
func (p *project) carryOut(ctx context.Context, stop <-chan struct{}, plan *planner.Plan, lock *state.Lock) error {
	stopView := p.Start()
	defer stopView()
	result, diags := p.planner.Apply(ctx, plan, p.recorder(lock), stop, p.Event)
	stopView()
	err := p.report(diags)
	p.Result(plan.Mode, result)
	if result.Interrupted {
		return exitCode(exitInterrupted)
	}
	return err
}

// untilStopped is ctx, ended by the first signal as well: for the part of an
// apply that only reads and asks.
func untilStopped(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-stop:
			cancel(errInterrupted)
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel(nil) }
}

func interruptedOr(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return exitCode(exitInterrupted)
	}
	return err
}

// approve asks before anything is changed.
func (p *project) approve(ctx context.Context, mode planner.Mode, input bool) error {
	if !input {
		return p.reportError(errors.New("Approval is needed\n\nWith --input=false nobody can be asked. Add --auto-approve, or save a plan with hostler plan --out FILE and apply that."))
	}
	cancelled := "Apply cancelled."
	if mode == planner.Destroy {
		cancelled = "Destroy cancelled."
	}
	return p.consent(ctx, "\n"+view.ApprovalPrompt(mode), cancelled)
}

// consent asks for a yes; anything else ends the command.
func (p *project) consent(ctx context.Context, prompt, cancelled string) error {
	fmt.Fprint(p.stdout, prompt)
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(p.stdin).ReadString('\n')
		if err != nil && (err != io.EOF || line == "") {
			line = "EOF"
		}
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(p.stdout)
		return exitCode(exitInterrupted)
	case text := <-answer:
		fmt.Fprintln(p.stdout)
		if text == "yes" {
			return nil
		}
	}
	fmt.Fprintln(p.stdout, cancelled)
	return exitCode(exitError)
}
