package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/host/internal/carrier"
	"hostler/providers/providertest"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

const document = "/Users/admin/Library/Application Support/hostler/host.json"

func TestConformance(t *testing.T) {
	reserve := func(memory, disk string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"memory": cty.StringVal(memory), "disk": cty.StringVal(disk)})
	}
	edit := func(from, to string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error {
			data, err := os.ReadFile(w.Mac.Path(document))
			if err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(strings.Replace(string(data), from, to, 1)), 0o600)
		}
	}
	// One setting of each kind: root's, the user's own, one that is a file as
	// well, one within a dictionary. All others are led through their lives
	// beside the table of settings.
	settings := map[string]any{"sleep": "never", "screen_saver": "never", "max_open_files": 65536, "dhcp_lease": "10m"}
	want := carrying(with(wanted("4GiB", "20GiB", 2), settings))
	other := with(want, map[string]any{
		"sleep": "30m", "screen_saver": "1h", "max_open_files": 8192, "wake_on_lan": false,
	}).GetAttr("settings")
	by := func(line string) func(*providertest.World, cty.Value) error {
		return func(w *providertest.World, _ cty.Value) error { return tool(w.Mac, line) }
	}
	providertest.Run(t, providertest.Suite{
		World: func(dir string) (*providertest.World, error) {
			mac, err := testbed.Open(dir)
			if err != nil {
				mac, err = testbed.New(dir, mactest.Tools(), testbed.Spec{})
			}
			if err != nil {
				return nil, err
			}
			env := providers.Env{Root: mac.Root(), Environ: mac.Environ()}
			return &providertest.World{
				Type: New(env).Types[0], Config: blocks{}, Root: mac.Root(), Mac: mac,
				// Settings stay as they are when the host goes.
				Ignore: []string{"Library/Preferences/", "Users/admin/Library/Preferences/", "Library/LaunchDaemons/hostler.limit.maxfiles.plist"},
			}, nil
		},
		Addr: addr.New("host", "mini"),
		Want: want,
		Changes: map[string]cty.Value{
			"macos_guests": cty.NumberIntVal(0), "reserve": reserve("6GiB", "50GB"), "settings": other, "serve": served(true, "admin"),
		},
		Drifts: map[string]func(*providertest.World, cty.Value) error{
			"name":           edit("mini", "maxi"),
			"macos_guests":   edit(": 2", ": 1"),
			"reserve/memory": edit("4GiB", "1GiB"),
			"reserve/disk":   edit("20GiB", "1GiB"),
			"document":       edit("{", "{{"),
			"serve/enabled":  edit(`"enabled": true`, `"enabled": false`),
			"serve/group":    edit(`"group": "Default"`, `"group": "all"`),
			"serve/metrics":  edit(`:9750`, `:9751`),
			"serve/hook":     edit(`bin/notify`, `bin/tell`),
			"binary": func(w *providertest.World, _ cty.Value) error {
				return os.WriteFile(w.Mac.Path(carrier.Binary), []byte("another"), 0o755)
			},
			"binary/mode": func(w *providertest.World, _ cty.Value) error {
				return os.Chmod(w.Mac.Path(carrier.Binary), 0o700)
			},
			"binary/gone": func(w *providertest.World, _ cty.Value) error { return os.Remove(w.Mac.Path(carrier.Binary)) },
			"service":     by("launchctl bootout gui/501/dev.hostler.serve"),
			"service/plist": func(w *providertest.World, _ cty.Value) error {
				return os.WriteFile(w.Mac.Path("/Users/admin/Library/LaunchAgents/dev.hostler.serve.plist"), []byte("<plist/>"), 0o644)
			},
			"settings/sleep": by("sudo pmset -a sleep 1"), "settings/screen_saver": by("defaults -currentHost delete com.apple.screensaver"),
			"settings/max_open_files": by("sudo launchctl limit maxfiles 256"),
			"settings/dhcp_lease":     by("sudo defaults write /Library/Preferences/SystemConfiguration/com.apple.InternetSharing.default bootpd -dict"),
			"document/mode": func(w *providertest.World, _ cty.Value) error {
				return os.Chmod(w.Mac.Path(document), 0o644)
			},
		},
		Gone: func(w *providertest.World, _ cty.Value) error { return os.Remove(w.Mac.Path(document)) },
		Foreign: func(w *providertest.World, _ cty.Value) error {
			if err := os.MkdirAll(filepath.Dir(w.Mac.Path(document)), 0o700); err != nil {
				return err
			}
			return os.WriteFile(w.Mac.Path(document), []byte(`{"name": "other", "macos_guests": 1}`), 0o600)
		},
		// Which settings are managed only the files say.
		ImportLoses: []string{"settings"},
		Wrong: []providertest.Wrong{{
			Name: "a reserve of all there is", Want: wanted("16GiB", "20GiB", 2), Path: cty.GetAttrPath("reserve").GetAttr("memory"),
		}, {
			Name: "half a minute", Want: with(want, map[string]any{"sleep": "30s"}), Path: cty.GetAttrPath("settings").GetAttr("sleep"),
		}},
	})
}
