package state

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// models are how the state should be after each number of steps of session.
func models(t *testing.T, start func(*Store)) []*Snapshot {
	s := newStore(t)
	start(s)
	list := []*Snapshot{read(t, s)}
	play(s, func(i int, err error) {
		must(t, err)
		list = append(list, read(t, s))
	})
	return list
}

// inMemory puts the folders of a sweep where a sync costs nothing; that one
// happens is what counts here, and TestPowerCut sees it.
func inMemory(t *testing.T) {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm")
	}
}

// starts are the states from which the session is run.
func starts(t *testing.T) map[string]func(*Store) {
	return map[string]func(*Store){
		"nothing": func(*Store) {},
		// A run died before, with changes to be folded and an intent to be
		// carried over, in the middle of a line.
		"remains": func(s *Store) {
			for _, attributes := range []string{`{"n":1}`, `{"n":2}`} {
				l := lock(t, s)
				must(t, l.Put(image("old"), resource(attributes)))
				must(t, l.Close())
			}
			l := lock(t, s)
			must(t, l.Put(image("old"), resource(`{"n":3}`)))
			must(t, l.Begin(image("lost"), Intent{Create, resource(`{}`)}))
			l.abandon()
			f, err := os.OpenFile(s.journalPath(), os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteString("12345678 {\"do\":\"put\",")
			must(t, err)
			must(t, f.Close())
		},
	}
}

func alike(a, b *Snapshot) bool { return reflect.DeepEqual(describe(a), describe(b)) }

// intact checks everything that must hold after a crash: nothing acknowledged
// is missing, the other files can rebuild the state, and the next run carries
// on from there.
func intact(t *testing.T, s *Store, want []*Snapshot, acknowledged int) {
	t.Helper()
	now, err := s.Read()
	if err != nil {
		t.Fatalf("after %d steps: %v", acknowledged, err)
	}
	if !alike(now, want[acknowledged]) && !alike(now, want[min(acknowledged+1, len(want)-1)]) {
		same(t, now, want[acknowledged])
	}
	rebuilds(t, s, now)
	l := lock(t, s)
	same(t, l.Snapshot(), now)
	must(t, l.Close())
	same(t, read(t, s), now)
	rebuilds(t, s, now)
	if left, _ := filepath.Glob(s.Path() + "*.tmp"); left != nil {
		t.Fatalf("left behind: %v", left)
	}
	l = lock(t, s)
	must(t, l.Put(image("after"), resource(`{}`)))
	must(t, l.Close())
	if after := read(t, s); after.Serial != now.Serial+1 || len(after.Unfinished) != len(now.Unfinished) {
		t.Fatalf("the next run made %+v", after)
	}
}

// sweep runs the session once for every changing syscall it makes, each time
// deciding about that one and those after it; from both starts, or the named one.
func sweep(t *testing.T, from string, decide func(nth int, c call) verdict, check func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call)) {
	for name, start := range starts(t) {
		if from != "" && name != from {
			continue
		}
		want := models(t, start)
		points := 0
		for nth := 1; ; nth++ {
			s := newStore(t)
			start(s)
			var hit *call
			printed := trace(t, "session", s.Path(), filepath.Dir(s.Path()), watcher{before: func(c call) verdict {
				v := decide(nth, c)
				if v != (verdict{}) && hit == nil {
					hit = &c
				}
				return v
			}})
			where := "at the end"
			if hit != nil {
				where = fmt.Sprintf("at %s", hit)
			}
			if !t.Run(fmt.Sprintf("%s/%d", name, nth), func(t *testing.T) { check(t, s, want, printed, hit) }) {
				t.Fatalf("%s: stopped %s, printed %q", name, where, printed)
			}
			if hit == nil {
				break
			}
			points++
		}
		if points < 40 {
			t.Errorf("%s: only %d points", name, points)
		}
		t.Logf("%s: %d points", name, points)
	}
}

func TestKilledAtEverySyscall(t *testing.T) {
	inMemory(t)
	sweep(t, "", func(nth int, c call) verdict { return verdict{kill: c.nth == nth} },
		func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call) {
			done := strings.Count(printed, "done\n")
			if strings.Contains(printed, "error") || hit == nil && done != len(want)-1 {
				t.Fatalf("printed %q", printed)
			}
			intact(t, s, want, done)
		})
}

func TestKilledInTheMiddleOfEveryWrite(t *testing.T) {
	inMemory(t)
	// A call that is no write is let through, and makes this a run to the end.
	writes := []int{}
	s := newStore(t)
	trace(t, "session", s.Path(), filepath.Dir(s.Path()), watcher{after: func(c call, _ int) {
		if c.name == "write" {
			writes = append(writes, c.nth)
		}
	}})
	want := models(t, func(*Store) {})
	for _, nth := range writes {
		s := newStore(t)
		printed := trace(t, "session", s.Path(), filepath.Dir(s.Path()), watcher{before: func(c call) verdict {
			return verdict{torn: c.nth == nth}
		}})
		done := strings.Count(printed, "done\n")
		if strings.Contains(printed, "error") || done == len(want)-1 && nth != writes[len(writes)-1] {
			t.Fatalf("write %d: printed %q", nth, printed)
		}
		intact(t, s, want, done)
	}
	if len(writes) < 15 {
		t.Errorf("only %d writes", len(writes))
	}
}

// A syscall that fails once is reported if it mattered, and loses nothing.
func TestEverySyscallFailsOnce(t *testing.T) {
	inMemory(t)
	for from, errno := range map[string]syscall.Errno{"nothing": syscall.EIO, "remains": syscall.ENOSPC} {
		sweep(t, from, func(nth int, c call) verdict {
			if c.nth == nth {
				return verdict{fail: errno}
			}
			return verdict{}
		}, func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call) {
			reported := strings.Contains(printed, "error")
			if hit != nil {
				// Tidying up is the only thing that may fail in silence.
				tidying := hit.name == "unlink" && strings.HasSuffix(hit.path, ".tmp") ||
					hit.name == "ftruncate" && strings.HasSuffix(hit.path, ".lock")
				if !reported && !tidying {
					t.Fatalf("nobody was told")
				}
				if reported && !strings.Contains(printed, errno.Error()) {
					t.Fatalf("told something else: %s", printed)
				}
			}
			intact(t, s, want, strings.Count(printed, "done\n"))
		})
	}
}

// The disk is full from some point on.
func TestDiskFullFromEveryCallOn(t *testing.T) {
	inMemory(t)
	growing := 0
	sweep(t, "", func(nth int, c call) verdict {
		if c.nth == 1 {
			growing = 0
		}
		if c.grow {
			growing++
		}
		if c.grow && growing >= nth {
			return verdict{fail: syscall.ENOSPC}
		}
		return verdict{}
	}, func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call) {
		if hit != nil && !strings.Contains(printed, "no space left on device") {
			t.Fatalf("nobody was told: %s", printed)
		}
		intact(t, s, want, strings.Count(printed, "done\n"))
	})
}

// Recover itself may be killed anywhere, and run again.
func TestRecoverKilledAtEverySyscall(t *testing.T) {
	inMemory(t)
	whole := newStore(t)
	starts(t)["remains"](whole)
	want := read(t, whole)
	for nth := 1; ; nth++ {
		s := copyOf(t, whole)
		must(t, os.WriteFile(s.Path(), []byte("{"), 0o600))
		hit := false
		trace(t, "recover", s.Path(), filepath.Dir(s.Path()), watcher{before: func(c call) verdict {
			hit = hit || c.nth == nth
			return verdict{kill: c.nth == nth}
		}})
		if snap, err := s.Read(); err == nil {
			same(t, snap, want)
		}
		if _, err := s.Recover(t.Context(), LockInfo{}, false); err != nil {
			t.Fatalf("killed at %d: %v", nth, err)
		}
		same(t, read(t, s), want)
		rebuilds(t, s, want)
		if !hit {
			if nth < 20 {
				t.Errorf("only %d points", nth)
			}
			break
		}
	}
}
