package launchd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	"howett.net/plist"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/providertest"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

const (
	canary = "canary-91ce"
)

// nothing is a configuration without other blocks.
type nothing struct{}

func (nothing) Get(addr.Addr) (cty.Value, bool) { return cty.NilVal, false }
func (nothing) All(string) []addr.Addr          { return nil }

func environ(mac *testbed.Mac) []string {
	return append(mac.Environ(), "GITHUB_TOKEN="+canary)
}

func typeOn(mac *testbed.Mac) *providers.Type {
	t := New(providers.Env{Dir: "/", Root: mac.Root(), Environ: environ(mac)}).Types[0]
	return t
}

// tool runs a program of the Mac and returns what it printed.
func tool(mac *testbed.Mac, name string, args ...string) (string, error) {
	cmd := exec.Command(mac.Tool(name), args...)
	cmd.Env = environ(mac)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return string(out), err
}

func newMac(t *testing.T, spec testbed.Spec) *testbed.Mac {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return mac
}

// block is a launchd block; the attributes given replace the ones it has.
func blockWith(attrs map[string]cty.Value) cty.Value {
	all := map[string]cty.Value{}
	for name, typ := range block().Value().AttributeTypes() {
		all[name] = cty.NullVal(typ)
	}
	for name, v := range map[string]cty.Value{
		"host": cty.StringVal("host.mini"), "domain": cty.StringVal(gui), "program": words("/bin/echo", "a <b> & c"),
		"run_at_load": cty.False, "keep_alive": cty.False,
	} {
		all[name] = v
	}
	for name, v := range attrs {
		all[name] = v
	}
	return cty.ObjectVal(all)
}

func words(list ...string) cty.Value {
	var out []cty.Value
	for _, s := range list {
		out = append(out, cty.StringVal(s))
	}
	return cty.ListVal(out)
}

func at(fields map[string]int64) cty.Value {
	all := map[string]cty.Value{}
	for _, name := range []string{"minute", "hour", "day", "weekday", "month"} {
		all[name] = cty.NullVal(cty.Number)
		if n, ok := fields[name]; ok {
			all[name] = cty.NumberIntVal(n)
		}
	}
	return cty.ObjectVal(all)
}

// full is a block with every attribute set that goes with the others.
func full(domain string) cty.Value {
	return blockWith(map[string]cty.Value{
		"domain": cty.StringVal(domain), "program": words("~/bin/prune", "--older-than", "14\nü"),
		"calendar":    cty.ListVal([]cty.Value{at(map[string]int64{"hour": 3, "minute": 0}), at(map[string]int64{"weekday": 7})}),
		"run_at_load": cty.True, "keep_alive": cty.True, "watch_paths": words("~/x", "/var/y"),
		"env":               cty.MapVal(map[string]cty.Value{"A": cty.StringVal(""), "B": cty.StringVal("b")}),
		"working_directory": cty.StringVal("/tmp"), "stdout": cty.StringVal("~/Library/Logs/out.log"), "stderr": cty.StringVal("/tmp/err"),
	})
}

// file is where the job's plist lies on this machine.
func file(w *providertest.World, have cty.Value) string {
	label := have.GetAttr("label").AsString() + ".plist"
	if have.GetAttr("domain").AsString() == system {
		return w.Mac.Path("/Library/LaunchDaemons/" + label)
	}
	return w.Mac.Path("/Users/admin/Library/LaunchAgents/" + label)
}

func target(have cty.Value) string {
	domain := "gui/501/"
	if have.GetAttr("domain").AsString() == system {
		domain = "system/"
	}
	return domain + have.GetAttr("label").AsString()
}

// key sets a key of the plist, or drops it.
func key(name string, value any) func(*providertest.World, cty.Value) error {
	return func(w *providertest.World, have cty.Value) error {
		data, err := os.ReadFile(file(w, have))
		if err != nil {
			return err
		}
		keys := map[string]any{}
		if _, err := plist.Unmarshal(data, &keys); err != nil {
			return err
		}
		keys[name] = value
		if value == nil {
			delete(keys, name)
		}
		if data, err = plist.Marshal(keys, plist.BinaryFormat); err != nil {
			return err
		}
		return os.WriteFile(file(w, have), data, 0o644)
	}
}

func sudo(name string, args ...string) func(*providertest.World, cty.Value) error {
	return func(w *providertest.World, have cty.Value) error {
		_, err := tool(w.Mac, "sudo", append([]string{name}, append(args, target(have))...)...)
		return err
	}
}

func suite(domain string) providertest.Suite {
	want := full(domain)
	drifts := map[string]func(*providertest.World, cty.Value) error{
		"program": key("ProgramArguments", []string{"/bin/echo"}), "program/none": key("ProgramArguments", nil),
		"calendar": key("StartCalendarInterval", map[string]int{"Hour": 4}), "calendar/strange": key("StartCalendarInterval", map[string]any{"Hour": "x"}),
		"interval": key("StartInterval", 60), "run_at_load": key("RunAtLoad", false),
		"keep_alive": key("KeepAlive", nil), "keep_alive/conditions": key("KeepAlive", map[string]bool{"SuccessfulExit": false}),
		"watch_paths": key("WatchPaths", []string{"/z"}), "env": key("EnvironmentVariables", map[string]string{"A": "x"}),
		"working_directory": key("WorkingDirectory", "/"), "stdout": key("StandardOutPath", nil), "stderr": key("StandardErrorPath", "/x"),
		"loaded": sudo("launchctl", "bootout"), "enabled": sudo("launchctl", "disable"),
		"mode":       func(w *providertest.World, have cty.Value) error { return os.Chmod(file(w, have), 0o600) },
		"unexpected": key("Nice", 5), "unexpected/conditions": key("KeepAlive", map[string]bool{"SuccessfulExit": false}),
		"unexpected/label": key("Label", "someone.else"),
		"unexpected/broken": func(w *providertest.World, have cty.Value) error {
			return os.WriteFile(file(w, have), []byte("<plist><dict><key>"), 0o644)
		},
		"unexpected/missing": func(w *providertest.World, have cty.Value) error { return os.Remove(file(w, have)) },
		"owner": func(w *providertest.World, have cty.Value) error {
			if domain == system { // written without root, it is the user's
				return os.Chtimes(file(w, have), time.Time{}, time.Unix(1, 0))
			}
			p := strings.TrimPrefix(file(w, have), w.Mac.Root())
			_, err := tool(w.Mac, "sudo", "install", "-m", "0644", "-o", "root", "-g", "wheel", p, p)
			return err
		},
	}
	if domain == system { // the plist is the same
		maps.DeleteFunc(drifts, func(name string, _ func(*providertest.World, cty.Value) error) bool {
			return strings.Contains(name, "/")
		})
	}
	return providertest.Suite{
		World: world,
		Addr:  addr.New("launchd", "nightly"),
		Want:  want,
		Changes: map[string]cty.Value{
			"program": words("/usr/bin/true"), "calendar": cty.ListVal([]cty.Value{at(map[string]int64{"day": 31, "month": 12})}),
			"interval": cty.StringVal("1h"), "run_at_load": cty.False, "keep_alive": cty.False, "watch_paths": words("/q"),
			"env":               cty.MapVal(map[string]cty.Value{"C": cty.StringVal("<&>\t\n")}),
			"working_directory": cty.NullVal(cty.String), "stdout": cty.StringVal("/dev/null"), "stderr": cty.NullVal(cty.String),
		},
		Drifts:     drifts,
		ConfigOnly: []string{"host"},
		Identity:   []string{"domain", "label"},
		Gone: func(w *providertest.World, have cty.Value) error {
			return errors.Join(sudo("launchctl", "bootout")(w, have), os.Remove(file(w, have)))
		},
		Foreign: func(w *providertest.World, want cty.Value) error {
			return os.WriteFile(file(w, want), []byte("<plist version=\"1.0\"><dict><key>Label</key><string>hostler.nightly</string></dict></plist>"), 0o644)
		},
		Wrong: []providertest.Wrong{
			{Name: "secret in env", Want: blockWith(map[string]cty.Value{"env": cty.MapVal(map[string]cty.Value{"T": cty.StringVal("env:TOKEN")})}), Path: cty.GetAttrPath("env").IndexString("T")},
			{Name: "control character", Want: blockWith(map[string]cty.Value{"program": words("/a", "b\x01")}), Path: cty.GetAttrPath("program")},
			{Name: "variable without a name", Want: blockWith(map[string]cty.Value{"env": cty.MapVal(map[string]cty.Value{"": cty.StringVal("x")})}), Path: cty.GetAttrPath("env").IndexString("")},
		},
		Canary: canary,
	}
}

func world(dir string) (*providertest.World, error) {
	dir = filepath.Join(dir, "mac")
	mac, err := testbed.Open(dir)
	if err != nil {
		if mac, err = testbed.New(dir, mactest.Tools(), testbed.Spec{}); err != nil {
			return nil, err
		}
	}
	return &providertest.World{
		Type: typeOn(mac), Config: nothing{}, Mac: mac, Root: mac.Root(), Ignore: []string{"var/db/com.apple.xpc.launchd"},
		Objects: func() ([]string, error) { return services(mac) },
	}, nil
}

// services are what launchd has loaded, and what it has disabled.
func services(mac *testbed.Mac) ([]string, error) {
	var all []string
	for _, domain := range []string{"system", "gui/501"} {
		out, err := tool(mac, "launchctl", "print", domain)
		if err != nil {
			return nil, err
		}
		off, err := tool(mac, "launchctl", "print-disabled", domain)
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(bytes.NewBufferString(out + off)); lines.Scan(); {
			l := lines.Text()
			if f := strings.Fields(l); strings.HasPrefix(l, "\t\t") && len(f) == 3 && f[2] != "enabled" {
				all = append(all, domain+" "+f[0][:1]+" "+strings.ReplaceAll(f[2], `"`, "")) // the pid changes
			}
		}
	}
	return all, nil
}

func TestAgent(t *testing.T)  { providertest.Run(t, suite(gui)) }
func TestDaemon(t *testing.T) { providertest.Run(t, suite(system)) }
