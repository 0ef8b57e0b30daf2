package state

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// start runs a script of child_test.go in a process of its own, and returns
// its output.
func start(t *testing.T, script, path string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STATE_TEST_CHILD="+script, "STATE_TEST_PATH="+path, quickExit)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if complaints.Len() > 0 {
			t.Errorf("%s complained: %s", script, &complaints)
		}
	})
	return cmd, out
}

// hold starts a process that holds the lock.
func hold(t *testing.T, s *Store) *exec.Cmd {
	t.Helper()
	cmd, out := start(t, "hold", s.Path())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "holding\n" {
		t.Fatalf("%q %v", line, err)
	}
	return cmd
}

func TestProcessesTakeTurns(t *testing.T) {
	s := newStoreOnDisk(t)
	var cmds []*exec.Cmd
	for range 4 {
		cmd, out := start(t, "count", s.Path())
		go io.Copy(os.Stderr, out)
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		must(t, cmd.Wait())
	}
	if got := string(read(t, s).Resources[image("counter")].Attributes); got != `{"N":40}` {
		t.Fatalf("counted to %s", got)
	}
}

// The death of the holder frees the lock, and its intent is there.
func TestWaiting(t *testing.T) {
	s := newStore(t)
	cmd := hold(t, s)
	var told []LockInfo
	s.OnWait = func(h LockInfo) { told = append(told, h) }
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	_, err := s.Lock(ctx, LockInfo{})
	locked, ok := errors.AsType[*LockedError](err)
	if !ok || locked.Path != s.Path() || len(told) != 1 || locked.Holder != told[0] || told[0].PID != cmd.Process.Pid {
		t.Fatalf("%v, told of %v", err, told)
	}

	done := make(chan struct{})
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = cmd.Process.Kill()
		close(done)
	}()
	l := lock(t, s)
	<-done
	if u := l.Snapshot().Unfinished; len(u) != 1 || u[0].Addr != image("held") {
		t.Fatalf("unfinished %v", u)
	}
	must(t, l.Close())
}

// A holder on another host is put out, and cannot write any more.
func TestForceUnlockOfAnotherHost(t *testing.T) {
	s := newStore(t)
	old := lock(t, s)
	must(t, old.Put(image("a"), resource(`{}`)))
	info, err := os.ReadFile(s.lockFile().Path)
	must(t, err)
	host, err := os.Hostname()
	must(t, err)
	must(t, os.WriteFile(s.lockFile().Path, []byte(strings.Replace(string(info), `"host":"`+host+`"`, `"host":"elsewhere"`, 1)), 0o600))
	if err := s.ForceUnlock("x"); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Fatalf("wrong ID: %v", err)
	}
	var holder LockInfo
	must(t, json.Unmarshal(info, &holder))
	must(t, s.ForceUnlock(holder.ID))

	l := lock(t, s)
	must(t, l.Put(image("b"), resource(`{}`)))
	for range 2 {
		if err := old.Put(image("c"), resource(`{}`)); err == nil || !strings.Contains(err.Error(), "taken away") {
			t.Fatalf("the old holder wrote: %v", err)
		}
	}
	if err := old.Close(); err == nil || !strings.Contains(err.Error(), "taken away") {
		t.Fatalf("the old holder folded: %v", err)
	}
	must(t, l.Put(image("d"), resource(`{}`)))
	must(t, l.Close())
	if snap := read(t, s); len(snap.Resources) != 3 || snap.Resources[image("c")] != nil {
		t.Fatalf("got %v", snap.Resources)
	}
}

// A fold by someone who was put out would bring old records back.
func TestPutOutBeforeClose(t *testing.T) {
	s := newStore(t)
	old := lock(t, s)
	must(t, old.Put(image("a"), resource(`{}`)))
	must(t, os.Remove(s.lockFile().Path))
	l := lock(t, s)
	must(t, l.Put(image("a"), nil))
	if err := old.Close(); err == nil || !strings.Contains(err.Error(), "taken away") {
		t.Fatalf("closed: %v", err)
	}
	must(t, l.Close())
	if snap := read(t, s); len(snap.Resources) != 0 {
		t.Fatalf("got %v", snap.Resources)
	}
}

// After an error every writer is told, nothing acknowledged is lost, and the
// next run goes on.
func TestPoisoned(t *testing.T) {
	s := newStore(t)
	l := lock(t, s)
	must(t, l.Put(image("a"), resource(`{}`)))
	must(t, l.journal.Close()) // every write fails from now on
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := l.Begin(image("b"), intent(Create, resource(`{}`))); !errors.Is(err, os.ErrClosed) {
				t.Errorf("begin: %v", err)
			}
		})
	}
	wg.Wait()
	if err := l.Put(image("c"), nil); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("not the first error: %v", err)
	}
	if err := l.Close(); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("close: %v", err)
	}
	if _, err := os.Stat(s.journalPath()); err != nil {
		t.Fatal("the journal did not stay")
	}
	must(t, lock(t, s).Close())
	if snap := read(t, s); len(snap.Resources) != 1 || snap.Unfinished != nil {
		t.Fatalf("got %+v", snap)
	}
}

// A line that was torn is gone before the next is written.
func TestTornLine(t *testing.T) {
	s := newStore(t)
	l := lock(t, s)
	must(t, l.Begin(image("a"), intent(Create, resource(`{}`))))
	l.abandon()
	whole, err := os.ReadFile(s.journalPath())
	must(t, err)
	must(t, os.WriteFile(s.journalPath(), append(whole, strings.Repeat("torn", 1000)...), 0o600))
	before := read(t, s)
	l = lock(t, s)
	same(t, l.Snapshot(), before)
	must(t, l.Begin(image("b"), intent(Create, resource(`{}`))))
	l.abandon()
	if now, err := os.ReadFile(s.journalPath()); err != nil || strings.Contains(string(now), "torn") {
		t.Fatalf("still there: %v", err)
	}
	if got := read(t, s).Unfinished; len(got) != 2 {
		t.Fatalf("unfinished %v", got)
	}
}

// Processes with many writers are killed at any moment, again and again on the
// same state: what they were told stays. Every other one is killed when it is
// in full swing, however slow the machine is.
func TestKilledAtRandom(t *testing.T) {
	s := newStoreOnDisk(t)
	begun, put := map[string]bool{}, map[string]bool{}
	for round := range 12 {
		cmd, out := start(t, "flood", s.Path())
		kill := func() { time.AfterFunc(time.Duration(30+13*round)*time.Millisecond, func() { _ = cmd.Process.Kill() }) }
		if round%2 == 0 {
			kill()
		}
		lines := bufio.NewScanner(out)
		for n := 1; lines.Scan(); n++ {
			if round%2 == 1 && n == 50 {
				kill()
			}
			what, which, _ := strings.Cut(lines.Text(), " ")
			switch what {
			case "begun":
				begun[which] = true
			case "put":
				put[which] = true
			default:
				t.Fatal(lines.Text())
			}
		}
		_ = cmd.Wait()
		snap := read(t, s)
		known := map[string]bool{}
		for a := range snap.Resources {
			known[a.String()] = true
		}
		for which := range put {
			if !known[which] {
				t.Fatalf("round %d: %s is lost", round, which)
			}
		}
		for _, u := range snap.Unfinished {
			known[u.Addr.String()] = true
		}
		for which := range begun {
			if !known[which] {
				t.Fatalf("round %d: the intent of %s is lost", round, which)
			}
		}
	}
	if len(put) < 100 {
		t.Errorf("only %d records", len(put))
	}
}
