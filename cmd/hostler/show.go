package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view"
	"hostler/hcl/addr"
	"hostler/planner/planfile"
)

func show(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		p := a.open()
		if len(args) > 1 {
			return usageError("show takes one saved plan at most")
		}
		if len(args) == 1 {
			return p.showPlan(args[0])
		}
		snapshot, err := p.store().Read()
		if err != nil {
			return p.reportError(err)
		}
		if a.json {
			return view.StateJSON(a.stdout, snapshot, release)
		}
		text, err := view.StateText(snapshot, p.types.Schemas(), a.streams().Color)
		if err != nil {
			return p.reportError(err)
		}
		fmt.Fprint(a.stdout, text)
		return nil
	}
}

func (p *project) showPlan(path string) error {
	plan, err := planfile.Read(p.inDir(path), p.types)
	if err != nil {
		return p.reportError(err)
	}
	if p.json {
		return view.PlanJSON(p.stdout, plan, release, false)
	}
	p.Plan(plan, view.Ending{})
	return nil
}

func output(a *app, f *pflag.FlagSet) func([]string) error {
	var raw bool
	jsonFlag(a, f)
	f.BoolVar(&raw, "raw", false, "the bare text of one output, without a newline")
	return func(args []string) error {
		if len(args) > 1 || raw && len(args) == 0 {
			return usageError("output takes one name at most, and --raw needs one")
		}
		p := a.open()
		snapshot, err := p.store().Read()
		if err != nil {
			return p.reportError(err)
		}
		list, err := view.Outputs(snapshot.Outputs)
		if err != nil {
			return p.reportError(err)
		}
		if len(args) == 1 {
			return p.reportError(p.oneOutput(list, args[0], raw))
		}
		if a.json {
			return view.OutputsJSON(a.stdout, list)
		}
		if len(list) == 0 {
			p.Note("The state has no outputs. Outputs appear when a configuration with output blocks is applied.")
		}
		fmt.Fprint(a.stdout, view.OutputsText(list))
		return nil
	}
}

func (p *project) oneOutput(list []view.Output, name string, raw bool) error {
	for _, o := range list {
		switch {
		case o.Name != name:
			continue
		case o.Sensitive:
			return fmt.Errorf("Output %q is sensitive\n\nIts value is in no state file, so it can't be shown. It comes from the variables and files of the configuration.", name)
		case p.json:
			return view.OutputJSON(p.stdout, o)
		case raw:
			text, err := view.OutputRaw(o)
			fmt.Fprint(p.stdout, text)
			return err
		}
		fmt.Fprintln(p.stdout, strings.TrimSuffix(view.OutputText(o), "\n"))
		return nil
	}
	return fmt.Errorf("Output %q not found\n\nThe state has no output of that name; `hostler output` lists what there is.", name)
}

func stateList(a *app, f *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		p := a.open()
		snapshot, err := p.store().Read()
		if err != nil {
			return p.reportError(err)
		}
		var only []addr.Addr
		for _, arg := range args {
			want, err := parseAddr(arg)
			if err != nil {
				return err
			}
			if len(covered(snapshot, want)) == 0 {
				return p.reportError(notInState(want))
			}
			only = append(only, want)
		}
		fmt.Fprint(a.stdout, view.StateList(snapshot, only))
		return nil
	}
}

func stateShow(a *app, f *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		text, err := onlyOne(args, "the address of a resource")
		if err != nil {
			return err
		}
		want, err := parseAddr(text)
		if err != nil {
			return err
		}
		p := a.open()
		snapshot, err := p.store().Read()
		if err != nil {
			return p.reportError(err)
		}
		r, t := snapshot.Resources[want], p.types[want.Type]
		if r == nil || t == nil {
			return p.reportError(notInState(want))
		}
		shown, err := view.ResourceText(want, r, t.Schema, a.streams().Color)
		if err != nil {
			return p.reportError(err)
		}
		fmt.Fprint(a.stdout, shown)
		return nil
	}
}
