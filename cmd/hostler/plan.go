package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view"
	"hostler/hcl"
	"hostler/planner"
	"hostler/planner/planfile"
	"hostler/state"
)

func planCommand(a *app, f *pflag.FlagSet) func([]string) error {
	var flags planFlags
	var lock lockFlags
	var out string
	var detailed bool
	flags.register(f)
	lock.register(f)
	neverAsks(f)
	jsonFlag(a, f)
	f.BoolVar(&flags.destroy, "destroy", false, "plan the destruction of everything")
	f.StringVar(&out, "out", "", "save the plan to `FILE`, for hostler apply FILE")
	f.BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there are changes")
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("plan takes no arguments; use --chdir DIR for another folder")
		}
		opt, err := flags.options()
		if err != nil {
			return err
		}
		p := a.open()
		p.planner.Parallelism = flags.parallelism
		cfg, err := p.load(flags.vars)
		if err != nil {
			return err
		}
		return p.plan(cfg, opt, lock.timeout, out, detailed)
	}
}

// plan needs no lock as a rule: it reads a state that is whole at every
// moment, and an apply checks that it still is the one. But where operations
// are unfinished it looks for what they left and clears it away, which must
// not happen to a run that is still at work.
func (p *project) plan(cfg *hcl.Config, opt planner.Options, timeout time.Duration, out string, detailed bool) error {
	snapshot, err := p.storeOf(cfg).Read()
	if err != nil {
		return p.reportError(err)
	}
	ctx, cancel := p.cancellable()
	defer cancel()
	if len(snapshot.Unfinished) == 0 {
		return p.planFrom(ctx, cfg, snapshot, opt, out, detailed)
	}
	l, err := p.lock(ctx, p.storeOf(cfg), "plan", timeout)
	if err != nil {
		return interruptedOr(ctx, p.reportError(err))
	}
	return p.unlock(l, p.planFrom(ctx, cfg, l.Snapshot(), opt, out, detailed))
}

func (p *project) planFrom(ctx context.Context, cfg *hcl.Config, snapshot *state.Snapshot, opt planner.Options, out string, detailed bool) error {
	stop := p.Start()
	defer stop()
	opt.On = p.Event
	plan, diags := p.planner.Plan(ctx, cfg, snapshot, opt)
	stop()
	if ctx.Err() != nil {
		return exitCode(exitInterrupted)
	}
	end := view.Ending{SavedAs: out, Unsaved: out == "", Failed: diags.HasErrors()}
	if out != "" && !end.Failed {
		if err := planfile.Write(p.inDir(out), plan, p.types); err != nil {
			return p.reportError(err)
		}
	}
	if err := p.weigh(plan, diags, &end); err != nil {
		return p.reportError(err)
	}
	p.Plan(plan, end)
	if err := p.report(diags); err != nil {
		return err
	}
	if detailed && !plan.Empty() {
		return exitCode(exitChanges)
	}
	return nil
}

// inDir is a path given on the command line: it starts at the configuration
// folder, as everything does with --chdir.
func (a *app) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.dir, path)
}
