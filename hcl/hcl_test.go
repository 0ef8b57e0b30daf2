package hcl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// language is small, and uses every feature of schemas.
func language() Language {
	in := func(s string) string { return s + "." }
	blocks := []*schema.Block{{
		Type: "host",
		Doc:  in("A Mac"),
		Attrs: []schema.Attr{
			{Name: "guests", Doc: in("Guests"), Type: schema.Int, Default: cty.NumberIntVal(2), Check: schema.Between(0, 4)},
			{Name: "labels", Doc: in("Labels"), Type: schema.ListOf(schema.String)},
			{Name: "serial", Doc: in("Serial number"), Type: schema.String, Computed: true},
		},
		Blocks: []schema.Nested{
			{Mode: schema.Defaulted, Block: schema.Block{Type: "reserve", Doc: in("Kept back"), Attrs: []schema.Attr{
				{Name: "memory", Doc: in("Memory"), Type: schema.Bytes, Default: cty.StringVal("4GiB")},
				{Name: "disk", Doc: in("Disk"), Type: schema.Bytes, Default: cty.StringVal("20GiB")},
			}}},
			{Mode: schema.Optional, Block: schema.Block{Type: "ssh", Doc: in("Connection"), Attrs: []schema.Attr{
				{Name: "address", Doc: in("Address"), Type: schema.String, Required: true},
				{Name: "port", Doc: in("Port"), Type: schema.Int, Default: cty.NumberIntVal(22)},
				{Name: "identity_file", Doc: in("Key"), Type: schema.Path},
			}}},
		},
	}, {
		Type: "image",
		Doc:  in("A golden image"),
		Attrs: []schema.Attr{
			{Name: "host", Doc: in("Host"), Type: schema.Host, Replace: true},
			{Name: "from", Doc: in("Origin"), Type: schema.RefOrText("image"), Required: true},
			{Name: "cpus", Doc: in("CPUs"), Type: schema.Int, Default: cty.NumberIntVal(4)},
			{Name: "memory", Doc: in("Memory"), Type: schema.Bytes, Default: cty.StringVal("8GiB")},
			{Name: "digest", Doc: in("Digest"), Type: schema.String, Computed: true},
		},
		Blocks: []schema.Nested{
			{Mode: schema.List, Labels: []string{"name"}, Block: schema.Block{
				Type: "step", Doc: in("A step"),
				Attrs: []schema.Attr{
					{Name: "run", Doc: in("Command"), Type: schema.String},
					{Name: "script", Doc: in("Script"), Type: schema.Path},
					{Name: "env", Doc: in("Environment"), Type: schema.MapOf(schema.String)},
					{Name: "timeout", Doc: in("Timeout"), Type: schema.Span, Default: cty.StringVal("30m")},
				},
				Check: func(v cty.Value) error {
					if v.GetAttr("run").IsNull() == v.GetAttr("script").IsNull() {
						return errors.New("a step needs either run or script")
					}
					return nil
				},
			}},
		},
	}, {
		Type: "profile",
		Doc:  in("A size of VM"),
		Attrs: []schema.Attr{
			{Name: "image", Doc: in("Image"), Type: schema.RefTo("image"), Required: true},
			{Name: "cpus", Doc: in("CPUs"), Type: schema.Int},
			{Name: "max_cpus", Doc: in("Limit"), Type: schema.Int},
			{Name: "trust", Doc: in("Trust"), Type: schema.String, Default: cty.StringVal("branch"), Check: schema.OneOf("branch", "pull_request", "agent")},
			{Name: "mounts", Doc: in("Mounts"), Type: schema.ListOf(schema.ObjectOf(
				schema.Attr{Name: "name", Doc: in("Name"), Type: schema.String, Required: true},
				schema.Attr{Name: "path", Doc: in("Path"), Type: schema.Path, Required: true},
				schema.Attr{Name: "read_only", Doc: in("Mode"), Type: schema.Bool, Default: cty.True},
			))},
		},
		Check: func(v cty.Value) error {
			if c, m := v.GetAttr("cpus"), v.GetAttr("max_cpus"); !c.IsNull() && !m.IsNull() && c.GreaterThan(m).True() {
				return schema.At(cty.GetAttrPath("cpus"), "cpus must not exceed max_cpus")
			}
			return nil
		},
	}, {
		Type: "runner",
		Doc:  in("A runner"),
		Attrs: []schema.Attr{
			{Name: "host", Doc: in("Host"), Type: schema.Host},
			{Name: "image", Doc: in("Image"), Type: schema.RefTo("image")},
			{Name: "images", Doc: in("Images"), Type: schema.ListOf(schema.RefTo("image", "profile"))},
			{Name: "token", Doc: in("Token"), Type: schema.Secret},
			{Name: "labels", Doc: in("Labels"), Type: schema.ListOf(schema.String)},
		},
	}, {
		Type: "github", Unnamed: true,
		Doc: in("GitHub"),
		Attrs: []schema.Attr{
			{Name: "owner", Doc: in("Owner"), Type: schema.String, Required: true},
			{Name: "token", Doc: in("Token"), Type: schema.Secret, Default: cty.StringVal("env:GITHUB_TOKEN")},
		},
	}}
	l := Language{Blocks: map[string]*schema.Block{}, Version: "0.3.0-dev"}
	for _, b := range blocks {
		b.Must()
		l.Blocks[b.Type] = b
	}
	return l
}

// write puts files into a new folder. Each is introduced by a line
// "-- NAME --"; text without one is main.hcl.
func write(t testing.TB, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "conf")
	if !strings.HasPrefix(text, "-- ") {
		text = "-- main.hcl --\n" + text
	}
	for _, part := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, body, ok := strings.Cut(part, " --\n")
		if !ok {
			t.Fatalf("no file name in %q", part)
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t testing.TB, text string, vars Vars) (*Config, Diagnostics) {
	t.Helper()
	return Load(write(t, text), language(), vars)
}

// good loads what must be right.
func good(t testing.TB, text string) *Config {
	t.Helper()
	c, diags := load(t, text, Vars{})
	if len(diags) > 0 {
		t.Fatalf("unexpected diagnostics:\n%s", plain(diags))
	}
	return c
}

// plain writes diagnostics as golden files have them.
func plain(diags Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		severity := "error"
		if d.Severity == DiagWarning {
			severity = "warning"
		}
		where := "-"
		if d.Subject != nil {
			where = d.Subject.String()
		}
		fmt.Fprintf(&b, "%s %s\n%s\n", severity, where, d.Summary)
		for _, line := range strings.Split(d.Detail, "\n") {
			fmt.Fprintf(&b, "%s\n", strings.TrimRight("    "+line, " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// render writes a configuration as text, without ranges.
func render(c *Config) string {
	var b strings.Builder
	for _, k := range c.Blocks {
		fmt.Fprintf(&b, "%s deps %v destroy %v ignore %v\n%#v\n", k.Addr, k.Deps, !k.PreventDestroy, k.IgnoreChanges, k.Value)
	}
	for _, o := range c.Outputs {
		fmt.Fprintf(&b, "output %s %q %v %#v\n", o.Name, o.Description, o.Sensitive, o.Value)
	}
	for _, name := range report.SortedKeys(c.Variables) {
		fmt.Fprintf(&b, "var %s %#v\n", name, c.Variables[name])
	}
	for _, m := range c.Moved {
		fmt.Fprintf(&b, "moved %s %s\n", m.From, m.To)
	}
	for _, i := range c.Imports {
		fmt.Fprintf(&b, "import %s %s\n", i.To, i.ID)
	}
	for _, r := range c.Removed {
		fmt.Fprintf(&b, "removed %s\n", r.From)
	}
	return b.String()
}
