package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hostler/state/internal/book"
)

// used returns a store with a state file, a backup and both journals: at
// serial 5, the file at 4, the backup at 2.
func used(t *testing.T) *Store {
	t.Helper()
	s := newStore(t)
	l := lock(t, s)
	must(t, l.Put(image("a"), resource(`{"n":1}`)))
	must(t, l.Put(image("b"), resource(`{"n":2}`, image("a"))))
	must(t, l.Close())
	l = lock(t, s)
	must(t, l.Put(image("c"), resource(`{"n":3}`)))
	must(t, l.Put(image("b"), resource(`{"n":4}`)))
	must(t, l.Close())
	l = lock(t, s)
	must(t, l.Put(image("d"), resource(`{"n":5}`)))
	must(t, l.Begin(image("e"), intent(Create, resource(`{"n":6}`))))
	l.abandon()
	return s
}

// rebuilds checks that the state survives the loss of its file, in a copy.
func rebuilds(t *testing.T, s *Store, want *Snapshot) {
	t.Helper()
	if _, err := os.Stat(s.Path()); err != nil || want.Serial == 0 && s.leftovers() == "" {
		return
	}
	for _, garbage := range []string{"", "{"} {
		c := copyOf(t, s)
		must(t, os.WriteFile(c.Path(), []byte(garbage), 0o600))
		if _, err := c.Recover(t.Context(), LockInfo{}, false); err != nil {
			t.Fatal(err)
		}
		same(t, read(t, c), want)
	}
}

func copyOf(t *testing.T, s *Store) *Store {
	t.Helper()
	dir := tempDir(t)
	must(t, os.CopyFS(dir, os.DirFS(filepath.Dir(s.Path()))))
	return Open(filepath.Join(dir, filepath.Base(s.Path())))
}

func edit(t *testing.T, path string, change func([]byte) []byte) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, change(data), 0o600))
	return data
}

func rebuilt(t *testing.T, s *Store, keepEdits bool) Report {
	t.Helper()
	r, err := s.Recover(t.Context(), LockInfo{Operation: "recover"}, keepEdits)
	must(t, err)
	snap := read(t, s)
	if r.Serial != snap.Serial || r.Resources != len(snap.Resources) {
		t.Fatalf("reports %+v of %d resources at %d", r, len(snap.Resources), snap.Serial)
	}
	return r
}

func damaged(t *testing.T, s *Store) *DamagedError {
	t.Helper()
	_, err := s.Read()
	d, ok := errors.AsType[*DamagedError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	return d
}

func TestRecoverWhatIsHealthy(t *testing.T) {
	s := newStore(t)
	if r := rebuilt(t, s, false); !r.Healthy || r.Resources != 0 {
		t.Fatalf("nothing: %+v", r)
	}
	s = used(t)
	before := read(t, s)
	r := rebuilt(t, s, true)
	want := Report{Healthy: true, Sources: []string{"hostler.state.json", "hostler.state.json.journal"}, Serial: 5, Resources: 4}
	if !reflect.DeepEqual(r, want) {
		t.Fatalf("got %+v", r)
	}
	same(t, read(t, s), before)
}

func TestRecoverFromBackupAndJournals(t *testing.T) {
	for _, d := range damages {
		if d.name == "newer" {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			s := used(t)
			before := read(t, s)
			spoilt := d.spoil(goldenFile(t))
			if d.advice == adviceEdited {
				spoilt = bytes.Replace(spoilt, []byte("KEEPME"), []byte(before.Lineage), 1)
				spoilt = bytes.Replace(spoilt, []byte(`"serial": 8`), []byte(`"serial": 4`), 1)
				spoilt = bytes.Replace(spoilt, []byte(`"serial": 7`), []byte(`"serial": 4`), 1)
				spoilt = bytes.Replace(spoilt, []byte(`"serial":7`), []byte(`"serial":4`), 1)
			}
			for n := range 2 { // the second time from what Recover has made
				must(t, os.WriteFile(s.Path(), spoilt, 0o600)) // in place, as an editor does
				r := rebuilt(t, s, false)
				same(t, read(t, s), before)
				if r.Healthy || !reflect.DeepEqual(r.Kept, []string{"hostler.state.json.damaged-1"}) || len(r.Sources) == 0 ||
					r.Sources[0] != "hostler.state.json.backup" || r.Notes != nil {
					t.Fatalf("%d: %+v", n, r)
				}
				if kept, err := os.ReadFile(s.Path() + ".damaged-1"); err != nil || !bytes.Equal(kept, spoilt) {
					t.Fatalf("not kept: %v", err)
				}
			}
			must(t, os.WriteFile(s.Path(), []byte("something else"), 0o600))
			if r := rebuilt(t, s, false); r.Kept[0] != "hostler.state.json.damaged-2" {
				t.Fatalf("%+v", r)
			}
			must(t, os.Remove(s.Path()))
			if d := damaged(t, s); !strings.Contains(d.Reason, "is missing, but hostler.state.json.journal is there") {
				t.Fatalf("got %v", d)
			}
			if r := rebuilt(t, s, false); len(r.Kept) != 0 {
				t.Fatalf("%+v", r)
			}
			same(t, read(t, s), before)
			l := lock(t, s)
			must(t, l.Put(image("e"), resource(`{}`)))
			must(t, l.Close())
			if after := read(t, s); after.Serial != 6 || after.Unfinished != nil {
				t.Fatalf("went on to %+v", after)
			}
		})
	}
}

func TestKeepEdits(t *testing.T) {
	for name, s := range map[string]*Store{"with a journal": used(t), "folded": used(t)} {
		if name == "folded" {
			must(t, lock(t, s).Close())
		}
		before := read(t, s)
		edit(t, s.Path(), replacing(`"image.b"`, `"image.edited"`))
		if d := damaged(t, s); d.Advice != adviceEdited {
			t.Fatal(d)
		}
		r := rebuilt(t, s, true)
		after := read(t, s)
		if after.Serial != 6 || after.Lineage != before.Lineage || after.Resources[image("b")] != nil || after.Resources[image("edited")] == nil {
			t.Fatalf("%s: %+v", name, describe(after))
		}
		if !reflect.DeepEqual(after.Unfinished, before.Unfinished) || after.Resources[image("d")] == nil {
			t.Fatalf("%s: the journal is lost: %+v", name, describe(after))
		}
		if r.Sources[0] != "hostler.state.json" || !reflect.DeepEqual(r.Kept, []string{"hostler.state.json.damaged-1"}) {
			t.Fatalf("%s: %+v", name, r)
		}
		rebuilds(t, s, after)
		must(t, lock(t, s).Close())
		same(t, read(t, s), after)
	}
	s := used(t)
	edit(t, s.Path(), replacing(`"image.b"`, `"image.b`))
	if _, err := s.Recover(t.Context(), LockInfo{}, true); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Fatalf("kept nonsense: %v", err)
	}
	edit(t, s.Path(), func([]byte) []byte { return goldenFile(t) })
	edit(t, s.Path(), replacing(`"serial": 7`, `"serial": 4`))
	if _, err := s.Recover(t.Context(), LockInfo{}, true); err == nil || !strings.Contains(err.Error(), "do not continue it") {
		t.Fatalf("kept another state's: %v", err)
	}
}

// line frames a line of a journal.
func line(text string) string {
	return fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE([]byte(text)), text)
}

func TestDamagedJournal(t *testing.T) {
	s := newStore(t)
	l := lock(t, s)
	for _, n := range []string{"a", "b", "c"} {
		must(t, l.Begin(image(n), intent(Create, resource(`{}`))))
		must(t, l.Put(image(n), resource(`{"kept":true}`)))
	}
	l.abandon()
	was := read(t, s)
	text, err := os.ReadFile(s.journalPath())
	must(t, err)
	lines := strings.SplitAfter(string(text), "\n") // header, begin a, put a, begin b, put b, ...
	without := func(n int) string { return strings.Join(append(append([]string{}, lines[:n]...), lines[n+1:]...), "") }
	spoilt := func(n int) string {
		return strings.Join(lines[:n], "") + strings.Replace(lines[n], `"`, `'`, 1) + strings.Join(lines[n+1:], "")
	}
	newer := line(`{"journal":2,"lineage":"x","serial":0}`)
	for _, c := range []struct {
		name, journal, reason string
		lost                  []string // of a, b, c
		serial                uint64   // after recovery, 0 if there is none
	}{
		{"empty", "", "has no first line", []string{"a", "b", "c"}, 1},
		{"spoilt in the middle", spoilt(4), "line 5 does not match", []string{"b"}, 4},
		{"spoilt at the end", spoilt(6), "line 7 does not match", []string{"c"}, 4},
		{"no first line", spoilt(0), "line 1 does not match", nil, 4},
		{"a line is missing", without(4), "something is missing", []string{"b"}, 4},
		{"no checksum", lines[0] + "hello\n" + strings.Join(lines[1:], ""), "line 2 does not begin with a checksum", nil, 4},
		{"newer", newer + lines[1], "newer hostler", nil, 0},
		{"of another state", line(`{"journal":1,"lineage":"x","serial":0}`), "has lineage x", []string{"a", "b", "c"}, 0},
		{"later", line(`{"journal":1,"lineage":"` + was.Lineage + `","serial":5}`), "leads from serial 5 to 5, but the state is at serial 0", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := copyOf(t, s)
			must(t, os.WriteFile(s.journalPath(), []byte(c.journal), 0o600))
			d := damaged(t, s)
			if !strings.Contains(d.Reason, c.reason) || d.Path != s.journalPath() {
				t.Fatalf("got %v", d)
			}
			if _, err := s.Lock(t.Context(), LockInfo{}); !errors.As(err, &d) {
				t.Fatalf("locked: %v", err)
			}
			if now, _ := os.ReadFile(s.journalPath()); string(now) != c.journal {
				t.Fatal("the journal was changed")
			}
			if c.serial == 0 {
				_, err := s.Recover(t.Context(), LockInfo{}, false)
				if err == nil {
					t.Fatal("recovered from it")
				}
				return
			}
			r := rebuilt(t, s, false)
			if len(r.Notes) == 0 || r.Serial != c.serial || !reflect.DeepEqual(r.Kept, []string{"hostler.state.json.journal.damaged-1"}) {
				t.Fatalf("report %+v", r)
			}
			if c.journal != "" && r.Serial <= was.Serial {
				t.Errorf("serial %d after %d: a plan made before the damage would pass for fresh", r.Serial, was.Serial)
			}
			snap := read(t, s)
			for _, n := range []string{"a", "b", "c"} {
				lost := strings.Contains(strings.Join(c.lost, ""), n)
				if lost != (snap.Resources[image(n)] == nil) {
					t.Errorf("%s: %v", n, snap.Resources[image(n)])
				}
			}
			// What is lost of a line in the middle is known to be unfinished.
			if len(c.lost) == 1 && (len(snap.Unfinished) != 1 || snap.Unfinished[0].Addr != image(c.lost[0])) {
				t.Errorf("unfinished %v", snap.Unfinished)
			}
		})
	}
}

// Recover never goes back to something older than the state was.
func TestRecoverRefusesToLose(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Store)
		says  []string
	}{
		"nothing else": {func(s *Store) {
			must(t, errors.Join(os.Remove(s.backupPath()), os.Remove(s.journalBackupPath()), os.Remove(s.journalPath())))
		}, []string{"hostler.state.json is not JSON", "hostler.state.json.backup is missing", "journal.backup is missing", "json.journal is missing"}},
		"a backup without its journal": {func(s *Store) {
			must(t, os.Remove(s.journalBackupPath()))
		}, []string{"hostler.state.json.backup is at serial 2 with 2 resources", "journal leads from serial 4 to 5"}},
		"no backup": {func(s *Store) {
			must(t, os.Remove(s.backupPath()))
		}, []string{"journal.backup leads from serial 2 to 4"}},
		"an edited file that is further": {func(s *Store) {
			must(t, os.Remove(s.journalPath()))
			file, err := (&Snapshot{Lineage: mustRead(t, s.backupPath()).Lineage, Serial: 9}).Encode()
			must(t, err)
			must(t, os.WriteFile(s.Path(), append(file, '\n'), 0o600))
		}, []string{"it says serial 9", "lead to 4 only", "--keep-edits"}},
	} {
		s := used(t)
		must(t, os.WriteFile(s.Path(), []byte("x"), 0o600))
		c.spoil(s)
		before := listing(t, s)
		_, err := s.Recover(t.Context(), LockInfo{}, false)
		if err == nil {
			t.Fatalf("%s: recovered", name)
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !reflect.DeepEqual(listing(t, s), before) {
			t.Errorf("%s: something changed", name)
		}
	}
}

func mustRead(t *testing.T, path string) *Snapshot {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	snap, err := book.Format{Version: Version}.Decode(data, false)
	must(t, err)
	return snap
}

// listing is the content of every file but the lock.
func listing(t *testing.T, s *Store) map[string]string {
	t.Helper()
	files := map[string]string{}
	paths, err := filepath.Glob(s.Path() + "*")
	must(t, err)
	for _, path := range paths {
		if path != s.lockFile().Path {
			data, err := os.ReadFile(path)
			must(t, err)
			files[path] = string(data)
		}
	}
	return files
}

// An old copy put back over a newer state is noticed, and set right.
func TestOlderFilePutBack(t *testing.T) {
	s := used(t)
	before := read(t, s)
	older := mustRead(t, s.backupPath())
	data, err := (&Snapshot{Lineage: older.Lineage, Serial: 3}).Encode()
	must(t, err)
	must(t, os.WriteFile(s.Path(), data, 0o600))
	if d := damaged(t, s); !strings.Contains(d.Reason, "from serial 4 to 5, but the state is at serial 3") {
		t.Fatalf("got %v", d)
	}
	if r := rebuilt(t, s, false); !reflect.DeepEqual(r.Kept, []string{"hostler.state.json.damaged-1"}) {
		t.Fatalf("%+v", r)
	}
	same(t, read(t, s), before)
}

func TestRecoverNeedsTheLock(t *testing.T) {
	s := used(t)
	l := lock(t, s)
	defer l.Close()
	other := Open(s.Path())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := other.Recover(ctx, LockInfo{}, false); !isLocked(err) {
		t.Fatalf("a locked state: %v", err)
	}
}

func isLocked(err error) bool {
	_, ok := errors.AsType[*LockedError](err)
	return ok
}
