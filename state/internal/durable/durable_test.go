package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds checks what is in a file, who may read it, and that nothing was left
// aside.
func holds(t *testing.T, path, want string) {
	t.Helper()
	data, err := Read(path)
	must(t, err)
	if string(data) != want {
		t.Errorf("%s holds %q, not %q", filepath.Base(path), data, want)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
	}
	if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left aside of %s", filepath.Base(path))
	}
}

// What is linked elsewhere stays as it was there.
func TestReplaceAndLinks(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, Replace(a, []byte("one")))
	must(t, LinkOver(a, b))
	must(t, LinkOver(a, b)) // the same file already
	must(t, os.Link(a, a+".tmp"))
	must(t, Replace(a, []byte("two"))) // with a link to it left aside
	holds(t, a, "two")
	holds(t, b, "one")
	must(t, LinkOver(a, b))
	holds(t, b, "two")
	if err := Link(a, b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("linked over another: %v", err)
	}
	must(t, Prepare(a, []byte("three")))
	must(t, Discard(a))
	must(t, Discard(a))
	holds(t, a, "two")
	if err := Commit(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("committed what was discarded: %v", err)
	}
	if err := LinkOver(filepath.Join(dir, "none"), b); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("linked nothing: %v", err)
	}
	holds(t, b, "two")
}

func TestReadsFilesOnly(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	if _, err := Read(pipe); err == nil || !strings.Contains(err.Error(), "pipe is not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "a directory, not a file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	must(t, Replace(path, []byte("one\n"+strings.Repeat("torn", 100))))
	l, err := OpenLog(path, 4)
	must(t, err)
	holds(t, path, "one\n")
	must(t, l.Append([]byte("two\n")))
	must(t, l.Append([]byte("three\nfour\n")))
	must(t, l.Sync())
	holds(t, path, "one\ntwo\nthree\nfour\n")
	must(t, l.Close())
	if err := l.Append([]byte("five\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	holds(t, path, "one\ntwo\nthree\nfour\n")
	if _, err := OpenLog(path+"2", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
