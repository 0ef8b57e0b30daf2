package runtime

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
)

// Validate refuses what the blocks alone show to be wrong.
func (p *profiles) Validate(a addr.Addr, want *Profile, config providers.Lookup) error {
	var errs []error
	if want.Network != "softnet" && len(want.Allow) > 0 {
		errs = append(errs, providers.AttrErrorf("allow", "only softnet filters what a VM may reach; write network = \"softnet\", or leave allow out"))
	}
	if want.Cache == "shared" && want.Trust != "branch" {
		errs = append(errs, providers.AttrErrorf("cache", "a profile with trust = %q must not write what other jobs read; write cache = \"snapshot\", \"read-only\" or \"none\"", want.Trust))
	}
	return errors.Join(append(errs, claims(a, want, config))...)
}

// claims refuses a label that an earlier profile of the same Mac has too:
// GitHub would give the job to either.
func claims(mine addr.Addr, want *Profile, config providers.Lookup) error {
	hosts := hostsOf(images(config, want.Image))
	own := want.Labels
	if len(own) == 0 {
		own = []string{providers.InstanceName(mine)}
	}
	for _, a := range config.All("profile") {
		other, ok := config.Get(a)
		if !ok || addr.Compare(a, mine) >= 0 || !meet(hosts, hostsOf(images(config, schema.Text(other, "image")))) {
			continue
		}
		theirs := labelsOf(a, other)
		for i, label := range own {
			if !slices.ContainsFunc(theirs, func(l string) bool { return fold(l) == fold(label) }) {
				continue
			}
			path := cty.GetAttrPath("labels")
			if len(want.Labels) > 0 {
				path = path.IndexInt(i)
			}
			return &providers.AttrError{
				Path: path,
				Err:  fmt.Errorf("the label %q is claimed by %s and %s on the same Mac, so that a job could get either; give each profile labels of its own", label, a, mine),
			}
		}
	}
	return nil
}

// labelsOf are the labels of a profile block, or the one it gets by default.
func labelsOf(a addr.Addr, profile cty.Value) []string {
	v := schema.Part(profile, "labels")
	if v == cty.NilVal || !v.IsWhollyKnown() {
		return []string{providers.InstanceName(a)}
	}
	var all []string
	for _, l := range v.AsValueSlice() {
		all = append(all, l.AsString())
	}
	return all
}

func hostsOf(images []image) []string {
	var all []string
	for _, i := range images {
		all = append(all, schema.Text(i.value, "host"))
	}
	return all
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// image is an image block, or one instance of it.
type image struct {
	addr  addr.Addr
	value cty.Value
}

// images are the instances that a profile's reference means: one, or with
// for_each and no key all of them.
func images(config providers.Lookup, ref string) []image {
	want, err := addr.Parse(ref)
	if err != nil {
		return nil
	}
	var all []image
	for _, a := range config.All("image") {
		if v, ok := config.Get(a); ok && want.Covers(a) {
			all = append(all, image{a, v})
		}
	}
	return all
}
