package lockfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if state := os.Getenv("LOCKFILE_TEST_HOLD"); state != "" {
		if _, err := of(state).Acquire(context.Background(), Info{Operation: "hold"}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("holding")
		time.Sleep(time.Hour) // until killed
	}
	os.Exit(m.Run())
}

func of(state string) File {
	return File{Path: state + ".lock", State: state, Now: time.Now}
}

func newFile(t *testing.T) File {
	t.Helper()
	return of(filepath.Join(t.TempDir(), "s.json"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func acquire(t *testing.T, f File) *Guard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	g, err := f.Acquire(ctx, Info{Operation: "apply"})
	must(t, err)
	return g
}

// hold starts a process that holds the lock.
func hold(t *testing.T, f File) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCKFILE_TEST_HOLD="+f.State)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "holding\n" {
		t.Fatalf("%q %v", line, err)
	}
	return cmd
}

func TestWaiting(t *testing.T) {
	f := newFile(t)
	cmd := hold(t, f)
	told := 0
	var holder Info
	f.OnWait = func(h Info) { told++; holder = h }
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	_, err := f.Acquire(ctx, Info{})
	locked, ok := errors.AsType[*LockedError](err)
	if !ok || locked.Holder != holder || locked.Path != f.State || told != 1 {
		t.Fatalf("%v, told %d times of %v", err, told, holder)
	}
	host, _ := os.Hostname()
	if holder.PID != cmd.Process.Pid || holder.Operation != "hold" || holder.Host != host || holder.ID == "" ||
		holder.User == "" || time.Since(holder.Since) > time.Minute {
		t.Fatalf("holder %+v", holder)
	}
	if !strings.Contains(err.Error(), "hold by ") {
		t.Errorf("says %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := f.Acquire(ctx, Info{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if _, err := f.Acquire(ctx, Info{}); !errors.As(err, &locked) {
		t.Fatalf("no time to wait: %v", err)
	}

	// The death of the holder frees the lock.
	done := make(chan struct{})
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = cmd.Process.Kill()
		close(done)
	}()
	g := acquire(t, f)
	<-done
	must(t, g.Release())
	g, err = f.Acquire(ctx, Info{}) // no time to wait, but no need either
	must(t, err)
	must(t, g.Release())
}

func TestForceUnlock(t *testing.T) {
	f := newFile(t)
	if err := f.ForceUnlock("x"); !errors.Is(err, ErrNotLocked) {
		t.Fatalf("never locked: %v", err)
	}
	g := acquire(t, f)
	id := f.holder().ID
	if err := f.ForceUnlock("x"); err == nil || !strings.Contains(err.Error(), id) {
		t.Fatalf("wrong ID: %v", err)
	}
	err := f.ForceUnlock(id)
	if err == nil || !strings.Contains(err.Error(), "kill ") || !strings.Contains(err.Error(), "apply by ") {
		t.Fatalf("a live holder: %v", err)
	}
	must(t, g.Check())
	must(t, g.Release())
	if err := f.ForceUnlock(id); !errors.Is(err, ErrNotLocked) {
		t.Fatalf("released: %v", err)
	}
	cmd := hold(t, f)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if err := f.ForceUnlock(f.holder().ID); !errors.Is(err, ErrNotLocked) {
		t.Fatalf("a dead holder: %v", err)
	}
}

// A holder on another host is put out and told, and does not disturb the next.
func TestForceUnlockOfAnotherHost(t *testing.T) {
	f := newFile(t)
	old := acquire(t, f)
	info, err := os.ReadFile(f.Path)
	must(t, err)
	host, err := os.Hostname()
	must(t, err)
	must(t, os.WriteFile(f.Path, []byte(strings.Replace(string(info), `"host":"`+host+`"`, `"host":"elsewhere"`, 1)), 0o600))
	if err := f.ForceUnlock("x"); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Fatalf("wrong ID: %v", err)
	}
	must(t, old.Check())
	must(t, f.ForceUnlock(f.holder().ID))
	if err := old.Check(); err == nil || !strings.Contains(err.Error(), "taken away") {
		t.Fatalf("the old holder was not told: %v", err)
	}
	g := acquire(t, f)
	id := f.holder().ID
	must(t, old.Release())
	must(t, g.Check())
	if f.holder().ID != id || id == "" {
		t.Fatal("the old holder took the name of the new one away")
	}
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if _, err := f.Acquire(ctx, Info{}); err == nil {
		t.Fatal("the old holder took the lock of the new one away")
	}
	must(t, g.Release())
}
