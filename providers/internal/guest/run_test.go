package guest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/secret"
	"hostler/providers/testbed"
)

func matches(pattern string, err error) bool {
	return regexp.MustCompile("(?s)" + pattern).MatchString(err.Error())
}

func contextWith(t *testing.T, cause error) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return ctx, func() { cancel(cause) }
}

// ways are a guest that is reached by its agent and one that is reached by SSH.
func ways(t *testing.T, checks ...func(t *testing.T, b *bed, g *guest.Guest)) {
	for name, image := range map[string]string{"agent": sequoia, "ssh": vanilla} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, testbed.Spec{Guests: testbed.Run, SSH: name == "ssh"})
			g := b.ready(image, func(s *guest.Spec) { s.Limits.Agent = time.Millisecond })
			for _, check := range checks {
				check(t, b, g)
			}
		})
	}
}

func TestScripts(t *testing.T) {
	ways(t, environment, exitCodes, outputComesAsItIsPrinted, muchOutput, endsOfScripts, upload, cancelOfWhatHangs, cancelKillsWhatRuns)
}

func environment(t *testing.T, b *bed, g *guest.Guest) {
	b.must(os.WriteFile(b.GuestPath("v", "/Users/admin/.zprofile"), []byte("echo noise of the profile; FROM_PROFILE=yes\n"), 0o644))
	r, err := g.Run(t.Context(), guest.Command{
		Script: "printf '%s\\n' \"$A|$B|$FROM_PROFILE\"\ncat\nprintf 'no newline: é\\\\' >&2\npwd | sed 's,.*/,,'\n",
		Env:    map[string]string{"A": "it's \"quoted\" $HOME\n`two` lines\\n", "B": "\xff\té"},
		Stdin:  []byte("first\n\x00second"),
	})
	b.must(err)
	const want = "it's \"quoted\" $HOME\n`two` lines\\n|\xff\té|yes\nfirst\n\x00secondadmin\n"
	if string(r.Stdout) != want || string(r.Stderr) != `no newline: é\` || r.Code != 0 {
		t.Errorf("%d\n%q\n%q\n%q", r.Code, r.Stdout, want, r.Stderr)
	}
	for _, c := range []guest.Command{{Script: "echo \x00"}, {Env: map[string]string{"A": "\x00"}}} {
		if _, err := g.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "holds a zero byte") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, name := range []string{"", "A B", "1A", "A=1", "A;ls"} {
		if _, err := g.Run(t.Context(), guest.Command{Env: map[string]string{name: "x"}}); err == nil || !strings.Contains(err.Error(), "name of a variable") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Statuses that tart and SSH use for themselves are the script's all the same.
func exitCodes(t *testing.T, b *bed, g *guest.Guest) {
	for script, want := range map[string]int{
		"exit 0": 0, "exit 1": 1, "exit 2": 2, "exit 64": 64, "exit 255": 255, "exit 7; echo": 7,
		"set -e; false; echo no": 1, "kill -9 $(sh -c 'echo $PPID')": 137, "no-such-program": 127, "if": 2,
		"echo 'VM \"v\" is not running' >&2; exit 2": 2, "exec sh -c 'exit 5'": 5, "trap 'exit 9' EXIT; false": 9,
	} {
		r, err := g.Run(t.Context(), guest.Command{Script: script})
		if err != nil || r.Code != want {
			t.Errorf("%s: %d, %v", script, r.Code, err)
		}
	}
}

// The same statuses from tart itself, and from SSH, are errors.
func TestFailuresOfTheWay(t *testing.T) {
	b := newBed(t, testbed.Spec{Guests: testbed.Run})
	g := b.ready(ubuntu)
	for _, f := range []struct {
		testbed.Fault
		want tartcli.Kind
	}{
		{testbed.Fault{Kind: testbed.Fail, Code: 1, Stderr: "Failed to connect to the VM using its control socket: x, is the Tart Guest Agent running?\n"}, tartcli.NoAgent},
		{testbed.Fault{Kind: testbed.Fail, Code: 1, Stderr: "Error: unavailable (14): x\n"}, tartcli.GuestLost},
		{testbed.Fault{Kind: testbed.Fail, Code: 2, Stderr: "VM \"v\" is not running\n"}, tartcli.NotRunning},
		{testbed.Fault{Kind: testbed.Fail, Code: 64, Stderr: "Error: Unknown option '-i'\n"}, tartcli.Usage},
		{testbed.Fault{Kind: testbed.Fail, Code: 255}, tartcli.Unexpected},
		{testbed.Fault{Kind: testbed.CrashBefore}, tartcli.Signaled},
	} {
		f.Tool, f.Match = "tart", []string{"exec"}
		b.must(b.ClearFaults())
		b.must(b.Inject(f.Fault))
		_, err := g.Run(t.Context(), guest.Command{Script: "exit 0"})
		wantKind(t, err, f.want)
	}
	// Status 0 without a script's end is no end of the script.
	b.must(b.ClearFaults())
	b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"exec"}, Kind: testbed.Fail, Code: 0}))
	_, err := g.Run(t.Context(), guest.Command{Script: "exit 0"})
	if err == nil || !strings.Contains(err.Error(), "login shell ended before the script began") {
		t.Errorf("%v", err)
	}
	b.must(b.ClearFaults())
	_, err = g.Run(t.Context(), guest.Command{Script: "kill -9 $$"})
	if err == nil || errors.As(err, new(*guest.EndedError)) {
		t.Errorf("%v", err)
	}
	b.must(os.WriteFile(b.GuestPath("v", "/Users/admin/.profile"), []byte("exit 0\n"), 0o644))
	_, err = g.Run(t.Context(), guest.Command{Script: "exit 0"})
	if err == nil || !strings.Contains(err.Error(), "login shell ended") {
		t.Errorf("%v", err)
	}
}

// meter notes when each piece came.
type meter struct {
	mu   sync.Mutex
	text strings.Builder
	came chan struct{}
}

func (m *meter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text.Write(p)
	select {
	case m.came <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

func outputComesAsItIsPrinted(t *testing.T, b *bed, g *guest.Guest) {
	m := &meter{came: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		r, err := g.Run(t.Context(), guest.Command{
			Script: "echo one; echo two >&2\nwhile [ ! -e go ]; do sleep 0.01; done\necho three", Stdout: m, Stderr: m,
		})
		if len(r.Stdout)+len(r.Stderr) != 0 {
			err = fmt.Errorf("kept as well: %+v", r)
		}
		done <- err
	}()
	b.until("the first lines come", func() bool { return len(m.String()) == len("one\ntwo\n") })
	b.must(os.WriteFile(b.GuestPath("v", "/Users/admin/go"), nil, 0o644))
	b.must(<-done)
	if !strings.HasSuffix(m.String(), "three\n") {
		t.Errorf("%q", m.String())
	}
}

func muchOutput(t *testing.T, b *bed, g *guest.Guest) {
	r, err := g.Run(t.Context(), guest.Command{Script: "yes 0123456789 | head -n 300000; yes x | head -n 100000 >&2"})
	if err != nil || len(r.Stdout) != 3300000 || len(r.Stderr) != 200000 {
		t.Errorf("%d, %d, %v", len(r.Stdout), len(r.Stderr), err)
	}
}

// A script that does not read its input, and one that leaves something running,
// end when they end.
func endsOfScripts(t *testing.T, b *bed, g *guest.Guest) {
	r, err := g.Run(t.Context(), guest.Command{Script: "exit 3", Stdin: make([]byte, 1<<20)})
	if err != nil || r.Code != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	begun := time.Now()
	r, err = g.Run(t.Context(), guest.Command{Script: "sleep 60 & echo $!"})
	if took := time.Since(begun); err != nil || r.Code != 0 || took > 30*time.Second {
		t.Errorf("%+v, %v after %s", r, err, took)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(r.Stdout)))
	b.must(err)
	syscall.Kill(pid, syscall.SIGKILL)
}

func alive(pid int) bool {
	// What is killed here is nobody's child, and gone once init has seen it.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if os.IsNotExist(err) {
		return syscall.Kill(pid, 0) == nil && !isLinux()
	}
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func isLinux() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

func cancelKillsWhatRuns(t *testing.T, b *bed, g *guest.Guest) {
	ctx, cancel := contextWith(t, errors.New("enough"))
	m := &meter{}
	done := make(chan error, 1)
	go func() {
		_, err := g.Run(ctx, guest.Command{Stdout: m, Script: `
			sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &
			sh -c 'sleep 600 & echo $!; wait'
		`})
		done <- err
	}()
	b.until("it runs", func() bool { return strings.Count(m.String(), "\n") == 2 })
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("%v", err)
	}
	for line := range strings.Lines(m.String()) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		b.must(err)
		b.until(fmt.Sprintf("process %d is killed", pid), func() bool { return !alive(pid) })
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Errorf("the guest itself was hurt: %v", err)
	}
}

func cancelOfWhatHangs(t *testing.T, b *bed, g *guest.Guest) {
	b.must(b.Inject(testbed.Fault{Tool: testbed.Guest, Match: []string{"v", "echo never"}, Kind: testbed.Hang}))
	ctx, cancel := contextWith(t, errors.New("enough"))
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := g.Run(ctx, guest.Command{Script: "echo never"}); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("%v", err)
	}
}

func TestGuestDiesUnderAScript(t *testing.T) {
	ways(t, func(t *testing.T, b *bed, g *guest.Guest) {
		b.must(b.Inject(testbed.Fault{Tool: testbed.Guest, Match: []string{"v", "make world"}, Kind: testbed.Die, Stdout: "half\n"}))
		m := &meter{}
		_, err := g.Run(t.Context(), guest.Command{Script: "make world", Stdout: m})
		var ended *guest.EndedError
		if !errors.As(err, &ended) || ended.VM != "v" {
			t.Fatalf("%v", err)
		}
		wantKind(t, err, tartcli.Crashed)
		if m.String() != "half\n" {
			t.Errorf("%q", m.String())
		}
		wantKind(t, g.End(), tartcli.Crashed)
	})
}

// A power cut is the end of what runs, and not of the driver.
func TestPowerCutUnderAScript(t *testing.T) {
	ways(t, func(t *testing.T, b *bed, g *guest.Guest) {
		m := &meter{}
		done := make(chan error, 1)
		go func() {
			_, err := g.Run(t.Context(), guest.Command{Script: "sleep 600 & echo $!; wait", Stdout: m})
			done <- err
		}()
		b.until("it runs", func() bool { return strings.HasSuffix(m.String(), "\n") })
		b.must(g.Stop(t.Context()))
		if err := <-done; !errors.As(err, new(*guest.EndedError)) {
			t.Errorf("%v", err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(m.String()))
		b.must(err)
		b.until("it ended with the guest", func() bool { return !alive(pid) })
	})
}

func upload(t *testing.T, b *bed, g *guest.Guest) {
	data := bytes.Repeat([]byte("\x00binary\n\\0'\r"), 20000)
	for _, path := range []string{"~/a b/it's", "plain", "-x"} {
		for _, mode := range []fs.FileMode{0o755, 0o600} {
			b.must(g.Upload(t.Context(), path, data, mode))
			name := b.GuestPath("v", filepath.Join("/Users/admin", strings.TrimPrefix(path, "~/")))
			got, err := os.ReadFile(name)
			info, statErr := os.Stat(name)
			if err != nil || statErr != nil || !bytes.Equal(got, data) || info.Mode() != mode {
				t.Errorf("%s: %d bytes, %v, %v, %v", path, len(got), info, err, statErr)
			}
			data = append(data, 'x')
		}
	}
	left, err := filepath.Glob(b.GuestPath("v", "/Users/admin/*tmp*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What arrives is what was sent, or the old file stays.
func TestUploadIsWhole(t *testing.T) {
	b := newBed(t, testbed.Spec{Guests: testbed.Run})
	g := b.ready(sequoia)
	b.must(g.Upload(t.Context(), "f", []byte("old"), 0o644))
	b.must(os.WriteFile(b.GuestPath("v", "bin/cat"), []byte("#!/bin/sh\nhead -c 5\n"), 0o755))
	err := g.Upload(t.Context(), "f", []byte("something new"), 0o644)
	if err == nil || !strings.Contains(err.Error(), "5 bytes arrived") || !strings.Contains(err.Error(), "upload f") {
		t.Errorf("%v", err)
	}
	got, err := os.ReadFile(b.GuestPath("v", "/Users/admin/f"))
	if err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	b.must(os.WriteFile(b.GuestPath("v", "/Users/admin/file"), nil, 0o644))
	if err := g.Upload(t.Context(), "file/f", []byte("x"), 0o644); err == nil {
		t.Error("a file became a folder")
	}
}

// Secrets are in the script's environment and nowhere else: not in the
// arguments of anything, the logs, the files of the Mac, or an error.
func TestSecretsStayInTheScript(t *testing.T) {
	const canary = "canary-7f31"
	ways(t, func(t *testing.T, b *bed, g *guest.Guest) {
		c := guest.Command{
			Script: `[ "$TOKEN" = "$EXPECTED" ] && ps -A -o args= | grep -c "[c]anary" ; exit 4`, Stdin: []byte(canary),
			Secrets: map[string]secret.Value{"TOKEN": secret.NewValue(canary), "EXPECTED": secret.NewValue(canary)},
		}
		r, err := g.Run(t.Context(), c)
		if err != nil || r.Code != 4 || strings.TrimSpace(string(r.Stdout)) != "0" {
			t.Errorf("%+v, %v", r, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", c.Secrets, c, c); strings.Contains(strings.ReplaceAll(text, fmt.Sprint([]byte(canary)), ""), canary) {
			t.Errorf("printed: %s", text)
		}
		b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"exec"}, Kind: testbed.Fail, Code: 1, Stderr: "no\n"}))
		b.must(b.Inject(testbed.Fault{Tool: testbed.Guest, Kind: testbed.Die}))
		if _, err := g.Run(t.Context(), c); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%v", err)
		}
		b.must(filepath.WalkDir(b.Dir(), func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			if info, err := e.Info(); err != nil || info.Size() > 1<<20 {
				return err // a disk
			}
			data, err := os.ReadFile(path)
			if strings.Contains(string(data), canary) {
				t.Errorf("%s holds the secret", path)
			}
			return err
		}))
	})
}

// The log knows which scripts ran.
func TestScriptsAreLogged(t *testing.T) {
	b := newBed(t, testbed.Spec{Answers: map[string]string{"sw_vers\nuname": "15.6\nDarwin\n"}})
	g := b.ready(sequoia)
	r, err := g.Run(t.Context(), guest.Command{Script: "\nsw_vers\nuname\n"})
	if err != nil || string(r.Stdout) != "15.6\nDarwin\n" {
		t.Errorf("%q, %v", r.Stdout, err)
	}
	b.must(g.Upload(t.Context(), "~/tool", []byte("#!/bin/sh\n"), 0o755))
	kept, err := os.ReadFile(b.GuestPath("v", "/Users/admin/tool"))
	if err != nil || string(kept) != "#!/bin/sh\n" {
		t.Errorf("%q, %v", kept, err)
	}
	r, err = g.Run(t.Context(), guest.Command{Script: "touch " + filepath.Join(t.TempDir(), "made")})
	if err != nil || r.Code != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	calls, err := b.Calls()
	b.must(err)
	var log []string
	for _, c := range calls {
		if c.Tool == testbed.Guest {
			log = append(log, strings.Join(c.Args, "/"))
		}
	}
	want := []string{"v/true", "v/exit 0", "v/# hostler: disk/.*", "v/# hostler: clock/date \\+%s", "v//sw_vers/uname", "v/# hostler: upload/.*", "v/touch .*made"}
	if !regexp.MustCompile("^" + strings.Join(want, "\n") + "$").MatchString(strings.Join(log, "\n")) {
		t.Errorf("%s", strings.Join(log, "\n"))
	}
}

func TestSSHHostKey(t *testing.T) {
	b := newBed(t, testbed.Spec{Guests: testbed.Run, SSH: true})
	short := func(s *guest.Spec) { s.Limits.Agent, s.Limits.Contact = time.Millisecond, 2*limit }
	g := b.ready(vanilla, short)
	pin, err := os.ReadFile(b.Path("/Users/admin/pins/v"))
	if err != nil || !strings.HasPrefix(string(pin), "ssh-ed25519 ") {
		t.Errorf("%q, %v", pin, err)
	}
	b.must(g.Shutdown(t.Context()))
	// The same key again is welcome.
	g, err = b.start(short)
	b.must(err)
	b.must(g.Reach(t.Context(), func(guest.Rung) {}))
	b.must(g.Shutdown(t.Context()))
	// Another one is not, and stays unpinned.
	b.must(os.Remove(b.GuestPath("v", "etc/ssh/ssh_host_ed25519_key")))
	g, err = b.start(short)
	b.must(err)
	err = g.Reach(t.Context(), func(guest.Rung) {})
	var changed *machine.HostKeyError
	if !errors.As(err, &changed) || !matches("pinned at the first login: .* `rm \"/Users/admin/pins/v\"`", err) || changed.Want == changed.Have {
		t.Errorf("%v", err)
	}
	if now, _ := os.ReadFile(b.Path("/Users/admin/pins/v")); !bytes.Equal(now, pin) {
		t.Error("the pin changed")
	}
	b.must(b.m.Remove("/Users/admin/pins/v"))
	b.must(g.Reach(t.Context(), func(guest.Rung) {}))
}

func TestSSHLoginIsRefused(t *testing.T) {
	b := newBed(t, testbed.Spec{SSH: true})
	b.clone(vanilla)
	g, err := b.start(func(s *guest.Spec) {
		s.Limits.Contact, s.Login.Password = limit, secret.NewValue("canary-wrong")
	})
	b.must(err)
	err = g.Reach(t.Context(), func(guest.Rung) {})
	if !errors.As(err, new(*machine.LoginError)) || strings.Contains(err.Error(), "canary-wrong") {
		t.Errorf("%v", err)
	}
	if _, err := b.m.Stat("/Users/admin/pins/v"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key was pinned without a login: %v", err)
	}
}
