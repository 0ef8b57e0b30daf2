package hostsettings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// example is one setting as a Mac has it. What proves it is asked of the Mac's
// tools by hand, and none of it comes from the table under test.
type example struct {
	want  any
	unset string // a command after which it was never set; "" if a new Mac is so
	never any    // what it then reads as; nil for "nothing"
	proof string // a command, " => ", and what it prints when the setting is right
	drift string // a command of somebody who changes it; "" if nobody can
	other any    // what it then reads as
	tools string // what writes it, each with its first arguments, by ", "
	user  bool   // it is the user's own, so no sudo
}

func examples() map[string]example {
	update := func(key string) example {
		const domain = "/Library/Preferences/com.apple.SoftwareUpdate"
		return example{
			want: false, proof: "defaults read " + domain + " " + key + " => 0\n", tools: "defaults write",
			drift: "sudo defaults write " + domain + " " + key + " -bool true", other: true,
		}
	}
	check := update("AutomaticCheckEnabled")
	check.tools, check.drift = "softwareupdate --schedule, defaults write", "sudo softwareupdate --schedule on"
	const (
		sharing = "/Library/Preferences/SystemConfiguration/com.apple.InternetSharing.default"
		vmnet   = "/Library/Preferences/SystemConfiguration/com.apple.vmnet"
		privacy = "com.apple.network.local-network"
	)
	return map[string]example{
		"sleep": {
			want: "never", never: "1m", proof: "pmset -g custom =>  sleep                0\n",
			drift: "sudo pmset -a sleep 90", other: "1h30m", tools: "pmset -a sleep 0",
		},
		"display_sleep": {
			want: "30m", never: "10m", proof: "pmset -g custom =>  displaysleep         30\n",
			drift: "sudo pmset -a displaysleep 0", other: "never", tools: "pmset -a displaysleep 30",
		},
		"disk_sleep": {
			want: "never", never: "10m", proof: "pmset -g custom =>  disksleep            0\n",
			drift: "sudo pmset -a disksleep 10", other: "10m", tools: "pmset -a disksleep",
		},
		"sleep_disabled": {
			want: true, proof: "pmset -g =>  SleepDisabled\t\t1\n",
			drift: "sudo pmset -a disablesleep 0", other: false, tools: "pmset -a disablesleep 1",
		},
		"restart_after_power_loss": {
			want: true, never: false, proof: "pmset -g custom =>  autorestart          1\n",
			drift: "sudo pmset -a autorestart 0", other: false, tools: "pmset -a autorestart 1",
		},
		"restart_on_freeze": {
			want: true, never: false, proof: "sudo systemsetup -getrestartfreeze => Restart After Freeze: On\n",
			drift: "sudo systemsetup -setrestartfreeze off", other: false, tools: "systemsetup -setrestartfreeze on",
		},
		"wake_on_lan": {
			want: false, never: true, proof: "pmset -g custom =>  womp                 0\n",
			drift: "sudo pmset -a womp 1", other: true, tools: "pmset -a womp",
		},
		"power_nap": {
			want: false, never: true, proof: "pmset -g custom =>  powernap             0\n",
			drift: "sudo pmset -a powernap 1", other: true, tools: "pmset -a powernap",
		},
		"standby": {
			want: false, never: true, proof: "pmset -g custom =>  standby              0\n",
			drift: "sudo pmset -a standby 1", other: true, tools: "pmset -a standby",
		},
		"hostname": {
			want: "mini-a.example.org", proof: "scutil --get HostName => mini-a.example.org\n",
			drift: "sudo scutil --set HostName other", other: "other", tools: "scutil --set HostName",
		},
		"local_hostname": {
			want: "mini-a", never: "mac-mini", proof: "scutil --get LocalHostName => mini-a\n",
			drift: "sudo scutil --set LocalHostName other", other: "other", tools: "scutil --set LocalHostName",
		},
		"computer_name": {
			want: "CI’s Mac, no: 1", never: "mac-mini", proof: "scutil --get ComputerName => CI’s Mac, no: 1\n",
			drift: "sudo scutil --set ComputerName 'My Mac'", other: "My Mac", tools: "scutil --set ComputerName",
		},
		"timezone": {
			want: "UTC", unset: "rm /etc/localtime", proof: "readlink /etc/localtime => /var/db/timezone/zoneinfo/UTC\n",
			drift: "sudo systemsetup -settimezone Europe/Berlin", other: "Europe/Berlin", tools: "systemsetup -settimezone",
		},
		"network_time": {
			want: true, unset: "sudo systemsetup -setusingnetworktime off", never: false, proof: "sudo systemsetup -getusingnetworktime => Network Time: On\n",
			drift: "sudo systemsetup -setusingnetworktime off", other: false, tools: "systemsetup -setusingnetworktime on",
		},
		"remote_login": {
			want: true, never: false, proof: "launchctl print system/com.openssh.sshd => path = /System/Library/LaunchDaemons/ssh.plist\n",
			drift: "sudo launchctl bootout system/com.openssh.sshd", other: false, tools: "launchctl enable, launchctl bootstrap",
		},
		"firewall": {
			want: true, never: false, proof: "socketfilterfw --getglobalstate => Firewall is enabled. (State = 1)\n",
			drift: "sudo socketfilterfw --setglobalstate off", other: false, tools: "socketfilterfw --setglobalstate",
		},
		"developer_mode": {
			want: true, never: false, proof: "DevToolsSecurity -status => Developer mode is currently enabled.\n",
			drift: "sudo DevToolsSecurity -disable", other: false, tools: "DevToolsSecurity -enable",
		},
		"screen_saver": {
			want: "never", proof: "defaults -currentHost read com.apple.screensaver idleTime => 0\n",
			drift: "defaults -currentHost write com.apple.screensaver idleTime -int 600", other: "10m",
			tools: "defaults -currentHost write", user: true,
		},
		"login_screen_saver": {
			want: "20m", proof: "defaults read /Library/Preferences/com.apple.screensaver loginWindowIdleTime => 1200\n",
			drift: "sudo defaults write /Library/Preferences/com.apple.screensaver loginWindowIdleTime 0", other: "never",
			tools: "defaults write",
		},
		"software_update_check": check, "software_update_download": update("AutomaticDownload"),
		"software_update_install":  update("AutomaticallyInstallMacOSUpdates"),
		"software_update_security": update("CriticalUpdateInstall"), "software_update_data": update("ConfigDataInstall"),
		"spotlight": {
			want: false, never: true, proof: "mdutil -s / => /:\n\tIndexing disabled.\n",
			drift: "sudo mdutil -a -i on", other: true, tools: "mdutil -a -i off",
		},
		"time_machine": {
			want: false, proof: "defaults read /Library/Preferences/com.apple.TimeMachine AutoBackup => 0\n",
			drift: "sudo tmutil enable", other: true, tools: "tmutil disable",
		},
		"max_open_files": {
			want: 65536, never: 256, proof: "launchctl limit maxfiles => \tmaxfiles    65536          524288",
			drift: "sudo launchctl limit maxfiles 2048 4096", other: 2048, tools: "install, launchctl limit maxfiles 65536",
		},
		"dhcp_lease": {
			want: "10m", proof: "plutil -extract bootpd.DHCPLeaseTimeSecs raw -o - " + sharing + ".plist => 600\n",
			drift: "sudo defaults write " + sharing + ".plist bootpd -dict DHCPLeaseTimeSecs -int 86400", other: "24h", tools: "defaults write",
		},
		"vm_subnet": {
			want: "192.168.77.0/24", proof: "defaults read " + vmnet + " Shared_Net_Address => 192.168.77.1\n",
			drift: "sudo defaults write " + vmnet + ".plist Shared_Net_Address -string 192.168.77.9", other: "192.168.77.9/24", tools: "defaults write",
		},
		"local_network": {
			want: []string{"10.0.0.0/8", "192.168.0.0/16"}, proof: "sudo defaults read " + privacy + " AllowedWiFiLocalNetworkAddresses => (\n    \"10.0.0.0/8\",\n    \"192.168.0.0/16\"\n)\n",
			drift: "sudo defaults write " + privacy + " AllowedWiFiLocalNetworkAddresses -array 10.0.0.0/8", other: []string{"10.0.0.0/8"}, tools: "defaults write",
		},
		"xcode": {
			want: "/Applications/Xcode_26.app", proof: "xcode-select -p => /Applications/Xcode_26.app/Contents/Developer\n",
			drift: "sudo xcode-select -s /Library/Developer/CommandLineTools", other: "/Library/Developer/CommandLineTools", tools: "xcode-select -s, xcodebuild -license accept, xcodebuild -runFirstLaunch",
		},
		"rosetta": {
			want: true, never: false, proof: "arch -x86_64 /usr/bin/true => ",
			tools: "softwareupdate --install-rosetta", // nobody can take it away again
		},
	}
}

// prepare is a Mac with an Xcode, on which the setting was never set.
func (e example) prepare(t *testing.T) *bed {
	t.Helper()
	b := newBed(t, testbed.Spec{})
	b.must(os.MkdirAll(b.Path("/Applications/Xcode_26.app/Contents/Developer"), 0o755))
	if e.unset != "" {
		if line, ok := strings.CutPrefix(e.unset, "rm "); ok {
			b.must(os.Remove(b.Path(line)))
		} else {
			b.tool(e.unset)
		}
	}
	return b
}

func (e example) proven(b *bed) bool {
	line, text, _ := strings.Cut(e.proof, " => ")
	out := b.tool(line)
	return (strings.HasPrefix(out, text) || strings.Contains(out, "\n"+text) || strings.Contains(out, "\t"+text)) && !strings.Contains(out, "exit status")
}

// TestEverySetting leads each setting through its life on one Mac: never set,
// kept back by sudo, refused, set, right, drifted, repaired.
func TestEverySetting(t *testing.T) {
	all := examples()
	for _, s := range table() {
		e, ok := all[s.name]
		if !ok {
			t.Errorf("%s has no example", s.name)
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := life{e.prepare(t), s, e, values(s.name, e.want)}
			same(t, "never set", l.read(l.want).get(s.name), e.never)
			if e.proven(l.bed) {
				t.Errorf("%q holds before it was written", e.proof)
			}
			l.refused()
			l.withoutSudo()
			l.must(l.ResetCalls())
			l.apply("right")
			if c := l.changes(); len(c) > 0 {
				t.Errorf("what is right was written again: %q", c)
			}
			l.drifted()
		})
	}
}

type life struct {
	*bed
	s    setting
	e    example
	want *Values
}

// apply has to succeed.
func (l life) apply(what string) {
	l.t.Helper()
	got, err := l.c.Apply(l.t.Context(), l.want)
	l.must(err)
	same(l.t, what, got, l.want)
	if !l.e.proven(l.bed) {
		l.t.Errorf("%s: the Mac does not have it: %q", what, l.e.proof)
	}
}

// refused makes the Mac refuse: with an error, and without a word.
func (l life) refused() {
	for how, f := range map[string]testbed.Fault{
		"exit status 3: not on this Mac": {Code: 3, Stderr: "not on this Mac\n"},
		"(which said: Fine.)":            {Stdout: "Fine.\n"},
	} {
		for tool := range strings.SplitSeq(l.e.tools, ", ") {
			line := strings.Fields(tool)
			f.Tool, f.Match, f.Kind = line[0], line[1:], testbed.Fail
			l.must(l.Inject(f))
		}
		got, err := l.c.Apply(l.t.Context(), l.want)
		pointsAt(l.t, err, l.s.name, how, l.s.refusal)
		same(l.t, how, got.get(l.s.name), l.e.never)
		l.must(l.ClearFaults())
	}
}

// withoutSudo lets sudo ask for a password, then writes what the error says
// into sudoers, and no more.
func (l life) withoutSudo() {
	if l.e.user {
		l.must(l.SetSudo(false))
		l.apply("without sudo")
		l.must(l.SetSudo(true))
		return
	}
	l.must(l.SetSudo(false))
	l.must(l.ResetCalls())
	_, err := l.c.Apply(l.t.Context(), l.want)
	if err == nil || !strings.Contains(err.Error(), "the setting "+l.s.name+" belongs to root") {
		l.t.Fatalf("%v", err)
	}
	if c := l.changes(); len(c) > 0 {
		l.t.Errorf("changed nevertheless: %q", c)
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line, ok := strings.CutPrefix(line, "    "); ok && strings.Contains(line, "NOPASSWD") {
			lines = append(lines, line)
		}
	}
	file := l.Path("/etc/sudoers.d/hostler")
	l.must(os.MkdirAll(filepath.Dir(file), 0o755))
	for i := range lines {
		if len(lines) == 1 || l.s.name == "software_update_check" {
			break // of the two commands of the latter one is enough on most Macs
		}
		// Each line is needed: without one of them it still fails.
		l.must(os.WriteFile(file, []byte(strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")), 0o440))
		if _, err := l.c.Apply(l.t.Context(), l.want); err == nil {
			l.t.Errorf("%q is not needed", lines[i])
		}
	}
	l.must(os.WriteFile(file, []byte(strings.Join(lines, "")), 0o440))
	got, err := l.c.Apply(l.t.Context(), l.want)
	l.must(err)
	same(l.t, "allowed", got, l.want)
	l.must(l.SetSudo(true))
}

func (l life) drifted() {
	if l.e.drift == "" {
		return
	}
	l.must(os.MkdirAll(l.Path("/Library/Developer/CommandLineTools"), 0o755))
	if out := l.tool(l.e.drift); strings.Contains(out, "exit status") {
		l.t.Fatalf("%s: %s", l.e.drift, out)
	}
	if l.e.proven(l.bed) {
		l.t.Errorf("%q holds although it drifted", l.e.proof)
	}
	same(l.t, "after "+l.e.drift, l.read(l.want).get(l.s.name), l.e.other)
	l.apply("repaired")
}
