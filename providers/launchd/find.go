package launchd

import (
	"context"
	"fmt"
	"strings"

	"hostler/hcl/addr"
)

// Find clears away the files a killed Create was writing. A plist that is byte
// for byte what want gives is ours: loaded or not, the next update completes
// it.
func (c *jobs) Find(ctx context.Context, want *Job) (*Job, error) {
	p, err := c.place(want)
	if err != nil {
		return nil, err
	}
	if err := c.launchd.Sweep(p.domain, p.file); err != nil {
		return nil, err
	}
	data, same, err := c.standing(p, want)
	if err != nil {
		return nil, err
	}
	if data != nil && same {
		return c.Read(ctx, want)
	}
	if data == nil {
		if s, err := c.launchd.Print(ctx, p.domain, want.Label); err != nil || s == nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("a launchd job %q stands that is not what hostler was about to create; look at %s, then remove it, or import it as %q", want.Label, p.file, id(want))
}

// Import reads HOST/DOMAIN/LABEL. Keys that a block can't express come along
// in unexpected, and the next update drops them.
func (c *jobs) Import(ctx context.Context, name string) (*Job, error) {
	rest, label := cutLast(name)
	host, domain := cutLast(rest)
	a, err := addr.Parse("host." + host)
	if err != nil || !isLabel(label) || domain != gui && domain != system {
		return nil, fmt.Errorf("%q is no launchd job; write HOST/gui/LABEL or HOST/system/LABEL", name)
	}
	j, err := c.Read(ctx, &Job{Host: a.String(), Domain: domain, Label: label})
	if j == nil || err != nil {
		return nil, err
	}
	if other, ok := (*j.Unexpected)["Label"]; ok {
		return nil, fmt.Errorf("the file %s.plist holds a job of another label, %s; import that one after renaming the file to it", label, other)
	}
	return j, nil
}

func cutLast(s string) (before, after string) {
	i := strings.LastIndex(s, "/")
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}
