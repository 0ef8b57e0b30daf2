package state

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// film is how a folder was after each changing syscall that a script made. A
// kill just then leaves it like that, since the kernel has it all; a power cut
// leaves one of the outcomes.
type film struct {
	t       *testing.T
	dir     string
	held    map[uint64]*os.File // so that no inode number is used twice
	now     moment
	moments []moment
}

// moment is how the folder was after one syscall, and what of it was durable.
type moment struct {
	call         call
	names        map[string]uint64 // inodes
	dirSynced    bool
	moved        [2]string // by a rename: the old name, and the new one
	contents     map[uint64]string
	durable      map[uint64]string
	acknowledged int
}

// newFilm begins with a folder of which everything is durable.
func newFilm(t *testing.T, s *Store) *film {
	t.Helper()
	f := &film{t: t, dir: filepath.Dir(s.Path()), held: map[uint64]*os.File{}}
	t.Cleanup(f.close)
	f.look()
	f.now.durable, f.now.dirSynced = maps.Clone(f.now.contents), true
	f.moments = []moment{f.now}
	return f
}

func (f *film) close() {
	for _, file := range f.held {
		file.Close()
	}
}

// filmed is the film of a script that was let go on to its end, and what it
// printed.
func filmed(t *testing.T, script string, s *Store) (*film, string) {
	t.Helper()
	f := newFilm(t, s)
	printed := trace(t, script, []*Store{s}, watcher{After: func(_ int, c call, acknowledged int) { f.observe(c, acknowledged) }})[0]
	f.acknowledge(strings.Count(printed, "done\n"))
	return f, printed
}

// observe adds the moment after a call.
func (f *film) observe(c call, acknowledged int) {
	f.acknowledge(acknowledged)
	before := f.now.names
	f.now.call, f.now.durable, f.now.dirSynced, f.now.moved = c, maps.Clone(f.now.durable), false, [2]string{}
	f.look()
	switch name := filepath.Base(c.Path); {
	case c.Name == "fsync" && c.Path == f.dir:
		f.now.dirSynced = true
	case c.Name == "fsync":
		ino := f.now.names[name]
		f.now.durable[ino] = f.now.contents[ino]
	case c.Name == "rename":
		for to, ino := range f.now.names {
			if ino == before[name] && before[to] != ino {
				f.now.moved = [2]string{name, to}
			}
		}
	}
	f.moments = append(f.moments, f.now)
}

// acknowledge adds the moment at which the caller was told, if there is news.
func (f *film) acknowledge(n int) {
	if n != f.now.acknowledged {
		f.now.acknowledged, f.now.call, f.now.moved = n, call{}, [2]string{}
		f.moments = append(f.moments, f.now)
	}
}

func (f *film) look() {
	f.now.names, f.now.contents = map[string]uint64{}, maps.Clone(f.now.contents)
	if f.now.contents == nil {
		f.now.contents = map[uint64]string{}
	}
	entries, err := os.ReadDir(f.dir)
	must(f.t, err)
	for _, e := range entries {
		path := filepath.Join(f.dir, e.Name())
		file, err := os.Open(path)
		must(f.t, err)
		info, err := file.Stat()
		must(f.t, err)
		ino := info.Sys().(*syscall.Stat_t).Ino
		if f.held[ino] == nil {
			f.held[ino] = file
		} else {
			file.Close()
		}
		data, err := os.ReadFile(path)
		must(f.t, err)
		f.now.names[e.Name()], f.now.contents[ino] = ino, string(data)
	}
}

// killedAt is a folder as a kill at a moment leaves it.
func (f *film) killedAt(i int) *Store {
	f.t.Helper()
	s, _ := f.rebuilt(f.moments[i])
	return s
}

// tornAt is a folder as a kill leaves it when half of the write before a
// moment has happened; nil if that was no write.
func (f *film) tornAt(i int) *Store {
	f.t.Helper()
	m := f.moments[i]
	if m.call.Name != "write" {
		return nil
	}
	ino := m.names[filepath.Base(m.call.Path)]
	m.contents = maps.Clone(m.contents)
	m.contents[ino] = afterCut(f.moments[i-1].contents[ino], m.contents[ino], 1)
	s, _ := f.rebuilt(m)
	return s
}

// rebuilt makes a folder as it was, and says under which path each inode is in
// it.
func (f *film) rebuilt(m moment) (*Store, map[uint64]string) {
	f.t.Helper()
	dir := tempDir(f.t)
	paths := map[uint64]string{}
	for name, ino := range m.names {
		path := filepath.Join(dir, name)
		if paths[ino] != "" {
			must(f.t, os.Link(paths[ino], path))
			continue
		}
		paths[ino] = path
		must(f.t, os.WriteFile(path, []byte(m.contents[ino]), 0o600))
	}
	return Open(filepath.Join(dir, storeName)), paths
}

// goOn is a folder as a kill at a moment leaves it, with a film that goes on
// from there: what was not synced then is still open to a power cut.
func (f *film) goOn(i int) (*Store, *film) {
	f.t.Helper()
	s, paths := f.rebuilt(f.moments[i])
	g := newFilm(f.t, s)
	// The same files have other inodes now; those that are no more get numbers
	// that no file has.
	inode := func(ino uint64) uint64 {
		if path := paths[ino]; path != "" {
			return g.now.names[filepath.Base(path)]
		}
		return ino | 1<<63
	}
	inodes := func(contents map[uint64]string) map[uint64]string {
		out := map[uint64]string{}
		for ino, content := range contents {
			out[inode(ino)] = content
		}
		return out
	}
	g.moments = nil
	for _, m := range f.moments[f.synced(i) : i+1] {
		m.contents, m.durable, m.acknowledged = inodes(m.contents), inodes(m.durable), 0
		names := map[string]uint64{}
		for name, ino := range m.names {
			names[name] = inode(ino)
		}
		m.names = names
		g.moments = append(g.moments, m)
	}
	g.now = g.moments[len(g.moments)-1]
	return s, g
}

// cuts calls check with every folder that a power cut could leave at one of
// the moments from the first on, and counts them.
func (f *film) cuts(first int, check func(m moment, folder map[string]string)) int {
	tried := map[string]bool{}
	for i := first; i < len(f.moments); i++ {
		m := f.moments[i]
		for _, folder := range f.outcomes(i) {
			if key := fmt.Sprint(m.acknowledged, folder); !tried[key] {
				tried[key] = true
				check(m, folder)
			}
		}
	}
	return len(tried)
}

// outcomes are the folders that a power cut could leave at a moment. What
// happened to a name since the last sync of the folder may be kept or lost,
// each name for itself, but both names of a rename alike; of a file's content,
// what was synced is kept, and of the rest nothing, half, or all.
func (f *film) outcomes(i int) []map[string]string {
	m := f.moments[i]
	tried := map[string]bool{}
	var folders []map[string]string
	for _, names := range afterCutNames(f.moments[f.synced(i) : i+1]) {
		for unsynced := range 3 {
			folder := map[string]string{}
			for name, ino := range names {
				folder[name] = afterCut(m.durable[ino], m.contents[ino], unsynced)
			}
			if key := fmt.Sprint(folder); !tried[key] {
				tried[key] = true
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// synced is the last moment up to i at which the folder was.
func (f *film) synced(i int) int {
	for !f.moments[i].dirSynced {
		i--
	}
	return i
}

// afterCutNames combines what each name meant at any of the moments.
func afterCutNames(moments []moment) []map[string]uint64 {
	type choice struct {
		names map[string]uint64
		since map[string]int // the moment from which a name's meaning is taken
	}
	combined := []choice{{map[string]uint64{}, map[string]int{}}}
	for _, suffix := range []string{"", ".journal", ".backup", ".journal.backup", ".damaged-1"} {
		name := storeName + suffix
		var next []choice
		for i, m := range moments {
			ino := m.names[name]
			if i > 0 && ino == moments[i-1].names[name] {
				continue
			}
			for _, c := range combined {
				c = choice{maps.Clone(c.names), maps.Clone(c.since)}
				if c.since[name] = i; ino != 0 {
					c.names[name] = ino
				}
				next = append(next, c)
			}
		}
		combined = next
	}
	var possible []map[string]uint64
	for _, c := range combined {
		torn := false
		for i, m := range moments[1:] {
			from, known := c.since[m.moved[0]]
			to, both := c.since[m.moved[1]]
			torn = torn || known && both && (from > i) != (to > i)
		}
		if !torn {
			possible = append(possible, c.names)
		}
	}
	return possible
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
