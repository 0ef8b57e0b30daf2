package testbed_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"hostler/providers/testbed"
)

// Unless a test opts in, no word of a guest's command is executed.
func TestGuestsPretend(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{SSH: true, Answers: map[string]string{"sw_vers": "15.6\n", "uname -a": "Darwin\n"}})
	h.run("tart", "clone", sequoia, "a")
	h.boot("a")
	outside := filepath.Join(t.TempDir(), "made")
	for _, words := range [][]string{
		{"touch", outside}, {"sh", "-c", "touch " + outside}, {"/bin/zsh", "-l", "-c", "touch " + outside}, {"no-such-program"}, {"false"},
	} {
		if out := h.run(append([]string{"tart", "exec", "a"}, words...)...); out != "" {
			t.Errorf("%v: %q", words, out)
		}
	}
	if out := h.run("tart", "exec", "a", "uname", "-a"); out != "Darwin\n" {
		t.Errorf("%q", out)
	}
	script := h.command("tart", "exec", "-i", "a", "/bin/zsh", "-l", "-c", "# hostler: load\ntouch "+outside)
	script.Stdin = strings.NewReader("mark\nexport A='touch " + outside + "'\nsw_vers\\n\ntouch " + outside + "\n")
	if r := h.finish(script); r.stdout != "mark begin 0\n15.6\nmark end 0\n" || r.code != 0 {
		t.Errorf("%+v", r)
	}
	if code, out := sshRun(t, h, "192.168.64.2", "exec 'touch' '"+outside+"'"); code != 0 || out != "" {
		t.Errorf("%d, %q", code, out)
	}
	if _, err := os.Stat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a command was executed: %v", err)
	}
	calls, err := h.Calls()
	h.must(err)
	if i := slices.IndexFunc(calls, func(c testbed.Call) bool {
		return c.Tool == testbed.Guest && slices.Equal(c.Args, []string{"a", "sw_vers"}) && len(c.Env) == 0 && c.Done
	}); i < 0 {
		t.Error("the script is not in the log")
	}
	h.run("tart", "exec", "a", "sudo", "-S", "-p", "", "shutdown", "-h", "now")
	h.until("it is off", func() bool { return !h.running("a") })
}

// sshRun runs a command line in the guest with that address.
func sshRun(t *testing.T, h *host, address, line string) (code int, out string) {
	t.Helper()
	var really []byte
	h.until("sshd listens", func() (ok bool) {
		var err error
		really, err = os.ReadFile(h.Path("/var/db/simulated-network/" + address + ":22"))
		return err == nil && len(really) > 0
	})
	client, err := ssh.Dial("tcp", string(really), &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.Password("admin")}, HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { return nil },
	})
	h.must(err)
	defer client.Close()
	session, err := client.NewSession()
	h.must(err)
	defer session.Close()
	data, err := session.Output(line)
	var exit *ssh.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitStatus(), string(data)
	case err != nil:
		return -1, string(data)
	}
	return 0, string(data)
}

// What a script of a guest calls to end its machine ends the guest, and what
// would reach this machine as root does not.
func TestProgramsOfAGuest(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{Guests: testbed.Run})
	h.run("tart", "clone", sequoia, "a")
	for _, script := range []string{"sudo -n shutdown -h now", "sudo halt", "poweroff", "shutdown -h now"} {
		g := h.boot("a", "--dir", "/tmp")
		h.try("tart", "exec", "a", "sh", "-c", script) // which may be cut off by what it does
		if r := g.end(t); r.stdout != "guest has stopped the virtual machine\n" {
			t.Errorf("%s: %+v", script, r)
		}
	}
	h.boot("a", "--dir", "/tmp")
	exec := func(script string) string { return h.run("tart", "exec", "a", "sh", "-c", script) }
	if out := exec("sudo -S -p '' -u admin echo $USER; mount | grep -c ' on /Volumes/My Shared Files ('"); out != "admin\n1\n" {
		t.Errorf("%q", out)
	}
	h.must(h.SetTrouble(testbed.Trouble{Clock: time.Hour, Unmounted: true}))
	out := exec("expr $(date +%s) - $(/bin/date +%s); mount | grep -c ' on /Volumes/My Shared Files (' || date -u +%Y | wc -c")
	if out != "3600\n0\n5\n" && out != "3599\n0\n5\n" {
		t.Errorf("%q", out)
	}
}

func TestSSHServer(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{Guests: testbed.Run, SSH: true})
	h.run("tart", "clone", "ghcr.io/cirruslabs/macos-sequoia-vanilla:latest", "a")
	g := h.boot("a")
	if code, out := sshRun(t, h, "192.168.64.2", `exec '/bin/zsh' -l -c 'echo "it'\''s $USER"; exit 7'`); code != 7 || out != "it's admin\n" {
		t.Errorf("%d, %q", code, out)
	}
	if code, _ := sshRun(t, h, "192.168.64.2", "no-such-program"); code != -1 {
		t.Errorf("%d", code)
	}
	key, err := os.ReadFile(h.GuestPath("a", "/etc/ssh/ssh_host_ed25519_key"))
	h.must(err)
	// A session that is in the middle of something ends with the guest.
	lost := make(chan int)
	go func() {
		code, _ := sshRun(t, h, "192.168.64.2", "sleep 600")
		lost <- code
	}()
	settle()
	h.run("tart", "stop", "a")
	g.end(t)
	if code := <-lost; code != -1 {
		t.Errorf("it ended with %d", code)
	}
	if left, err := filepath.Glob(h.Path("/var/db/simulated-network/*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	h.run("tart", "clone", "a", "b")
	h.boot("b")
	if copied, err := os.ReadFile(h.GuestPath("b", "/etc/ssh/ssh_host_ed25519_key")); err != nil || string(copied) != string(key) {
		t.Errorf("a clone has another host key, %v", err)
	}
}

func TestFaultsOfGuests(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "a")
	g := h.boot("a")
	inject := func(f testbed.Fault) {
		t.Helper()
		f.Tool, f.Match = testbed.Guest, []string{"a", string(f.Kind)}
		h.must(h.Inject(f))
	}
	inject(testbed.Fault{Kind: testbed.Fail, Code: 9, Stdout: "out\n", Stderr: "err\n"})
	if r := h.try("tart", "exec", "a", "fail"); r != (result{9, "out\n", "err\n"}) {
		t.Errorf("%+v", r)
	}
	inject(testbed.Fault{Kind: testbed.Delay, Delay: 300 * time.Millisecond})
	begun := time.Now()
	if h.run("tart", "exec", "a", "delay"); time.Since(begun) < 300*time.Millisecond {
		t.Error("it was not delayed")
	}
	inject(testbed.Fault{Kind: testbed.Hang})
	hung := h.command("tart", "exec", "a", "hang")
	h.must(hung.Start())
	h.until("it hangs", func() bool { f, err := h.Faults(); return err == nil && f[2].Fired == 1 })
	h.must(hung.Process.Signal(os.Interrupt))
	if hung.Wait(); hung.ProcessState.ExitCode() != 1 {
		t.Errorf("%v", hung.ProcessState)
	}
	inject(testbed.Fault{Kind: testbed.Die, Stdout: "half"})
	h.want(1, "Error: unavailable (14): Stream unexpectedly closed.\n", "tart", "exec", "a", "die")
	if r := g.end(t); r.code != 0 || !strings.Contains(r.stdout, "due to error") {
		t.Errorf("%+v", r)
	}
	for _, f := range []testbed.Fault{
		{Tool: testbed.Guest, Kind: testbed.CrashAfter}, {Tool: "tart", Kind: testbed.Die}, {Tool: testbed.Guest, Kind: "what"},
	} {
		if h.Inject(f) == nil {
			t.Errorf("%+v can't be", f)
		}
	}
}

// The agent kills the one process that it started, as older ones do.
func TestInterruptedExec(t *testing.T) {
	t.Parallel()
	h := newHost(t, testbed.Spec{Guests: testbed.Run})
	h.run("tart", "clone", sequoia, "a")
	h.boot("a")
	cmd := h.command("tart", "exec", "a", "sh", "-c", "(while [ ! -e stop ]; do sleep 0.02; done; touch outlived) & echo $$ > new; mv new pid; wait")
	h.must(cmd.Start())
	home := h.GuestPath("a", "/Users/admin")
	exists := func(name string) func() bool {
		return func() bool { _, err := os.Stat(filepath.Join(home, name)); return err == nil }
	}
	h.until("it runs", exists("pid"))
	h.must(cmd.Process.Signal(os.Interrupt))
	cmd.Wait()
	pid, err := os.ReadFile(filepath.Join(home, "pid"))
	h.must(err)
	h.until("the shell is killed", func() bool {
		return h.run("tart", "exec", "a", "sh", "-c", fmt.Sprintf("kill -0 %s 2>/dev/null || echo gone", strings.TrimSpace(string(pid)))) == "gone\n"
	})
	h.must(os.WriteFile(filepath.Join(home, "stop"), nil, 0o644))
	h.until("what it started was not", exists("outlived"))
}
