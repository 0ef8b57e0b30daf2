package testbed_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// read is a file of the Mac.
func (h *host) read(path string) []byte {
	h.t.Helper()
	data, err := os.ReadFile(h.Path(path))
	h.must(err)
	return data
}

func (h *host) config(name string) map[string]any {
	h.t.Helper()
	var c map[string]any
	h.must(json.Unmarshal(h.read("/Users/admin/.tart/vms/"+name+"/config.json"), &c))
	return c
}

// listed is "tart list --format json", by source and name.
func (h *host) listed(words ...string) map[string]map[string]any {
	h.t.Helper()
	var all []map[string]any
	h.must(json.Unmarshal([]byte(h.run(append([]string{"tart", "list", "--format", "json"}, words...)...)), &all))
	byName := map[string]map[string]any{}
	for _, v := range all {
		byName[v["Source"].(string)+" "+v["Name"].(string)] = v
	}
	return byName
}

func TestLifeOfAVM(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "base")
	h.run("tart", "set", "base", "--cpu", "6", "--memory=6144", "--disk-size", "60", "--random-mac")
	var got struct {
		OS, Size, Display, State, DiskFormat string
		CPU, Memory, Disk                    int
		Running                              bool
	}
	h.must(json.Unmarshal([]byte(h.run("tart", "get", "base", "--format", "json")), &got))
	if got.OS != "darwin" || got.CPU != 6 || got.Memory != 6144 || got.Disk != 60 || got.Size != "25.000" ||
		got.State != "stopped" || got.Display != "1024x768" || got.DiskFormat != "raw" || got.Running {
		t.Errorf("get: %+v", got)
	}
	g := h.boot("base", "--no-graphics")
	h.run("tart", "stop", "base")
	if r := g.end(t); r != (result{0, "Stopping VM...\n", ""}) {
		t.Errorf("stopped tart run: %+v", r)
	}
	h.run("tart", "rename", "base", "gold")
	h.run("tart", "delete", "gold")
	if out := h.run("tart", "list", "-q", "--source", "local"); out != "" {
		t.Errorf("still there: %q", out)
	}
}

// TestRefusals is the table of exit codes and texts on stderr. The VM "lin" is
// a stopped Linux one, "mac" a stopped macOS one with the image's minimum of 4
// GiB, "half" has no disk.
func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{CPUs: 8})
	h.run("tart", "create", "lin", "--linux")
	h.run("tart", "clone", sequoia, "mac")
	h.run("tart", "create", "half", "--linux")
	h.must(os.Remove(h.Path("/Users/admin/.tart/vms/half/disk.img")))
	missing := "the specified VM \"x\" does not exist\n"
	see := func(usage, cmd string) string {
		return "Usage: tart " + usage + "\n  See 'tart" + cmd + " --help' for more information.\n"
	}
	get := see("get [--format <format>] <name>", " get")
	root := see("<subcommand>", "")
	for _, c := range []struct {
		words  string
		code   int
		stderr string
	}{
		{"get x", 2, missing}, {"set x", 2, missing}, {"stop x", 2, missing}, {"suspend x", 2, missing}, {"delete x", 2, missing},
		{"ip x", 2, missing}, {"clone x y", 2, missing}, {"exec x true", 2, missing}, {"delete lin2 x", 2, strings.Replace(missing, "x", "lin2", 1)},
		{"run x", 1, "Error: " + missing},
		{"rename x y", 64, "Error: failed to rename a non-existent local VM: x\n" + root},
		{"rename lin mac", 64, "Error: failed to rename VM lin, target VM mac already exists, delete it first!\n" + root},
		{"rename lin a/b", 64, "Error: <new-name> should be a local name\n" + see("rename <name> <new-name>", " rename")},
		{"stop lin", 2, "VM \"lin\" is not running\n"},
		{"exec lin true", 2, "VM \"lin\" is not running\n"},
		{"suspend lin", 2, "VM \"VM \"lin\" is not running\" is not running\n"},
		{"set mac --memory 2048", 1, "Error: LessThanMinimalResourcesError: VM should have 4294967296 bytes of memory at minimum (requested 2147483648)\n"},
		{"set mac --cpu 1", 1, "Error: LessThanMinimalResourcesError: VM should have 2 CPU cores at minimum (requested 1)\n"},
		{"set lin --disk-size 40", 1, "new disk size of 40 GB should be larger than the current disk size of 50 GB\n"},
		{"get half", 1, "VM is missing some of its files (config.json, disk.img or nvram.bin)\n"},
		{"get", 64, "Error: Missing expected argument '<name>'\n" + get},
		{"get a b", 64, "Error: Unexpected argument 'b'\n" + get},
		{"get a b c", 64, "Error: 2 unexpected arguments: 'b', 'c'\n" + get},
		{"get lin --frmt json", 64, "Error: Unknown option '--frmt'\n" + get},
		{"get lin --format", 64, "Error: Missing value for '--format <format>'\n" + get},
		{"get lin --format xml", 64, "Error: The value 'xml' is invalid for '--format <format>'. Please provide one of 'text', 'json'.\n" + get},
		{"fly", 64, "Error: Unexpected argument 'fly'\n" + root},
		{"fqn " + sequoia + "x", 1, "OCI storage error: " + sequoia + "x is not a digest and doesn't point to a digest\n"},
		{"pull ghcr.io/nobody/nothing:1", 1, `Error: UnexpectedHTTPStatusCode(when: "pulling manifest", code: 404, details: "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}")` + "\n"},
	} {
		h.want(c.code, c.stderr, append([]string{"tart"}, strings.Fields(c.words)...)...)
	}
	for words, text := range map[string]string{
		"create x":                         "Please specify either a --from-ipsw or --linux option!",
		"clone lin a/b":                    "<new-name> should be a local name",
		"clone lin a --concurrency 0":      "network concurrency cannot be less than 1",
		"list --source cloud":              "The value 'cloud' is invalid for '--source <source>'. Please provide one of 'local', 'oci'.",
		"set lin --cpu many":               "The value 'many' is invalid for '--cpu <cpu>'",
		"prune":                            "at least one pruning criteria must be specified",
		"run lin --suspendable":            "You can only suspend macOS VMs",
		"run lin --net-host --net-softnet": "--net-bridged, --net-softnet and --net-host are mutually exclusive",
		"run lin --dir /a --dir /b":        "invalid --dir syntax: for multiple directory shares each one of them should be named",
	} {
		r := h.try(append([]string{"tart"}, strings.Fields(words)...)...)
		if line, _, _ := strings.Cut(r.stderr, "\n"); r.code != 64 || line != "Error: "+text {
			t.Errorf("%s: exit %d, %q", words, r.code, r.stderr)
		}
	}
	if r := h.try("tart", "set", "mac", "--cpu", "12"); r.code != 0 {
		t.Errorf("set has no maximum: %+v", r)
	}
	if r := h.try("tart", "run", "mac"); r.code != 1 || !strings.HasPrefix(r.stderr, "Error: ") || !strings.Contains(r.stderr, "Invalid virtual machine configuration") {
		t.Errorf("run with more CPUs than the Mac has: %+v", r)
	}
}

func TestCloneReplacesWithoutAsking(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.run("tart", "create", "b", "--linux", "--disk-size", "20")
	g := h.boot("b")
	h.run("tart", "clone", "a", "b")
	if v, _ := h.vm("b"); v.State != "stopped" || v.Disk != 50_000_000_000 {
		t.Errorf("b: %+v", v)
	}
	select {
	case <-g.done:
		t.Error("the replaced VM should run on as an orphan")
	default:
	}
}

func TestOrphanHoldsItsSlot(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "a")
	h.run("tart", "clone", sequoia, "b")
	h.boot("a")
	h.boot("b")
	h.run("tart", "clone", sequoia, "b")
	h.want(1, "The number of VMs exceeds the system limit (other running VMs: a)\n", "tart", "run", "b")
}

func TestMACOfAClone(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	mac := func(name string) string { return h.config(name)["macAddress"].(string) }
	h.run("tart", "clone", sequoia, "one")
	first := mac("one")
	h.run("tart", "clone", sequoia, "two")
	if mac("two") == first {
		t.Error("two VMs at once share a MAC")
	}
	h.run("tart", "delete", "one", "two")
	h.run("tart", "clone", sequoia, "three")
	if mac("three") != first {
		t.Error("a clone without a rival should keep the image's MAC")
	}
	h.must(os.WriteFile(h.Path("/Users/admin/.tart/vms/three/state.vzvmsave"), nil, 0o644))
	h.run("tart", "clone", "three", "four")
	if mac("four") != first {
		t.Error("a suspended source should keep its MAC in the clone")
	}
	if h.listed()["local four"]["State"] != "suspended" {
		t.Error("the saved state was not cloned")
	}
	ecid := h.config("four")["ecid"]
	h.run("tart", "set", "four", "--random-mac", "--random-serial")
	if mac("four") == first || h.config("four")["ecid"] == ecid {
		t.Error("set did not change MAC and serial")
	}
	h.run("tart", "stop", "four")
	if h.listed()["local four"]["State"] != "stopped" {
		t.Error("stop of a suspended VM should drop its state")
	}
}

func TestSetRewritesEvenWhenAskedForNothing(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.run("tart", "set", "a", "--display", "1920x1080px", "--display-refit")
	c := h.config("a")
	if c["displayRefit"] != true || c["display"].(map[string]any)["unit"] != "px" {
		t.Errorf("%v", c)
	}
	h.must(h.EditVM("a", func(c map[string]any) { c["mine"] = 1 }))
	h.run("tart", "set", "a")
	c = h.config("a")
	if _, ok := c["displayRefit"]; ok || c["mine"] != nil {
		t.Errorf("displayRefit and unknown keys should be gone: %v", c)
	}
	h.run("tart", "set", "a", "--display", "800xhigh")
	d := h.config("a")["display"].(map[string]any)
	if fmt.Sprint(d["width"], d["height"], d["unit"]) != "800 1080 <nil>" {
		t.Errorf("a bad part is ignored and the unit is cleared: %v", d)
	}
	if r := h.try("tart", "set", "a", "--cpu", "2", "--disk-size", "1"); r.code != 1 || h.config("a")["cpuCount"] != 2.0 {
		t.Errorf("the config is saved before the disk is resized: %+v", r)
	}
	h.run("tart", "set", "a", "--disk-size", "50")
}

func TestListShapes(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{})
	if out := h.run("tart", "list", "--format", "json"); out != "[\n\n]\n" {
		t.Errorf("empty list: %q", out)
	}
	h.run("tart", "create", "z", "--linux", "--disk-size", "30")
	h.run("tart", "clone", sequoia, "a")
	all := h.listed()
	var oci []string
	for name, v := range all {
		if v["Source"] == "OCI" {
			oci = append(oci, name)
		}
	}
	if len(all) != 4 || len(oci) != 2 {
		t.Errorf("two local VMs, and the image as tag and digest: %v", all)
	}
	z := all["local z"]
	if z["Disk"] != 30.0 || z["Running"] != false || z["State"] != "stopped" || z["Accessed"] == nil || z["SizeOnDisk"] != nil {
		t.Errorf("z: %v", z)
	}
	if size := all["local a"]["Size"]; size != 25.0 {
		t.Errorf("size of a: %v", size)
	}
	if out := h.run("tart", "list", "--format", "json"); !strings.Contains(out, `ghcr.io\/cirruslabs\/macos`) {
		t.Errorf("slashes are escaped: %s", out)
	}
	want := []string{"a", "z"}
	if got := strings.Fields(h.run("tart", "list", "--quiet", "--source", "local")); !slices.Equal(got, want) {
		t.Errorf("sorted by name: %v", got)
	}
	orders := map[string]bool{}
	for range 20 {
		orders[h.run("tart", "get", "z", "--format", "json")] = true
	}
	if len(orders) < 2 {
		t.Error("the order of JSON keys must not be stable")
	}
}

func TestOlderTart(t *testing.T) {
	h := newHost(t, testbed.Spec{TartVersion: "2.26.1"})
	if out := h.run("tart", "--version"); out != "2.26.1\n" {
		t.Errorf("version %q", out)
	}
	h.run("tart", "clone", ubuntu, "a")
	v := h.listed()["local a"]
	if v["SizeOnDisk"] != 2.0 || v["Accessed"] != nil {
		t.Errorf("%v", v)
	}
	for _, words := range [][]string{{"exec", "a", "true"}, {"ip", "a", "--resolver", "agent"}, {"clone", "a", "b", "--prune-limit", "1"}} {
		if r := h.try(append([]string{"tart"}, words...)...); r.code != 64 {
			t.Errorf("%v came later: %+v", words, r)
		}
	}
	h.run("tart", "clone", sequoia, "m")
	h.must(h.TakeSlots(2))
	h2 := newHost(t, testbed.Spec{TartVersion: "2.18.0"})
	h2.run("tart", "clone", sequoia, "m")
	h2.must(h2.TakeSlots(2))
	h.want(1, "The number of VMs exceeds the system limit\n", "tart", "run", "m")
	h2.want(1, "Error Domain=VZErrorDomain Code=6 \"The maximum supported number of active virtual machines has been reached.\"\n", "tart", "run", "m")
}

func TestBrokenFolders(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "good", "--linux")
	h.run("tart", "create", "bad", "--linux")
	h.must(os.Remove(h.Path("/Users/admin/.tart/vms/bad/nvram.bin")))
	if got := h.run("tart", "list", "-q"); got != "good\n" {
		t.Errorf("a broken VM is left out: %q", got)
	}
	h.must(os.WriteFile(h.Path("/Users/admin/.tart/vms/good/config.json"), []byte("{"), 0o644))
	h.want(1, "Error: The data couldn’t be read because it isn’t in the correct format.\n", "tart", "get", "good")
	h.run("tart", "delete", "bad", "good")
}

func TestVanishingVMFailsTheList(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "create", "a", "--linux")
	h.run("tart", "create", "b", "--linux")
	h.must(h.SetTiming(testbed.Timing{List: 300e6}))
	list := make(chan result)
	go func() { list <- h.try("tart", "list", "--format", "json") }()
	h.until("list is under way", func() bool {
		calls, err := h.Calls()
		return err == nil && calls[len(calls)-1].Args[0] == "list"
	})
	// The call is logged a moment before it looks; deleting too early would
	// only shorten the list, so let it look first.
	settle()
	h.must(h.RemoveVM("b"))
	if r := <-list; r.code != 1 || !strings.HasPrefix(r.stderr, "Error: ") || r.stdout != "" {
		t.Errorf("%+v", r)
	}
	h.must(h.SetTiming(testbed.Timing{}))
	if got := h.run("tart", "list", "-q"); got != "a\n" {
		t.Errorf("a retry works: %q", got)
	}
}

func TestTemporaryFolders(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{})
	h.run("tart", "list")
	stray := h.Path("/Users/admin/.tart/tmp/stray")
	h.must(os.MkdirAll(stray, 0o755))
	h.run("tart", "list")
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Error("an unlocked temporary folder is collected")
	}
	h.run("tart", "create", "a", "--linux")
	h.must(h.SetTiming(testbed.Timing{Clone: 2e9}))
	clone := h.command("tart", "clone", "a", "b")
	h.must(clone.Start())
	tmp := h.Path("/Users/admin/.tart/tmp")
	h.until("clone copies", func() bool { e, err := os.ReadDir(tmp); return err == nil && len(e) == 1 })
	h.run("tart", "list")
	if e, err := os.ReadDir(tmp); err != nil || len(e) != 1 {
		t.Error("a locked temporary folder stays")
	}
	h.must(clone.Process.Kill())
	clone.Wait()
	h.run("tart", "list")
	if e, err := os.ReadDir(tmp); err != nil || len(e) != 0 {
		t.Errorf("a killed clone leaves nothing after the next command: %v", e)
	}
	if _, ok := h.vm("b"); ok {
		t.Error("half a clone became a VM")
	}
	clone = h.command("tart", "clone", "a", "b")
	h.must(clone.Start())
	h.until("clone copies", func() bool { e, err := os.ReadDir(tmp); return err == nil && len(e) == 1 })
	settle()
	h.must(clone.Process.Signal(os.Interrupt))
	if clone.Wait(); clone.ProcessState.ExitCode() != 1 {
		t.Errorf("interrupted clone: %v", clone.ProcessState)
	}
	if e, _ := os.ReadDir(tmp); len(e) != 0 {
		t.Error("an interrupted clone removes its folder")
	}
}

func TestTartHome(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	cmd := h.command("tart", "create", "a", "--linux")
	cmd.Env = append(cmd.Env, "TART_HOME=/Volumes/Fast/tart")
	if r := h.finish(cmd); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(h.Root(), "Volumes/Fast/tart/vms/a/config.json")); err != nil {
		t.Error(err)
	}
	if out := h.run("tart", "list", "-q"); out != "" {
		t.Errorf("another home: %q", out)
	}
}
