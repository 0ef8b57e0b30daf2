package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"hostler/hcl/schema"
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
