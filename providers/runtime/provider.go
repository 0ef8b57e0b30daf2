// Package runtime owns the block type profile: a named size of VM that a job
// may ask for.
//
// A profile's object is the settings document profiles/NAME.json: what was
// configured, and the VM that the profile's image became. A profile belongs to
// the Mac of its image. What can never work is refused before anything is
// touched: what the blocks alone tell in Validate (validate.go), what needs to
// know the Mac in Resolve (crud.go). Start at schema.go.
package runtime

import (
	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
)

// New returns the provider of profile.
func New(env providers.Env) *providers.Provider {
	profiles := &profiles{Documents: settings.Documents[Profile]{
		Store: settings.Store{Mac: machine.Of(env)},
		Name:  func(p *Profile) string { return "profiles/" + p.Name + ".json" },
		Flaw:  func(p *Profile) *string { return &p.Document },
		ID:    func(p *Profile) string { return p.Name },
		What:  "profile",
		Keep:  func(from, to *Profile) { to.Name = from.Name },
	}}
	return &providers.Provider{Name: "runtime", Types: []*providers.Type{
		providers.NewType(providers.Def[Profile]{Schema: block(), CRUD: profiles, ID: profiles.ID}),
	}}
}
