package status

import (
	"errors"
	"io/fs"
	"path"

	"hostler/providers/internal/machine"
	"hostler/providers/runtime/dispatch"
)

// LogNames are the logs of a lease, in the order in which they are begun.
func LogNames() []string {
	return []string{"boot.log", "ready.log", "runner.log", "diag.log", "teardown.log"}
}

// Logs are what is kept of a lease, by the names of the logs.
func Logs(o dispatch.Options, lease string) (map[string]string, error) {
	m := machine.Local(o.Env.Root, o.Env.Environ)
	kept := map[string]string{}
	for _, name := range LogNames() {
		data, err := m.ReadFile(path.Join(dispatch.Logs, lease, name))
		switch {
		case err == nil:
			kept[name] = string(data)
		case !errors.Is(err, fs.ErrNotExist):
			return kept, err
		}
	}
	return kept, nil
}
