package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/host/internal/carrier"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/hostsettings"
	"hostler/providers/internal/settings"
	"hostler/providers/internal/tartcli"
)

// hosts is the CRUD of host: that of its document, joined by the settings of
// macOS.
type hosts struct {
	settings.Documents[Host]
	macos   *hostsettings.Client
	carrier *carrier.Carrier
	tart    *tartcli.Tart
}

// Validate refuses two hosts that are one Mac, and a group that can't be.
func (h *hosts) Validate(a addr.Addr, want *Host, config providers.Lookup) error {
	if all := config.All("host"); len(all) > 0 && all[0] != a {
		return fmt.Errorf("%s and %s both mean the Mac that hostler runs on; write one folder for each Mac, and share the rest between them with include", all[0], a)
	}
	owner := ""
	for _, a := range config.All("github") {
		if block, ok := config.Get(a); ok {
			owner = schema.Text(block, "owner")
		}
	}
	if strings.Contains(owner, "/") && !strings.EqualFold(want.Serve.Group, ghapi.DefaultGroup) {
		return &providers.AttrError{
			Path: cty.GetAttrPath("serve").GetAttr("group"),
			Err:  fmt.Errorf("the owner is the repository %s, and only organizations have runner groups", owner),
		}
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
	if err := h.carry(r); err != nil {
		return err
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

// carry completes what the Mac shall carry of hostler itself.
func (h *hosts) carry(r *providers.Resolve[Host]) error {
	want := carrier.None()
	if r.Want.Serve.Enabled {
		var err error
		if want, err = h.carrier.Wanted(); err != nil {
			return fmt.Errorf("the program that runs now can't be read, to be carried to the Mac: %w", err)
		}
		if scheme, _, _ := strings.Cut(r.Want.Serve.Token.String(), ":"); scheme == "env" {
			r.Warn("serve", fmt.Sprintf("the service is started by launchd, whose environment has no %s; write a keychain:, file: or command: reference", r.Want.Serve.Token))
		}
	}
	if at, err := netip.ParseAddrPort(r.Want.Serve.Metrics); err == nil && !at.Addr().IsLoopback() {
		r.Warn("serve", fmt.Sprintf("whoever reaches %s sees the names of repositories and jobs, without a password", at))
	}
	r.Want.Binary, r.Want.Service = want.Binary, want.Service
	return nil
}

// Create applies the settings, brings what the Mac carries and then, if it took
// all of that, writes the document: before that there is no host. The service
// starts last.
func (h *hosts) Create(ctx context.Context, want *Host) (*Host, error) {
	if err := h.Vacant(want); err != nil {
		return nil, err
	}
	values, err := h.macos.Apply(ctx, want.Settings)
	if err != nil {
		return nil, err
	}
	if want.Serve.Enabled {
		if err := h.carrier.Place(ctx); err != nil {
			return nil, err
		}
	}
	made, err := h.Documents.Create(ctx, want)
	if err == nil && want.Serve.Enabled {
		err = h.carrier.Start(ctx)
	}
	if made == nil {
		return nil, err
	}
	made.Settings = values
	return made, errors.Join(err, h.look(ctx, made))
}

// look fills in what the Mac carries.
func (h *hosts) look(ctx context.Context, host *Host) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s, err := h.carrier.Read(ctx)
	host.Binary, host.Service = s.Binary, s.Service
	return err
}

// Delete ends the service and removes the document. What is lent would have
// nobody to end it: that comes first.
func (h *hosts) Delete(ctx context.Context, have *Host) error {
	if have.Service != carrier.Absent {
		if err := h.idle(ctx); err != nil {
			return err
		}
		if err := h.carrier.Remove(ctx); err != nil {
			return err
		}
	}
	return h.Documents.Delete(ctx, have)
}

// idle is nil when no VM runs that the service has lent.
func (h *hosts) idle(ctx context.Context) error {
	list, err := h.tart.Relist(ctx)
	if tartcli.Is(err, tartcli.Missing) {
		return nil
	}
	if err != nil {
		return err
	}
	var lent []string
	for name, vm := range list.Local {
		if strings.HasPrefix(name, "hostler-") && vm.State == "running" {
			lent = append(lent, name)
		}
	}
	slices.Sort(lent)
	if len(lent) > 0 {
		return fmt.Errorf("jobs still run on this Mac, in %s; end them with hostler drain --wait, or hostler teardown --all", strings.Join(lent, ", "))
	}
	return nil
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
	carried := sync.OnceValues(func() (carrier.State, error) { return h.carrier.Read(ctx) })
	out := make([]providers.Fetched[Host], len(have))
	for i, one := range have {
		got, err := h.Documents.Read(ctx, one)
		if got != nil {
			got.Settings, err = batch.Read(ctx, one.Settings)
			if err == nil {
				var s carrier.State
				s, err = carried()
				got.Binary, got.Service = s.Binary, s.Service
			}
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
		err = h.recarry(ctx, have, want)
	}
	if err == nil {
		got.Settings = values
		return got, h.look(ctx, got)
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

// recarry brings what the Mac carries up to date. The service is restarted when
// it would not see a change by itself.
func (h *hosts) recarry(ctx context.Context, have, want *Host) error {
	switch same := have.Binary == want.Binary && have.Service == want.Service; {
	case !want.Serve.Enabled && same:
		return nil
	case !want.Serve.Enabled:
		return h.carrier.Remove(ctx)
	case same && slices.Equal(have.Serve.Clients, want.Serve.Clients) && have.Serve.Metrics == want.Serve.Metrics:
		return nil
	}
	if err := h.carrier.Place(ctx); err != nil {
		return err
	}
	return h.carrier.Start(ctx)
}

// Find is that of the document, after which nothing of an unfinished Create
// lies about but settings, and those the next one applies again.
func (h *hosts) Find(ctx context.Context, want *Host) (*Host, error) {
	if err := errors.Join(h.macos.Sweep(), h.carrier.Sweep()); err != nil {
		return nil, err
	}
	found, err := h.Documents.Find(ctx, want)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, h.carrier.Remove(ctx)
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
