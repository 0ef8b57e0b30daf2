// Package workflow provides the block workflow: a GitHub Actions workflow file,
// rendered from a template, in repositories at GitHub or in a folder of this Mac.
//
// Invariants:
//
//  1. The file is rendered when the plan is made, so the plan shows every line
//     that will change.
//
//  2. What is written parses as YAML.
//
//  3. Only a file that is recorded is replaced or removed, and only while it
//     still holds what the plan saw. A symlink or a folder in its place, or a
//     symlink between the directory and the file, is an error.
//
//  4. The file's content is ours, its mode is the owner's: 0644 when it is
//     made, and left alone afterwards. Git keeps no mode but the x bit.
//
//  5. Planning starts no program, and parses each template once.
//
//  6. What is refused by inspect.go is written nowhere.
//
// Start at File (schema.go); resolve.go says where the file lies and render.go
// what it holds. crud.go keeps it so in a folder, remote.go in repositories.
package workflow

import (
	"strings"
	"sync"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/machine"
)

// New is the provider of the block workflow.
func New(env providers.Env) *providers.Provider {
	return &providers.Provider{Name: "workflow", Types: []*providers.Type{
		providers.NewType(providers.Def[File]{Schema: block(), CRUD: newFiles(env), ID: id, Lane: lane}),
	}}
}

// id is DIRECTORY:PATH, as import takes it: one string could not tell where
// the directory ends and the path begins.
func id(f *File) string {
	if f.Path == "" {
		return ""
	}
	if f.Directory == "" {
		return f.Owner + "/" + strings.Join(f.Repositories, "+") + ":" + f.Path
	}
	return f.Directory + ":" + f.Path
}

// lane is one for all files in repositories: those of one repository share a
// branch.
func lane(f *File) string {
	if f.Directory == "" {
		return "github/" + f.Owner
	}
	return ""
}

// files are the workflow files in the folders of a Mac.
type files struct {
	*ghaccess.Session
	dir string // the configuration folder
	m   *machine.Machine

	mu        sync.Mutex
	templates map[string]parsed    // by file
	blocks    map[string]addr.Addr // which block means a file, by its name in small letters
}

func newFiles(env providers.Env) *files {
	return &files{
		Session: ghaccess.New(env),
		dir:     env.Dir, m: machine.Of(env),
		templates: map[string]parsed{}, blocks: map[string]addr.Addr{},
	}
}
