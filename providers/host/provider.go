// Package host owns the block type host: a Mac, and what of it is lent to VMs.
//
// A host's object is the document host.json, which the runtime reads to know
// its budget, and those settings of macOS that the block names. The document
// decides whether there is a host: it is written when the Mac has taken the
// settings, and they outlive it, since nobody knows what they were before. A
// host without an ssh block is the Mac that hostler runs on, so a configuration
// has one such host; Validate holds it to that, Resolve holds the reserve to
// what the Mac has. Start at schema.go, then crud.go.
package host

import (
	"context"

	"hostler/providers"
	"hostler/providers/host/internal/carrier"
	"hostler/providers/internal/hostsettings"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
	"hostler/providers/internal/tartcli"
)

// New returns the provider of host.
func New(env providers.Env) *providers.Provider {
	mac := machine.Of(env)
	hosts := &hosts{settings.Documents[Host]{
		Store: settings.Store{Mac: mac},
		Name:  func(*Host) string { return "host.json" },
		Flaw:  func(h *Host) *string { return &h.Document },
		ID:    func(h *Host) string { return h.Name },
		What:  "host",
		Keep: func(from, to *Host) {
			to.Settings, to.Binary, to.Service = from.Settings, from.Binary, from.Service
		},
	}, hostsettings.New(mac), carrier.New(mac), tartcli.New(mac)}
	return &providers.Provider{Name: "host", Types: []*providers.Type{
		providers.NewType(providers.Def[Host]{Schema: block(), CRUD: hosts, ID: hosts.ID}),
	}}
}

// Service is how the Mac's dispatch service is: "ok", "not installed", or what
// is wrong with it.
func Service(ctx context.Context, env providers.Env) (string, error) {
	s, err := carrier.New(machine.Of(env)).Read(ctx)
	return s.Service, err
}

// Restart starts the service that is installed anew. What is lent goes on.
func Restart(ctx context.Context, env providers.Env) error {
	return carrier.New(machine.Of(env)).Start(ctx)
}
