package macos_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// mac runs tools in this process; none is ever started.
func mac(t *testing.T, spec testbed.Spec) (m *testbed.Mac, run func(line string) (out, errs string, code int)) {
	t.Helper()
	m, err := testbed.New(filepath.Join(t.TempDir(), "mac"), "/nothing", spec)
	if err != nil {
		t.Fatal(err)
	}
	return m, func(line string) (string, string, int) {
		t.Helper()
		var out, errs bytes.Buffer
		code, ok := testbed.Main(strings.Fields(line), m.Environ(), strings.NewReader(""), &out, &errs)
		if !ok {
			t.Fatalf("%s: no such program", line)
		}
		return out.String(), regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d [\d:.]+ (\w+)\[\d+:[0-9a-f]+\] `).ReplaceAllString(errs.String(), "TIME $1[] "), code
	}
}

// TestTexts holds the tools to the reference, word for word.
func TestTexts(t *testing.T) {
	const (
		update  = "/Library/Preferences/com.apple.SoftwareUpdate"
		sharing = "/Library/Preferences/SystemConfiguration/com.apple.InternetSharing.default.plist"
		net     = "com.apple.network.local-network"
	)
	_, run := mac(t, testbed.Spec{})
	for _, c := range []struct {
		line, out, errs string
		code            int
	}{
		{"systemsetup -getusingnetworktime", "You need administrator access to run this tool... exiting!\n", "", 0},
		{"sudo systemsetup -getusingnetworktime", "Network Time: On\n", "", 0},
		{"sudo systemsetup -setusingnetworktime off", "setUsingNetworkTime: Off\n", "", 0},
		{"sudo systemsetup -getusingnetworktime", "Network Time: Off\n", "", 0},
		{"sudo systemsetup -getrestartfreeze", "Restart After Freeze: Off\n", "", 0},
		{"sudo systemsetup -setrestartfreeze on", "", "", 0},
		{"sudo systemsetup -getrestartfreeze", "Restart After Freeze: On\n", "", 0},
		{"sudo systemsetup -settimezone UTC", "Set TimeZone: UTC\n", "", 0},
		{"sudo systemsetup -gettimezone", "Time Zone: UTC\n", "", 0},
		{"readlink /etc/localtime", "/var/db/timezone/zoneinfo/UTC\n", "", 0},
		{"sudo systemsetup -settimezone Atlantis", "Atlantis is not a valid time zone. Use -listtimezones to see the list.\n", "", 0},
		{"readlink /etc/localtime", "/var/db/timezone/zoneinfo/UTC\n", "", 0},
		{"readlink /etc", "", "", 1},

		{"scutil --get HostName", "HostName: not set\n", "", 1},
		{"scutil --set HostName mini", "", "Permission denied\n", 1},
		{"sudo scutil --set HostName mini", "", "", 0},
		{"scutil --get HostName", "mini\n", "", 0},
		{"sudo scutil --set LocalHostName mini.local", "", "SCPreferencesSetLocalHostName() failed: Invalid argument\n", 1},

		{"defaults read " + update + " AutomaticDownload", "", "TIME defaults[] \nThe domain/default pair of (" + update + ", AutomaticDownload) does not exist\n", 1},
		{"defaults read " + update, "", "TIME defaults[] \nDomain " + update + " does not exist\n", 1},
		{"defaults export " + update + " -", "", "TIME defaults[] \nThe domain " + update + " does not exist\n", 1},
		{"defaults write " + update + " AutomaticDownload -bool false", "", "TIME defaults[] \nCould not write domain " + update + "; exiting\n", 1},
		{"sudo defaults write " + update + " AutomaticDownload -bool false", "", "", 0},
		{"defaults read " + update + " AutomaticDownload", "0\n", "", 0},
		{"defaults read-type " + update + ".plist AutomaticDownload", "Type is boolean\n", "", 0},
		{"sudo defaults write " + update + " Note some", "", "", 0},
		{"defaults read-type " + update + " Note", "Type is string\n", "", 0},
		{"defaults read " + update, "{\n    AutomaticDownload = 0;\n    Note = some;\n}\n", "", 0},
		{"sudo defaults delete " + update + " Note", "", "", 0},
		{"sudo defaults write " + update + " AutomaticDownload -bool maybe", "", "TIME defaults[] \nUnexpected argument maybe; leaving defaults unchanged.\n", 1},
		{"softwareupdate --schedule", "Automatic checking for updates is turned on\n", "", 0},
		{"sudo softwareupdate --schedule off", "Automatic checking for updates is turned off\n", "", 0},
		{"softwareupdate --schedule", "Automatic checking for updates is turned off\n", "", 0},
		{"defaults read " + update + " AutomaticCheckEnabled", "0\n", "", 0},

		{"sudo defaults write " + sharing + " bootpd -dict detect_other_dhcp_server -bool true DHCPLeaseTimeSecs -int 86400", "", "", 0},
		{"plutil -extract bootpd.DHCPLeaseTimeSecs raw -o - " + sharing, "86400\n", "", 0},
		{"sudo defaults write " + sharing + " bootpd -dict-add DHCPLeaseTimeSecs -int 600", "", "", 0},
		{"defaults read " + sharing + " bootpd", "{\n    DHCPLeaseTimeSecs = 600;\n    \"detect_other_dhcp_server\" = 1;\n}\n", "", 0},
		{"sudo defaults write " + sharing + " bootpd -dict DHCPLeaseTimeSecs -int 300", "", "", 0},
		{"defaults read " + sharing + " bootpd", "{\n    DHCPLeaseTimeSecs = 300;\n}\n", "", 0},

		// Root's preferences are not the user's, and a host's own not either.
		{"sudo defaults write " + net + " Networks -array 10.0.0.0/8", "", "", 0},
		{"sudo defaults write " + net + " Networks -array-add home", "", "", 0},
		{"sudo defaults read " + net + " Networks", "(\n    \"10.0.0.0/8\",\n    home\n)\n", "", 0},
		{"defaults read " + net + " Networks", "", "TIME defaults[] \nThe domain/default pair of (" + net + ", Networks) does not exist\n", 1},
		{"defaults -currentHost write com.apple.screensaver idleTime -int 0", "", "", 0},
		{"defaults -currentHost read com.apple.screensaver idleTime", "0\n", "", 0},
		{"defaults read com.apple.screensaver idleTime", "", "TIME defaults[] \nThe domain/default pair of (com.apple.screensaver, idleTime) does not exist\n", 1},

		{"mdutil -s /", "/:\n\tIndexing enabled. \n", "", 0},
		{"mdutil -a -i off", "", "mdutil: You must be root to change indexing\n", 1},
		{"sudo mdutil -a -i off", "/:\n\tIndexing disabled.\n", "", 0},
		{"mdutil -s /", "/:\n\tIndexing disabled.\n", "", 0},

		{"tmutil destinationinfo", "tmutil: No destinations configured.\n", "", 0},
		{"tmutil disable", "", "tmutil: disable requires root privileges.\n", 77},
		{"sudo tmutil disable", "", "", 0},
		{"defaults read /Library/Preferences/com.apple.TimeMachine AutoBackup", "0\n", "", 0},

		{"socketfilterfw --getglobalstate", "Firewall is disabled. (State = 0)\n", "", 0},
		{"socketfilterfw --setglobalstate on", "Must be root to change settings.\n", "", 0},
		{"sudo socketfilterfw --setglobalstate on", "Firewall is enabled. (State = 1)\n", "", 0},

		{"DevToolsSecurity -status", "Developer mode is currently disabled.\n", "", 0},
		{"sudo DevToolsSecurity -enable", "Developer mode is now enabled.\n", "", 0},
		{"sudo DevToolsSecurity -enable", "Developer mode is already enabled.\n", "", 0},
		{"DevToolsSecurity -status", "Developer mode is currently enabled.\n", "", 0},

		{"arch -x86_64 /usr/bin/true", "", "arch: posix_spawnp: /usr/bin/true: Bad CPU type in executable\n", 1},
		{"sudo softwareupdate --install-rosetta --agree-to-license", "Install of Rosetta 2 finished successfully\n", "", 0},
		{"arch -x86_64 /usr/bin/true", "", "", 0},

		{"pmset -g", "System-wide power settings:\nCurrently in use:\n Sleep On Power Button 1\n autorestart          0\n", "", 0},
		{"pmset -a sleep 0", "", "'pmset' must be run as root...\n", 1},
		{"sudo pmset -a sleep 0 womp 0 disablesleep 1", "", "", 0},
		{"pmset -g custom", "AC Power:\n Sleep On Power Button 1\n autorestart          0\n", "", 0},
		{"pmset -g", "System-wide power settings:\n SleepDisabled\t\t1\nCurrently in use:\n", "", 0},
	} {
		out, errs, code := run(c.line)
		if strings.HasPrefix(c.line, "pmset -g") {
			out = out[:min(len(out), len(c.out))]
		}
		if out != c.out || errs != c.errs || code != c.code {
			t.Errorf("%s\n%d %q %q\nwant\n%d %q %q", c.line, code, out, errs, c.code, c.out, c.errs)
		}
	}
}

func TestALaptopHasTwoSources(t *testing.T) {
	_, run := mac(t, testbed.Spec{Laptop: true})
	run("sudo pmset -b sleep 5")
	run("sudo pmset -a autorestart 1")
	out, _, _ := run("pmset -g custom")
	battery, ac, ok := strings.Cut(out, "AC Power:\n")
	if !ok || !strings.HasPrefix(battery, "Battery Power:\n") || !strings.Contains(battery, " sleep                5\n") || !strings.Contains(ac, " sleep                1\n") {
		t.Errorf("%s", out)
	}
	if strings.Contains(out, "autorestart") || strings.Contains(battery, "womp") || !strings.Contains(ac, " womp                 1\n") {
		t.Errorf("%s", out)
	}
}

func TestQuirks(t *testing.T) {
	_, run := mac(t, testbed.Spec{Quirks: testbed.Quirks{FreezeStuck: true, UpdateLies: true, NoFullDisk: true, NoKey: true}})
	for _, c := range []struct{ line, says string }{
		{"sudo systemsetup -setrestartfreeze on", ""},
		{"sudo systemsetup -getrestartfreeze", "Restart After Freeze: Off\n"},
		{"sudo softwareupdate --schedule off", "turned on"},
		{"sudo tmutil disable", "tmutil: disable requires Full Disk Access privileges."},
		{"defaults read com.apple.dock size", "Could not find key"},
	} {
		if out, errs, _ := run(c.line); !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: %q", c.line, out+errs)
		}
	}
}

func TestXcode(t *testing.T) {
	m, run := mac(t, testbed.Spec{})
	want := func(line, says string, code int) {
		t.Helper()
		if out, errs, got := run(line); got != code || !strings.Contains(out+errs, says) {
			t.Errorf("%s: %d %q", line, got, out+errs)
		}
	}
	want("xcode-select -p", "xcode-select: error: unable to get active developer directory, use `sudo xcode-select --switch", 2)
	want("sudo xcode-select -s /Applications/Xcode_26.app", "invalid developer directory '/Applications/Xcode_26.app'", 1)
	for _, dir := range []string{"/Applications/Xcode_26.app/Contents/Developer", "/Library/Developer/CommandLineTools"} {
		if err := os.MkdirAll(m.Path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want("xcode-select -p", "/Library/Developer/CommandLineTools\n", 0)
	want("xcodebuild -license check", "tool 'xcodebuild' requires Xcode", 1)
	want("xcode-select -s /Applications/Xcode_26.app", "must be run as root", 1)
	want("sudo xcode-select -s /Applications/Xcode_26.app", "", 0)
	want("xcode-select -p", "/Applications/Xcode_26.app/Contents/Developer\n", 0)
	want("xcodebuild -license check", "not agreed", 69)
	want("xcodebuild -license accept", "not agreed", 69)
	want("sudo xcodebuild -runFirstLaunch", "not agreed", 69)
	want("sudo xcodebuild -license accept", "", 0)
	want("xcodebuild -license check", "", 0)
	want("xcodebuild -checkFirstLaunchStatus", "", 69)
	want("sudo xcodebuild -runFirstLaunch", "", 0)
	want("xcodebuild -checkFirstLaunchStatus", "", 0)
	want("sudo xcode-select -r", "", 0)
	want("xcode-select -p", "/Library/Developer/CommandLineTools\n", 0)
}

// TestSudoers: without a password sudo runs what a line names, to the letter.
func TestSudoers(t *testing.T) {
	m, run := mac(t, testbed.Spec{NoSudo: true})
	allow := func(lines string) {
		t.Helper()
		file := m.Path("/etc/sudoers.d/some")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(lines), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		lines, line string
		ok          bool
	}{
		{"", "/usr/bin/pmset -a sleep 0", false},
		{"admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n", "/usr/bin/pmset -a sleep 0", true},
		{"admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n", "/usr/bin/pmset -a sleep 1", false},
		{"admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n", "/usr/bin/pmset -a sleep 0 womp 0", false},
		{"admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n", "pmset -a sleep 0", false},
		{"other ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n", "/usr/bin/pmset -a sleep 0", false},
		{"# admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n", "/usr/bin/pmset -a sleep 0", false},
		{"admin ALL=(root) NOPASSWD: /usr/bin/tmutil disable, /usr/bin/pmset -a sleep 0\n", "/usr/bin/pmset -a sleep 0", true},
		{`admin ALL=(root) NOPASSWD: /usr/sbin/scutil --set ComputerName a\,b\:c` + "\n", "/usr/sbin/scutil --set ComputerName a,b:c", true},
		{"admin ALL=(root) NOPASSWD: /usr/sbin/scutil --set ComputerName a:b\n", "/usr/sbin/scutil --set ComputerName a:b", false},
	} {
		allow(c.lines)
		_, errs, code := run("sudo -n " + c.line)
		if (code == 0) != c.ok || !c.ok && errs != "sudo: a password is required\n" {
			t.Errorf("%q, %s: %d %q", c.lines, c.line, code, errs)
		}
	}
}
