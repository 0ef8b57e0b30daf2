package host

import (
	"context"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/settings"
)

// hosts is the CRUD of host: that of its document, and what follows.
type hosts struct {
	settings.Documents[Host]
}

// Validate refuses two hosts that are one Mac.
func (h *hosts) Validate(_ *Host, config providers.Lookup) error {
	if all := config.All("host"); len(all) > 1 {
		return fmt.Errorf("%s and %s both mean the Mac that hostler runs on; write one folder for each Mac, and share the rest between them with include", all[0], all[1])
	}
	return nil
}

// Resolve names the host and holds its reserve to what the Mac has.
func (h *hosts) Resolve(_ context.Context, r *providers.Resolve[Host]) error {
	r.Want.Name, r.Want.Document = r.Name, settings.Sound
	if r.Have == nil {
		if err := h.Vacant(r.Want); err != nil {
			return err
		}
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
