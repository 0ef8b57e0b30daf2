package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/runtime/socket"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// BenchmarkRun is `hostler run` up to a runner that listens, and the same calls
// of tart made by a shell, in turn on the same simulated Mac, on which nothing
// takes any time. It tells the medians, and what hostler adds.
//
//	go test ./cmd/hostler -bench Run -run '^$' -benchtime 20x
func BenchmarkRun(b *testing.B) {
	m := served(b)
	m.run(b, 0)
	floor := m.floor(b)
	var ours, theirs []time.Duration
	b.ResetTimer()
	for i := range b.N {
		ours = append(ours, m.run(b, i+1))
		theirs = append(theirs, timed(b, m.command("sh", "-c", strings.ReplaceAll(floor, "VM", fmt.Sprint("floor-", i)))))
		m.tart(b, "stop", fmt.Sprint("floor-", i))
		m.tart(b, "delete", fmt.Sprint("floor-", i))
	}
	p50 := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Microseconds()) / 1000
	}
	b.ReportMetric(p50(ours), "ms/run")
	b.ReportMetric(p50(theirs), "ms/floor")
	b.ReportMetric(p50(ours)-p50(theirs), "ms/added")
}

// BenchmarkIdle is what a service costs that has nothing to do.
//
//	go test ./cmd/hostler -bench Idle -run '^$' -benchtime 1x
func BenchmarkIdle(b *testing.B) {
	m := served(b)
	pid := m.serve.Process.Pid
	before := ticks(b, pid)
	const watched = 20 * time.Second
	for range b.N {
		time.Sleep(watched)
	}
	used := float64(ticks(b, pid)-before) / 100 // a tick is 10 ms
	b.ReportMetric(100*used/(watched.Seconds()*float64(b.N)), "%CPU")
	b.ReportMetric(rss(b, pid), "MB-RSS")
}

// BenchmarkPlanImages is a plan without changes of ten Macs with twenty images
// each, from four references, the Macs one after the other. Beside the time it
// tells how often tart was asked per Mac, and a registry per reference.
//
//	go test ./cmd/hostler -bench PlanImages -run '^$' -benchtime 5x
func BenchmarkPlanImages(b *testing.B) {
	const hosts, images = 10, 20
	refs := []string{"macos-sequoia-base", "macos-tahoe-base", "macos-sequoia-xcode", "ubuntu"}
	exe, err := built()
	check(b, err)
	dir := b.TempDir()
	check(b, os.WriteFile(filepath.Join(dir, "main.hcl"), fmt.Appendf(nil, `
host "mini" {}
locals { refs = [%s] }
image "i" {
  for_each = toset([for i in range(%d) : tostring(i)])
  from     = "ghcr.io/cirruslabs/${local.refs[tonumber(each.key) %% %d]}:latest"
}
`, `"`+strings.Join(refs, `", "`)+`"`, images, len(refs)), 0o644))
	var macs []*testbed.Mac
	hostler := func(mac *testbed.Mac, state int, args ...string) {
		c := exec.Command(exe, append([]string{"--chdir", filepath.Join(dir, fmt.Sprint(state))}, args...)...)
		c.Env = mac.Environ()
		timed(b, c)
	}
	for i := range hosts {
		mac, err := testbed.New(filepath.Join(b.TempDir(), "mac"), mactest.Tools(), testbed.Spec{Memory: 64 << 30, CPUs: 10})
		check(b, err)
		for _, ref := range refs {
			check(b, mac.Publish(testbed.RemoteImage{Ref: "ghcr.io/cirruslabs/" + ref + ":latest", OS: "darwin", CPUs: 4, CPUMin: 4, Memory: 8 << 30, MemoryMin: 4 << 30, DiskGB: 50, UsedGB: 1}))
		}
		check(b, os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o755))
		check(b, os.Link(filepath.Join(dir, "main.hcl"), filepath.Join(dir, fmt.Sprint(i), "main.hcl")))
		hostler(mac, i, "apply", "--auto-approve")
		check(b, mac.ResetCalls())
		macs = append(macs, mac)
	}
	b.ResetTimer()
	for range b.N {
		for i, mac := range macs {
			hostler(mac, i, "plan", "--detailed-exitcode")
		}
	}
	b.StopTimer()
	lists, requests, conditional := 0, 0, 0
	for _, mac := range macs {
		calls, err := mac.Calls()
		check(b, err)
		for _, c := range calls {
			switch {
			case c.Tool == "tart" && c.Args[0] == "list":
				lists++
			case c.Tool == testbed.Web && strings.Contains(c.Args[1], "/manifests/"):
				requests++
				if c.Args[2] == "HEAD" {
					conditional++
				}
			}
		}
	}
	b.ReportMetric(float64(lists)/float64(b.N*hosts), "lists/host")
	b.ReportMetric(float64(requests)/float64(b.N*hosts*len(refs)), "manifests/reference")
	b.ReportMetric(100*float64(conditional)/float64(requests), "%HEAD")
}

// mac is a simulated Mac with a golden image and a profile, and a service.
type benchMac struct {
	*testbed.Mac
	exe   string
	serve *exec.Cmd
}

func served(b *testing.B) *benchMac {
	b.Helper()
	exe, err := built()
	check(b, err)
	mac, err := testbed.New(filepath.Join(b.TempDir(), "mac"), mactest.Tools(), testbed.Spec{Memory: 64 << 30, CPUs: 10})
	check(b, err)
	gh, err := mac.GitHub()
	check(b, err)
	check(b, gh.AddRepository("acme/app", "private", nil))
	dir := b.TempDir()
	check(b, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(`
github { owner = "acme" }
host "mini" {}
image "base" {
  from   = "ghcr.io/cirruslabs/ubuntu:latest"
  cpus   = 4
  memory = "2GiB"
  disk   = "20GB"
}
profile "dev" {
  image  = image.base
  memory = "2GiB"
  cpus   = 4
  cache  = "none"
}
`), 0o644))
	m := &benchMac{Mac: mac, exe: exe}
	apply := m.command(exe, "--chdir", dir, "apply", "--auto-approve")
	out, err := apply.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	m.serve = m.command(exe, "serve")
	check(b, m.serve.Start())
	b.Cleanup(func() {
		_ = m.serve.Process.Signal(os.Interrupt)
		_ = m.serve.Wait()
		check(b, mac.Reboot())
	})
	c, err := socket.Dial(providers.Env{Root: mac.Root(), Environ: mac.Environ()})
	check(b, err)
	for range 200 {
		if _, err = c.Status(context.Background()); err == nil {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal(err)
	return nil
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (m *benchMac) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(m.Environ(), "GITHUB_TOKEN="+testbed.GitHubToken)
	return c
}

func (m *benchMac) tart(b *testing.B, args ...string) {
	b.Helper()
	if out, err := m.command(m.Tool("tart"), args...).CombinedOutput(); err != nil {
		b.Fatalf("tart %v: %v\n%s", args, err, out)
	}
}

func timed(b *testing.B, c *exec.Cmd) time.Duration {
	b.Helper()
	from := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", c.Args, err, out)
	}
	return time.Since(from)
}

// run is one `hostler run`; what it got is given back outside of the time.
func (m *benchMac) run(b *testing.B, i int) time.Duration {
	b.Helper()
	output := filepath.Join(b.TempDir(), fmt.Sprint("output", i))
	c := m.command(m.exe, "run", "--profile", "dev")
	c.Env = append(c.Env, "GITHUB_OUTPUT="+output)
	took := timed(b, c)
	data, err := os.ReadFile(output)
	check(b, err)
	_, lease, _ := strings.Cut(string(data), "lease=")
	timed(b, m.command(m.exe, "release", "--lease", strings.TrimSpace(lease)))
	client, err := socket.Dial(providers.Env{Root: m.Root(), Environ: m.Environ()})
	check(b, err)
	for {
		s, err := client.Status(b.Context())
		check(b, err)
		if len(s.Leases) == 0 {
			return took
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// floor is a shell script with the calls of tart by which hostler brought a
// runner up: all but those that only look, which a shell would not make.
func (m *benchMac) floor(b *testing.B) string {
	calls, err := m.Calls()
	check(b, err)
	var script bytes.Buffer
	vm := ""
	for _, c := range calls {
		if c.Tool != "tart" {
			continue
		}
		if c.Args[0] == "clone" && strings.HasPrefix(c.Args[2], "hostler-dev-") {
			vm = c.Args[2]
		}
		if vm == "" || !slices.Contains(c.Args, vm) {
			continue
		}
		if c.Args[0] == "stop" {
			break
		}
		args := strings.ReplaceAll(strings.Join(c.Args, " "), vm, "VM")
		switch c.Args[0] {
		case "run":
			fmt.Fprintf(&script, "tart %s >/dev/null 2>&1 &\nuntil tart exec VM true 2>/dev/null; do :; done\n", args)
		case "exec":
			script.WriteString("tart exec VM true\n")
		default:
			fmt.Fprintf(&script, "tart %s\n", args)
		}
	}
	return script.String()
}

// ticks is how much of the CPU a process has used.
func ticks(b *testing.B, pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(b, err)
	f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+2:]))
	user, err := strconv.Atoi(f[11])
	check(b, err)
	system, err := strconv.Atoi(f[12])
	check(b, err)
	return user + system
}

// rss is the memory of a process, in MB.
func rss(b *testing.B, pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(b, err)
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kb, err := strconv.Atoi(f[1])
			check(b, err)
			return float64(kb) / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
