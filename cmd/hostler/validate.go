package main

import (
	"github.com/spf13/pflag"

	"hostler/cmd/internal/view"
	"hostler/hcl"
)

func validate(a *app, f *pflag.FlagSet) func([]string) error {
	var vars varFlags
	vars.register(f)
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("validate takes no arguments; use --chdir DIR for another folder")
		}
		p := a.open()
		cfg, diags := hcl.Load(p.dir, p.language(p.types), hcl.Vars{Environ: p.environ, Args: vars.args, Unset: true})
		if !diags.HasErrors() {
			diags = append(diags, p.planner.Validate(cfg)...)
		}
		p.files = cfg.Files
		if a.json {
			if err := view.ValidateJSON(a.stdout, diags, cfg.Files); err != nil {
				return err
			}
			if diags.HasErrors() {
				return exitCode(exitError)
			}
			return nil
		}
		err := p.report(diags)
		view.NewHuman(a.streams(), nil).Valid(diags)
		return err
	}
}
