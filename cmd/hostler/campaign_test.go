package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/providers/testbed"
)

// The crash campaign kills hostler at random moments, and looks what became of
// it. CI plays a few kills; the whole campaign, with its table, is
//
//	go test ./cmd/hostler -run Campaign -kills 1000 -timeout 2h -v
var kills = flag.Int("kills", 2, "kills of each campaign that strike a program at work")

// campaignFiles are 300 objects of several types, which version 1 changes,
// adds and removes. What one version makes the other takes back.
func campaignFiles(version int) map[string]string {
	return map[string]string{
		"test.yml.tmpl": fmt.Sprintf("on: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: %d, steps: [{run: ls}]}}\n", version+1),
		"main.hcl": fmt.Sprintf(`
host "mini" { macos_guests = %d }
image "base" {
  from   = "ghcr.io/cirruslabs/ubuntu:latest"
  memory = "2GiB"
}
image "extra" {
  for_each = toset([for i in range(3) : "v%d-${i}"])
  from     = image.base
}
profile "p" {
  for_each = toset([for i in range(20) : tostring(i)])
  image    = image.base
  memory   = "2GiB"
  cpus     = %d
}
launchd "job" {
  for_each = toset([for i in range(%d, %d) : tostring(i)])
  program  = ["/usr/bin/true", "%d"]
  interval = "1h"
}
workflow "w" {
  for_each  = toset([for i in range(%d, %d) : tostring(i)])
  directory = "/Users/admin/src/${each.key}"
  template  = "test.yml.tmpl"
}
output "version" { value = %d }
`, version+1, version, version+1, 5*version, 40+5*version, version, 20*version, 235+20*version, version),
	}
}

// objects is what a Mac has of ours, as people find it.
func objects(t *testing.T, mac *testbed.Mac) string {
	t.Helper()
	var all []string
	vms, err := mac.VMs()
	must(t, err)
	for _, v := range vms {
		all = append(all, fmt.Sprintln("VM", v.Name, v.State, v.Memory))
	}
	for _, dir := range []string{"/Users/admin/src", "/Users/admin/Library/LaunchAgents", "/Users/admin/Library/Application Support/hostler"} {
		root := mac.Path(dir)
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || strings.Contains(name, "/builds/")) {
				return nil // notes of builds hold random numbers
			}
			if err != nil {
				return err
			}
			data, err := os.ReadFile(name)
			all = append(all, fmt.Sprintf("%s %x\n", strings.TrimPrefix(name, root), sha256.Sum256(data)))
			return err
		})
		must(t, err)
	}
	out := exec.Command(mac.Tool("launchctl"), "print", "gui/501")
	out.Env = mac.Environ()
	text, err := out.CombinedOutput()
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && strings.Contains(fields[2], "hostler") {
			all = append(all, "job "+fields[2]+"\n")
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// tally is what a campaign came to.
type tally struct {
	kills, ended           int // ended: the program was done before the kill
	lost, twice, unplanned int // objects; plans that failed
}

func (c tally) String() string {
	return fmt.Sprintf("%d kills, %d of them too late; lost %d, made twice or left over %d, plans that failed %d", c.kills, c.ended, c.lost, c.twice, c.unplanned)
}

// fuse is how long a program works before it is killed: any time up to what it
// takes. That is learned as the machine gets faster or slower, so that few kills
// come too late.
type fuse struct {
	*rand.Rand
	took time.Duration
}

func newFuse(seed uint64, took time.Duration) *fuse {
	return &fuse{rand.New(rand.NewPCG(7, seed)), took}
}

// struck runs a command of hostler, and kills it.
func (b *builder) struck(f *fuse, args ...string) (late bool) {
	b.t.Helper()
	c := exec.Command(b.exe, append([]string{"--chdir", b.dir}, args...)...)
	c.Env = append(b.mac.Environ(), b.env...)
	return struck(b.t, c, f)
}

// struck runs a program and kills it; late says that it had ended by then.
func struck(t *testing.T, c *exec.Cmd, f *fuse) (late bool) {
	t.Helper()
	after := time.Duration(f.Int64N(int64(f.took)))
	must(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
		f.took -= f.took / 20
		return true
	case <-time.After(after):
		f.took += f.took / 100
	}
	_ = c.Process.Kill()
	<-ended
	return false
}

// TestCampaignApply kills applies of 300 mixed objects, each of which changes
// most of them.
func TestCampaignApply(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Pretend, campaignFiles(0))
	var want [2]string
	var took time.Duration
	for _, version := range []int{0, 1, 0} {
		b.write(campaignFiles(version))
		from := time.Now()
		b.must("apply", "--auto-approve")
		took = time.Since(from)
		now := objects(t, b.mac)
		if want[version] != "" && want[version] != now {
			t.Fatalf("an undisturbed apply of version %d does not come to the same\n%s\nnot\n%s", version, now, want[version])
		}
		want[version] = now
	}
	burning := newFuse(1, took)
	var sum tally
	for n := 0; sum.kills-sum.ended < *kills; n++ {
		version := (n + 1) % 2
		b.write(campaignFiles(version))
		sum.kills++
		if b.struck(burning, "apply", "--auto-approve") {
			sum.ended++
		}
		if !json.Valid([]byte(b.must("state", "pull"))) {
			t.Fatalf("kill %d: the state is no JSON", n)
		}
		var exit *exec.ExitError
		if out, err := b.run("plan", "--detailed-exitcode"); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitChanges) {
			sum.unplanned++
			t.Errorf("kill %d: plan: %v\n%s", n, err, out)
		}
		b.must("apply", "--auto-approve")
		if have := objects(t, b.mac); have != want[version] {
			lost, left := differing(want[version], have)
			sum.lost, sum.twice = sum.lost+len(lost), sum.twice+len(left)
			t.Errorf("kill %d: lost %q, left over %q", n, lost, left)
		}
		b.must("plan", "--detailed-exitcode")
	}
	t.Logf("apply of %d objects: %v", strings.Count(b.must("state", "list"), "\n"), sum)
}

// differing are the lines that only one of two texts has.
func differing(want, have string) (lost, left []string) {
	a, b := strings.Split(want, "\n"), strings.Split(have, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			lost = append(lost, line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			left = append(left, line)
		}
	}
	return lost, left
}

// TestCampaignBuilds kills applies that build two images, one on the other, in
// guests that run the steps.
func TestCampaignBuilds(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Run, buildFiles)
	b.must("apply", "--auto-approve")
	edit := func(n int) {
		b.write(map[string]string{"three.txt": "step-three\n", "two.sh": fmt.Sprintf("echo \"step-$WHAT\" >>log # %d\n", n)})
	}
	edit(-1)
	from := time.Now()
	b.must("apply", "--auto-approve")
	took := time.Since(from)
	// A kill after the new build has become the image leaves what it had no time
	// to tidy up to the next build, or to gc.
	roles := func() string {
		b.must("image", "gc")
		var builds []struct{ Image, Role string }
		must(t, json.Unmarshal([]byte(b.must("image", "ls", "--json")), &builds))
		var all []string
		for _, x := range builds {
			all = append(all, x.Image+" "+x.Role)
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	want := roles()
	burning := newFuse(2, took)
	var sum tally
	for n := 0; sum.kills-sum.ended < *kills; n++ {
		edit(n)
		sum.kills++
		if b.struck(burning, "apply", "--auto-approve") {
			sum.ended++
		}
		// The checks of the images want each step to have run once.
		b.must("apply", "--auto-approve")
		if have := roles(); have != want {
			lost, left := differing(want, have)
			sum.lost, sum.twice = sum.lost+len(lost), sum.twice+len(left)
			t.Errorf("kill %d: lost %q, left over %q", n, lost, left)
		}
		b.must("plan", "--detailed-exitcode")
	}
	t.Logf("builds: %v", sum)
}

// TestCampaignDispatch kills the service of a busy queue, and starts it again.
// Everybody who waits gets one VM, every job ends well, and nothing is left.
func TestCampaignDispatch(t *testing.T) {
	t.Parallel()
	b := newBuilderOn(t, testbed.Spec{Memory: 32 << 30, CPUs: 10}, map[string]string{"main.hcl": fmt.Sprintf(reportFiles, freePort(t), "/usr/bin/true")})
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken, "GITHUB_REPOSITORY=acme/app"}
	gh, err := b.mac.GitHub()
	must(t, err)
	must(t, gh.AddRepository("acme/app", "private", map[string]string{"README.md": "x\n"}))
	must(t, b.mac.SetTiming(testbed.Timing{Agent: 100 * time.Millisecond, Job: 300 * time.Millisecond}))
	b.must("apply", "--auto-approve")

	start := func() *exec.Cmd {
		c := exec.Command(b.exe, "serve")
		c.Env = append(b.mac.Environ(), b.env...)
		must(t, c.Start())
		return c
	}
	service := start()
	t.Cleanup(func() {
		_ = service.Process.Kill()
		_ = service.Wait()
		must(t, b.mac.Reboot())
	})
	b.await("the service", func(int) bool { return true })
	const asking = 8
	over, asked := make(chan struct{}), make(chan error)
	ask := func(run int) error {
		c := exec.Command(b.exe, "--chdir", b.dir, "run", "--profile", "small")
		c.Env = append(append(b.mac.Environ(), b.env...), fmt.Sprint("GITHUB_RUN_ID=", run), "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=boot")
		out, err := c.CombinedOutput()
		_, label, _ := strings.Cut(string(out), "\nlabel=")
		label, _, _ = strings.Cut(label, "\n")
		if err != nil || label == "" {
			return fmt.Errorf("run %d: %w\n%s", run, err, out)
		}
		_, err = gh.QueueJob("acme/app", fmt.Sprint("job ", run), []string{"self-hosted", label})
		return err
	}
	for i := range asking {
		go func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					asked <- nil
					return
				default:
				}
				if err := ask(1000*(i+1) + n); err != nil {
					asked <- err
					return
				}
			}
		}()
	}
	random := rand.New(rand.NewPCG(7, 3))
	for range *kills {
		time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
		_ = service.Process.Kill()
		_ = service.Wait()
		service = start()
	}
	close(over)
	for range asking {
		if err := <-asked; err != nil {
			t.Error(err)
		}
	}
	b.await("nothing is lent", func(n int) bool { return n == 0 })
	all, err := gh.Jobs()
	must(t, err)
	bad := 0
	for _, j := range all {
		if j.Conclusion != "success" {
			bad++
			t.Errorf("job %s is %s %s", j.Name, j.Status, j.Conclusion)
		}
	}
	vms, err := b.mac.VMs()
	must(t, err)
	runners, err := gh.Runners()
	must(t, err)
	if len(vms) != 1 || len(runners) != 0 || len(all) < asking {
		t.Errorf("left are VMs %v and runners %v", vms, runners)
	}
	t.Logf("dispatch: %d kills; %d jobs, %d of them not done; %d VMs and %d runners leaked", *kills, len(all), bad, len(vms)-1, len(runners))
}

// TestStorm: applies that race for one state, with signals raining on each of
// them, end in order, one after the other; afterwards all is as wanted.
func TestStorm(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Pretend, campaignFiles(0))
	b.must("apply", "--auto-approve")
	want := objects(t, b.mac)
	b.write(campaignFiles(1))
	b.must("apply", "--auto-approve")
	b.write(campaignFiles(0))
	random := rand.New(rand.NewPCG(7, 4))
	ended := make(chan string)
	for i := range 3 {
		c := exec.Command(b.exe, "--chdir", b.dir, "apply", "--auto-approve", "--lock-timeout", "2m")
		c.Env = append(b.mac.Environ(), b.env...)
		var out strings.Builder
		c.Stdout, c.Stderr = &out, &out
		must(t, c.Start())
		signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGWINCH, syscall.SIGUSR1}[:2+i]
		var waits []time.Duration
		for range 20 {
			waits = append(waits, time.Duration(random.Int64N(int64(100*time.Millisecond))))
		}
		go func() {
			for n, d := range waits {
				time.Sleep(d)
				_ = c.Process.Signal(signals[n%len(signals)])
			}
		}()
		go func() {
			_ = c.Wait()
			ended <- out.String()
		}()
	}
	for range 3 {
		if out := <-ended; strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
			t.Errorf("%s", out)
		}
	}
	if !json.Valid([]byte(b.must("state", "pull"))) {
		t.Fatal("the state is no JSON")
	}
	b.must("apply", "--auto-approve")
	if have := objects(t, b.mac); have != want {
		lost, left := differing(want, have)
		t.Errorf("lost %q, left over %q", lost, left)
	}
	b.must("plan", "--detailed-exitcode")
}

// TestCampaignTerraform does to terraform, where there is one, what
// TestCampaignApply does to hostler, and tells what became of its state. It asserts
// nothing: it is what the campaign is compared with.
func TestCampaignTerraform(t *testing.T) {
	exe, err := exec.LookPath("terraform")
	if err != nil || *kills < 20 {
		t.Skip("needs terraform, and -kills 20 at least")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.tf"), []byte("variable \"v\" {}\nresource \"terraform_data\" \"w\" {\n  for_each = toset([for i in range(300) : tostring(i)])\n  input    = \"${var.v} ${each.key}\"\n}\n"), 0o600))
	command := func(args ...string) *exec.Cmd {
		c := exec.Command(exe, append([]string{"-chdir=" + dir}, args...)...)
		c.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=/dev/null")
		return c
	}
	run := func(args ...string) time.Duration {
		from := time.Now()
		if out, err := command(args...).CombinedOutput(); err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
		return time.Since(from)
	}
	run("init", "-input=false")
	state := filepath.Join(dir, "terraform.tfstate")
	run("apply", "-auto-approve", "-var=v=first")
	good, err := os.ReadFile(state)
	must(t, err)
	took := run("apply", "-auto-approve", "-var=v=second")
	burning := newFuse(1, took)
	empty, broken, late := 0, 0, 0
	for n := 0; n-late < *kills; n++ {
		must(t, os.WriteFile(state, good, 0o600))
		if struck(t, command("apply", "-auto-approve", "-var=v=second"), burning) {
			late++
			continue
		}
		os.Remove(filepath.Join(dir, ".terraform.tfstate.lock.info"))
		switch data, err := os.ReadFile(state); {
		case err != nil || len(data) == 0:
			empty++
		case !json.Valid(data):
			broken++
		}
	}
	t.Logf("terraform: %d kills, %d of them too late; the state is empty after %d, and no JSON after %d", *kills+late, late, empty, broken)
}
