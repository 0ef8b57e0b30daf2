package guest_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/testbed"
)

// A real machine without an agent is reached by its SSH server, keeps what it
// wrote over a power cut and in clones, and is shut down by its own system.
func TestARealMachineBySSH(t *testing.T) {
	m, err := testbed.RealMachine(t.TempDir())
	if err != nil {
		t.Skip(err)
	}
	const image = "ghcr.io/acme/linux:latest"
	b := newBed(t, testbed.Spec{Guests: testbed.Machine, Machine: m, SSH: true, Registry: []testbed.RemoteImage{
		{Ref: image, OS: "linux", CPUs: 1, CPUMin: 1, Memory: 1 << 30, DiskGB: 1, NoAgent: true},
	}})
	hurry := func(s *guest.Spec) { s.Limits.Agent = 100 * time.Millisecond }
	g := b.ready(image, hurry)
	run := func(script, want string) {
		t.Helper()
		r, err := g.Run(t.Context(), guest.Command{Script: script})
		if got := strings.TrimSpace(string(r.Stdout)); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q\n%s", script, got, err, want, r.Stderr)
		}
	}
	b.must(g.Upload(t.Context(), "kept/file", []byte("kept"), 0o600))
	run("sync; uname -s; stat -c %a kept/file", "Linux\n600")
	// What a cancelled script has started is killed.
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := g.Run(short, guest.Command{Script: "sleep 4321 & sleep 4321"}); err == nil {
		t.Error("the script came to an end")
	}
	run("ps | grep -c '[s]leep 4321'", "0")
	b.must(syscall.Kill(g.Mark().PID, syscall.SIGKILL))
	<-g.Done()
	b.until("the machine lost its power", func() bool { return b.state() == "stopped" })
	g, err = b.start(hurry)
	b.must(err)
	b.must(g.Reach(t.Context(), func(guest.Rung) {}))
	run("cat kept/file", "kept")
	b.must(g.Shutdown(t.Context()))
	b.wantStopped()
	b.must(b.tart.Clone(t.Context(), "v", "w"))
	g, err = b.start(hurry, func(s *guest.Spec) { s.VM = "w" })
	b.must(err)
	b.must(g.Reach(t.Context(), func(guest.Rung) {})) // its host key is the one of v
	run("cat kept/file", "kept")
	b.must(g.Stop(t.Context()))
}
