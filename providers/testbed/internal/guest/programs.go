package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// user is the one that all published images have, and its password.
const user = "admin"

func (g Guest) home() string     { return filepath.Join(g.VM.Dir.Guest(), "Users", user) }
func (g Guest) programs() string { return filepath.Join(g.VM.Dir.Guest(), "bin") }
func (g Guest) mounts() string   { return filepath.Join(g.VM.Dir.Guest(), "mounts") }

// scripts are the programs of a guest that must not be this machine's: they
// would reach beyond the guest.
func scripts() map[string]string {
	const off = `#!/bin/sh
: > "$GUEST_POWER"
`
	return map[string]string{
		"halt": off, "poweroff": off, "shutdown": off,
		"sudo": `#!/bin/sh
while case $1 in -*) true ;; *) false ;; esac; do
	case $1 in -p | -u) shift ;; esac
	shift
done
exec "$@"
`,
		"mount": `#!/bin/sh
[ -n "$GUEST_UNMOUNTED" ] || cat "$GUEST_MOUNTS"
`,
		"date": `#!/bin/sh
[ "$*" = +%s ] || exec /bin/date "$@"
echo $(($(/bin/date +%s) + GUEST_CLOCK))
`,
	}
}

// boot makes what a guest has from its start: its programs, and a note of its
// mounts.
func (g Guest) boot(shares []string) error {
	if err := os.MkdirAll(g.programs(), 0o755); err != nil {
		return err
	}
	for name, text := range scripts() {
		if err := os.WriteFile(filepath.Join(g.programs(), name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	mounts := "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
	for _, share := range shares {
		if !strings.Contains(share, "tag=") {
			mounts += "/dev/disk0 on /Volumes/My Shared Files (AppleVirtIOFS, local, nodev, nosuid, automounted)\n"
			break
		}
	}
	return os.WriteFile(g.mounts(), []byte(mounts), 0o644)
}

// environ is the environment of the guest's processes, but for HOME.
func (g Guest) environ(s mac.Settings) []string {
	env := []string{
		"USER=" + user, "LOGNAME=" + user, "SHELL=/bin/zsh", "PATH=" + g.programs() + ":/usr/bin:/bin:/usr/sbin:/sbin",
		"GUEST_POWER=" + g.VM.Dir.PowerFile(g.PID), "GUEST_MOUNTS=" + g.mounts(),
		fmt.Sprintf("GUEST_CLOCK=%d", int(s.Trouble.Clock/time.Second)),
	}
	if s.Trouble.Unmounted {
		env = append(env, "GUEST_UNMOUNTED=1")
	}
	return env
}
