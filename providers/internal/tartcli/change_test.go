package tartcli_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"hostler/providers/internal/tartcli"
	"hostler/providers/testbed"
)

func TestCloneNeverReplaces(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.tart("create", "--linux", "a")
	b.tart("create", "--linux", "taken")
	before := b.vm("taken")
	b.wantKind(b.Clone(t.Context(), "a", "taken"), tartcli.AlreadyExists)
	b.wantKind(b.Rename(t.Context(), "a", "taken"), tartcli.AlreadyExists)
	if b.vm("taken") != before || b.vm("a").Name == "" {
		t.Error("a VM was touched")
	}
	// Remains that tart itself does not list are somebody's all the same.
	b.must(os.MkdirAll(b.Path("/Users/admin/.tart/vms/remains"), 0o755))
	b.wantKind(b.Clone(t.Context(), "a", "remains"), tartcli.AlreadyExists)
	b.wantKind(b.Rename(t.Context(), "a", "remains"), tartcli.AlreadyExists)
	if slices.ContainsFunc(b.calls(), func(c string) bool { return strings.HasPrefix(c, "clone") }) {
		t.Error("tart clone was called")
	}
}

func TestCloneWantsAStoppedSource(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.wantKind(b.Clone(t.Context(), "gone", "x"), tartcli.NotFound)
	b.tart("create", "--from-ipsw", "latest", "mac")
	b.boot("mac", "--suspendable")
	b.wantKind(b.Clone(t.Context(), "mac", "x"), tartcli.Running)
	running, err := b.Running(t.Context(), "mac")
	if err != nil || !running {
		t.Errorf("running %v, %v", running, err)
	}
	b.tart("suspend", "mac")
	for b.vm("mac").State != "suspended" {
	}
	b.wantKind(b.Clone(t.Context(), "mac", "x"), tartcli.Suspended)
	b.wantKind(b.Configure(t.Context(), "mac", tartcli.Patch{CPUs: 5}), tartcli.Suspended)
	b.tart("stop", "mac")
	b.must(b.Clone(t.Context(), "mac", "x"))
	if b.vm("x").State != "stopped" {
		t.Errorf("%+v", b.vm("x"))
	}
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.must(b.Pull(t.Context(), sequoia, nil))
	b.must(b.Clone(t.Context(), sequoia, "base"))
	old := b.vm("base")
	b.must(b.EditVM("base", func(c map[string]any) { c["displayRefit"] = true }))
	b.must(b.Configure(t.Context(), "base", tartcli.Patch{CPUs: 6, Memory: 12 << 30, DiskGB: 80, RandomMAC: true}))
	got := b.vm("base")
	if got.CPUs != 6 || got.Memory != 12<<30 || got.Disk != 80e9 || got.MACAddress == old.MACAddress {
		t.Errorf("%+v", got)
	}
	c, err := b.Config("base")
	b.must(err)
	if c.DisplayRefit == nil || !*c.DisplayRefit {
		t.Error("displayRefit was lost")
	}
	if c.CPUs != 6 || c.Memory != 12<<30 || c.MAC != got.MACAddress {
		t.Errorf("%+v", c)
	}
	b.must(b.Configure(t.Context(), "base", tartcli.Patch{CPUs: 4}))
	if now := b.vm("base"); now.CPUs != 4 || now.Memory != 12<<30 || now.Disk != 80e9 || now.MACAddress != got.MACAddress {
		t.Errorf("more than the CPUs changed: %+v", now)
	}
}

func TestConfigureChecksBeforeItChanges(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.must(b.Pull(t.Context(), sequoia, nil))
	b.must(b.Clone(t.Context(), sequoia, "base"))
	old := b.vm("base")
	b.must(b.ResetCalls())
	for _, p := range []tartcli.Patch{
		{CPUs: 1}, {CPUs: 6, Memory: 2 << 30}, {CPUs: 6, DiskGB: 40}, {CPUs: 6, Memory: 8<<30 + 1},
	} {
		b.wantKind(b.Configure(t.Context(), "base", p), tartcli.InvalidConfig)
	}
	b.must(b.Configure(t.Context(), "base", tartcli.Patch{}))
	if b.vm("base") != old {
		t.Errorf("changed: %+v", b.vm("base"))
	}
	for _, c := range b.calls() {
		if strings.HasPrefix(c, "set") {
			t.Errorf("tart %s", c)
		}
	}
	b.boot("base")
	b.wantKind(b.Configure(t.Context(), "base", tartcli.Patch{CPUs: 6}), tartcli.Running)
	b.wantKind(b.Configure(t.Context(), "gone", tartcli.Patch{CPUs: 6}), tartcli.NotFound)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.tart("create", "--linux", "v")
	b.boot("v")
	b.wantKind(b.Delete(t.Context(), "v"), tartcli.Running)
	b.tart("stop", "v")
	for range 2 {
		b.must(b.Delete(t.Context(), "v"))
	}
	if b.vm("v").Name != "" {
		t.Error("it still stands")
	}
	// Gone between our look and tart's is success too.
	b.tart("create", "--linux", "w")
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"delete"}, Kind: testbed.Fail, Code: 2, Stderr: "the specified VM \"w\" does not exist\n"})
	b.must(b.Delete(t.Context(), "w"))
}

func TestCorrupt(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.tart("create", "--linux", "v")
	b.must(b.EditVM("v", func(c map[string]any) { delete(c, "memorySize") }))
	_, err := b.Config("v")
	b.wantKind(err, tartcli.Corrupt)
	b.must(os.Remove(b.Path("/Users/admin/.tart/vms/v/config.json")))
	_, err = b.Config("v")
	b.wantKind(err, tartcli.Corrupt)
	b.wantKind(b.Configure(t.Context(), "v", tartcli.Patch{CPUs: 2}), tartcli.Corrupt)
	b.wantKind(b.Clone(t.Context(), "v", "w"), tartcli.Corrupt)
	if !strings.Contains(err.Error(), `tart delete v`) {
		t.Errorf("no way out: %v", err)
	}
	_, err = b.Config("gone")
	b.wantKind(err, tartcli.NotFound)
}

func TestTartHome(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{}, "TART_HOME=/Users/admin/elsewhere")
	b.must(b.Pull(t.Context(), ubuntu, nil))
	b.must(b.Clone(t.Context(), ubuntu, "v"))
	c, err := b.Config("v")
	b.must(err)
	if c.OS != "linux" || c.MinMemory() != 0 || c.MinCPUs() != 1 {
		t.Errorf("%+v", c)
	}
	if _, err := os.Stat(b.Path("/Users/admin/elsewhere/vms/v/config.json")); err != nil {
		t.Error(err)
	}
}

// Each text of tart, as the reference has it, and the kind it stands for.
func TestKinds(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	for _, c := range []struct {
		exit   int
		stderr string
		want   tartcli.Kind
	}{
		{2, `the specified VM "x" does not exist`, tartcli.NotFound},
		{64, "Error: failed to rename a non-existent local VM: x\nUsage: tart <subcommand>", tartcli.NotFound},
		{64, "Error: failed to rename VM x, target VM y already exists, delete it first!\nUsage: tart <subcommand>", tartcli.AlreadyExists},
		{2, `VM "x" is not running`, tartcli.NotRunning},
		{2, `VM "x" is already running!`, tartcli.Running},
		{1, `VM "x" is running`, tartcli.Running},
		{1, "The number of VMs exceeds the system limit (other running VMs: a, b)", tartcli.LimitExceeded},
		{1, "Error: LessThanMinimalResourcesError: VM should have 4294967296 bytes of memory at minimum (requested 2147483648)", tartcli.InvalidConfig},
		{1, "new disk size of 40 GB should be larger than the current disk size of 50 GB", tartcli.InvalidConfig},
		{1, `Error: UnexpectedHTTPStatusCode(when: "pulling manifest", code: 404, details: "")`, tartcli.ImageNotFound},
		{1, `Error: UnexpectedHTTPStatusCode(when: "pulling manifest", code: 401, details: "")`, tartcli.Auth},
		{1, `Error: UnexpectedHTTPStatusCode(when: "pulling manifest", code: 403, details: "")`, tartcli.Auth},
		{1, `Error: UnexpectedHTTPStatusCode(when: "pulling blob", code: 503, details: "")`, tartcli.Registry},
		{1, `Error: AuthFailed(why: "x", details: "y")`, tartcli.Auth},
		{1, `Error: Error Domain=NSURLErrorDomain Code=-1009 "The Internet connection appears to be offline."`, tartcli.Network},
		{1, `Error: Error Domain=NSPOSIXErrorDomain Code=28 "No space left on device"`, tartcli.NoSpace},
		{1, "VM is missing some of its files (config.json, disk.img or nvram.bin)", tartcli.Corrupt},
		{1, "TART_HOME is invalid: /x does not exist, yet we can't create it: y", tartcli.BadHome},
		{1, `Error: the specified VM "x" does not exist`, tartcli.NotFound}, // run says it so
		{1, "no IP address found, is your VM running?", tartcli.NoAddress},
		{1, "Failed to connect to the VM using its control socket: connectionTimedOut, is the Tart Guest Agent running?", tartcli.NoAgent},
		{1, "Error: unavailable (14): Stream unexpectedly closed.", tartcli.GuestLost},
		{1, `Error Domain=VZErrorDomain Code=1 "The virtual machine failed to start."`, tartcli.NoSession},
		{1, `Error Domain=VZErrorDomain Code=-9 "x"`, tartcli.NoSession},
		{1, `Error Domain=VZErrorDomain Code=2 "Failed to lock auxiliary storage."`, tartcli.Running},
		{1, `Error: Error Domain=VZErrorDomain Code=2 "Invalid virtual machine configuration. The number of virtual CPUs exceeds the maximum."`, tartcli.InvalidConfig},
		{1, `Error: Error Domain=VZErrorDomain Code=12 "The virtual machine failed to restore."`, tartcli.Unexpected},
		{64, "Error: Unknown option '--x'", tartcli.Usage},
		{1, "Error: something new", tartcli.Unexpected},
		{3, "", tartcli.Unexpected},
	} {
		b.must(b.ClearFaults())
		b.inject(testbed.Fault{Tool: "tart", Match: []string{"pull"}, Kind: testbed.Fail, Code: c.exit, Stderr: c.stderr + "\n"})
		err := b.Pull(t.Context(), ubuntu, nil)
		b.wantKind(err, c.want)
		var e *tartcli.Error
		if errors.As(err, &e) && (e.Exit != c.exit || e.Text != c.stderr || !strings.Contains(err.Error(), c.stderr)) {
			t.Errorf("%d %q became %+v: %v", c.exit, c.stderr, *e, err)
		}
	}
	b.must(b.ClearFaults())
	b.inject(testbed.Fault{Tool: "tart", Match: []string{"pull"}, Kind: testbed.CrashBefore})
	b.wantKind(b.Pull(t.Context(), ubuntu, nil), tartcli.Signaled)
}
