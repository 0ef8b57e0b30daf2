package images

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	setup = "base/setup.sh"
	check = "base/check.sh"
)

func TestBaseIsMadeOnceAndKept(t *testing.T) {
	g := newGuest(t)
	pin := "RUNNER_SHA256=" + strings.ToUpper(g.sum())
	if out, code := g.run(asFile, check); code != 1 || !strings.Contains(out, "does not hold: no_sleep no_spotlight no_screen_saver no_screen_lock no_updates runner_runs\n") {
		t.Fatalf("check of the public image: exit code %d\n%s", code, out)
	}
	out := g.must(onStdin, setup, pin)
	if strings.Contains(out, "FAIL") || strings.Count(out, "ok    ") != 10 {
		t.Errorf("setup.sh proves:\n%s", out)
	}
	for _, want := range []string{
		"systemsetup -setsleep Off",
		"pmset -a sleep 0 displaysleep 0 disksleep 0",
		"mdutil -a -i off",
		"defaults -currentHost write com.apple.screensaver idleTime -int 0",
		"sysadminctl -screenLock off -password admin",
		"softwareupdate --schedule off",
		"defaults write /Library/Preferences/com.apple.SoftwareUpdate CriticalUpdateInstall -bool false",
	} {
		if !strings.Contains(g.read("changes"), want+"\n") {
			t.Errorf("not done: %s", want)
		}
	}
	if url := "https://github.com/actions/runner/releases/download/v2.336.0/actions-runner-osx-arm64-2.336.0.tar.gz\n"; !strings.Contains(g.read("calls"), url) {
		t.Errorf("curl was not called with %s", url)
	}
	if got := g.read("home/actions-runner/.hostler-package"); got != runnerVersion+" "+g.sum()+"\n" {
		t.Errorf("recorded package: %q", got)
	}
	if g.read("home/actions-runner/bin/Runner.Listener") != listener(runnerVersion) {
		t.Error("the old runner is still there")
	}
	if strings.Contains(g.read("calls"), "sysadminctl -autologin set") {
		t.Error("auto-login was touched")
	}

	before := g.snapshot(".")
	g.remove("calls")
	g.must(asFile, setup, pin)
	if after := g.snapshot("."); after != before {
		t.Errorf("the second run changed something\nbefore:\n%s\nafter:\n%s", before, after)
	}
	if strings.Contains(g.read("calls"), "curl") {
		t.Error("the second run downloads again")
	}
	g.must(onStdin, check)
}

func TestBaseNewerRunnerReplacesOlder(t *testing.T) {
	g := newGuest(t)
	g.settle()
	g.must(asFile, setup, "RUNNER_SHA256="+g.sum())
	newer := runnerPackage(t, "2.337.1")
	g.write("downloads/actions-runner-osx-arm64-2.337.1.tar.gz", newer)
	g.must(asFile, setup, "RUNNER_VERSION=2.337.1", "RUNNER_SHA256="+sum(newer))
	if got := g.read("home/actions-runner/.hostler-package"); got != "2.337.1 "+sum(newer)+"\n" {
		t.Errorf("recorded package: %q", got)
	}
	g.must(asFile, check)
}

// TestBaseRefusesBadPackage: whatever is wrong with a package, the runner that
// was there stays whole and nothing is left beside it; and after all that, a
// good one is installed.
func TestBaseRefusesBadPackage(t *testing.T) {
	g := newGuest(t)
	g.settle()
	good := g.read(delivered)
	runner := g.snapshot("home/actions-runner")
	for _, c := range []struct {
		name, fault string
		env         []string
		pack        string // what curl delivers; empty: a good one
		want        string
		downloads   bool
	}{
		{name: "no checksum", env: []string{"RUNNER_SHA256="}, want: "no checksum is known for runner 2.336.0: set RUNNER_SHA256"},
		{name: "unknown version without checksum", env: []string{"RUNNER_SHA256=", "RUNNER_VERSION=9.9.9"}, want: "no checksum is known for runner 9.9.9"},
		{name: "version is a path", env: []string{"RUNNER_VERSION=../../evil"}, want: "write a release such as"},
		{name: "checksum too short", env: []string{"RUNNER_SHA256=4abcde"}, want: "has 6 characters"},
		{name: "checksum not hexadecimal", env: []string{"RUNNER_SHA256=" + strings.Repeat("g", 64)}, want: "not hexadecimal"},
		{name: "other checksum", env: []string{"RUNNER_SHA256=" + strings.Repeat("a", 64)}, want: "nothing was installed", downloads: true},
		{name: "offline", fault: "offline", want: "download https://", downloads: true},
		{name: "cut off", fault: "cut", want: "download https://", downloads: true},
		{name: "short, but curl is content", fault: "short", want: "nothing was installed", downloads: true},
		{name: "not an archive", pack: "<html>rate limited</html>", want: "unpack", downloads: true},
		{name: "another runner inside", pack: runnerPackage(t, "2.335.0"), want: "says it is 2.335.0", downloads: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.t = t
			g.remove("calls")
			g.write("fault", c.fault)
			if g.write(delivered, good); c.pack != "" {
				g.write(delivered, c.pack)
			}
			out, code := g.run(asFile, setup, append([]string{"RUNNER_SHA256=" + g.sum()}, c.env...)...)
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want 1 and %q\n%s", code, c.want, out)
			}
			if got := strings.Contains(g.read("calls"), "curl"); got != c.downloads {
				t.Errorf("downloaded: %v", got)
			}
			if after := g.snapshot("home/actions-runner"); after != runner {
				t.Errorf("the runner that was there changed\nbefore:\n%s\nafter:\n%s", runner, after)
			}
			if left := g.leftovers(); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	g.t = t
	g.remove("fault")
	g.write(delivered, good)
	g.must(asFile, setup, "RUNNER_SHA256="+g.sum())
}

func TestBaseKilledDuringDownload(t *testing.T) {
	g := newGuest(t)
	g.settle()
	g.remove("home/actions-runner")
	g.write("fault", "killed")
	if out, code := g.run(asFile, setup, "RUNNER_SHA256="+g.sum()); code != -1 {
		t.Fatalf("not killed: exit code %d\n%s", code, out)
	}
	if strings.Contains(g.snapshot("home"), "home/actions-runner ") {
		t.Error("half a runner")
	}
	if len(g.leftovers()) != 1 {
		t.Errorf("the kill came too early to leave anything: %v", g.leftovers())
	}
	g.remove("fault")
	g.must(asFile, setup, "RUNNER_SHA256="+g.sum())
	if left := g.leftovers(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestBaseRefuses(t *testing.T) {
	for _, c := range []struct{ name, file, content, want string }{
		{"sudo asks", "fault", "sudo asks", "sudo asks"},
		{"registered runner", "home/actions-runner/.credentials", "{}", "is registered with GitHub"},
		{"systemsetup refuses with exit code 0", "fault", "sudo is powerless", "systemsetup -setsleep Off: You need administrator access"},
		{"no desktop session", "fault", "no desktop", "the screen lock stays on"},
		{"nobody logs in", "state/autologin", "Automatic login is OFF.", "does not hold: auto_login"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGuest(t)
			g.write(c.file, c.content+"\n")
			out, code := g.run(asFile, setup, "RUNNER_SHA256="+g.sum())
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want 1 and %q\n%s", code, c.want, out)
			}
		})
	}
}

// TestCheckNamesWhatIsBroken breaks each promise in every way it can break:
// the first way of all, then the second, and so on.
func TestCheckNamesWhatIsBroken(t *testing.T) {
	updates := "state/defaults/Library/Preferences/com.apple.SoftwareUpdate/"
	type broken struct{ file, content string }
	probes := []struct {
		name string
		ways []broken
	}{
		{"no_sleep", []broken{{"state/pmset/sleep", "1 (sleep prevented by powerd)"}, {"state/pmset/displaysleep", "10"}, {"state/pmset/disksleep", "10"}}},
		{"no_spotlight", []broken{{"state/mdutil", "Indexing enabled. "}, {"state/mdutil", "Index is read-only."}}},
		{"no_screen_saver", []broken{{"state/defaults/host.com.apple.screensaver/idleTime", "1200"}, {"state/defaults/Library/Preferences/com.apple.screensaver/loginWindowIdleTime", ""}}},
		{"no_screen_lock", []broken{{"state/screenLock", "is immediate"}}},
		{"no_updates", []broken{{updates + "AutomaticCheckEnabled", "1"}, {updates + "AutomaticDownload", ""}, {updates + "AutomaticallyInstallMacOSUpdates", "1"}, {updates + "ConfigDataInstall", "1"}, {updates + "CriticalUpdateInstall", "1"}}},
		{"auto_login", []broken{{"state/autologin", "Automatic login is OFF."}, {"state/autologin", "Automatic login user: someone"}}},
		{"no_filevault", []broken{{"state/filevault", "FileVault is On."}}},
		{"login_shell", []broken{{"brew/bin/brew", ""}}},
		{"runner_runs", []broken{{"home/actions-runner/bin/Runner.Listener", listener(oldRunner)}, {"home/actions-runner/bin/Runner.Listener", "not a program"}, {"home/actions-runner/.hostler-package", ""}}},
		{"runner_free", []broken{{"home/actions-runner/.runner", "{}"}, {"home/actions-runner/.credentials", "{}"}, {"home/actions-runner/.credentials_rsaparams", "{}"}}},
	}
	for round := range 5 {
		g := newGuest(t)
		g.settle()
		g.remove("home/actions-runner")
		g.write("home/actions-runner/bin/Runner.Listener", listener(runnerVersion))
		g.write("home/actions-runner/.hostler-package", runnerVersion+" "+g.sum()+"\n")
		want := map[string]bool{}
		for _, p := range probes {
			if round >= len(p.ways) {
				continue
			}
			if g.remove(p.ways[round].file); p.ways[round].content != "" {
				g.write(p.ways[round].file, p.ways[round].content+"\n")
			}
			want[p.name] = true
		}
		before := g.snapshot(".")
		out, code := g.run(asFile, check)
		_, named, _ := strings.Cut(out, "does not hold: ")
		got := strings.Fields(named)
		slices.Sort(got)
		if code != 1 || !slices.Equal(got, slices.Sorted(maps.Keys(want))) || strings.Count(out, "FAIL  ") != len(want) {
			t.Errorf("round %d: exit code %d, want 1 and %v\n%s", round, code, want, out)
		}
		if g.snapshot(".") != before {
			t.Error("check.sh changed something")
		}
	}
}
