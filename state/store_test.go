package state

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hostler/hcl/addr"
	"hostler/providers/testbed/tracer"
	"hostler/state/internal/book"
)

func TestMain(m *testing.M) {
	if script := os.Getenv("STATE_TEST_CHILD"); script != "" {
		if os.Getenv("STATE_TEST_TRACED") != "" {
			tracer.StopAtChanges()
		}
		child(script)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const storeName = "hostler.state.json"

func newStore(t testing.TB) *Store {
	t.Helper()
	return Open(filepath.Join(tempDir(t), storeName))
}

// tempDir is a new folder, in memory where there is a place for that: a sync
// costs nothing there. That it happens is what counts, and TestPowerCut sees it.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "state")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// newStoreOnDisk is for tests in which the time that a sync takes matters.
func newStoreOnDisk(t testing.TB) *Store {
	t.Helper()
	return Open(filepath.Join(t.TempDir(), storeName))
}

func lock(t testing.TB, s *Store) *Lock {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l, err := s.Lock(ctx, LockInfo{Operation: "apply"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func read(t testing.TB, s *Store) *Snapshot {
	t.Helper()
	snap, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func image(name string) addr.Addr { return addr.New("image", name) }

func resource(attributes string, deps ...addr.Addr) *Resource {
	return &Resource{Attributes: json.RawMessage(attributes), Deps: deps}
}

func intent(op Operation, r *Resource) Intent { return Intent{Op: op, Resource: r} }

// abandon ends the lock as the death of the process would.
func (l *Lock) abandon() {
	if l.journal != nil {
		l.journal.Close()
	}
	lock := l.store.lockFile().Path
	signed, _ := os.ReadFile(lock)
	_ = l.guard.Release()
	_ = os.WriteFile(lock, signed, 0o600) // the dead do not take their name away
}

func same(t testing.TB, got, want *Snapshot) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(describe(got), "", " ")
		w, _ := json.MarshalIndent(describe(want), "", " ")
		t.Fatalf("got  %s\nwant %s", g, w)
	}
}

// describe makes a snapshot printable and comparable, lineage apart.
func describe(s *Snapshot) map[string]any {
	resources := map[string]any{}
	for a, r := range s.Resources {
		resources[a.String()] = r
	}
	return map[string]any{"serial": s.Serial, "resources": resources, "outputs": s.Outputs, "unfinished": s.Unfinished}
}

func TestNothing(t *testing.T) {
	s := newStore(t)
	snap := read(t, s)
	if snap.Lineage != "" || snap.Serial != 0 || len(snap.Resources) != 0 {
		t.Fatalf("got %+v", snap)
	}
	l := lock(t, s)
	same(t, l.Snapshot(), snap)
	must(t, l.Close())
	must(t, l.Close())
	if _, err := os.Stat(s.Path()); !os.IsNotExist(err) {
		t.Fatal("looking made a file")
	}
}

func TestRoundTrip(t *testing.T) {
	s := newStore(t)
	a, b := image("base"), addr.New("runner", "r").Instance("é \"${x}\n")
	l := lock(t, s)
	must(t, l.Begin(a, intent(Create, resource(`{ "size": 12345678901234567890, "cmd": "a<b>&c" }`))))
	must(t, l.Put(a, resource(`{ "size": 12345678901234567890, "cmd": "a<b>&c" }`)))
	must(t, l.Put(b, &Resource{SchemaVersion: 3, Attributes: json.RawMessage(`{}`), Deps: []addr.Addr{a}, Tainted: true, PreventDestroy: true}))
	must(t, l.SetOutputs(map[string]Output{
		"url":  {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"x"`)},
		"none": {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`null`)},
		"key":  {Type: json.RawMessage(`"string"`), Sensitive: true},
	}))
	before := read(t, s)
	if before.Serial != 3 || before.Lineage == "" || before.Unfinished != nil {
		t.Fatalf("got serial %d, lineage %q, unfinished %v", before.Serial, before.Lineage, before.Unfinished)
	}
	if got := string(before.Resources[a].Attributes); got != `{"size":12345678901234567890,"cmd":"a<b>&c"}` {
		t.Fatalf("attributes became %s", got)
	}
	if !reflect.DeepEqual(before.Resources[b].Deps, []addr.Addr{a}) || !before.Resources[b].Tainted || !before.Resources[b].PreventDestroy {
		t.Fatalf("got %+v", before.Resources[b])
	}
	if o := before.Outputs["key"]; o.Value != nil || !o.Sensitive {
		t.Fatalf("got %+v", o)
	}
	must(t, l.Close())
	same(t, read(t, s), before)

	l = lock(t, s)
	same(t, l.Snapshot(), before)
	must(t, l.Put(a, nil))
	must(t, l.Close())
	if after := read(t, s); after.Serial != 4 || after.Resources[a] != nil || after.Lineage != before.Lineage {
		t.Fatalf("got %+v", after)
	}
	for _, suffix := range []string{"", ".backup", ".journal.backup"} {
		info, err := os.Stat(s.Path() + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", suffix, info, err)
		}
	}
}

func TestSerialCountsOnlyChanges(t *testing.T) {
	s := newStore(t)
	a := image("a")
	l := lock(t, s)
	steps := []struct {
		what   string
		do     func() error
		serial uint64
	}{
		{"begin", func() error { return l.Begin(a, intent(Create, resource(`{}`))) }, 0},
		{"a create that made nothing", func() error { return l.Put(a, nil) }, 0},
		{"put", func() error { return l.Put(a, resource(`{"x":1}`)) }, 1},
		{"put the same, spelled otherwise", func() error { return l.Put(a, resource(`{ "x" : 1 }`)) }, 1},
		{"begin an update", func() error { return l.Begin(a, intent(Update, resource(`{"x":2}`))) }, 1},
		{"an update that changed nothing", func() error { return l.Put(a, resource(`{"x":1}`)) }, 1},
		{"put another", func() error { return l.Put(a, resource(`{"x":2}`)) }, 2},
		{"no outputs", func() error { return l.SetOutputs(nil) }, 2},
		{"outputs", func() error { return l.SetOutputs(map[string]Output{"o": {Value: json.RawMessage(`1`)}}) }, 3},
		{"the same outputs", func() error { return l.SetOutputs(map[string]Output{"o": {Value: json.RawMessage(`1`)}}) }, 3},
		{"remove", func() error { return l.Put(a, nil) }, 4},
		{"remove nothing", func() error { return l.Put(a, nil) }, 4},
	}
	for _, step := range steps {
		must(t, step.do())
		if snap := read(t, s); snap.Serial != step.serial {
			t.Fatalf("%s: serial %d, want %d", step.what, snap.Serial, step.serial)
		}
	}
	must(t, l.Close())
	if snap := read(t, s); snap.Serial != 4 || snap.Unfinished != nil {
		t.Fatalf("folded: %+v", snap)
	}
}

// What a caller does to its own values, or to a snapshot it got, never
// reaches the state, nor hides a change from it.
func TestNothingIsShared(t *testing.T) {
	s := newStore(t)
	a := image("a")
	l := lock(t, s)
	mine := resource(`{"x":1}`, image("dep"))
	must(t, l.Put(a, mine))
	mine.Attributes[5], mine.Deps[0], mine.Tainted = '2', image("other"), true
	must(t, l.Put(a, mine))
	must(t, l.Close())

	l = lock(t, s)
	got := l.Snapshot().Resources[a]
	if string(got.Attributes) != `{"x":2}` || got.Deps[0] != image("other") || !got.Tainted {
		t.Fatalf("got %+v", got)
	}
	got.Tainted = false
	got.Attributes[5] = '3'
	must(t, l.Put(a, got))
	must(t, l.Close())
	if now := read(t, s); string(now.Resources[a].Attributes) != `{"x":3}` || now.Resources[a].Tainted || now.Serial != 3 {
		t.Fatalf("got %+v", now.Resources[a])
	}
}

func TestUnfinished(t *testing.T) {
	s := newStore(t)
	a, b, c := image("a"), image("b"), image("c")
	l := lock(t, s)
	must(t, l.Put(c, resource(`{}`)))
	must(t, l.Begin(b, intent(Create, resource(`{"n":"b"}`))))
	must(t, l.Begin(a, intent(Create, resource(`{"n":"a"}`))))
	must(t, l.Begin(c, intent(Delete, nil)))
	must(t, l.Put(c, nil))
	want := []Unfinished{{Addr: b, Intent: intent(Create, resource(`{"n":"b"}`))}, {Addr: a, Intent: intent(Create, resource(`{"n":"a"}`))}}
	l.abandon()
	for range 3 { // folding, and not touching anything, keep them
		if got := read(t, s).Unfinished; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v", got)
		}
		l = lock(t, s)
		if got := l.Snapshot().Unfinished; !reflect.DeepEqual(got, want) {
			t.Fatalf("under the lock: %v", got)
		}
		must(t, l.Close())
	}
	// The run that comes to finish them dies as well: now a has two.
	l = lock(t, s)
	must(t, l.Begin(a, intent(Update, resource(`{"n":"a2"}`))))
	must(t, l.Put(b, resource(`{"n":"b"}`)))
	l.abandon()
	want = []Unfinished{want[1], {Addr: a, Intent: intent(Update, resource(`{"n":"a2"}`))}}
	if got := read(t, s).Unfinished; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v", got)
	}
	l = lock(t, s)
	must(t, l.Put(a, nil))
	must(t, l.Close())
	snap := read(t, s)
	if snap.Unfinished != nil || snap.Serial != 3 {
		t.Fatalf("got %+v", snap)
	}
	if _, err := os.Stat(s.journalPath()); !os.IsNotExist(err) {
		t.Fatal("a journal was left with nothing in it")
	}
}

func TestMove(t *testing.T) {
	s := newStore(t)
	a, b, c, d := image("a"), image("b"), image("c"), image("d")
	l := lock(t, s)
	must(t, l.Put(a, resource(`{"n":1}`)))
	must(t, l.Put(b, resource(`{}`, a)))
	must(t, l.Put(c, resource(`{}`, b, a)))
	must(t, l.Begin(d, intent(Create, resource(`{}`, a))))
	if err := l.Move(a, b); err == nil || !strings.Contains(err.Error(), "already") {
		t.Fatalf("moved over another: %v", err)
	}
	if err := l.Move(image("nothing"), image("e")); err == nil {
		t.Fatal("moved nothing")
	}
	must(t, l.Move(a, image("a2")))
	must(t, l.Move(b, a)) // to where another was
	must(t, l.Put(c, resource(`{"new":1}`, a, image("a2"))))
	must(t, l.Move(image("a2"), image("a3")))
	before := read(t, s)
	l.abandon()
	for name, want := range map[string][]addr.Addr{"a": {image("a3")}, "c": {a, image("a3")}, "a3": nil} {
		if got := before.Resources[image(name)]; got == nil || !reflect.DeepEqual(got.Deps, want) {
			t.Errorf("%s: got %+v, want %v", name, got, want)
		}
	}
	if got := before.Unfinished[0].Resource.Deps; !reflect.DeepEqual(got, []addr.Addr{image("a3")}) {
		t.Errorf("the intent depends on %v", got)
	}
	if before.Serial != 7 || len(before.Resources) != 3 {
		t.Errorf("serial %d, %d resources", before.Serial, len(before.Resources))
	}
	must(t, lock(t, s).Close())
	same(t, read(t, s), before)
}

// What could not be read back is never written.
func TestRefusesWhatItCouldNotRead(t *testing.T) {
	s := newStore(t)
	l := lock(t, s)
	a := image("a")
	must(t, l.Put(a, resource(`{}`)))
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for what, err := range map[string]error{
		"no attributes":        l.Put(a, &Resource{}),
		"broken attributes":    l.Put(a, resource(`{"a":`)),
		"two values":           l.Put(a, resource(`{}{}`)),
		"brackets":             l.Put(a, resource(`{}],[{}`)),
		"an array":             l.Put(a, resource(`[]`)),
		"too deep":             l.Put(a, resource(deep(book.MaxDepth+1))),
		"no address":           l.Put(addr.Addr{}, resource(`{}`)),
		"key without HasKey":   l.Put(addr.Addr{Type: "a", Name: "b", Key: "c"}, resource(`{}`)),
		"key not UTF-8":        l.Put(a.Instance("\xff"), resource(`{}`)),
		"removing no address":  l.Put(addr.Addr{}, nil),
		"moving to no address": l.Move(a, addr.Addr{}),
		"broken dependency":    l.Put(a, resource(`{}`, addr.Addr{})),
		"broken intent":        l.Begin(a, intent(Create, resource(`{`))),
		"unknown intent":       l.Begin(a, intent("make", resource(`{}`))),
		"sensitive value":      l.SetOutputs(map[string]Output{"o": {Sensitive: true, Value: json.RawMessage(`"s3cret"`)}}),
		"broken output":        l.SetOutputs(map[string]Output{"o": {Value: json.RawMessage(`x`)}}),
		"deep output":          l.SetOutputs(map[string]Output{"o": {Value: json.RawMessage(deep(book.MaxDepth + 1))}}),
		"output's name":        l.SetOutputs(map[string]Output{"\xff": {Value: json.RawMessage(`1`)}}),
	} {
		if err == nil {
			t.Errorf("%s: recorded", what)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error tells the secret", what)
		}
	}
	must(t, l.Put(image("b"), resource(deep(book.MaxDepth)))) // the deepest that is taken
	must(t, l.Close())
	if snap := read(t, s); snap.Serial != 2 || len(snap.Resources) != 2 {
		t.Fatalf("got %+v", snap)
	}
	if err := l.Put(a, nil); err == nil {
		t.Fatal("recorded without a lock")
	}
}

func TestSymbolicLink(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "real", "deep"), 0o700))
	must(t, os.MkdirAll(filepath.Join(dir, "here"), 0o700))
	must(t, os.Symlink("../real/deep", filepath.Join(dir, "here", "folder")))
	must(t, os.Symlink("../there.json", filepath.Join(dir, "here", "folder", "s.json"))) // from real/deep
	s := Open(filepath.Join(dir, "here", "folder", "s.json"))
	l := lock(t, s)
	must(t, l.Put(image("a"), resource(`{}`)))
	must(t, l.Close())
	if info, err := os.Lstat(filepath.Join(dir, "real", "there.json")); err != nil || !info.Mode().IsRegular() {
		t.Fatalf("the target: %v %v", info, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "real", "deep", "s.json")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Fatalf("the link: %v %v", info, err)
	}
}

func TestPlacesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir).Read(); err == nil || !strings.Contains(err.Error(), "a directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Open(dir).Lock(t.Context(), LockInfo{}); err == nil || !strings.Contains(err.Error(), "a directory") {
		t.Errorf("locking a directory: %v", err)
	}
	gone := Open(filepath.Join(dir, "gone", "s.json"))
	if snap, err := gone.Read(); err != nil || snap.Lineage != "" {
		t.Errorf("in no folder: %v %v", snap, err)
	}
	if _, err := gone.Lock(t.Context(), LockInfo{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("locking in no folder: %v", err)
	}
}
