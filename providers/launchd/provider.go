// Package launchd provides the block launchd: a job of macOS's launchd, with
// its whole property list.
//
// An object is three things at once: the plist in the folder of its domain,
// the service loaded from it, and launchd's note whether its label may load at
// all. All three are read, and each that differs is drift.
//
// Invariants:
//
//  1. The plist is ours entirely: a key that this package can't express shows
//     in the attribute unexpected, and the next update drops it.
//  2. An update unloads first, then writes, then loads. Wherever it dies, the
//     file or the service tells that it is not finished.
//  3. A plist that can't be parsed, or whose service outlived its file, is
//     drift to be repaired, not a failure.
//  4. Reading takes a number of calls that does not grow with the jobs.
//
// Start at Job (schema.go), then crud.go; plist.go maps a Job to a plist.
package launchd

import (
	"strings"

	"hostler/providers"
	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
)

// New is the provider of the block launchd.
func New(env providers.Env) *providers.Provider {
	m := machine.Of(env)
	return &providers.Provider{Name: "launchd", Types: []*providers.Type{
		providers.NewType(providers.Def[Job]{
			Schema: block(),
			CRUD:   &jobs{m: m, launchd: launchctl.New(m)},
			ID:     id,
			Lane:   func(j *Job) string { return j.Host + "/launchctl" },
		}),
	}}
}

// id is HOST/DOMAIN/LABEL, as import takes it.
func id(j *Job) string {
	if j.Label == "" {
		return ""
	}
	return strings.Join([]string{strings.TrimPrefix(j.Host, "host."), j.Domain, j.Label}, "/")
}

// jobs are the launchd jobs of a Mac.
type jobs struct {
	m       *machine.Machine
	launchd *launchctl.Client
}
