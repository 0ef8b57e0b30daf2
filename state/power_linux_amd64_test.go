package state

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// moment is how the folder was after one syscall, and what of it was durable.
type moment struct {
	names        map[string]uint64 // inodes
	dirSynced    bool
	contents     map[uint64]string
	durable      map[uint64]string
	acknowledged int
}

// TestPowerCut makes, for every moment of the session, the folders that a
// power cut could leave, and reads them. What happened to a name since the
// last sync of the folder may be kept or lost, each name for itself; of a
// file's content, what was synced is kept, and of the rest nothing, half, or
// all.
func TestPowerCut(t *testing.T) {
	inMemory(t)
	for name, start := range starts(t) {
		want := models(t, start)
		s := newStore(t)
		start(s)
		dir := filepath.Dir(s.Path())
		held := map[uint64]*os.File{} // so that no inode number is used twice
		defer func() {
			for _, f := range held {
				f.Close()
			}
		}()
		now := moment{names: map[string]uint64{}, contents: map[uint64]string{}, durable: map[uint64]string{}}
		observe := func() {
			now.names = map[string]uint64{}
			must(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				f, err := os.Open(filepath.Join(dir, name))
				if err != nil {
					return err
				}
				info, err := f.Stat()
				if err != nil {
					return err
				}
				ino := info.Sys().(*syscall.Stat_t).Ino
				if held[ino] == nil {
					held[ino] = f
				} else {
					f.Close()
				}
				data, err := os.ReadFile(filepath.Join(dir, name))
				now.names[name], now.contents[ino] = ino, string(data)
				return err
			}))
		}
		observe()
		now.durable = maps.Clone(now.contents)
		now.dirSynced = true
		moments := []moment{now}
		trace(t, "session", s.Path(), dir, watcher{after: func(c call, acknowledged int) {
			now.contents, now.durable = maps.Clone(now.contents), maps.Clone(now.durable)
			observe()
			now.acknowledged, now.dirSynced = acknowledged, false
			if c.name == "fsync" && c.path == dir {
				now.dirSynced = true
			} else if c.name == "fsync" {
				ino := now.names[filepath.Base(c.path)]
				now.durable[ino] = now.contents[ino]
			}
			moments = append(moments, now)
		}})
		tried := map[string]bool{}
		since := 0
		for i, m := range moments {
			if m.dirSynced {
				since = i
			}
			for _, names := range afterCutNames(moments[since : i+1]) {
				for unsynced := range 3 {
					folder := map[string]string{}
					for name, ino := range names {
						folder[name] = afterCut(m.durable[ino], m.contents[ino], unsynced)
					}
					key := fmt.Sprint(m.acknowledged, folder)
					if tried[key] {
						continue
					}
					tried[key] = true
					cut := newStoreWith(t, folder)
					snap, err := cut.Read()
					if err != nil {
						t.Fatalf("%s: moment %d, unsynced %d: %v\n%v", name, i, unsynced, err, slices.Sorted(maps.Keys(folder)))
					}
					if !alike(snap, want[m.acknowledged]) && !alike(snap, want[min(m.acknowledged+1, len(want)-1)]) {
						same(t, snap, want[m.acknowledged])
					}
				}
			}
		}
		if len(tried) < 60 || moments[len(moments)-1].acknowledged < len(want)-2 {
			t.Errorf("%s: %d folders from %d moments", name, len(tried), len(moments))
		}
		t.Logf("%s: %d folders from %d moments", name, len(tried), len(moments))
	}
}

// afterCutNames combines what each name meant at any of the moments.
func afterCutNames(moments []moment) []map[string]uint64 {
	const none = 0
	combined := []map[string]uint64{{}}
	for _, suffix := range []string{"", ".journal", ".backup", ".journal.backup"} {
		name := "hostler.state.json" + suffix
		var meant []uint64
		for _, m := range moments {
			if ino := m.names[name]; !slices.Contains(meant, ino) {
				meant = append(meant, ino)
			}
		}
		var next []map[string]uint64
		for _, names := range combined {
			for _, ino := range meant {
				more := maps.Clone(names)
				if ino != none {
					more[name] = ino
				}
				next = append(next, more)
			}
		}
		combined = next
	}
	return combined
}

// afterCut is what is left of a file: its synced content and then none, half
// or all of what was not synced.
func afterCut(durable, content string, unsynced int) string {
	if !strings.HasPrefix(content, durable) {
		return []string{durable, content, content}[unsynced]
	}
	rest := content[len(durable):]
	return durable + rest[:len(rest)*unsynced/2]
}

func newStoreWith(t *testing.T, files map[string]string) *Store {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	must(t, err)
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return Open(filepath.Join(dir, "hostler.state.json"))
}
