package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"hostler/hcl/addr"
	"hostler/state"
)

// covered are the recorded addresses that want means, sorted.
func covered(s *state.Snapshot, want addr.Addr) []addr.Addr {
	var out []addr.Addr
	for a := range s.Resources {
		if want.Covers(a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, addr.Compare)
	return out
}

func notInState(want addr.Addr) error {
	return fmt.Errorf("%s is not in the state\n\n`hostler state list` shows what is recorded. An address with a key is quoted for the shell, as in 'image.base[\"a\"]'.", want)
}

func stateMove(a *app, f *pflag.FlagSet) func([]string) error {
	var lock lockFlags
	var dry bool
	lock.register(f)
	f.BoolVar(&dry, "dry-run", false, "only say what would be moved")
	return func(args []string) error {
		if len(args) != 2 {
			return usageError("state mv wants two addresses: FROM TO")
		}
		from, err := parseAddr(args[0])
		if err != nil {
			return err
		}
		to, err := parseAddr(args[1])
		if err != nil {
			return err
		}
		if from.Type != to.Type {
			return usageError(fmt.Sprintf("%s can't become %s: an object keeps its type", from, to))
		}
		p := a.open()
		return p.edit("state mv", lock.timeout, func(l *state.Lock) error {
			return p.move(l, from, to, dry)
		})
	}
}

// move renames one resource, or all instances of a block.
func (p *project) move(l *state.Lock, from, to addr.Addr, dry bool) error {
	have := covered(l.Snapshot(), from)
	if len(have) == 0 {
		return notInState(from)
	}
	target := func(a addr.Addr) addr.Addr {
		if !from.HasKey && a.HasKey && !to.HasKey {
			return to.Instance(a.Key)
		}
		return to
	}
	for _, a := range have {
		if l.Snapshot().Resources[target(a)] != nil {
			return fmt.Errorf("Invalid target address\n\nThere is already a resource at %s. Move or remove it first.", target(a))
		}
		if len(have) > 1 && target(a) == to && to.HasKey {
			return fmt.Errorf("Invalid target address\n\n%s has %d instances, which can't all become %s.", from, len(have), to)
		}
	}
	verb := "Move"
	if dry {
		verb = "Would move"
	}
	moves := map[addr.Addr]addr.Addr{}
	for _, a := range have {
		moves[a] = target(a)
		fmt.Fprintf(p.stdout, "%s %q to %q\n", verb, a.String(), target(a).String())
	}
	if dry {
		return nil
	}
	if err := p.planner.Move(l, moves); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Successfully moved %d object(s).\n", len(have))
	return nil
}

func stateRemove(a *app, f *pflag.FlagSet) func([]string) error {
	var lock lockFlags
	var dry bool
	lock.register(f)
	f.BoolVar(&dry, "dry-run", false, "only say what would be forgotten")
	return func(args []string) error {
		if len(args) == 0 {
			return usageError("state rm wants the addresses of what to forget")
		}
		var wanted []addr.Addr
		for _, arg := range args {
			want, err := parseAddr(arg)
			if err != nil {
				return err
			}
			wanted = append(wanted, want)
		}
		p := a.open()
		return p.edit("state rm", lock.timeout, func(l *state.Lock) error {
			return p.remove(l, wanted, dry)
		})
	}
}

func (p *project) remove(l *state.Lock, wanted []addr.Addr, dry bool) error {
	going := map[addr.Addr]bool{}
	for _, want := range wanted {
		have := covered(l.Snapshot(), want)
		for _, u := range l.Snapshot().Unfinished {
			if want.Covers(u.Addr) {
				have = append(have, u.Addr)
			}
		}
		if len(have) == 0 {
			return notInState(want)
		}
		for _, a := range have {
			going[a] = true
		}
	}
	verb := "Removed"
	if dry {
		verb = "Would remove"
	}
	for _, a := range slices.SortedFunc(maps.Keys(going), addr.Compare) {
		if !dry {
			if err := l.Put(a, nil); err != nil {
				return err
			}
		}
		fmt.Fprintln(p.stdout, verb, a)
	}
	if !dry {
		fmt.Fprintf(p.stdout, "Successfully removed %d resource instance(s).\n", len(going))
	}
	return nil
}

func taint(a *app, f *pflag.FlagSet) func([]string) error {
	return setTaint(a, f, "taint", true, "Resource instance %s has been marked as tainted.\n")
}

func untaint(a *app, f *pflag.FlagSet) func([]string) error {
	return setTaint(a, f, "untaint", false, "Resource instance %s has been successfully untainted.\n")
}

func setTaint(a *app, f *pflag.FlagSet, name string, tainted bool, done string) func([]string) error {
	var lock lockFlags
	lock.register(f)
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
		return p.edit(name, lock.timeout, func(l *state.Lock) error {
			r := l.Snapshot().Resources[want]
			if r == nil {
				return notInState(want)
			}
			changed := *r
			changed.Tainted = tainted
			if err := l.Put(want, &changed); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, done, want)
			return nil
		})
	}
}

func statePull(a *app, f *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		p := a.open()
		snapshot, err := p.store().Read()
		if err != nil {
			return p.reportError(err)
		}
		data, err := snapshot.Encode()
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(data)
		return err
	}
}

func stateRecover(a *app, f *pflag.FlagSet) func([]string) error {
	var lock lockFlags
	var keep bool
	lock.register(f)
	f.BoolVar(&keep, "keep-edits", false, "accept a state file that was changed by hand")
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("state recover takes no arguments")
		}
		p := a.open()
		ctx, cancel := p.cancellable()
		defer cancel()
		ctx, cancelWait := context.WithTimeout(ctx, lock.timeout)
		defer cancelWait()
		r, err := p.store().Recover(ctx, state.LockInfo{Operation: "state recover"}, keep)
		if err != nil {
			return p.reportError(err)
		}
		if r.Healthy {
			fmt.Fprintf(a.stdout, "The state is sound (serial %d, %d resources); nothing was changed.\n", r.Serial, r.Resources)
			return nil
		}
		for _, note := range r.Notes {
			fmt.Fprintln(a.stdout, "-", note)
		}
		fmt.Fprintf(a.stdout, "Recovered %d resources at serial %d from %s.\n", r.Resources, r.Serial, strings.Join(r.Sources, ", "))
		if len(r.Kept) > 0 {
			fmt.Fprintf(a.stdout, "What was there before is kept as %s.\n", strings.Join(r.Kept, ", "))
		}
		fmt.Fprintln(a.stdout, "Run `hostler plan` to compare it with the real objects.")
		return nil
	}
}

func forceUnlock(a *app, f *pflag.FlagSet) func([]string) error {
	fixed(f, "force", true, "force-unlock never asks, since it never takes a lock from a living process")
	return func(args []string) error {
		id, err := onlyOne(args, "the ID of the lock, as the message about it shows")
		if err != nil {
			return err
		}
		p := a.open()
		if err := p.store().ForceUnlock(id); err != nil {
			return p.reportError(err)
		}
		fmt.Fprintln(a.stdout, "The lock was released.")
		return nil
	}
}

func graph(a *app, f *pflag.FlagSet) func([]string) error {
	var vars varFlags
	vars.register(f)
	return func(args []string) error {
		p := a.open()
		cfg, err := p.load(vars)
		if err != nil {
			return err
		}
		fmt.Fprint(a.stdout, "digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n")
		for _, b := range cfg.Blocks {
			fmt.Fprintf(a.stdout, "  %q [label=%q];\n", b.Addr.String(), b.Addr.String())
		}
		for _, b := range cfg.Blocks {
			for _, d := range b.Deps {
				fmt.Fprintf(a.stdout, "  %q -> %q;\n", b.Addr.String(), d.String())
			}
		}
		fmt.Fprintln(a.stdout, "}")
		return nil
	}
}
