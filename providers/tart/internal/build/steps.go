package build

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"hostler/providers"
	"hostler/providers/internal/guest"
	"hostler/providers/tart/internal/shelf"
)

// runSteps runs the steps that are not done yet, each from a fresh boot, and
// keeps a checkpoint after each.
func (a *attempt) runSteps(ctx context.Context, done int) error {
	for i, s := range a.Steps[done:] {
		if err := a.boot(ctx); err != nil {
			return err
		}
		if err := a.step(ctx, s); err != nil {
			return fmt.Errorf("step %q: %w", s.Name, err)
		}
		if err := a.halt(ctx); err != nil {
			return fmt.Errorf("after step %q: %w", s.Name, err)
		}
		if err := a.keep(ctx, a.Chain[done+i+1]); err != nil {
			return fmt.Errorf("checkpoint after step %q: %w", s.Name, err)
		}
	}
	return nil
}

// keep makes a checkpoint of the stopped VM. What has its name, and was no
// reason to skip the step, is damaged.
func (a *attempt) keep(ctx context.Context, hash string) error {
	name := shelf.CheckpointOf(a.Image, hash)
	if err := a.Tart.Delete(ctx, name); err != nil {
		return err
	}
	return a.Tart.Clone(ctx, a.vm, name)
}

func (a *attempt) step(ctx context.Context, s Step) error {
	a.log.head("step", s.Name)
	ctx, cancel := within(ctx, s.Timeout)
	defer cancel()
	providers.Report(ctx, "step %q", s.Name)
	c := guest.Command{Env: s.Env}
	switch {
	case s.Upload != nil:
		return a.guest.Upload(ctx, s.Upload.Path, s.Upload.Data, s.Upload.Mode)
	case s.Script != nil:
		c.Script, c.Stdin = scriptCommand(*s.Script), s.Script.Data
	default:
		c.Script = Script(s.Run)
	}
	_, err := a.run(ctx, fmt.Sprintf("step %q", s.Name), c)
	return err
}

func (a *attempt) check(ctx context.Context, c Check) error {
	a.log.head("check", c.Name)
	ctx, cancel := within(ctx, c.Timeout)
	defer cancel()
	providers.Report(ctx, "check %q", c.Name)
	printed, err := a.run(ctx, fmt.Sprintf("check %q", c.Name), guest.Command{Script: Script(c.Run)})
	if err != nil || c.Expect == "" {
		return err
	}
	expect, err := regexp.Compile(c.Expect)
	if err != nil {
		return err
	}
	switch printed = strings.TrimSpace(printed); {
	case expect.MatchString(printed):
		return nil
	case printed == "":
		return fmt.Errorf("it printed nothing, which does not match %q", c.Expect)
	}
	return fmt.Errorf("what it printed does not match %q:\n%s", c.Expect, tail(printed))
}

// within bounds a step or a check.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("it took longer than its timeout of %s", d))
}

// run runs a command that must succeed, and returns what it printed.
func (a *attempt) run(ctx context.Context, what string, c guest.Command) (printed string, err error) {
	out := a.log.of(func(line string) { providers.Report(ctx, "%s: %s", what, line) })
	c.Stdout, c.Stderr = out, out
	r, err := a.guest.Run(ctx, c)
	err = errors.Join(err, out.close())
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("exit status %d", r.Code)
	}
	printed = out.printed()
	if err != nil && strings.TrimSpace(printed) != "" {
		err = fmt.Errorf("%w; it printed at last:\n%s", err, tail(printed))
	}
	return printed, err
}

// tail is the end of what was printed, as much as an error should repeat.
func tail(printed string) string {
	const most = 2000
	printed = strings.TrimSpace(printed)
	if len(printed) <= most {
		return printed
	}
	return "…" + printed[len(printed)-most:]
}

// Script is what a guest is given for the commands of a step or a check: bash
// runs them, with what the user's login shell has set up, and ends at the first
// that fails.
func Script(run string) string {
	return "# hostler: run\nexec /bin/bash -c " + quote("set -e\n"+run) + "\n"
}

// scriptCommand brings a program to the guest on stdin and runs it there, by
// bash unless its first line names something that is no shell.
func scriptCommand(f File) string {
	by := "/bin/bash "
	first, _, _ := strings.Cut(string(f.Data), "\n")
	if strings.HasPrefix(first, "#!") && !regexp.MustCompile(`[/ ](ba|z|da|k)?sh\b`).MatchString(first) {
		by = ""
	}
	return `# hostler: script
hostler_folder=$(mktemp -d) || exit
hostler_file=$hostler_folder/` + quote(f.Path) + `
cat >"$hostler_file" && chmod 700 "$hostler_file" || exit
` + by + `"$hostler_file" </dev/null
hostler_code=$?
rm -rf "$hostler_folder"
exit $hostler_code
`
}

// quote makes s one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
