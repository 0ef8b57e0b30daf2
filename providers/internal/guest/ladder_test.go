package guest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/tartcli"
	"hostler/providers/testbed"
)

// limit is long enough for one attempt on a busy machine.
const limit = 4 * time.Second

// Every rung above the lock, failing in each way it can: by the clock, and by
// the end of the guest. The rungs below it are still told of.
func TestRungs(t *testing.T) {
	names := []string{guest.Process, guest.Lock, guest.Contact, guest.Answer, guest.Disk, guest.Clock}
	limits := map[string]guest.Limits{ // of the rung that fails
		guest.Contact: {Contact: limit}, guest.Answer: {Answer: limit}, guest.Disk: {Disk: limit}, guest.Clock: {Clock: limit},
	}
	inGuest := func(kind testbed.Kind, match ...string) func(*bed) {
		return func(b *bed) {
			b.must(b.Inject(testbed.Fault{Tool: testbed.Guest, Match: append([]string{"v"}, match...), Kind: kind, Code: 3, Stderr: "oh\n"}))
		}
	}
	for _, c := range []struct {
		name, rung string
		meet       func(*bed)
		want       string
		ended      bool
	}{
		{"agent never answers", guest.Contact, func(b *bed) { b.must(b.SetTiming(testbed.Timing{Agent: time.Hour})) },
			"there is no way into it after .*: tart exec \"v\": the guest agent does not answer", false},
		{"agent hangs", guest.Contact, func(b *bed) {
			b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"exec"}, Kind: testbed.Hang}))
		}, "the agent does not answer", false},
		{"guest dies while it boots", guest.Contact, func(b *bed) {
			b.must(b.SetTiming(testbed.Timing{Agent: time.Hour}))
			go func() {
				time.Sleep(100 * time.Millisecond)
				b.StopGuest("v", "panic")
			}()
		}, "guest \"v\" has ended: tart run \"v\": the guest ended by an error: .*panic", true},
		{"scripts hang", guest.Answer, inGuest(testbed.Hang, "exit 0"), "scripts don't come back from it after .*: no answer within 4s", false},
		{"scripts fail", guest.Answer, inGuest(testbed.Fail, "exit 0"), "`exit 0` ended with status 3", false},
		{"guest dies in a script", guest.Answer, inGuest(testbed.Die, "exit 0"), "the guest ended by an error", true},
		{"shares not mounted", guest.Disk, func(b *bed) { b.must(b.SetTrouble(testbed.Trouble{Unmounted: true})) },
			"its disks are not all there after .*: exit status 1: nothing is mounted on /Volumes/My Shared Files", false},
		{"disk not writable", guest.Disk, inGuest(testbed.Fail, "# hostler: disk"), "exit status 3: oh", false},
		{"clock behind", guest.Clock, func(b *bed) { b.must(b.SetTrouble(testbed.Trouble{Clock: -time.Hour})) },
			"its clock is wrong after .*: it is (1h0m[0-9]|59m5[0-9])s behind the Mac's", false},
		{"clock ahead", guest.Clock, func(b *bed) { b.must(b.SetTrouble(testbed.Trouble{Clock: 100 * time.Hour})) },
			"it is (100h0m0|99h59m5[0-9])s ahead of the Mac's", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, testbed.Spec{Guests: testbed.Run})
			b.clone(sequoia)
			g, err := b.start(func(s *guest.Spec) {
				s.Limits, s.Options, s.Login.User = limits[c.rung], []string{"--dir=/Users/admin"}, ""
			})
			b.must(err)
			c.meet(b)
			var told []string
			err = g.Reach(t.Context(), func(r guest.Rung) { told = append(told, r.Name) })
			var rung *guest.RungError
			if !errors.As(err, &rung) || rung.Rung != c.rung || rung.VM != "v" || rung.After <= 0 {
				t.Fatalf("%v", err)
			}
			if !matches(c.want, err) {
				t.Errorf("%v", err)
			}
			if want := names[:slices.Index(names, c.rung)]; !slices.Equal(told, want) {
				t.Errorf("told of %v, not of %v", told, want)
			}
			if errors.As(err, new(*guest.EndedError)) != c.ended {
				t.Errorf("ended: %v", err)
			}
		})
	}
}

// Each rung is timed by itself, and a clock that is wrong at first is waited for.
func TestSlowBoot(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.must(b.SetTiming(testbed.Timing{Lock: 300 * time.Millisecond, Address: time.Hour, Agent: 2 * time.Second}))
	b.must(b.SetTrouble(testbed.Trouble{Clock: time.Hour}))
	b.clone(sequoia)
	g, err := b.start()
	b.must(err)
	took := map[string]time.Duration{}
	b.must(g.Reach(t.Context(), func(r guest.Rung) {
		took[r.Name] = r.Took
		if r.Name == guest.Disk {
			go func() {
				time.Sleep(300 * time.Millisecond)
				b.SetTrouble(testbed.Trouble{})
			}()
		}
	}))
	for _, name := range []string{guest.Lock, guest.Contact, guest.Clock} {
		if took[name] < 250*time.Millisecond {
			t.Errorf("rung %s took %s", name, took[name])
		}
	}
	// A guest that has ended is on no rung.
	b.must(g.Stop(t.Context()))
	if err := g.Reach(t.Context(), func(guest.Rung) {}); !errors.As(err, new(*guest.EndedError)) {
		t.Errorf("%v", err)
	}
}

func TestReachIsCancelled(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.must(b.SetTiming(testbed.Timing{Agent: time.Hour}))
	b.clone(sequoia)
	g, err := b.start()
	b.must(err)
	ctx, cancel := contextWith(t, errors.New("never mind"))
	time.AfterFunc(300*time.Millisecond, cancel)
	err = g.Reach(ctx, func(guest.Rung) {})
	if err == nil || !strings.Contains(err.Error(), "never mind") {
		t.Errorf("%v", err)
	}
	if g.Stop(ctx) == nil || b.state() != "running" {
		t.Error("it was stopped by a cancelled stop")
	}
	b.must(g.Stop(t.Context()))
}

// A share with a tag of its own is mounted by hand, and by Linux every share.
func TestSharesThatNobodyMounts(t *testing.T) {
	b := newBed(t, testbed.Spec{})
	b.must(b.SetTrouble(testbed.Trouble{Unmounted: true}))
	b.ready(sequoia, func(s *guest.Spec) { s.Options = []string{"--dir", "/Users/admin:tag=build"} })
	b.must(b.tart.Clone(t.Context(), ubuntu, "lin"))
	g, err := b.start(func(s *guest.Spec) { s.VM, s.Log, s.Options = "lin", "/tmp/lin.log", []string{"--dir", "/Users/admin"} })
	b.must(err)
	b.must(g.Reach(t.Context(), func(guest.Rung) {}))
}

func TestFallbackToSSH(t *testing.T) {
	b := newBed(t, testbed.Spec{SSH: true})
	b.clone(vanilla)
	g, err := b.start(func(s *guest.Spec) { s.Limits.Agent = 300 * time.Millisecond })
	b.must(err)
	b.must(g.Reach(t.Context(), func(r guest.Rung) {
		if r.Name == guest.Contact && (r.Note != "ssh" || r.Took < 300*time.Millisecond) {
			t.Errorf("%+v", r)
		}
	}))
	b.must(g.Shutdown(t.Context()))
	b.wantStopped()
}

// The agent is preferred although SSH answered first.
func TestAgentIsPreferred(t *testing.T) {
	b := newBed(t, testbed.Spec{SSH: true})
	b.must(b.SetTiming(testbed.Timing{Agent: limit}))
	b.clone(sequoia)
	g, err := b.start()
	b.must(err)
	b.must(g.Reach(t.Context(), func(r guest.Rung) {
		if r.Name == guest.Contact && (r.Note != "agent" || r.Took < limit/2) {
			t.Errorf("%+v", r)
		}
	}))
	if _, err := b.m.ReadFile("/Users/admin/pins/v"); err != nil {
		t.Errorf("SSH did not answer first: %v", err)
	}
}

// Why there is no way in is told of both ways.
func TestNoWayIn(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   testbed.Spec
		timing testbed.Timing
		want   string
		kind   tartcli.Kind
	}{
		{"no address", testbed.Spec{SSH: true}, testbed.Timing{Address: time.Hour}, "; nor by SSH: tart ip \"v\": the guest has no IP address", tartcli.NoAddress},
		{"no server", testbed.Spec{}, testbed.Timing{}, "; nor by SSH: dial 192.168.64.2:22: connection refused", tartcli.NoAgent},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, c.spec)
			b.must(b.SetTiming(c.timing))
			b.clone(vanilla)
			g, err := b.start(func(s *guest.Spec) { s.Limits.Contact = limit })
			b.must(err)
			err = g.Reach(t.Context(), func(guest.Rung) {})
			if err == nil || !strings.Contains(err.Error(), "the guest agent does not answer") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			wantKind(t, err, tartcli.NoAgent)
		})
	}
}
