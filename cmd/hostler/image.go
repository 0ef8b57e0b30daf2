package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers/tart"
	"hostler/state"
)

// imageList shows the VMs of all images: what jobs are cloned from, what a
// rollback would take, and what makes the next build short.
func imageList(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("image ls takes no arguments")
		}
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		builds, err := tart.Builds(ctx, p.env)
		if err != nil {
			return p.reportError(err)
		}
		if a.json {
			return a.printJSON(builds)
		}
		if len(builds) == 0 {
			p.Note("hostler has built no image on this Mac.")
			return nil
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "IMAGE\tROLE\tVM\tSIZE\tRUNNER\tMADE FROM")
		for _, b := range builds {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Image, b.Role, b.VM, schema.Size(b.Bytes), cmp.Or(b.RunnerVersion, "-"), cmp.Or(b.Source, "-"))
		}
		return w.Flush()
	}
}

func imageRollback(a *app, f *pflag.FlagSet) func([]string) error {
	var lock lockFlags
	lock.register(f)
	return func(args []string) error {
		name, err := onlyOne(args, "the name of an image's VM, as hostler image ls shows it")
		if err != nil {
			return err
		}
		p := a.open()
		return p.withLock("image rollback", lock.timeout, func(ctx context.Context, _ *state.Lock) error {
			b, err := tart.Rollback(ctx, p.env, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "Image %s is the earlier build again, made from %s.\nThe files still describe the other one: until they are changed, the next apply builds that again.\n",
				b.Image, cmp.Or(b.Source, "what is not known"))
			return nil
		})
	}
}

// imageRebuild has one image built anew from the start, though nothing of it has
// changed: what its steps install from elsewhere has.
func imageRebuild(a *app, f *pflag.FlagSet) func([]string) error {
	var flags applyFlags
	flags.lock.register(f)
	flags.plan.vars.register(f)
	f.BoolVar(&flags.auto, "auto-approve", false, "do not ask")
	return func(args []string) error {
		word, err := onlyOne(args, "the address of an image, such as image.base")
		if err != nil {
			return err
		}
		target, err := addr.Parse(word)
		if err != nil || target.Type != "image" {
			return usageError(fmt.Sprintf("%q is no address of an image, such as image.base", word))
		}
		flags.plan.targets, flags.plan.parallelism = addrList{target}, planner.DefaultParallelism
		p := a.open()
		cfg, err := p.load(flags.plan.vars)
		if err != nil {
			return err
		}
		if err := p.withLock("image rebuild", flags.lock.timeout, func(ctx context.Context, l *state.Lock) error {
			return p.outdate(ctx, cfg, l.Snapshot(), target, flags)
		}); err != nil {
			return err
		}
		flags.auto = true
		return p.apply(cfg, "image rebuild", planner.Options{Mode: planner.Normal, Targets: flags.plan.targets}, flags)
	}
}

// outdate makes sure that nothing else would be applied, asks, and has the image
// count as one that must be built.
func (p *project) outdate(ctx context.Context, cfg *hcl.Config, s *state.Snapshot, target addr.Addr, flags applyFlags) error {
	r, ok := s.Resources[target]
	if !ok {
		return fmt.Errorf("the state has no %s; hostler apply builds it", target)
	}
	plan, diags := p.planner.Plan(ctx, cfg, s, planner.Options{Mode: planner.Normal, Targets: []addr.Addr{target}})
	if diags.HasErrors() {
		return p.report(diags)
	}
	if !plan.Empty() {
		return fmt.Errorf("%s, or what it depends on, is not as the files say; run hostler apply --target %s first", target, target)
	}
	v, err := p.types["image"].Decode(r.Attributes, r.SchemaVersion)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if !flags.auto {
		fmt.Fprintf(p.stdout, "%s is built anew from the start, which takes as long as its steps do. Jobs get the old build until the new one has passed its checks.\n", target)
		if err := p.consent(ctx, "Build it? Only \"yes\" is taken: ", "Nothing was built."); err != nil {
			return err
		}
	}
	return tart.Outdate(ctx, p.env, schema.Text(v, "vm"))
}

func imageGC(a *app, f *pflag.FlagSet) func([]string) error {
	var lock lockFlags
	var dry bool
	lock.register(f)
	jsonFlag(a, f)
	f.BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("image gc takes no arguments")
		}
		p := a.open()
		return p.withLock("image gc", lock.timeout, func(ctx context.Context, l *state.Lock) error {
			known, err := p.knownImages(l.Snapshot())
			if err != nil {
				return err
			}
			garbage, err := tart.GC(ctx, p.env, known, dry)
			if shown := a.showGarbage(garbage, dry); err == nil {
				err = shown
			}
			return err
		})
	}
}

// knownImages are the VMs of the images that state records.
func (p *project) knownImages(s *state.Snapshot) ([]string, error) {
	var known []string
	for a, r := range s.Resources {
		if a.Type != "image" {
			continue
		}
		v, err := p.types["image"].Decode(r.Attributes, r.SchemaVersion)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
		if vm := v.GetAttr("vm"); !vm.IsNull() {
			known = append(known, vm.AsString())
		}
	}
	slices.Sort(known)
	return known, nil
}

func (a *app) showGarbage(garbage []tart.Garbage, dry bool) error {
	if a.json {
		return a.printJSON(garbage)
	}
	var total uint64
	verb := "Removed"
	if dry {
		verb = "Would remove"
	}
	for _, g := range garbage {
		total += g.Bytes
		fmt.Fprintf(a.stdout, "%s %s (%s): %s\n", verb, g.Name, schema.Size(g.Bytes), g.Why)
	}
	if len(garbage) == 0 {
		fmt.Fprintln(a.stdout, "There is nothing that no image needs.")
		return nil
	}
	fmt.Fprintf(a.stdout, "At most %s in all; what was shared with other VMs stays.\n", schema.Size(total))
	return nil
}
