package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

func importCommand(a *app, f *pflag.FlagSet) func([]string) error {
	var vars varFlags
	var lock lockFlags
	vars.register(f)
	lock.register(f)
	neverAsks(f)
	return func(args []string) error {
		if len(args) != 2 {
			return usageError("import wants two arguments: ADDRESS ID")
		}
		to, err := parseAddr(args[0])
		if err != nil {
			return err
		}
		p := a.open()
		cfg, err := p.load(vars)
		if err != nil {
			return err
		}
		ctx, cancel := p.cancellable()
		defer cancel()
		l, err := p.lock(ctx, p.storeOf(cfg), "import", lock.timeout)
		if err != nil {
			return p.reportError(err)
		}
		return p.unlock(l, func() error {
			fmt.Fprintf(a.stdout, "%s: Importing from ID %q...\n", to, args[1])
			if err := p.report(p.planner.Import(ctx, cfg, to, args[1], l)); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "\nImport successful!\n\nThe object is in the state now and hostler manages it. Run `hostler plan` to see how it differs from the block.\n")
			return nil
		}())
	}
}
