package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of 256 KB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=256k"); errors.Is(err, syscall.EPERM) {
		t.Skip("only root may mount")
	} else {
		must(t, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	s := Open(filepath.Join(dir, "s.json"))
	acknowledged := 0
	fill := func(l *Lock) error {
		for {
			a := image(fmt.Sprintf("i%d", acknowledged))
			if err := l.Put(a, resource(`{"text":"`+strings.Repeat("x", 3000)+`"}`)); err != nil {
				return err
			}
			acknowledged++
		}
	}
	l := lock(t, s)
	must(t, l.Put(image("first"), resource(`{}`)))
	must(t, l.Close())
	l = lock(t, s)
	if err := fill(l); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("put: %v", err)
	}
	if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("close: %v", err)
	}
	before := read(t, s)
	if len(before.Resources) != acknowledged+1 || acknowledged < 20 {
		t.Fatalf("%d of %d", len(before.Resources), acknowledged+1)
	}
	if _, err := s.Lock(t.Context(), LockInfo{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("locked, though there is no room to fold: %v", err)
	}
	same(t, read(t, s), before)
	must(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"))
	must(t, lock(t, s).Close())
	same(t, read(t, s), before)
	rebuilds(t, s, before)
}

func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t)
	s := Open(filepath.Join(dir, "s.json"))
	l := lock(t, s)
	must(t, l.Put(image("a"), resource(`{}`)))
	l.abandon()
	before := read(t, s)
	must(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	same(t, read(t, s), before)
	if _, err := s.Lock(t.Context(), LockInfo{}); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), s.Path()) {
		t.Fatalf("lock: %v", err)
	}
	same(t, read(t, s), before)
	must(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, ""))
	must(t, lock(t, s).Close())
	same(t, read(t, s), before)
}

// Someone who may not read the state is told so; it is not damaged.
func TestNotAllowed(t *testing.T) {
	dir, err := os.MkdirTemp("", "state") // the parent of t.TempDir is closed to others
	must(t, err)
	defer os.RemoveAll(dir)
	if os.Getuid() == 0 { // root may do everything, but one thread need not be root
		const nobody = 65534
		must(t, os.Chown(dir, nobody, -1))
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		be := func(user uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, user, 0, 0) }
		be(nobody)
		defer be(0)
	}
	s := Open(filepath.Join(dir, "s.json"))
	must(t, os.WriteFile(s.Path(), []byte("x"), 0))
	for _, err := range []error{errOf(s.Read()), errOf(s.Lock(t.Context(), LockInfo{})), errOf(s.Recover(t.Context(), LockInfo{}, false))} {
		if _, ok := errors.AsType[*DamagedError](err); ok || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), s.Path()) {
			t.Errorf("got %v", err)
		}
	}
	must(t, errors.Join(os.Remove(s.Path()), os.Remove(s.lockFile().Path)))
	must(t, os.Chmod(dir, 0o500))
	defer os.Chmod(dir, 0o700)
	if _, err := s.Lock(t.Context(), LockInfo{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("lock in a folder that cannot be written to: %v", err)
	}
}

func errOf[T any](_ T, err error) error { return err }
