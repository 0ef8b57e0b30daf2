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
			must(t, l.Begin(image("lost"), intent(Create, resource(`{}`))))
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

// A kill at any changing syscall.
func TestKilledAtEverySyscall(t *testing.T) {
	t.Parallel()
	for name, start := range starts(t) {
		want := models(t, start)
		s := newStore(t)
		start(s)
		f, _ := filmed(t, "session", s)
		for i, m := range f.moments {
			if i > 0 && m.call.Name == "fsync" {
				continue // a kill finds the same as before it
			}
			if !t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) { intact(t, f.killedAt(i), want, m.acknowledged) }) {
				t.Fatalf("%s: stopped after %s", name, m.call)
			}
		}
		if points := len(f.moments); points < 60 || f.now.acknowledged != len(want)-1 {
			t.Errorf("%s: only %d points, %d steps", name, points, f.now.acknowledged)
		}
		t.Logf("%s: %d points", name, len(f.moments))
	}
}

func TestKilledInTheMiddleOfEveryWrite(t *testing.T) {
	t.Parallel()
	start := starts(t)["nothing"]
	want := models(t, start)
	s := newStore(t)
	f, _ := filmed(t, "session", s)
	writes := 0
	for i, m := range f.moments {
		if s := f.tornAt(i); s != nil {
			writes++
			intact(t, s, want, m.acknowledged)
		}
	}
	if writes < 15 {
		t.Errorf("only %d writes", writes)
	}
}

// A real kill, in the middle of a write too, leaves what the film of a session
// says that it leaves.
func TestKilledAsFilmed(t *testing.T) {
	t.Parallel()
	for name, start := range starts(t) {
		want := models(t, start)
		s := newStore(t)
		start(s)
		f, _ := filmed(t, "session", s)
		kills := map[bool]int{} // in the middle of a write, and before another call
		for i, m := range f.moments {
			if m.call.Nth == 0 || m.call.Nth%12 != 0 {
				continue
			}
			torn := m.call.Name == "write"
			kills[torn]++
			s := newStore(t)
			start(s)
			printed := trace(t, "session", []*Store{s}, watcher{Before: func(_ int, c call) verdict {
				return verdict{Kill: c.Nth == m.call.Nth && !torn, Torn: c.Nth == m.call.Nth && torn}
			}})[0]
			if done := strings.Count(printed, "done\n"); strings.Contains(printed, "error") || done != m.acknowledged {
				t.Fatalf("%s: killed at %s, printed %q after %d steps", name, m.call, printed, m.acknowledged)
			}
			model := f.killedAt(i - 1)
			if torn {
				model = f.tornAt(i)
			}
			if got, filmed := layout(t, s), layout(t, model); !reflect.DeepEqual(got, filmed) {
				t.Fatalf("%s: killed at %s, left\n%v\nfilmed\n%v", name, m.call, got, filmed)
			}
			intact(t, s, want, m.acknowledged)
		}
		if kills[true] < 2 || kills[false] < 10 {
			t.Errorf("%s: only %v", name, kills)
		}
	}
}

// layout tells two folders apart in which the same has been recorded: which
// name has how many bytes, but for what differs from run to run, and is the
// same file as which other.
func layout(t *testing.T, s *Store) map[string]string {
	t.Helper()
	files := map[string]string{}
	first := map[uint64]string{}
	entries, err := os.ReadDir(filepath.Dir(s.Path()))
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		ino := info.Sys().(*syscall.Stat_t).Ino
		if first[ino] == "" {
			first[ino] = e.Name()
		}
		size := info.Size()
		if strings.HasSuffix(e.Name(), ".lock") {
			size = min(size, 1)
		}
		files[e.Name()] = fmt.Sprintf("%d bytes, %s", size, first[ino])
	}
	return files
}

// sweep runs the session once for every point at which it can be disturbed,
// each time deciding about that one and those after it; from both starts, or
// the named one. points counts those among the syscalls of a session.
func sweep(t *testing.T, from string, points func(calls []call) int, decide func(nth int, c call) verdict,
	check func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call)) {
	for name, start := range starts(t) {
		if from != "" && name != from {
			continue
		}
		want := models(t, start)
		s := newStore(t)
		start(s)
		var calls []call
		trace(t, "session", []*Store{s}, watcher{After: func(_ int, c call, _ int) { calls = append(calls, c) }})
		n := points(calls)
		stores := make([]*Store, n+1) // the last one is not disturbed
		for i := range stores {
			stores[i] = newStore(t)
			start(stores[i])
		}
		hits := make([]*call, n+1)
		printed := trace(t, "session", stores, watcher{Before: func(run int, c call) verdict {
			v := decide(run+1, c)
			if v != (verdict{}) && hits[run] == nil {
				hits[run] = &c
			}
			return v
		}})
		for i, s := range stores {
			where := "at the end"
			if hits[i] != nil {
				where = fmt.Sprintf("at %s", hits[i])
			}
			if (hits[i] == nil) != (i == n) {
				t.Fatalf("%s: run %d of %d was disturbed %s", name, i+1, n+1, where)
			}
			if !t.Run(fmt.Sprintf("%s/%d", name, i+1), func(t *testing.T) { check(t, s, want, printed[i], hits[i]) }) {
				t.Fatalf("%s: stopped %s, printed %q", name, where, printed[i])
			}
		}
		if n < 40 {
			t.Errorf("%s: only %d points", name, n)
		}
		t.Logf("%s: %d points", name, n)
	}
}

// A syscall that fails once is reported if it mattered, and loses nothing.
func TestEverySyscallFailsOnce(t *testing.T) {
	t.Parallel()
	all := func(calls []call) int { return len(calls) }
	for from, errno := range map[string]syscall.Errno{"nothing": syscall.EIO, "remains": syscall.ENOSPC} {
		sweep(t, from, all, func(nth int, c call) verdict {
			if c.Nth == nth {
				return verdict{Fail: errno}
			}
			return verdict{}
		}, func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call) {
			reported := strings.Contains(printed, "error")
			if hit != nil {
				// Tidying up is the only thing that may fail in silence.
				tidying := hit.Name == "unlink" && strings.HasSuffix(hit.Path, ".tmp") ||
					hit.Name == "ftruncate" && strings.HasSuffix(hit.Path, ".lock")
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
	t.Parallel()
	growing := 0
	count := func(calls []call) int {
		n := 0
		for _, c := range calls {
			if c.Grow {
				n++
			}
		}
		return n
	}
	sweep(t, "", count, func(nth int, c call) verdict {
		if c.Nth == 1 {
			growing = 0
		}
		if c.Grow {
			growing++
		}
		if c.Grow && growing >= nth {
			return verdict{Fail: syscall.ENOSPC}
		}
		return verdict{}
	}, func(t *testing.T, s *Store, want []*Snapshot, printed string, hit *call) {
		if hit != nil && !strings.Contains(printed, "no space left on device") {
			t.Fatalf("nobody was told: %s", printed)
		}
		intact(t, s, want, strings.Count(printed, "done\n"))
	})
}

// On a file system without links everything is copied instead.
func TestNoLinks(t *testing.T) {
	t.Parallel()
	for name, start := range starts(t) {
		want := models(t, start)
		s := newStore(t)
		start(s)
		refused := 0
		noLinks := watcher{Before: func(_ int, c call) verdict {
			if c.Name != "link" {
				return verdict{}
			}
			refused++
			return verdict{Fail: syscall.EPERM}
		}}
		printed := trace(t, "session", []*Store{s}, noLinks)[0]
		if strings.Count(printed, "done\n") != len(want)-1 || refused < 3 {
			t.Fatalf("%s: refused %d links, printed %q", name, refused, printed)
		}
		intact(t, s, want, len(want)-1)
		before := read(t, s)
		must(t, os.WriteFile(s.Path(), []byte("{"), 0o600))
		if printed := trace(t, "recover", []*Store{s}, noLinks)[0]; printed != "done\n" {
			t.Fatalf("%s: printed %q", name, printed)
		}
		same(t, read(t, s), before)
		if kept, err := os.ReadFile(s.Path() + ".damaged-1"); err != nil || string(kept) != "{" {
			t.Fatalf("%s: kept %q, %v", name, kept, err)
		}
	}
}

// Recover itself may be killed anywhere, and run again.
func TestRecoverKilledAtEverySyscall(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	starts(t)["remains"](s)
	want := read(t, s)
	must(t, os.WriteFile(s.Path(), []byte("{"), 0o600))
	f, _ := filmed(t, "recover", s)
	for i, m := range f.moments {
		s := f.killedAt(i)
		if snap, err := s.Read(); err == nil {
			same(t, snap, want)
		}
		if _, err := s.Recover(t.Context(), LockInfo{}, false); err != nil {
			t.Fatalf("killed after %s: %v", m.call, err)
		}
		same(t, read(t, s), want)
		rebuilds(t, s, want)
	}
	if len(f.moments) < 20 {
		t.Errorf("only %d points", len(f.moments))
	}
}
