package runner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/launchctl"
)

// Runner is one runner on a Mac.
type Runner struct {
	Host    string   `cty:"host"`
	Group   string   `cty:"group"` // as written: a group's name, or the address of a block
	Labels  []string `cty:"labels"`
	Version string   `cty:"version"` // as written
	User    string   `cty:"user"`

	Workflows []string `cty:"workflows"`
	Events    []string `cty:"events"`

	Name         string `cty:"name"`
	Owner        string `cty:"owner"`
	GroupName    string `cty:"group_name"`
	Release      string `cty:"release"`
	Registration string `cty:"registration"`
	Service      string `cty:"service"`
}

// id is HOST/NAME, as import takes it.
func (r *Runner) id() string {
	if r.Name == "" {
		return ""
	}
	return strings.TrimPrefix(r.Host, "host.") + "/" + r.Name
}

// Words for what is not, and what is as it should be.
const (
	absent  = "none"
	online  = "online"
	offline = "offline"
	sound   = launchctl.Sound

	unloaded  = launchctl.Unloaded
	unguarded = "which jobs it takes is not as hostler writes it"
)

const (
	latest = "latest"
)

func block() *schema.Block {
	return &schema.Block{
		Type: "runner", Uses: []string{"github"},
		Doc: "The coordinator: GitHub's runner program on the Mac itself, always on. It receives the jobs that boot VMs.",
		Attrs: []schema.Attr{
			{Name: "host", Doc: "The Mac that it runs on; may be left out where there is only one.", Type: schema.Host},
			{Name: "group", Type: schema.RefOrText("runner_group"), Default: cty.StringVal(ghapi.DefaultGroup),
				Doc: "The runner group, as in runner_group.macs, or its name: which repositories may run jobs on the Mac itself. Of a repository's runners there is only Default."},
			{Name: "labels", Type: schema.ListOf(schema.String), Default: cty.ListVal([]cty.Value{cty.StringVal("coordinator")}), Check: checkLabels,
				Doc: "What jobs ask for in runs-on; self-hosted, macOS and ARM64 are added."},
			{Name: "version", Type: schema.String, Default: cty.StringVal(latest), Check: checkVersion,
				Doc: "The release of the runner program, which does not update itself: latest is the newest when it is installed, and moves on with --upgrade."},
			{Name: "user", Type: schema.String, Replace: true, Check: checkUser,
				Doc: "The account that it runs under: the user's own, unless another one is named, for which sudo without a password is needed."},
			{Name: "workflows", Type: schema.ListOf(schema.String), Check: checkWorkflows,
				Doc: "The workflow files whose jobs it takes, as in acme/app/.github/workflows/ci.yml, or with @refs/heads/main for one branch; left out, those of the workflow blocks that go to repositories, or any where there are none. Other jobs fail before their first step, as do those of a fork's pull request."},
			{Name: "events", Type: schema.ListOf(schema.String), Doc: "The events whose jobs it takes, as in push; left out, any."},

			{Name: "name", Type: schema.String, Computed: true, Replace: true, Doc: "What it is called at GitHub: the block's name."},
			{Name: "owner", Type: schema.String, Computed: true, Replace: true, Doc: "The organization or repository that it belongs to."},
			{Name: "group_name", Type: schema.String, Computed: true, Doc: "The name of its group."},
			{Name: "release", Type: schema.String, Computed: true, Doc: "The release that is installed."},
			{Name: "registration", Type: schema.String, Computed: true, Doc: "How GitHub sees it: online, offline or none."},
			{Name: "service", Type: schema.String, Computed: true, Doc: "ok, or what is wrong with the launchd job that runs it."},
		},
	}
}

func checkLabels(v cty.Value) error {
	seen := map[string]bool{}
	for i, e := range v.AsValueSlice() {
		label := e.AsString()
		lower := strings.ToLower(label)
		switch {
		case !regexp.MustCompile(`^[^\s,]{1,256}$`).MatchString(label):
			return schema.At(cty.IndexIntPath(i), "%q is no label: it has 1 to 256 characters, none of them a space or a comma", label)
		case slices.Contains([]string{"self-hosted", "macos", "arm64"}, lower):
			return schema.At(cty.IndexIntPath(i), "%q is added to every runner; leave it out", label)
		case seen[lower]:
			return schema.At(cty.IndexIntPath(i), "%q stands twice", label)
		}
		seen[lower] = true
	}
	return nil
}

func checkWorkflows(v cty.Value) error {
	for i, e := range v.AsValueSlice() {
		if !regexp.MustCompile(`^[^/@]+/[^/@]+/\.github/workflows/[^/@]+\.ya?ml(@.+)?$`).MatchString(e.AsString()) {
			return schema.At(cty.IndexIntPath(i), "%q is no workflow file; write it as in acme/app/.github/workflows/ci.yml", e.AsString())
		}
	}
	return nil
}

func checkVersion(v cty.Value) error {
	if s := v.AsString(); s != latest && !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(s) {
		return fmt.Errorf("%q is no release of the runner program; write one such as 2.336.0, or latest", s)
	}
	return nil
}

func checkUser(v cty.Value) error {
	switch s := v.AsString(); {
	case s == "root":
		return fmt.Errorf("jobs would run as root; name an account without rights of its own, such as runner")
	case !regexp.MustCompile(`^[a-z_][a-z0-9_.-]{0,30}$`).MatchString(s):
		return fmt.Errorf("%q is no account's name", s)
	}
	return nil
}
