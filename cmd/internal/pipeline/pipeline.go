// Package pipeline turns the configuration of the bash tool that hostler
// replaces, pipeline.yml, into HCL with the same meaning.
//
// Invariants:
//
//  1. Every key is either carried over or named, with its line: nothing is left
//     out silently.
//  2. What can't mean the same on a Mac is written so that it works, and said.
//
// Start at Convert.
package pipeline

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"hostler/hcl"
	"hostler/hcl/schema"
)

// Result is a configuration, and what a reader must know of it.
type Result struct {
	HCL   string
	Notes []string // what will be different, and what was not understood
}

// least is what a macOS guest takes at least, as Apple's images have it.
const least = 4 << 30

// Convert reads a pipeline.yml, whose name is for errors. Errors name the line
// and what to do.
func Convert(name string, data []byte) (Result, error) {
	c := &converter{file: name, mac: "mac"}
	var doc yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return Result{}, fmt.Errorf("%s is empty", name)
	case err != nil:
		return Result{}, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return Result{}, fmt.Errorf("%s line %d: want keys such as github, host and profiles", name, root.Line)
	}
	c.root(root)
	if len(c.errs) > 0 {
		return Result{}, errors.Join(c.errs...)
	}
	text, diags := hcl.Format("hostler.hcl", []byte(c.write()))
	if diags.HasErrors() {
		return Result{}, diags
	}
	return Result{HCL: string(text), Notes: c.notes}, nil
}

// profile is one size of VM, as the old tool had it.
type profile struct {
	name            string
	ram, cpu, limit int // MB, CPUs, minutes; 0: not said
}

// converter has read so much of the file.
type converter struct {
	file     string
	org      string
	mac      string // what the runner is called
	reserve  int    // GB; 0: not said
	profiles []profile
	notes    []string
	errs     []error
}

func (c *converter) fail(n *yaml.Node, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s line %d: "+format, append([]any{c.file, n.Line}, args...)...))
}

func (c *converter) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// each goes through the keys of a mapping; do reports whether it knows the key.
func (c *converter) each(n *yaml.Node, path string, do func(key string, v *yaml.Node) (known bool)) {
	if n.Kind != yaml.MappingNode {
		c.fail(n, "%s holds keys and values", strings.TrimSuffix(path, "."))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		switch {
		case seen[key.Value]:
			c.fail(key, "%s%s stands twice", path, key.Value)
		case !do(key.Value, v):
			c.note("%s line %d: %s%s is not known to hostler, and was left out.", c.file, key.Line, path, key.Value)
		}
		seen[key.Value] = true
	}
}

func (c *converter) root(n *yaml.Node) {
	c.each(n, "", func(key string, v *yaml.Node) bool {
		switch key {
		case "github":
			c.each(v, "github.", func(key string, v *yaml.Node) bool {
				switch key {
				case "org":
					c.org = c.text(v, `^[A-Za-z0-9](-?[A-Za-z0-9])*(/[A-Za-z0-9._-]+)?$`, "an organization, or OWNER/REPOSITORY")
				case "runner_name":
					c.runnerName(v)
				default:
					return false
				}
				return true
			})
		case "runner_name":
			c.runnerName(v)
		case "host":
			c.each(v, "host.", func(key string, v *yaml.Node) bool {
				if key == "reserved_ram_gb" {
					c.reserve = c.number(v, "reserved_ram_gb", 1024)
				}
				return key == "reserved_ram_gb"
			})
		case "profiles":
			c.each(v, "profiles.", func(key string, v *yaml.Node) bool { c.profile(key, v); return true })
		default:
			return false
		}
		return true
	})
	if c.org == "" && len(c.errs) == 0 {
		c.fail(n, "github.org is missing: whose jobs run on this Mac?")
	}
	if len(c.profiles) == 0 && len(c.errs) == 0 {
		c.fail(n, "profiles are missing: name at least one, with ram_mb and cpu")
	}
}

func (c *converter) profile(name string, n *yaml.Node) {
	p := profile{name: c.label(n, "profile", name)}
	c.each(n, "profiles."+name+".", func(key string, v *yaml.Node) bool {
		switch key {
		case "ram_mb":
			p.ram = c.number(v, key, 1<<21)
		case "cpu":
			p.cpu = c.number(v, key, 1024)
		case "timeout_minutes":
			p.limit = c.number(v, key, 6*7*24*60)
		default:
			return false
		}
		return true
	})
	if p.ram == 0 && len(c.errs) == 0 {
		c.fail(n, "profile %s has no ram_mb", name)
	}
	for _, o := range c.profiles {
		if o.name == p.name {
			c.fail(n, "two profiles would be called %q; rename one", p.name)
		}
	}
	c.profiles = append(c.profiles, p)
}

// runnerName names the runner, and the Mac after it.
func (c *converter) runnerName(n *yaml.Node) {
	if name := c.text(n, `.`, "the runner's name"); name != "" {
		c.mac = c.label(n, "runner", name)
	}
}

func (c *converter) text(n *yaml.Node, pattern, what string) string {
	if n.Kind != yaml.ScalarNode || !regexp.MustCompile(pattern).MatchString(n.Value) {
		c.fail(n, "%q is not %s", n.Value, what)
		return ""
	}
	return n.Value
}

func (c *converter) number(n *yaml.Node, what string, most int) int {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || i < 1 || i > most {
		c.fail(n, "%s is a whole number from 1 to %d, not %q", what, most, n.Value)
		return 0
	}
	return i
}

// label is a name that a block may have.
func (c *converter) label(n *yaml.Node, what, name string) string {
	safe := strings.Trim(regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(name, "-"), "-")
	if safe == "" || safe[0] >= '0' && safe[0] <= '9' {
		safe = what + "-" + safe
	}
	if safe = strings.TrimSuffix(safe, "-"); safe != name {
		c.note("%s line %d: %s %q is called %q, since a block's name has letters, digits, '-' and '_'.", c.file, n.Line, what, name, safe)
	}
	return safe
}

// write is the configuration.
func (c *converter) write() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# The Mac of %q, as hostler init --from made it. hostler schema explains every", c.file)
	say("# block and attribute.\n")
	say("# hostler acts with GITHUB_TOKEN or what `gh auth login` left.\ngithub {\nowner = %q\n}\n", c.org)
	say("host %q {", c.mac)
	if c.reserve > 0 {
		say("reserve {\nmemory = \"%dGiB\" # kept for macOS; the rest is lent to VMs\n}", c.reserve)
	}
	say("macos_guests = 2 # Apple's limit\n")
	say("# The service that lends the VMs. Store its token with:\n# security add-generic-password -U -s hostler -a \"$USER\" -w\nserve {\ntoken = \"keychain:hostler\"\n}\n}\n")
	say("# The coordinator: it receives the jobs that boot VMs. Give it a runner_group with\n# the repositories that may reach this Mac.\nrunner %q {\nlabels = [\"coordinator\"]\n}\n", c.mac)
	say("# The golden image that every VM is a clone of. Add steps for what jobs need.\nimage \"base\" {\nfrom = \"ghcr.io/cirruslabs/macos-sequoia-base:latest\"\n}\n")
	for _, p := range c.profiles {
		memory, why := uint64(p.ram)<<20, ""
		if memory < least {
			memory, why = least, fmt.Sprintf(" # was %d MB, and a macOS guest takes 4 GiB", p.ram)
			c.note("Profile %s has %s instead of %d MB: macOS guests take 4 GiB at least. Only Linux images take less.", p.name, schema.Size(least), p.ram)
		}
		say("profile %q {\nimage = image.base\nmemory = %q%s", p.name, schema.Size(memory).String(), why)
		say("cpus = %d", max(p.cpu, 1))
		if p.limit > 0 {
			say("timeout = \"%dm\"", p.limit)
		}
		say("}\n")
		if p.cpu == 0 {
			c.note("Profile %s said no cpu, and has 1 now.", p.name)
		}
	}
	c.note("At most two macOS guests run at a time, whatever the memory: Apple's limit. `hostler plan` prints what fits together.")
	c.note("VMs are lent by a LaunchAgent of the login user, since macOS guests need a login session; unload and remove the old LaunchDaemon.")
	c.note("The coordinator is installed by hostler. Remove the old one first, in its folder: ./config.sh remove")
	c.note("Caches lie by profile and repository, each VM has a copy, and only what a trusted job left is kept.")
	c.note("Workflows need no cleanup job; a block workflow with template = \"job\" writes them.")
	return strings.TrimRight(b.String(), "\n") + "\n"
}
