package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hostler/providers/doctor"
	"hostler/providers/testbed"
)

// patientFiles describe a Mac on which every check has something to look at.
const patientFiles = `
github { owner = "acme" }
host "mini" {
  serve { group = runner_group.macs }
  settings {
    sleep                    = "never"
    restart_after_power_loss = true
    software_update_install  = false
    dhcp_lease               = "10m"
    local_network            = ["192.168.0.0/16"]
  }
}
runner_group "macs" { repositories = ["app"] }
runner "mini" { group = runner_group.macs }
secret "TOKEN" {
  repositories = ["app"]
  value        = "env:VALUE"
}
secret "SHARED" {
  visibility = "private"
  value      = "env:VALUE"
}
workflow "test" {
  repositories = ["app"]
  template     = "job"
  profile      = profile.small
  with         = { run = "true" }
}
image "base" {
  from   = "ghcr.io/cirruslabs/ubuntu:latest"
  memory = "2GiB"
  step "one" { run = "true" }
}
profile "small" {
  image   = image.base
  memory  = "2GiB"
  cpus    = 2
  trust   = "agent"
  cache   = "none"
  network = "softnet"
}
`

// patient is a Mac that a doctor looks at.
type patient struct {
	*builder
	gh *testbed.GitHub
}

// examined are the checks that found something.
func (p *patient) examined(args ...string) map[string]doctor.Result {
	p.t.Helper()
	out, err := p.run(append([]string{"doctor", "--json"}, args...)...)
	var all []doctor.Result
	if jsonErr := json.Unmarshal([]byte(out), &all); jsonErr != nil {
		p.t.Fatalf("%v %v\n%s", err, jsonErr, out)
	}
	bad, failed := map[string]doctor.Result{}, false
	for _, r := range all {
		if r.Level == doctor.Warning || r.Level == doctor.Failure || r.Fixed {
			bad[r.Check] = r
		}
		failed = failed || r.Level == doctor.Failure
	}
	if (err != nil) != failed {
		p.t.Errorf("errors were found: %v, and doctor ended with %v", failed, err)
	}
	return bad
}

// tool runs a tool of the Mac, as somebody does.
func (p *patient) tool(args ...string) {
	p.t.Helper()
	var out strings.Builder
	if code, ok := testbed.Main(args, p.mac.Environ(), strings.NewReader(""), &out, &out); !ok || code != 0 {
		p.t.Fatalf("%v: %d\n%s", args, code, out.String())
	}
}

// TestDoctor: a Mac in good health has nothing wrong; each trouble is named by
// the one check that is there for it, and mended where that says so.
func TestDoctor(t *testing.T) {
	t.Parallel()
	p := &patient{builder: newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": patientFiles})}
	p.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken, "VALUE=one"}
	var err error
	p.gh, err = p.mac.GitHub()
	must(t, err)
	must(t, p.gh.AddRepository("acme/app", "private", map[string]string{"README.md": "x\n"}))
	must(t, p.gh.AddRepository("acme/open", "public", map[string]string{"README.md": "x\n"}))
	softnet := p.mac.Path("/opt/homebrew/bin/softnet")
	must(t, os.MkdirAll(filepath.Dir(softnet), 0o755))
	must(t, os.WriteFile(softnet, nil, 0o755))

	for name, r := range p.examined() {
		switch name { // a Mac as it is unpacked
		case "sleep", "restart", "local-network", "dhcp-lease", "service":
		default:
			t.Errorf("before anything was applied: %+v", r)
		}
	}
	p.must("apply", "--auto-approve")
	stop := p.serveUntil()
	t.Cleanup(func() { must(t, p.mac.Reboot()) })
	if bad := p.examined(); len(bad) > 0 {
		t.Fatalf("a Mac in good health: %+v", bad)
	}

	online := func(yes bool) func() {
		return func() { must(t, p.gh.EditRunner("mini", func(r *testbed.GitHubRunner) { r.Online = yes })) }
	}
	group := func(visibility string, public bool) func() {
		return func() {
			must(t, p.gh.EditGroups("acme", func(g *testbed.GitHubGroup) bool {
				if g.Name == "macs" {
					g.Visibility, g.Public = visibility, public
				}
				return true
			}))
		}
	}
	token := func(token string) func() { return func() { p.env[0] = "GITHUB_TOKEN=" + token } }
	whole := map[string]string{"organization_self_hosted_runners": "write", "organization_secrets": "write", "secrets": "write", "contents": "write", "pull_requests": "write", "metadata": "read"}
	lacking := func(permission string) func() {
		some := maps.Clone(whole)
		delete(some, permission)
		must(t, p.gh.AddToken("ghp_without_"+permission, "acme", some, time.Time{}))
		return token("ghp_without_" + permission)
	}
	tart := p.mac.Tool("tart")
	addresses := func(n int) {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "{\n\tname=guest\n\tip_address=192.168.64.%d\n\thw_address=1,2:0:0:0:0:%x\n\tidentifier=1,2:0:0:0:0:%x\n\tlease=0x%x\n}\n", i+2, i, i, time.Now().Add(time.Hour).Unix())
		}
		must(t, os.MkdirAll(p.mac.Path("/var/db"), 0o755))
		must(t, os.WriteFile(p.mac.Path("/var/db/dhcpd_leases"), []byte(b.String()), 0o644))
	}
	for _, c := range []struct {
		name  string // of the check
		level doctor.Level
		says  string
		harm  func()
		mend  func() // nil: by --fix
	}{
		{"login-session", doctor.Failure, "not logged in at the screen", func() { must(t, p.mac.SetLogin(false)) }, func() { must(t, p.mac.SetLogin(true)) }},
		{"keychain", doctor.Failure, "locked or missing", func() { must(t, p.mac.SetKeychain(false)) }, func() { must(t, p.mac.SetKeychain(true)) }},
		{"filevault", doctor.Warning, "FileVault is on", func() { must(t, p.mac.SetStart("", true)) }, func() { must(t, p.mac.SetStart("admin", false)) }},
		{"auto-login", doctor.Warning, "nobody is logged in", func() { must(t, p.mac.SetStart("", false)) }, func() { must(t, p.mac.SetStart("admin", false)) }},
		{"auto-login", doctor.Warning, "guest is logged in", func() { must(t, p.mac.SetStart("guest", false)) }, func() { must(t, p.mac.SetStart("admin", false)) }},
		{"sleep", doctor.Failure, "sleeps after 15m", func() { p.tool("sudo", "pmset", "-a", "sleep", "15") }, nil},
		{"restart", doctor.Warning, "does not start by itself", func() { p.tool("sudo", "pmset", "-a", "autorestart", "0") }, nil},
		{"updates", doctor.Warning, "installs its updates by itself", func() {
			p.tool("sudo", "defaults", "write", "/Library/Preferences/com.apple.SoftwareUpdate", "AutomaticallyInstallMacOSUpdates", "-bool", "true")
		}, nil},
		{"local-network", doctor.Warning, "no local network is open", func() {
			for _, kind := range []string{"Ethernet", "WiFi"} {
				p.tool("sudo", "defaults", "delete", "com.apple.network.local-network", "Allowed"+kind+"LocalNetworkAddresses")
			}
		}, nil},
		{"dhcp-lease", doctor.Warning, "taken for 24h", func() {
			p.tool("sudo", "defaults", "write", "/Library/Preferences/SystemConfiguration/com.apple.InternetSharing.default", "bootpd", "-dict", "DHCPLeaseTimeSecs", "-int", "86400")
		}, nil},
		{"dhcp-room", doctor.Warning, "200 of 253", func() { addresses(200) }, func() { addresses(0) }},
		{"dhcp-room", doctor.Failure, "253 of 253", func() { addresses(253) }, func() { addresses(0) }},
		{"softnet", doctor.Failure, "profile small uses it", func() { must(t, os.Rename(softnet, softnet+"-")) }, func() { must(t, os.Rename(softnet+"-", softnet)) }},
		{"disk", doctor.Failure, "no job gets a VM", func() { must(t, p.mac.SetDiskFree(25<<30)) }, func() { must(t, p.mac.SetDiskFree(400e9)) }},
		{"disk", doctor.Warning, "are free", func() { must(t, p.mac.SetDiskFree(45<<30)) }, func() { must(t, p.mac.SetDiskFree(400e9)) }},
		{"service", doctor.Warning, "it is not loaded", func() { p.tool("launchctl", "bootout", "gui/501/dev.hostler.serve") }, func() { p.must("apply", "--auto-approve") }},
		{"profiles", doctor.Warning, "draining", func() { p.must("drain") }, func() { p.must("resume") }},
		{"github", doctor.Failure, "does not take the credential", token("ghp_wrong"), token(testbed.GitHubToken)},
		{"github", doctor.Failure, "", func() { must(t, p.gh.Inject(testbed.GitHubFault{Kind: testbed.Unavailable, Times: 99})) }, func() { must(t, p.gh.Heal()) }},
		{"clock", doctor.Failure, "behind GitHub's", func() { must(t, p.gh.SetClock(10*time.Minute)) }, func() { must(t, p.gh.SetClock(0)) }},
		{"permission-secrets", doctor.Failure, "list the secrets of", lacking("secrets"), token(testbed.GitHubToken)},
		{"permission-secrets", doctor.Failure, "list the secrets of", lacking("organization_secrets"), token(testbed.GitHubToken)},
		{"permission-files", doctor.Failure, "", lacking("contents"), token(testbed.GitHubToken)},
		{"permission-pulls", doctor.Failure, "", lacking("pull_requests"), token(testbed.GitHubToken)},
		{"permission-runners", doctor.Failure, "list the runners of", lacking("organization_self_hosted_runners"), token(testbed.GitHubToken)},
		{"runner-group", doctor.Warning, "public repositories", group("selected", true), group("selected", false)},
		{"runner-group", doctor.Warning, "every repository", group("all", false), group("selected", false)},
		{"coordinator", doctor.Failure, "is offline", online(false), online(true)},
		{"labels", doctor.Failure, "has the label coordinator", func() {
			must(t, p.gh.AddRunner("acme", "pinguin", []string{"coordinator"}))
			must(t, p.gh.EditRunner("pinguin", func(r *testbed.GitHubRunner) { r.OS = "Linux" }))
		}, func() { must(t, p.gh.RemoveRunner("pinguin")) }},
		{"registrations", doctor.Warning, "hostler-mini-abc", func() { must(t, p.gh.AddRunner("acme", "hostler-mini-abc", []string{"vm-1"})) }, nil},
		{"profiles", doctor.Failure, "small", func() {
			must(t, os.WriteFile(p.mac.Path("/Users/admin/Library/Application Support/hostler/profiles/small.json"), []byte("{"), 0o600))
		}, func() { p.must("apply", "--auto-approve") }},
		{"quarantine", doctor.Warning, "hostler-small-zzz", func() { p.tool("tart", "clone", "base", "hostler-small-zzz"); p.must("sweep") },
			func() { p.tool("tart", "delete", "hostler-small-zzz"); p.must("sweep") }},
		{"tart", doctor.Failure, "2.20.0 is too old", func() {
			must(t, p.mac.Inject(testbed.Fault{Tool: "tart", Match: []string{"--version"}, Kind: testbed.Fail, Stdout: "2.20.0\n"}))
		}, func() { must(t, p.mac.ClearFaults()) }},
		{"tart", doctor.Failure, "there is no tart", func() { must(t, os.Rename(tart, tart+"-")) }, func() { must(t, os.Rename(tart+"-", tart)) }},
		{"images", doctor.Warning, "an older ghcr.io/cirruslabs/ubuntu:latest", func() {
			must(t, p.mac.Publish(testbed.RemoteImage{Ref: "ghcr.io/cirruslabs/ubuntu:latest", OS: "linux", CPUs: 4, CPUMin: 1, Memory: 4 << 30, DiskGB: 20, UsedGB: 3}))
		}, func() { p.must("apply", "--auto-approve", "--upgrade") }},
	} {
		c.harm()
		bad := p.examined()
		r, ok := bad[c.name]
		if len(bad) != 1 || !ok || r.Level != c.level || !strings.Contains(r.Evidence, c.says) || r.Mend == "" || r.Fixable != (c.mend == nil) {
			t.Errorf("%s (%s): %+v", c.name, c.says, bad)
		}
		if c.mend == nil {
			if fixed := p.examined("--fix")[c.name]; !fixed.Fixed || fixed.Level != doctor.Sound {
				t.Errorf("%s --fix: %+v", c.name, fixed)
			}
		} else {
			c.mend()
		}
	}
	if bad := p.examined(); len(bad) > 0 {
		t.Errorf("after all was mended: %+v", bad)
	}
	must(t, p.gh.Release("2.999.0", time.Now().Add(-40*24*time.Hour)))
	for _, where := range []string{"on this Mac itself: runner 2.336.0 was", "in image base: runner 2.336.0 was"} {
		if bad := p.examined(); len(bad) != 1 || !strings.HasPrefix(bad["runner-age"].Evidence, where) {
			t.Errorf("%s: %+v", where, bad)
		}
		p.must("apply", "--auto-approve", "--upgrade")
	}
	stop()
	if r := p.examined()["service"]; r.Level != doctor.Failure || !r.Fixable || !strings.Contains(r.Evidence, "it does not answer") {
		t.Errorf("without a service: %+v", r)
	}
}
