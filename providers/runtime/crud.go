package runtime

import (
	"context"
	"fmt"
	"regexp"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/settings"
)

// profiles is the CRUD of profile: that of its document, and what follows.
type profiles struct {
	settings.Documents[Profile]
}

// names are what a profile can be called, since its document, its label and
// its VMs are named after it.
const names = `^[a-z0-9][a-z0-9._-]{0,62}$`

// Resolve names the profile and its VM and holds it to what its Mac has.
func (p *profiles) Resolve(_ context.Context, r *providers.Resolve[Profile]) error {
	want := r.Want
	if !regexp.MustCompile(names).MatchString(r.Name) {
		return fmt.Errorf("a profile can't be called %q: its document, its label and its VMs carry the name, so it may only have small letters, digits, '.', '_' and '-', and begins with a letter or a digit", r.Name)
	}
	want.Name, want.Document = r.Name, settings.Sound
	if len(want.Labels) == 0 {
		if err := checkLabel(r.Name); err != nil {
			return providers.AttrErrorf("labels", "left out, labels is the profile's name: %w", err)
		}
		want.Labels = []string{r.Name}
	}
	if want.Cache == "shared" {
		r.Warn("cache", "jobs that run at the same time write to one shared cache, and what one of them spoils spoils it for all; snapshot gives each job a copy, and keeps it only if the job succeeds")
	}
	if r.Have == nil || r.Have.Name != want.Name {
		if err := p.Vacant(want); err != nil {
			return err
		}
	}
	all := images(r.Config, want.Image)
	if err := choose(want, all); err != nil {
		return err
	}
	for _, i := range all {
		if err := p.fits(want, i, r.Config); err != nil {
			return err
		}
	}
	return nil
}

// choose finds the VM that the profile's jobs are cloned from, and the login to it.
func choose(want *Profile, all []image) error {
	on := map[string]addr.Addr{}
	for _, i := range all {
		host := schema.Text(i.value, "host")
		if other, twice := on[host]; twice {
			return providers.AttrErrorf("image", "%s stands for several images of %s, such as %s and %s; write which one", want.Image, host, other, i.addr)
		}
		on[host] = i.addr
		want.VM = schema.Text(i.value, "vm")
		login := schema.Part(i.value, "login")
		want.User = schema.Text(login, "user")
		if err := want.Password.UnmarshalText([]byte(schema.Text(login, "password"))); err != nil {
			want.User = "" // the image's own error
		}
	}
	return nil
}

// fits holds the profile to what the image's Mac has to lend, and to what the
// image itself needs.
func (p *profiles) fits(want *Profile, i image, config providers.Lookup) error {
	facts, err := p.Mac.Facts()
	if err != nil {
		return fmt.Errorf("the facts of the Mac can't be read: %w", err)
	}
	if want.CPUs > facts.CPUs {
		return providers.AttrErrorf("cpus", "the Mac has %d CPUs, and a VM can't have more", facts.CPUs)
	}
	if least := schema.SizeAt(i.value, "memory_min"); want.Memory < least {
		return providers.AttrErrorf("memory", "%s needs %s of memory at least, by its own configuration; write memory = %q or more, or choose another image", i.addr, least, least)
	}
	host, err := addr.Parse(schema.Text(i.value, "host"))
	if err != nil {
		return nil // not known yet
	}
	block, _ := config.Get(host)
	has, kept := schema.Size(facts.Memory), schema.SizeAt(schema.Part(block, "reserve"), "memory")
	if lent := has - min(kept, has); want.Memory > lent {
		return providers.AttrErrorf("memory", "%s lends %s of memory (it has %s and keeps %s for macOS), so a VM of %s could never start; write less, or a smaller reserve", host, lent, has, kept, want.Memory)
	}
	if guests := schema.Part(block, "macos_guests"); guests != cty.NilVal && guests.AsBigFloat().Sign() == 0 && schema.Text(i.value, "os") == "darwin" {
		return providers.AttrErrorf("image", "%s is a macOS image, and %s has macos_guests = 0; allow at least one there, or choose a Linux image", i.addr, host)
	}
	return nil
}

// Import takes the document of the profile called id into state.
func (p *profiles) Import(ctx context.Context, id string) (*Profile, error) {
	if !regexp.MustCompile(names).MatchString(id) {
		return nil, fmt.Errorf("%q is no profile's name", id)
	}
	return p.Read(ctx, &Profile{Name: id})
}
