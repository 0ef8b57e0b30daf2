package machine_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostler/providers/internal/machine"
)

const (
	file = "~/Library/LaunchAgents/a.plist"
	real = "Users/admin/Library/LaunchAgents/a.plist"
	temp = "Users/admin/Library/LaunchAgents/.a.plist.hostler-tmp"
)

func content(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func leftovers(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(p, ".hostler-tmp") {
			found = append(found, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWriteFile(t *testing.T) {
	m, root := here(t)
	for _, text := range []string{"one", "two"} {
		if err := m.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := content(t, root, real); got != text {
			t.Errorf("content %q", got)
		}
	}
	info, err := m.Stat(file)
	if err != nil || info.Mode.Perm() != 0o640 || info.Size != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	data, err := m.ReadFile(file)
	if err != nil || string(data) != "two" {
		t.Errorf("%q, %v", data, err)
	}
	if found := leftovers(t, root); found != nil {
		t.Errorf("left over: %v", found)
	}
}

// A reader that opened the old file goes on reading the old content: the file
// was replaced, not written into.
func TestWriteFileReplacesWhole(t *testing.T) {
	m, root := here(t)
	if err := m.WriteFile(file, bytes.Repeat([]byte("old"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(root, real))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := m.WriteFile(file, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	old := make([]byte, 4000)
	if n, err := f.Read(old); err != nil || n != 3000 {
		t.Errorf("the open file has %d bytes, %v", n, err)
	}
}

func TestWriteFileThatCannotBePlacedLeavesTheOldOne(t *testing.T) {
	m, root := here(t)
	if err := os.MkdirAll(filepath.Join(root, real, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := m.WriteFile(file, []byte("x"), 0o644)
	if err == nil || strings.Contains(err.Error(), root) {
		t.Errorf("over a folder: %v", err)
	}
	if found := leftovers(t, root); found != nil {
		t.Errorf("left over: %v", found)
	}
}

func TestCreateFile(t *testing.T) {
	m, root := here(t)
	if err := m.CreateFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.CreateFile(file, []byte("other"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second create: %v", err)
	}
	if got := content(t, root, real); got != "mine" {
		t.Errorf("content %q", got)
	}
	dangling := filepath.Join(root, "Users/admin/link")
	if err := os.Symlink("/nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	if err := m.CreateFile("~/link", nil, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a dangling symlink: %v", err)
	}
	if found := leftovers(t, root); found != nil {
		t.Errorf("left over: %v", found)
	}
}

// crashed puts what a kill leaves at each step of a write, and the content
// the file then has.
func crashed(t *testing.T, root string) map[string]string {
	t.Helper()
	cases := map[string]string{}
	put := func(name, target, text string) {
		p := filepath.Join(root, name, target)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("half written", temp, "ne")
	put("half written", real, "old")
	cases["half written"] = "old"
	put("written, not yet in place", temp, "new")
	put("written, not yet in place", real, "old")
	cases["written, not yet in place"] = "old"
	put("created, its temporary name not yet gone", real, "new")
	p := filepath.Join(root, "created, its temporary name not yet gone")
	if err := os.Link(filepath.Join(p, real), filepath.Join(p, temp)); err != nil {
		t.Fatal(err)
	}
	cases["created, its temporary name not yet gone"] = "new"
	return cases
}

func TestAfterACrash(t *testing.T) {
	for name, want := range crashed(t, t.TempDir()) {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			crashed(t, base)
			root := filepath.Join(base, name)
			m := machine.Local(root, []string{"HOME=/Users/admin"})
			if data, err := m.ReadFile(file); err != nil || string(data) != want {
				t.Fatalf("the file reads %q, %v", data, err)
			}
			// A reader of the file as it stands must never see the next write torn.
			f, err := os.Open(filepath.Join(root, real))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := m.WriteFile(file, []byte("next"), 0o644); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 16)
			if n, err := f.Read(got); err != nil || string(got[:n]) != want {
				t.Errorf("a reader saw %q, %v", got[:n], err)
			}
			if content(t, root, real) != "next" || leftovers(t, root) != nil {
				t.Errorf("content %q, left over %v", content(t, root, real), leftovers(t, root))
			}
		})
	}
}

func TestSweep(t *testing.T) {
	for name, want := range crashed(t, t.TempDir()) {
		base := t.TempDir()
		crashed(t, base)
		root := filepath.Join(base, name)
		m := machine.Local(root, []string{"HOME=/Users/admin"})
		for range 2 {
			if err := m.Sweep(file); err != nil {
				t.Fatal(err)
			}
		}
		if content(t, root, real) != want || leftovers(t, root) != nil {
			t.Errorf("%s: content %q, left over %v", name, content(t, root, real), leftovers(t, root))
		}
	}
}

func TestFolder(t *testing.T) {
	m, root := here(t)
	if err := os.MkdirAll(filepath.Join(root, "Users/admin/a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"~/a/b", "~/c/d"} {
		if err := m.Folder(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if info, err := m.Stat(p); err != nil || !info.Mode.IsDir() || info.Mode.Perm() != 0o700 {
			t.Errorf("%s: %v, %v", p, info.Mode, err)
		}
	}
	if err := m.WriteFile("~/f", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Folder("~/f/x", 0o700); err == nil {
		t.Error("a folder in a file")
	}
}

func TestRemoveAndRename(t *testing.T) {
	m, root := here(t)
	if err := m.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.Rename(file, "~/moved"); err != nil {
		t.Fatal(err)
	}
	if got := content(t, root, "Users/admin/moved"); got != "x" {
		t.Errorf("content %q", got)
	}
	for range 2 {
		if err := m.Remove("~/moved"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.ReadFile("~/moved"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestErrorsNameTheMacsPath(t *testing.T) {
	m, root := here(t)
	_, read := m.ReadFile("~/gone")
	_, stat := m.Stat("~/gone")
	for _, err := range []error{read, stat, m.Rename("~/gone", "~/x")} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "~/gone") || strings.Contains(err.Error(), root) {
			t.Errorf("%v", err)
		}
	}
}
