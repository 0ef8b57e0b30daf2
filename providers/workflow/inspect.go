package workflow

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/workflow/internal/lint"
)

// inspect refuses a file that GitHub would not accept, or that is dangerous
// beside a Mac that others share. Only what GitHub reads as a workflow is
// looked at.
func (c *files) inspect(r *providers.Resolve[File]) error {
	if path.Dir(r.Want.Path) != ".github/workflows" {
		return nil
	}
	found, err := lint.Check(r.Want.Content, labels(r.Config))
	if err != nil {
		return err
	}
	lines := strings.Split(r.Want.Content, "\n")
	var errs []error
	for _, f := range found {
		text := fmt.Sprintf("%s (rendered line %d is %q)", f.Text, f.Line, strings.TrimSpace(lines[min(max(f.Line, 1), len(lines))-1]))
		if f.Doubt {
			r.Warn("template", text)
			continue
		}
		errs = append(errs, providers.AttrErrorf("template", "%s", text))
	}
	return errors.Join(errs...)
}

// trusted wants a profile that is meant for what the template runs in it.
func trusted(want *File, config providers.Lookup) error {
	own, ok := builtinOf(want.Template)
	if !ok {
		return nil
	}
	if want.Profile == "" {
		return providers.AttrErrorf("profile", "the template %s boots a VM and needs to know of which profile", want.Template)
	}
	a, err := addr.Parse(want.Profile)
	if err != nil || own.trust == "" {
		return err
	}
	if p, ok := config.Get(a); ok && p.GetAttr("trust").AsString() != own.trust {
		return providers.AttrErrorf("profile", "what a model writes runs in this VM, and %s is for trust = %q; use a profile with trust = %q", a, p.GetAttr("trust").AsString(), own.trust)
	}
	return nil
}

// labels are those that the runners of the configuration have.
func labels(config providers.Lookup) []string {
	out := []string{"coordinator"}
	for _, typ := range []string{"profile", "runner"} {
		for _, a := range config.All(typ) {
			if v, ok := config.Get(a); ok {
				out = append(out, labelsOf(a, v)...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
