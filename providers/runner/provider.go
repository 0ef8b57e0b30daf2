// Package runner provides the block runner: the coordinator, GitHub's runner
// program installed on the Mac itself, which receives the jobs that boot VMs.
//
// An object is four things: the program in a folder of its own, its
// registration at GitHub, the launchd job that runs it, and hostler's note of
// them. Each that differs is drift.
//
// Invariants:
//
//  1. A registration is proved ours by its number, which the note or the
//     program's own settings hold; a runner that merely has the name is nobody's
//     to touch, but for one that was just being registered and never came online.
//  2. A runner that works is left to: its registration is removed first, which
//     GitHub refuses while there is a job, and only then the program stops.
//  3. What is downloaded is unpacked only if its checksum is GitHub's.
//  4. The registration token is in no argument and no file.
//  5. Under an account of its own everything in the program's folder is done as
//     that account, and nothing there is ever run as another one.
//
// Start at Runner (schema.go), then crud.go; install.go is what lies on the Mac.
package runner

import (
	"sync"
	"time"

	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
)

// New is the provider of runner.
func New(env providers.Env) *providers.Provider { return provider(newRunners(env)) }

func provider(c *runners) *providers.Provider {
	return &providers.Provider{Name: "runner", Types: []*providers.Type{
		providers.NewType(providers.Def[Runner]{
			Schema: block(), CRUD: c, ID: (*Runner).id,
			Lane: func(r *Runner) string { return r.Host + "/launchctl" },
		}),
	}}
}

// runners is the CRUD of runner.
type runners struct {
	*ghaccess.Session
	mac     *machine.Machine
	launchd *launchctl.Client
	notes   settings.Store
	now     func() time.Time
	// idle is how long a runner's job is waited for, online how long its start.
	idle, online, pause time.Duration

	mu      sync.Mutex
	offered map[string]ghapi.Download // by owner
}

func newRunners(env providers.Env) *runners {
	mac := machine.Of(env)
	return &runners{
		Session: ghaccess.New(env), mac: mac, launchd: launchctl.New(mac), notes: settings.Store{Mac: mac}, now: time.Now,
		idle: 30 * time.Minute, online: time.Minute, pause: time.Second, offered: map[string]ghapi.Download{},
	}
}
