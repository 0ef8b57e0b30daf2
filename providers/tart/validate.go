package tart

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/tartcli"
)

// Validate refuses a from that can't be what an image is cloned from, and
// steps and checks that can't be run.
func (c *images) Validate(_ addr.Addr, want *Image, config providers.Lookup) error {
	errs := []error{checkFrom(want, config)}
	names := map[string]bool{}
	for i, s := range want.Steps {
		at := cty.GetAttrPath("step").IndexInt(i)
		errs = append(errs, checkName(at, "step", s.Name, names), checkStep(at, s))
	}
	clear(names)
	for i, k := range want.Checks {
		errs = append(errs, checkName(cty.GetAttrPath("check").IndexInt(i), "check", k.Name, names))
	}
	return errors.Join(errs...)
}

func checkFrom(want *Image, config providers.Lookup) error {
	other, isBlock := parent(want.From)
	if !isBlock {
		if _, ok := tartcli.ParseRef(want.From); !ok {
			return providers.AttrErrorf("from", "%q names no image in a registry; write HOST/NAME:TAG, such as \"ghcr.io/cirruslabs/macos-sequoia-base:latest\", or refer to a block, such as image.base", want.From)
		}
		return nil
	}
	v, _ := config.Get(other)
	if host := schema.Text(v, "host"); host != "" && want.Host != "" && host != want.Host {
		return providers.AttrErrorf("from", "%s lies on %s and this image on %s; a clone stays on its Mac", other, host, want.Host)
	}
	return nil
}

// attrErrorf is providers.AttrErrorf about an attribute anywhere in the block.
func attrErrorf(at cty.Path, format string, args ...any) error {
	return &providers.AttrError{Path: at, Err: fmt.Errorf(format, args...)}
}

func checkName(at cty.Path, kind, name string, seen map[string]bool) error {
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$`).MatchString(name):
		return attrErrorf(at.GetAttr("name"), "a %s can't be called %q: its name may only have letters, digits, spaces, '.', '_' and '-', and begins with a letter or a digit", kind, name)
	case seen[name]:
		return attrErrorf(at.GetAttr("name"), "two %ss of this image are called %q; give one of them another name", kind, name)
	}
	seen[name] = true
	return nil
}

func checkStep(at cty.Path, s Step) error {
	var does []string
	for _, a := range []struct{ name, value string }{{"run", s.Run}, {"script", s.Script}, {"upload", s.Upload}} {
		if strings.TrimSpace(a.value) != "" {
			does = append(does, a.name)
		}
	}
	switch {
	case len(does) == 0:
		return attrErrorf(at, "step %q does nothing; write run, script or upload", s.Name)
	case len(does) > 1:
		return attrErrorf(at.GetAttr(does[1]), "step %q has %s; write a step for each", s.Name, strings.Join(does, " and "))
	}
	if s.Upload == "" {
		if s.To != "" {
			return attrErrorf(at.GetAttr("to"), "only an upload goes somewhere; leave to out")
		}
		return checkEnv(at.GetAttr("env"), s.Env)
	}
	switch {
	case len(s.Env) > 0:
		return attrErrorf(at.GetAttr("env"), "an upload runs nothing that could read variables; leave env out")
	case s.To == "":
		return attrErrorf(at, "step %q does not say where the file goes; write to, such as to = \"~/%s\"", s.Name, path.Base(s.Upload))
	case strings.HasSuffix(s.To, "/"), strings.Contains(s.To, "\x00"), s.To == "~":
		return attrErrorf(at.GetAttr("to"), "%q is no path of a file; write the name that it shall have, too", s.To)
	}
	return nil
}

func checkEnv(at cty.Path, env map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			return attrErrorf(at.IndexString(name), "%q can't be the name of a variable: it may only have letters, digits and '_', and begins with no digit", name)
		}
		if strings.Contains(env[name], "\x00") {
			return attrErrorf(at.IndexString(name), "the value of %s holds a zero byte, which no variable can", name)
		}
	}
	return nil
}

// The checks of single attributes.

func userName(v cty.Value) error {
	if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`).MatchString(v.AsString()) {
		return fmt.Errorf("%q is no name of a user", v.AsString())
	}
	return nil
}

func positive(v cty.Value) error {
	if d, err := schema.ParseDuration(v.AsString()); err != nil || d == 0 {
		return fmt.Errorf("nothing is done within %s; write how long it may take, such as \"30m\"", v.AsString())
	}
	return nil
}

func written(v cty.Value) error {
	if strings.TrimSpace(v.AsString()) == "" {
		return errors.New("there are no commands; write what shall be run")
	}
	return nil
}

func pattern(v cty.Value) error {
	if _, err := regexp.Compile(v.AsString()); err != nil {
		return fmt.Errorf("it is no regular expression: %w", err)
	}
	return nil
}
