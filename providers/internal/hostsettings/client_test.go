package hostsettings

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/testbed"
)

func TestReadsAreBatched(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	count := func(named *Values) map[string]int {
		t.Helper()
		b.must(b.ResetCalls())
		b.read(named)
		calls, err := b.Calls()
		b.must(err)
		n := map[string]int{}
		for _, c := range calls {
			if c.Mutating {
				t.Errorf("reading called %s %q", c.Tool, c.Args)
			}
			n[c.Tool]++
		}
		return n
	}
	all := values()
	for name, e := range examples() {
		all.set(name, e.want)
	}
	b.read(values("network_time", true)) // the facts of the machine, once
	for tool, most := range map[string]int{
		"pmset": 2, "defaults": 7, "launchctl": 3, "scutil": 3, "systemsetup": 2, "mdutil": 1, "xcode-select": 1, "readlink": 1,
	} {
		if n := count(all)[tool]; n == 0 || n > most {
			t.Errorf("%s was called %d times for all settings", tool, n)
		}
	}
	if n := count(values("sleep", "never", "display_sleep", "never", "disk_sleep", "never", "restart_after_power_loss", true,
		"wake_on_lan", true, "power_nap", true, "standby", true)); len(n) != 1 || n["pmset"] != 1 {
		t.Errorf("%v", n)
	}
	if n := count(values("software_update_check", true, "software_update_install", true, "software_update_data", false)); n["defaults"] != 1 {
		t.Errorf("%v", n)
	}
	for _, none := range []*Values{nil, {}} {
		if n := count(none); len(n) != 0 {
			t.Errorf("no settings: %v", n)
		}
	}
	batch := b.c.Batch()
	b.must(b.ResetCalls())
	for range 20 {
		if _, err := batch.Read(t.Context(), values("sleep", "never", "spotlight", true)); err != nil {
			t.Error(err)
		}
	}
	if calls, _ := b.Calls(); len(calls) != 2 {
		t.Errorf("20 reads of one batch took %d calls", len(calls))
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.tool("sudo pmset -a displaysleep 0")
	b.must(b.ResetCalls())
	want := values("sleep", "never", "display_sleep", "never", "power_nap", true, "spotlight", false)
	got, err := b.c.Apply(t.Context(), want)
	b.must(err)
	same(t, "applied", got, want)
	same(t, "written", b.changes(), []string{"pmset -a sleep 0", "mdutil -a -i off"})
	if text := b.tool("pmset -g custom"); !strings.Contains(text, " womp                 1\n") {
		t.Errorf("what is not named was changed: %s", text)
	}
}

func TestOneRefusalDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{Laptop: true, Quirks: testbed.Quirks{FreezeStuck: true, NoFullDisk: true}})
	want := values("sleep", "never", "restart_after_power_loss", true, "restart_on_freeze", true, "time_machine", false, "spotlight", false)
	got, err := b.c.Apply(t.Context(), want)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 3 {
		t.Fatalf("%v", err)
	}
	errs := joined.Unwrap()
	pointsAt(t, errs[0], "restart_after_power_loss", "did not take true: after `sudo /usr/bin/pmset -a autorestart 1` it has nothing; MacBooks have no such setting")
	pointsAt(t, errs[1], "restart_on_freeze", "it has false; some models, Apple silicon among them")
	pointsAt(t, errs[2], "time_machine", "requires Full Disk Access privileges", "grant it to the terminal")
	same(t, "the others", got, values("sleep", "never", "restart_on_freeze", false, "spotlight", false))
}

func TestBothPowerSources(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{Laptop: true})
	want := values("sleep", "never", "display_sleep", "never")
	_, err := b.c.Apply(t.Context(), want)
	b.must(err)
	for _, line := range []string{"sudo pmset -b sleep 5", "sudo pmset -c sleep 5"} {
		b.tool(line)
		same(t, line, b.read(want), values("sleep", "5m", "display_sleep", "never"))
		_, err := b.c.Apply(t.Context(), want)
		b.must(err)
	}
}

func TestTheRestOfBootpdStays(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	const domain = "/Library/Preferences/SystemConfiguration/com.apple.InternetSharing.default"
	b.tool("sudo defaults write " + domain + " bootpd -dict dhcp_domain_name lan DHCPLeaseTimeSecs -int 86400")
	b.tool("sudo defaults write " + domain + " SharingNetworkNumberStart 192.168.3.0")
	_, err := b.c.Apply(t.Context(), values("dhcp_lease", "10m"))
	b.must(err)
	same(t, "bootpd", b.tool("defaults read "+domain+" bootpd"), "{\n    DHCPLeaseTimeSecs = 600;\n    \"dhcp_domain_name\" = lan;\n}\n")
	same(t, "beside it", b.tool("defaults read "+domain+" SharingNetworkNumberStart"), "192.168.3.0\n")
}

func TestSoftwareupdateIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{Quirks: testbed.Quirks{UpdateLies: true, NoKey: true}})
	want := values("software_update_check", false)
	same(t, "never set", b.read(want), values())
	got, err := b.c.Apply(t.Context(), want)
	b.must(err)
	same(t, "set", got, want)
	same(t, "the tool", b.tool("softwareupdate --schedule"), "Automatic checking for updates is turned on\n")
}

func TestTheLimitOutlivesARestart(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	want := values("max_open_files", 65536)
	_, err := b.c.Apply(t.Context(), want)
	b.must(err)
	const file = "/Library/LaunchDaemons/hostler.limit.maxfiles.plist"
	same(t, "its owner", b.tool("stat -f '%Su:%Sg %Lp' "+file), "root:wheel 644\n")
	b.must(b.Reboot())
	if text := b.tool("sudo launchctl print system/hostler.limit.maxfiles"); !strings.Contains(text, "\t\tmaxfiles\n\t\t65536\n\t\t524288\n") {
		t.Errorf("%s", text)
	}
	b.must(os.Remove(b.Path(file)))
	same(t, "without its job", b.read(want), values())
	_, err = b.c.Apply(t.Context(), want)
	b.must(err)
	if _, err := os.Stat(b.Path("/Users/admin/Library/Caches/hostler.limit.maxfiles.plist")); err == nil {
		t.Error("the file on its way to root is left lying")
	}
	b.must(b.Inject(testbed.Fault{Tool: "launchctl", Match: []string{"limit", "maxfiles", "8192"}, Kind: testbed.Fail, Code: 150,
		Stderr: "Could not set resource limits: 150: Operation not permitted while System Integrity Protection is engaged\n"}))
	_, err = b.c.Apply(t.Context(), values("max_open_files", 8192))
	pointsAt(t, err, "max_open_files", "System Integrity Protection is engaged", "restart the Mac")
}

func TestALicenceThatLapsed(t *testing.T) {
	t.Parallel()
	b := example{}.prepare(t)
	want := values("xcode", "/Applications/Xcode_26.app")
	same(t, "none", b.read(want), values())
	if calls, err := b.Calls(); err != nil || len(calls) != 1 {
		t.Errorf("xcodebuild, which asks at the screen for tools to be installed, was called where there are none: %v, %v", calls, err)
	}
	_, err := b.c.Apply(t.Context(), want)
	b.must(err)
	b.tool("sudo xcode-select -s /Applications/Xcode_26.app") // as after an update of it
	same(t, "after the update", b.read(want), values())
	_, err = b.c.Apply(t.Context(), want)
	b.must(err)
	same(t, "the licence", b.tool("xcodebuild -license check"), "")
	_, err = b.c.Apply(t.Context(), values("xcode", "/Applications/Xcode_99.app"))
	pointsAt(t, err, "xcode", "invalid developer directory '/Applications/Xcode_99.app'", "install that Xcode first")
}

func TestRemoteLoginOff(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	on, off := values("remote_login", true), values("remote_login", false)
	for range 2 {
		for _, want := range []*Values{on, off} {
			got, err := b.c.Apply(t.Context(), want)
			b.must(err)
			same(t, "applied", got, want)
		}
	}
	// Loaded now, but not after the next restart.
	_, err := b.c.Apply(t.Context(), on)
	b.must(err)
	b.tool("sudo launchctl disable system/com.openssh.sshd")
	same(t, "disabled", b.read(on), off)
	got, err := b.c.Apply(t.Context(), on)
	b.must(err)
	same(t, "enabled", got, on)
}

func TestWhatTakesAWhile(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	want := values("spotlight", false)
	// The first look after the write still sees the old state.
	b.must(b.Inject(testbed.Fault{Tool: "mdutil", Match: []string{"-s"}, Nth: 2, Kind: testbed.Fail, Stdout: "/:\n\tIndexing enabled. \n"}))
	b.c.pauses = []time.Duration{time.Millisecond}
	got, err := b.c.Apply(t.Context(), want)
	b.must(err)
	same(t, "applied", got, want)
}

func TestReadErrorsNameTheSetting(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	b.must(b.Inject(testbed.Fault{Tool: "pmset", Kind: testbed.Garbage}))
	b.must(b.Inject(testbed.Fault{Tool: "mdutil", Kind: testbed.CrashBefore}))
	b.must(b.Inject(testbed.Fault{Tool: "systemsetup", Kind: testbed.Fail, Stdout: "You need administrator access to run this tool... exiting!\n"}))
	_, err := b.c.Batch().Read(t.Context(), values("spotlight", true, "network_time", true))
	for _, text := range []string{"read the setting spotlight: ", "signal: killed", "read the setting network_time: systemsetup -getusingnetworktime: ", "administrator access"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
	b.must(b.ClearFaults())
	b.must(b.Inject(testbed.Fault{Tool: "pmset", Kind: testbed.Fail, Code: 1, Stderr: "pmset: no power management\n"}))
	_, err = b.c.Batch().Read(t.Context(), values("sleep", "never", "standby", true))
	if err == nil || !strings.Contains(err.Error(), `pmset -g custom: exit status 1 and an answer that hostler can't read: "pmset: no power management"`) {
		t.Errorf("%v", err)
	}
}

// TestWithoutSudo: what belongs to root is one error for all settings, which
// lists each command once; what is the user's own is done nevertheless.
func TestWithoutSudo(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{NoSudo: true})
	want := values("sleep", "never", "power_nap", true, "screen_saver", "never", "spotlight", false)
	got, err := b.c.Apply(t.Context(), want)
	const text = "the settings sleep, spotlight belong to root, and sudo asks for a password. Let admin run these commands, and no others, without one. Run\n\n    sudo visudo -f /etc/sudoers.d/hostler-settings\n\nand write\n\n" +
		"    admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n" +
		"    admin ALL=(root) NOPASSWD: /usr/bin/pmset -a powernap 1\n" +
		"    admin ALL=(root) NOPASSWD: /usr/bin/mdutil -a -i off\n"
	if err == nil || err.Error() != text {
		t.Errorf("%v", err)
	}
	same(t, "done", got, values("sleep", "1m", "power_nap", true, "screen_saver", "never", "spotlight", true))

	// Where sudo refuses otherwise it comes to the same.
	b.must(b.Inject(testbed.Fault{Tool: "sudo", Kind: testbed.Fail, Code: 1, Stderr: "Sorry, user admin is not allowed to execute '/usr/bin/pmset -a sleep 0' as root on mac-mini.\n"}))
	if _, err = b.c.Apply(t.Context(), want); err == nil || err.Error() != text {
		t.Errorf("%v", err)
	}

	_, err = b.c.Batch().Read(t.Context(), values("local_network", []string{"10.0.0.0/8"}))
	b.must(b.ClearFaults())
	_, err = b.c.Batch().Read(t.Context(), values("local_network", []string{"10.0.0.0/8"}))
	if err == nil || strings.Count(err.Error(), "NOPASSWD") != 3 || !strings.Contains(err.Error(), "/usr/bin/defaults export com.apple.network.local-network -\n") {
		t.Errorf("%v", err)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	b := newBed(t, testbed.Spec{})
	ctx, cancel := context.WithCancelCause(t.Context())
	done := errors.New("the user is tired")
	b.must(b.Inject(testbed.Fault{Tool: "pmset", Match: []string{"-a"}, Kind: testbed.Delay, Delay: 200 * time.Millisecond}))
	ctx = providers.WithReporter(ctx, func(string) { time.AfterFunc(50*time.Millisecond, func() { cancel(done) }) })
	_, err := b.c.Apply(ctx, values("sleep", "never", "spotlight", false, "time_machine", false))
	if !errors.Is(err, done) {
		t.Errorf("%v", err)
	}
	if c := b.changes(); slices.ContainsFunc(c, func(s string) bool { return !strings.HasPrefix(s, "pmset") }) {
		t.Errorf("it went on: %q", c)
	}
}

func TestAfterRestart(t *testing.T) {
	v := values("local_network", []string{"10.0.0.0/8"}, "sleep", "never")
	for _, have := range []*Values{nil, {}, values("local_network", []string{"10.0.0.0/16"})} {
		same(t, "differs", v.AfterRestart(have), []string{"local_network"})
	}
	same(t, "the same", v.AfterRestart(v), []string(nil))
	same(t, "none", (*Values)(nil).AfterRestart(v), []string(nil))
}
