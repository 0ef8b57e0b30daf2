package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/hcl/schema"
	"hostler/providers/doctor"
)

// doctorCommand looks for what breaks a Mac in practice. It fails only where
// there is an error among what it found.
func doctorCommand(a *app, f *pflag.FlagSet) func([]string) error {
	fix := f.Bool("fix", false, "mend what can be mended without losing a job")
	all := f.Bool("all", false, "also show what is sound")
	jsonFlag(a, f)
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("doctor takes no arguments")
		}
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		o, err := p.doctorOptions()
		if err != nil {
			return p.reportError(err)
		}
		o.Fix = *fix
		return p.reportError(a.examine(ctx, o, *all))
	}
}

// examine makes the checks, and shows each as soon as it is made.
func (a *app) examine(ctx context.Context, o doctor.Options, all bool) error {
	paint := a.streams().Color
	results, err := doctor.Examine(ctx, o, func(r doctor.Result) {
		if !a.json && (all || r.Fixed || r.Level == doctor.Warning || r.Level == doctor.Failure) {
			fmt.Fprint(a.stdout, shown(r, paint))
		}
	})
	if err != nil {
		return err
	}
	count := map[doctor.Level]int{}
	for _, r := range results {
		count[r.Level]++
	}
	if a.json {
		if err := a.printJSON(results); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "%d checks: %d sound, %d warnings, %d errors, %d skipped.\n",
			len(results), count[doctor.Sound], count[doctor.Warning], count[doctor.Failure], count[doctor.Skipped])
	}
	if count[doctor.Failure] > 0 {
		return exitCode(exitError)
	}
	return nil
}

// shown is a result as people read it. What it holds may come from GitHub.
func shown(r doctor.Result, paint term.Paint) string {
	word, style := string(r.Level), map[doctor.Level]term.Style{doctor.Sound: term.Green, doctor.Warning: term.Yellow, doctor.Failure: term.Red, doctor.Skipped: term.Dim}[r.Level]
	if r.Fixed {
		word = "mended"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s: %s\n", paint.With(style, word), r.Check, term.Line(r.Evidence))
	if r.Level == doctor.Warning || r.Level == doctor.Failure {
		fmt.Fprintf(&b, "    why   %s\n", r.Why)
		if r.Mend != "" {
			fmt.Fprintf(&b, "    mend  %s\n", term.Line(r.Mend))
		}
	}
	return b.String()
}

// doctorOptions are for this Mac, and for what the state records at GitHub.
func (p *project) doctorOptions() (doctor.Options, error) {
	o := doctor.Options{Options: p.options()}
	snapshot, err := p.store().Read()
	if err != nil {
		return o, err
	}
	for a, r := range snapshot.Resources {
		if a.Type != "secret" && a.Type != "workflow" {
			continue
		}
		v, err := p.types[a.Type].Decode(r.Attributes, r.SchemaVersion)
		if err != nil {
			return o, fmt.Errorf("%s: %w", a, err)
		}
		var repos []string
		if list := schema.Part(v, "repositories"); list != cty.NilVal {
			for _, repo := range list.AsValueSlice() {
				repos = append(repos, repo.AsString())
			}
		}
		switch {
		case a.Type == "workflow":
			o.Files = append(o.Files, repos...)
			if schema.Text(v, "delivery") == "pull_request" {
				o.Pulls = append(o.Pulls, repos...)
			}
		case schema.Text(v, "visibility") != "":
			o.Secrets = append(o.Secrets, "")
		default:
			o.Secrets = append(o.Secrets, repos...)
		}
	}
	for _, places := range []*[]string{&o.Secrets, &o.Files, &o.Pulls} {
		slices.Sort(*places)
		*places = slices.Compact(*places)
	}
	return o, nil
}
