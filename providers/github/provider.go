// Package github owns what is at GitHub: how it is reached (the block github),
// runner groups and Actions secrets.
//
// Invariants:
//
//  1. The block github is data, and the document github.json on the Mac, which
//     the runtime reads. It holds references to secrets, never one.
//  2. How GitHub is reached is what the configuration says or, where it says
//     nothing any more, what is installed.
//  3. Reading many objects takes one listing for each owner or repository.
//  4. A secret's value leaves this Mac sealed for GitHub, and nothing that is
//     kept of it helps to guess it.
//  5. What was not made here, or changed since, is never overwritten unseen.
//
// Start at access.go, group.go and secret.go, a block type each; the way to GitHub is
// package ghaccess.
package github

import (
	"github.com/zclconf/go-cty/cty"

	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/machine"
)

// New is the provider of github, runner_group and secret.
func New(env providers.Env) *providers.Provider {
	s := ghaccess.New(env)
	access := &accesses{s.Documents(), s}
	return &providers.Provider{Name: "github", Types: []*providers.Type{
		providers.NewType(providers.Def[ghaccess.Access]{Schema: accessBlock(), CRUD: access, ID: access.ID}),
		providers.NewType(providers.Def[Group]{Schema: groupBlock(), CRUD: &groups{s}, ID: (*Group).id}),
		providers.NewType(providers.Def[Secret]{Schema: secretBlock(), CRUD: &secrets{Session: s, mac: machine.Of(env)}, ID: (*Secret).id}),
	}}
}

// elements names the place of an element of a list in errors.
func elements(attr string, i int) cty.Path { return cty.GetAttrPath(attr).IndexInt(i) }
