package state

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A power cut at any moment of the session loses nothing, nor what the other
// files need to rebuild the state.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	for name, start := range starts(t) {
		want := models(t, start)
		s := newStore(t)
		start(s)
		f, _ := filmed(t, "session", s)
		folders := f.cuts(0, func(m moment, folder map[string]string) {
			cut := newStoreWith(t, folder)
			snap, err := cut.Read()
			if err != nil {
				t.Fatalf("%s: after %d steps: %v\n%v", name, m.acknowledged, err, slices.Sorted(maps.Keys(folder)))
			}
			if !alike(snap, want[m.acknowledged]) && !alike(snap, want[min(m.acknowledged+1, len(want)-1)]) {
				same(t, snap, want[m.acknowledged])
			}
			rebuilds(t, cut, snap)
		})
		if folders < 60 || f.now.acknowledged < len(want)-2 {
			t.Errorf("%s: %d folders from %d moments", name, folders, len(f.moments))
		}
		t.Logf("%s: %d folders from %d moments", name, folders, len(f.moments))
	}
}

// A run is killed at any moment that leaves something unsynced, and the power
// is cut at any moment of the run that carries on.
func TestPowerCutAfterKill(t *testing.T) {
	t.Parallel()
	for name, start := range starts(t) {
		want := models(t, start)
		s := newStore(t)
		start(s)
		session, _ := filmed(t, "session", s)
		var kills []int
		for i := range session.moments {
			if len(session.outcomes(i)) > 1 {
				kills = append(kills, i)
			}
		}
		folders := 0
		known := map[string]*Snapshot{}
		for some := range slices.Chunk(kills, 16) { // a film keeps many files open
			folders += carryOn(t, session, some, want, known)
		}
		if len(kills) < 20 || folders < 300 {
			t.Errorf("%s: only %d folders after %d kills", name, folders, len(kills))
		}
		t.Logf("%s: %d folders after %d kills", name, folders, len(kills))
	}
}

// carryOn lets the next run go on after each of the kills, cuts its power at
// every moment, and counts the folders which that left. Many are alike: known
// is what has been read from those before.
func carryOn(t *testing.T, session *film, kills []int, want []*Snapshot, known map[string]*Snapshot) (folders int) {
	t.Helper()
	var stores []*Store
	var films []*film
	var found []*Snapshot
	var first []int
	for _, i := range kills {
		s, f := session.goOn(i)
		defer f.close()
		stores, films, found, first = append(stores, s), append(films, f), append(found, read(t, s)), append(first, len(f.moments))
	}
	printed := trace(t, "next", stores, watcher{After: func(run int, c call, acknowledged int) {
		films[run].observe(c, acknowledged)
	}})
	for i, f := range films {
		killed := session.moments[kills[i]]
		if printed[i] != "done\ndone\ndone\n" {
			t.Fatalf("killed after %s, printed %q", killed.call, printed[i])
		}
		after := read(t, stores[i])
		folders += f.cuts(first[i], func(m moment, folder map[string]string) {
			snap := known[fmt.Sprint(folder)]
			if snap == nil {
				cut := newStoreWith(t, folder)
				var err error
				if snap, err = cut.Read(); err != nil {
					t.Fatalf("killed after %s, then %d steps: %v\n%v", killed.call, m.acknowledged, err, slices.Sorted(maps.Keys(folder)))
				}
				rebuilds(t, cut, snap)
				known[fmt.Sprint(folder)] = snap
			}
			allowed := []*Snapshot{after} // once the next run has recorded something
			if m.acknowledged < 2 {       // once it has the lock
				allowed = append(allowed, found[i])
			}
			if m.acknowledged < 1 {
				allowed = append(allowed, want[killed.acknowledged])
			}
			if !slices.ContainsFunc(allowed, func(a *Snapshot) bool { return alike(snap, a) }) {
				t.Errorf("killed after %s, then %d steps", killed.call, m.acknowledged)
				same(t, snap, allowed[len(allowed)-1])
			}
		})
	}
	return folders
}

// A power cut at any moment of Recover loses neither the state nor the damaged
// file, nor what is needed to recover once more.
func TestPowerCutInRecover(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*Store){
		"remains": starts(t)["remains"],
		"no intent": func(s *Store) {
			l := lock(t, s)
			must(t, l.Put(image("a"), resource(`{"n":1}`)))
			must(t, l.Close())
			l = lock(t, s)
			must(t, l.Put(image("a"), resource(`{"n":2}`)))
			l.abandon()
		},
	} {
		s := newStore(t)
		start(s)
		want := read(t, s)
		must(t, os.WriteFile(s.Path(), []byte("{"), 0o600))
		f, printed := filmed(t, "recover", s)
		if printed != "done\n" {
			t.Fatalf("%s: printed %q", name, printed)
		}
		folders := f.cuts(0, func(m moment, folder map[string]string) {
			if folder[storeName] != "{" && folder[storeName+".damaged-1"] != "{" {
				t.Fatalf("%s: the damaged file is lost: %v", name, folder)
			}
			cut := newStoreWith(t, folder)
			if _, err := cut.Recover(t.Context(), LockInfo{}, false); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			same(t, read(t, cut), want)
			rebuilds(t, cut, want)
		})
		if folders < 5 {
			t.Errorf("%s: only %d folders", name, folders)
		}
		t.Logf("%s: %d folders from %d moments", name, folders, len(f.moments))
	}
}

func newStoreWith(t *testing.T, files map[string]string) *Store {
	t.Helper()
	dir := tempDir(t)
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return Open(filepath.Join(dir, storeName))
}
