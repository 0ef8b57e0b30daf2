package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/hostsettings"
	"hostler/providers/internal/settings"
)

// hosts is the CRUD of host: that of its document, joined by the settings of
// macOS.
type hosts struct {
	settings.Documents[Host]
	macos *hostsettings.Client
}

// Validate refuses two hosts that are one Mac.
func (h *hosts) Validate(a addr.Addr, _ *Host, config providers.Lookup) error {
	if all := config.All("host"); len(all) > 0 && all[0] != a {
		return fmt.Errorf("%s and %s both mean the Mac that hostler runs on; write one folder for each Mac, and share the rest between them with include", all[0], a)
	}
	return nil
}

// Resolve names the host and holds its reserve to what the Mac has.
func (h *hosts) Resolve(_ context.Context, r *providers.Resolve[Host]) error {
	r.Want.Name, r.Want.Document = r.Name, settings.Sound
	if err := r.Want.Settings.Normalize(); err != nil {
		return err
	}
	var have *hostsettings.Values
	if r.Have == nil {
		if err := h.Vacant(r.Want); err != nil {
			return err
		}
	} else {
		have = r.Have.Settings
	}
	for _, name := range r.Want.Settings.AfterRestart(have) {
		r.Warn("settings", fmt.Sprintf("a change of %s takes effect when the Mac is restarted, which hostler leaves to you", name))
	}
	facts, err := h.Mac.Facts()
	if err != nil {
		return fmt.Errorf("%s: the facts of this Mac can't be read; hostler manages the Mac it runs on: %w", r.Addr, err)
	}
	if has := schema.Size(facts.Memory); r.Want.Reserve.Memory >= has {
		return &providers.AttrError{
			Path: cty.GetAttrPath("reserve").GetAttr("memory"),
			Err:  fmt.Errorf("a reserve of %s leaves nothing for VMs: this Mac has %s; write less", r.Want.Reserve.Memory, has),
		}
	}
	return nil
}

// Create applies the settings and then, if the Mac took them all, writes the
// document: before that there is no host.
func (h *hosts) Create(ctx context.Context, want *Host) (*Host, error) {
	if err := h.Vacant(want); err != nil {
		return nil, err
	}
	values, err := h.macos.Apply(ctx, want.Settings)
	if err != nil {
		return nil, err
	}
	made, err := h.Documents.Create(ctx, want)
	if made != nil {
		made.Settings = values
	}
	return made, err
}

// Read reads the document, and the settings that have names.
func (h *hosts) Read(ctx context.Context, have *Host) (*Host, error) {
	all, err := h.Prefetch(ctx, []*Host{have})
	if err != nil {
		return nil, err
	}
	return all[0].Object, all[0].Err
}

// Prefetch asks the Mac once for what several hosts want to know.
func (h *hosts) Prefetch(ctx context.Context, have []*Host) ([]providers.Fetched[Host], error) {
	batch := h.macos.Batch()
	out := make([]providers.Fetched[Host], len(have))
	for i, one := range have {
		got, err := h.Documents.Read(ctx, one)
		if got != nil {
			got.Settings, err = batch.Read(ctx, one.Settings)
		}
		if out[i].Err = err; err == nil {
			out[i].Object = got
		}
	}
	return out, nil
}

// Update replaces the document and applies the settings; one does not wait for
// the other.
func (h *hosts) Update(ctx context.Context, have, want *Host) (*Host, error) {
	got, docErr := h.Documents.Update(ctx, have, want)
	values, err := h.macos.Apply(ctx, want.Settings)
	if err = errors.Join(docErr, err); err == nil {
		got.Settings = values
		return got, nil
	}
	// What the host is now tells the next plan what is left to do.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	got, readErr := h.Read(ctx, want)
	if readErr != nil {
		return nil, err
	}
	return got, err
}

// Find is that of the document, after which nothing of an unfinished Create
// lies about but settings, and those the next one applies again.
func (h *hosts) Find(ctx context.Context, want *Host) (*Host, error) {
	if err := h.macos.Sweep(); err != nil {
		return nil, err
	}
	found, err := h.Documents.Find(ctx, want)
	if found == nil || err != nil {
		return nil, err
	}
	return h.Read(ctx, found)
}

// Import takes the Mac's document into state; id is the name it holds.
func (h *hosts) Import(ctx context.Context, id string) (*Host, error) {
	got, err := h.Read(ctx, &Host{})
	if err != nil || got == nil {
		return nil, err
	}
	if got.Name != id && got.Name != "" {
		return nil, fmt.Errorf("%s records this Mac as host %q, not %q; import it under that name", h.Path(h.Name(got)), got.Name, id)
	}
	return got, nil
}
