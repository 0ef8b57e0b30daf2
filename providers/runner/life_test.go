package runner

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/internal/ghapi"
	"hostler/providers/testbed"
)

// bed is a Mac with its GitHub, and the runners on it.
type bed struct {
	*testing.T
	mac *testbed.Mac
	gh  *testbed.GitHub
	c   *runners
}

func newBed(t *testing.T) *bed {
	t.Helper()
	mac, gh, c, err := world(t, t.TempDir()+"/mac")
	b := &bed{t, mac, gh, c}
	b.must(err)
	c.Configure(config())
	return b
}

func (b *bed) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// resolved is what a plan wants of the block.
func (b *bed) resolved(block Runner, have *Runner, upgrade bool) (*Runner, []string, error) {
	b.Helper()
	var warned []string
	block.Host, block.Group, block.Version = "host.mini", cmp.Or(block.Group, ghapi.DefaultGroup), cmp.Or(block.Version, latest)
	if block.Labels == nil {
		block.Labels = []string{"coordinator"}
	}
	err := b.c.Resolve(b.Context(), &providers.Resolve[Runner]{
		Name: "mini-a", Want: &block, Have: have, Config: config(), Upgrade: upgrade,
		Warn: func(attr, text string) { warned = append(warned, attr+": "+text) },
	})
	return &block, warned, err
}

// made creates a runner.
func (b *bed) made(block Runner) *Runner {
	b.Helper()
	want, _, err := b.resolved(block, nil, false)
	b.must(err)
	got, err := b.c.Create(b.Context(), want)
	b.must(err)
	return got
}

// atGitHub is the runner as GitHub has it.
func (b *bed) atGitHub() testbed.GitHubRunner {
	b.Helper()
	all, err := b.gh.Runners()
	b.must(err)
	if len(all) != 1 {
		b.Fatalf("runners %+v", all)
	}
	return all[0]
}

// A runner under an account of its own is root's to start and the account's to
// configure, and its token is in no argument.
func TestAnAccountOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	got := b.made(Runner{User: "runner", Group: "runner_group.macs"})
	if r := b.atGitHub(); !r.Online || got.Registration != online || got.Service != sound || got.GroupName != "macs" {
		t.Errorf("%+v %+v", got, r)
	}
	data, err := os.ReadFile(b.mac.Path("/Library/LaunchDaemons/hostler.runner.mini-a.plist"))
	b.must(err)
	if !strings.Contains(string(data), "<key>UserName</key>\n\t\t<string>runner</string>") {
		t.Errorf("%s", data)
	}
	if owner, err := b.mac.Owner(folder("mini-a")); err != nil || owner != "runner" {
		t.Errorf("the folder is %s's, %v", owner, err)
	}
	calls, err := b.mac.Calls()
	b.must(err)
	token, as := "", false
	for _, c := range calls {
		if v, ok := c.Getenv("ACTIONS_RUNNER_INPUT_TOKEN"); ok && c.Tool == "config.sh" {
			token = v
		}
		as = as || c.Tool == "sudo" && slices.Equal(c.Args[:4], []string{"-n", "-u", "runner", script("mini-a")})
	}
	if token == "" || !as {
		t.Errorf("token %q, as the account %v", token, as)
	}
	for _, c := range calls {
		if strings.Contains(strings.Join(c.Args, " "), token) {
			t.Errorf("the token is an argument of %s", c.Tool)
		}
		if v, ok := c.Getenv("ACTIONS_RUNNER_INPUT_TOKEN"); ok && c.Tool != "config.sh" {
			t.Errorf("%s has the token %q", c.Tool, v)
		}
	}
	b.must(b.c.Delete(t.Context(), got))
	if _, err := os.Stat(b.mac.Path(folder("mini-a"))); !os.IsNotExist(err) {
		t.Error("its folder is left")
	}
}

// Where sudo wants a password the error says what to allow.
func TestNoSudo(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.must(b.mac.SetSudo(false))
	want, _, err := b.resolved(Runner{User: "runner"}, nil, false)
	b.must(err)
	_, err = b.c.Create(t.Context(), want)
	for _, line := range []string{"admin ALL=(root) NOPASSWD: /bin/launchctl, /usr/bin/install, /bin/rm", "admin ALL=(runner) NOPASSWD: /usr/bin/tar, " + script("mini-a")} {
		if err == nil || !strings.Contains(err.Error(), line) {
			t.Fatalf("%v does not say %q", err, line)
		}
	}
	b.must(b.mac.SetSudo(true))
	have, err := b.c.Read(t.Context(), want)
	b.must(err)
	got, err := b.c.Update(t.Context(), have, want)
	if err != nil || got.Registration != online {
		t.Errorf("%+v %v", got, err)
	}
}

// What would end a job waits for it, and says so when that takes too long.
func TestABusyRunnerIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	have := b.made(Runner{})
	id := b.atGitHub().ID
	_, err := b.gh.QueueJob("acme/app", "boot", []string{"coordinator"})
	b.must(err)
	if _, ok, err := b.gh.Take(id); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want, _, err := b.resolved(Runner{Group: "macs"}, have, false)
	b.must(err)
	b.c.idle = 50 * time.Millisecond
	got, err := b.c.Update(t.Context(), have, want)
	if err == nil || !strings.Contains(err.Error(), "works on a job still") || b.atGitHub().ID != id || !b.atGitHub().Online || got.Registration != online {
		t.Fatalf("%+v %v", got, err)
	}
	if err := b.c.Delete(t.Context(), have); err == nil || !b.atGitHub().Online {
		t.Errorf("deleted while it worked: %v", err)
	}
	// Other labels end nothing.
	labels, _, err := b.resolved(Runner{Labels: []string{"coordinator", "blue"}}, have, false)
	b.must(err)
	if have, err = b.c.Update(t.Context(), have, labels); err != nil || len(have.Labels) != 2 {
		t.Errorf("%+v %v", have, err)
	}
	// Cancelled, it stops waiting.
	b.c.idle = time.Minute
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("enough"))
	defer cancel()
	if _, err := b.c.Update(ctx, have, want); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("%v", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = b.gh.Complete(id, "success") })
	got, err = b.c.Update(t.Context(), have, want)
	if err != nil || got.GroupName != "macs" || b.atGitHub().ID == id {
		t.Errorf("%+v %v", got, err)
	}
	jobs, err := b.gh.Jobs()
	if err != nil || jobs[0].Conclusion != "success" {
		t.Errorf("%+v %v", jobs, err)
	}
}

// One that GitHub does not see for a moment, in the middle of a job, is not
// started anew.
func TestABusyRunnerOutOfSight(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.made(Runner{})
	id := b.atGitHub().ID
	_, err := b.gh.QueueJob("acme/app", "boot", []string{"coordinator"})
	b.must(err)
	if _, ok, err := b.gh.Take(id); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.must(b.gh.EditRunner("mini-a", func(r *testbed.GitHubRunner) { r.Online = false }))
	b.must(b.mac.ResetCalls())
	have, err := b.c.Import(t.Context(), "mini/mini-a")
	b.must(err)
	want, _, err := b.resolved(Runner{}, have, false)
	b.must(err)
	b.c.idle = 50 * time.Millisecond
	if _, err := b.c.Update(t.Context(), have, want); err == nil || !strings.Contains(err.Error(), "works on a job still") {
		t.Errorf("%v", err)
	}
	calls, err := b.mac.Calls()
	b.must(err)
	for _, c := range calls {
		if c.Tool == "launchctl" && c.Args[0] == "bootout" {
			t.Errorf("%s %q", c.Tool, c.Args)
		}
	}
}

// A runner of that name is replaced only if it is the one that was just being
// registered.
func TestANameThatIsTaken(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want, _, err := b.resolved(Runner{}, nil, false)
	b.must(err)
	b.must(b.gh.AddRunner("acme", "MINI-A", nil))
	if _, _, err := b.resolved(Runner{}, nil, false); err == nil || !strings.Contains(err.Error(), "that hostler has not registered") {
		t.Errorf("%v", err)
	}
	if _, err := b.c.Create(t.Context(), want); err == nil || b.atGitHub().Name != "MINI-A" {
		t.Errorf("%v", err)
	}
	// config.sh was killed right after GitHub had the runner.
	b.must(b.c.keep(note{Name: "mini-a", Owner: "acme", User: "admin", Release: "2.336.0", Registering: true}))
	found, err := b.c.Find(t.Context(), want)
	b.must(err)
	got, err := b.c.Update(t.Context(), found, want)
	if err != nil || got.Registration != online || b.atGitHub().Name != "mini-a" {
		t.Errorf("%+v %v", got, err)
	}
}

// What GitHub offers is downloaded once, and used only if it is what it says.
func TestDownloads(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	downloads := func() (n int) {
		all, err := b.gh.Requests()
		b.must(err)
		for _, r := range all {
			if strings.HasPrefix(r.Path, "/github-production-release-asset/") {
				n++
			}
		}
		return n
	}
	want, _, err := b.resolved(Runner{}, nil, false)
	b.must(err)
	b.must(b.gh.Inject(testbed.GitHubFault{Kind: testbed.Truncated, Path: "/github-production-release-asset/"}))
	if _, err := b.c.Create(t.Context(), want); err == nil || !strings.Contains(err.Error(), "download") {
		t.Fatalf("%v", err)
	}
	have, err := b.c.Read(t.Context(), want)
	b.must(err)
	if have, err = b.c.Update(t.Context(), have, want); err != nil || have.Release != "2.336.0" {
		t.Fatalf("%+v %v", have, err)
	}
	n := downloads()
	b.must(b.c.Delete(t.Context(), have))
	have = b.made(Runner{})
	if downloads() != n {
		t.Error("what was there was downloaded again")
	}
	// A newer release is for whoever asks.
	b.must(b.gh.Release("2.337.0", time.Now().Add(-20*24*time.Hour)))
	clear(b.c.offered)
	b.c.Configure(config())
	same, warned, err := b.resolved(Runner{}, have, false)
	if err != nil || same.Release != "2.336.0" || !slices.ContainsFunc(warned, func(w string) bool { return strings.Contains(w, "9 days are left") }) {
		t.Errorf("%+v %q %v", same, warned, err)
	}
	newer, _, err := b.resolved(Runner{}, have, true)
	b.must(err)
	if have, err = b.c.Update(t.Context(), have, newer); err != nil || have.Release != "2.337.0" || b.atGitHub().Version != "2.337.0" {
		t.Errorf("%+v %v", have, err)
	}
}

// One that does not come up is said to be so, and is not lost.
func TestItDoesNotComeUp(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want, _, err := b.resolved(Runner{}, nil, false)
	b.must(err)
	b.must(b.mac.SetLogin(false))
	got, err := b.c.Create(t.Context(), want)
	if err == nil || !strings.Contains(err.Error(), "nobody is logged in") || got == nil || got.Registration != offline {
		t.Fatalf("%+v %v", got, err)
	}
	b.must(b.mac.SetLogin(true))
	b.must(b.mac.Reboot())
	if got, err = b.c.Read(t.Context(), want); err != nil || got.Registration != online {
		t.Errorf("after a restart of the Mac: %+v %v", got, err)
	}
}

// Who reaches the Mac by a group is warned of.
func TestWhoReachesTheMac(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for group, text := range map[string]string{"Default": "every private repository", "runner_group.wide": "every repository", "runner_group.macs": ""} {
		_, warned, err := b.resolved(Runner{Group: group}, nil, false)
		if err != nil || text == "" && len(warned) > 0 || text != "" && (len(warned) != 1 || !strings.Contains(warned[0], text)) {
			t.Errorf("%s: %q %v", group, warned, err)
		}
	}
}
