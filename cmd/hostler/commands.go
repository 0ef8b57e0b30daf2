package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"hostler/hcl/schema"
)

// command is one command. setup registers its flags and returns what runs
// once they are read.
type command struct {
	name  string // one word, or two as in "state mv"
	args  string
	short string
	long  string
	setup func(*app, *pflag.FlagSet) func(args []string) error
}

// commands is THE list of commands, in the order in which help shows them.
func commands() []*command {
	return []*command{
		{name: "init", short: "Check what hostler needs; in an empty folder write a starter configuration", setup: initFolder},
		{name: "validate", short: "Check the configuration, without looking at any Mac", setup: validate},
		{name: "fmt", args: "[PATH…]", short: "Rewrite configuration files in the canonical format; - reads standard input", setup: format},
		{name: "plan", short: "Show what apply would change", setup: planCommand},
		{name: "apply", args: "[PLANFILE]", short: "Make the world match the configuration", setup: applyCommand},
		{name: "destroy", short: "Destroy everything that the state records", setup: destroyCommand},
		{name: "rehearse", args: "[DIR]", short: "Plan, apply, drift, repair and destroy on a simulated Mac; touches nothing real", setup: rehearse},
		{name: "show", args: "[PLANFILE]", short: "Show the state, or a saved plan", setup: show},
		{name: "output", args: "[NAME]", short: "Show output values", setup: output},
		{name: "refresh", short: "Record how the objects are now; change nothing", setup: refreshCommand},
		{name: "import", args: "ADDRESS ID", short: "Take an existing object into the state", setup: importCommand},
		{name: "taint", args: "ADDRESS", short: "Have an object made anew by the next apply", setup: taint},
		{name: "untaint", args: "ADDRESS", short: "Undo taint", setup: untaint},
		{name: "state list", args: "[ADDRESS…]", short: "List the resources in the state", setup: stateList},
		{name: "state show", args: "ADDRESS", short: "Show one resource in the state", setup: stateShow},
		{name: "state mv", args: "FROM TO", short: "Give a resource another address", setup: stateMove},
		{name: "state rm", args: "ADDRESS…", short: "Forget resources, leaving their objects alone", setup: stateRemove},
		{name: "state pull", short: "Print the state as JSON", setup: statePull},
		{name: "state recover", short: "Rebuild a damaged state from its backup and journal", setup: stateRecover},
		{name: "image ls", short: "List the builds of images: current, kept for rollback, checkpoints", setup: imageList},
		{name: "image rollback", args: "VM", short: "Make an image's earlier build the image again", setup: imageRollback},
		{name: "image rebuild", args: "ADDRESS", short: "Build an image anew from the start, though its files have not changed", setup: imageRebuild},
		{name: "image gc", short: "Remove builds and checkpoints that no image needs", setup: imageGC},
		{name: "doctor", short: "Look for what breaks a Mac in practice, and say what mends it", setup: doctorCommand},
		{name: "selftest", short: "Have a VM of each profile lent, look what jobs find in it, and give it back", setup: selftestCommand},
		{name: "disk", short: "Show what uses the Mac's disk, what of it can go, and by which command", setup: diskCommand},
		{name: "cache ls", short: "List what is kept for jobs, by profile and repository", setup: cacheList},
		{name: "cache prune", short: "Remove caches that are too old, and what was left of leases; never what a lease uses", setup: cachePrune},
		{name: "serve", short: "Run the dispatch service of this Mac: it lends VMs to jobs", setup: serve},
		{name: "run", short: "Wait for a VM whose runner listens; what workflows invoke", setup: runJob},
		{name: "release", short: "Give a lease back before its time", setup: releaseLease},
		{name: "status", short: "Show what is lent, who waits and why, and what can't be explained", setup: statusCommand},
		{name: "top", short: "Show what status does, live, in a terminal", setup: top},
		{name: "queue", short: "Show who waits, and why", setup: queueCommand},
		{name: "explain", args: "RUN|LEASE", short: "Tell the life of what was lent to a run, phase by phase", setup: explain},
		{name: "logs", args: "RUN|LEASE", short: "Print what was kept of a VM's boot and of its runner", setup: logs},
		{name: "drain", short: "Lend nothing more; what is lent goes on", setup: drain},
		{name: "resume", short: "Lend again, after a drain or to profiles that were stopped", setup: resume},
		{name: "sweep", short: "Compare leases, VMs and runners now, and mend what should not be so", setup: sweepCommand},
		{name: "teardown", short: "The emergency stop: end everything that is lent", setup: teardown},
		{name: "hook job-started", args: "POLICY", short: "Judge a job for the coordinator's runner program, before its first step", setup: hookJobStarted},
		{name: "force-unlock", args: "LOCK_ID", short: "Release a lock whose holder is on a machine that is gone", setup: forceUnlock},
		{name: "graph", short: "Print what depends on what, for Graphviz", setup: graph},
		{name: "schema", args: "[BLOCK]", short: "Describe the language: every block and attribute", setup: schemaCommand},
		{name: "version", short: "Print hostler's version", setup: version},
		{name: "completion", args: "bash|zsh|fish", short: "Print a completion script for the shell", setup: completion},
	}
}

// findCommand reads the command's one or two words.
func findCommand(args []string) (*command, []string, error) {
	var names []string
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], nil
		}
		names = append(names, c.name)
	}
	given := args[0]
	if given == "state" && len(args) > 1 {
		given += " " + args[1]
	}
	hint := "; see hostler --help"
	if near := schema.Nearest(given, names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return nil, nil, usageError(fmt.Sprintf("there is no command %q%s", given, hint))
}

func overview() string {
	var b strings.Builder
	b.WriteString("Usage: hostler [--chdir DIR] COMMAND [flags] [args]\n\n" +
		"Declares Macs as hosts of throwaway GitHub Actions runners: HCL files in, plan, apply.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-14s %s\n", c.name, c.short)
	}
	b.WriteString("\nhostler COMMAND --help explains one. Start with: hostler rehearse examples/mac-mini\n")
	return b.String()
}

func (c *command) help(f *pflag.FlagSet) string {
	usage := "Usage: hostler " + c.name + " [flags]"
	if c.args != "" {
		usage += " " + c.args
	}
	text := usage + "\n\n" + c.short + ".\n"
	if c.long != "" {
		text += "\n" + c.long + "\n"
	}
	text += "\nFlags:\n"
	f.VisitAll(func(fl *pflag.Flag) {
		if fl.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(fl)
		if fl.Value.Type() == "bool" {
			value = ""
		}
		text += fmt.Sprintf("  %-26s %s\n", strings.TrimSpace("--"+fl.Name+" "+value), usage)
	})
	return text
}

// help is `hostler help [COMMAND]`.
func (a *app) help(args []string) error {
	if len(args) == 0 {
		fmt.Fprint(a.stdout, overview())
		return nil
	}
	c, _, err := findCommand(args)
	if err != nil {
		return err
	}
	f := a.flagSet(c)
	c.setup(a, f)
	fmt.Fprint(a.stdout, c.help(f))
	return nil
}
