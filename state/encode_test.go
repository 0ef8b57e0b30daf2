package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hostler/hcl/addr"
)

func golden() *Snapshot {
	return &Snapshot{
		Lineage: "KEEPME",
		Serial:  7,
		Resources: map[addr.Addr]*Resource{
			image("b"): {SchemaVersion: 2, Attributes: json.RawMessage(`{"name":"b","list":[1,{}],"text":"a<b>&c"}`),
				Deps: []addr.Addr{image("a").Instance(`x"y`)}, PreventDestroy: true},
			image("a").Instance(`x"y`): {Attributes: json.RawMessage(`{}`), Tainted: true},
			image("a"):                 {Attributes: json.RawMessage(`{"size":12345678901234567890}`)},
		},
		Outputs: map[string]Output{
			"url":    {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"http://x"`)},
			"secret": {Type: json.RawMessage(`"string"`), Sensitive: true},
		},
	}
}

var current = format{version: Version}

func TestGoldenFile(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	must(t, err)
	for range 20 { // maps have no order
		got, err := current.encode(golden())
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Fatalf("got\n%s", got)
		}
	}
	snap, err := current.decode(want, false)
	must(t, err)
	same(t, snap, golden())
}

// damages are ways to spoil the golden file, and what must be said of them.
var damages = []struct {
	name   string
	spoil  func(file []byte) []byte
	reason string
	advice string
}{
	{"empty", func([]byte) []byte { return nil }, "is empty", adviceRecover},
	{"zeros", func(f []byte) []byte { return make([]byte, len(f)) }, "zero bytes", adviceRecover},
	{"cut off", func(f []byte) []byte { return f[:57] }, "cut off after 57 bytes", adviceRecover},
	{"doubled", func(f []byte) []byte { return append(f, f...) }, "is not JSON", adviceRecover},
	{"prose", func([]byte) []byte { return []byte("hello\n") }, "is not JSON: line 1", adviceRecover},
	{"a list", func([]byte) []byte { return []byte("[]") }, "not a hostler state", adviceForeign},
	{"other JSON", func([]byte) []byte { return []byte(`{"version":1}`) }, "not a hostler state", adviceForeign},
	{"terraform", func([]byte) []byte {
		return []byte(`{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"x","outputs":{},"resources":[]}`)
	}, "is a Terraform state", adviceForeign},
	{"newer", replacing(`"version": 1`, `"version": 2`), "written by a newer hostler", adviceNewer},
	{"edited", replacing(`"b"`, `"c"`), "changed by something else", adviceEdited},
	{"serial edited", replacing(`"serial": 7`, `"serial": 8`), "changed by something else", adviceEdited},
	{"checksum emptied", func(f []byte) []byte {
		at := bytes.Index(f, []byte(`"checksum": "`)) + len(`"checksum": "`)
		return append(bytes.Clone(f[:at]), f[at+64:]...)
	}, "changed by something else", adviceEdited},
	{"reformatted", func(f []byte) []byte {
		var b bytes.Buffer
		_ = json.Compact(&b, f)
		return b.Bytes()
	}, "changed by something else", adviceEdited},
}

func replacing(old, with string) func([]byte) []byte {
	return func(f []byte) []byte { return bytes.Replace(f, []byte(old), []byte(with), 1) }
}

// No damaged file is read, locked or overwritten.
func TestDamageIsRefused(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	must(t, err)
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			s := newStore(t)
			spoilt := d.spoil(bytes.Clone(file))
			must(t, os.WriteFile(s.Path(), spoilt, 0o600))
			_, readErr := s.Read()
			_, lockErr := s.Lock(t.Context(), LockInfo{})
			for _, err := range []error{readErr, lockErr} {
				damaged, ok := errors.AsType[*DamagedError](err)
				if !ok || !strings.Contains(damaged.Reason, d.reason) || damaged.Advice != d.advice || damaged.Path != s.Path() {
					t.Fatalf("got %v", err)
				}
				if !strings.Contains(err.Error(), "hostler state recover") {
					t.Fatalf("no way out: %v", err)
				}
			}
			if now, _ := os.ReadFile(s.Path()); !bytes.Equal(now, spoilt) {
				t.Fatal("the file was changed")
			}
			if g, err := takeLock(s.lockPath()); err != nil || g == nil {
				t.Fatal("the lock was kept")
			} else {
				must(t, g.release())
			}
		})
	}
}

// What an edit can get wrong is said before it is accepted.
func TestInvalidEdits(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	must(t, err)
	for reason, spoil := range map[string]func([]byte) []byte{
		"unknown field":        replacing(`"tainted"`, `"taimted"`),
		"there twice":          replacing(`"image.b"`, `"image.a"`),
		"not a JSON object":    replacing(`"attributes": {}`, `"attributes": []`),
		"address":              replacing(`"image.b"`, `"image"`),
		"no lineage":           replacing(`"KEEPME"`, `""`),
		"out of range":         replacing(`"serial": 7`, `"serial": 9007199254740993`),
		"must not be recorded": replacing(`"value": null`, `"value": "s"`),
		"line 10":              replacing(`"sensitive": true`, `"sensitive" true`),
	} {
		_, err := current.decode(spoil(bytes.Clone(file)), true)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

func TestUpgrade(t *testing.T) {
	s := newStore(t)
	l := lock(t, s)
	must(t, l.Put(image("a"), resource(`{"old":1}`)))
	must(t, l.Close())
	before := read(t, s)

	next := Open(s.Path())
	next.format = format{version: 3, upgrades: map[int]func([]byte) ([]byte, error){
		1: func(doc []byte) ([]byte, error) { return bytes.Replace(doc, []byte(`"old"`), []byte(`"mid"`), 1), nil },
		2: func(doc []byte) ([]byte, error) { return bytes.Replace(doc, []byte(`"mid"`), []byte(`"new"`), 1), nil },
	}}
	before.Resources[image("a")].Attributes = json.RawMessage(`{"new":1}`)
	same(t, read(t, next), before)
	l = lock(t, next)
	must(t, l.Put(image("b"), resource(`{}`)))
	must(t, l.Close())
	if file, err := os.ReadFile(s.Path()); err != nil || !bytes.HasPrefix(file, []byte("{\n  \"version\": 3,")) {
		t.Fatalf("%v %s", err, file)
	}
	if got := read(t, next); !reflect.DeepEqual(got.Resources[image("a")], before.Resources[image("a")]) {
		t.Fatalf("got %+v", got.Resources[image("a")])
	}
	if _, err := s.Read(); err == nil || !strings.Contains(err.Error(), "newer hostler") {
		t.Fatalf("the old one read it: %v", err)
	}
	if _, err := s.Recover(t.Context(), LockInfo{}, false); err == nil || !strings.Contains(err.Error(), "newer hostler") {
		t.Fatalf("the old one went back: %v", err)
	}

	next.format.upgrades[1] = func([]byte) ([]byte, error) { return nil, errors.New("no") }
	must(t, os.Rename(s.backupPath(), s.path)) // version 1 again
	for _, up := range []map[int]func([]byte) ([]byte, error){next.format.upgrades, nil} {
		next.format.upgrades = up
		if _, err := next.Read(); err == nil || !strings.Contains(err.Error(), "from") {
			t.Fatalf("read without a way up: %v", err)
		}
	}
}

// Whatever is read is read the same after it was written.
func FuzzReadSnapshot(f *testing.F) {
	file, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file, true)
	for _, d := range damages {
		f.Add(d.spoil(bytes.Clone(file)), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, acceptEdits bool) {
		snap, err := current.decode(data, acceptEdits)
		if err != nil {
			if _, ok := errors.AsType[*damage](err); !ok || err.Error() == "" {
				t.Fatalf("not damage: %v", err)
			}
			return
		}
		again, err := current.encode(snap)
		must(t, err)
		back, err := current.decode(again, false)
		must(t, err)
		same(t, back, snap)
	})
}

// A journal is refused or followed, whatever is cut off or spoilt, and what
// can be salvaged is at least what can be read.
func FuzzReadJournal(f *testing.F) {
	head, err := encodeJournal("KEEPME", 7, []Unfinished{{image("n"), Intent{Create, resource(`{}`)}}})
	if err != nil {
		f.Fatal(err)
	}
	lines := head
	for _, rec := range []record{
		{Do: doPut, Serial: 8, Address: image("n"), Resource: resource(`{}`, image("a"))},
		{Do: doMove, Serial: 9, Address: image("a"), To: image("z")},
		{Do: doRemove, Serial: 10, Address: image("b")},
		{Do: doOutputs, Serial: 11},
	} {
		line, err := encodeLine(rec)
		if err != nil {
			f.Fatal(err)
		}
		lines = append(lines, line...)
	}
	f.Add(lines, true)
	f.Add(lines[:len(lines)-9], false)
	f.Add(head, false)
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend { // give every line a good checksum, to get behind it
			data = mended(data)
		}
		whole, err := parseJournal(data)
		some, salvageErr := salvage(data)
		if err != nil {
			if _, ok := errors.AsType[*damage](err); !ok {
				t.Fatalf("not damage: %v", err)
			}
			return
		}
		if salvageErr != nil || !reflect.DeepEqual(whole.records, some.records) || whole.end != some.end {
			t.Fatalf("salvaged something else: %v", salvageErr)
		}
		if whole.size > int64(len(data)) || whole.size > 0 && data[whole.size-1] != '\n' {
			t.Fatalf("size %d of %d", whole.size, len(data))
		}
		v := newView(golden())
		if v.follow(whole) == nil && (v.serial != whole.end || v.snapshot() == nil) {
			t.Fatalf("led to %d, not %d", v.serial, whole.end)
		}
	})
}

func mended(data []byte) []byte {
	var out []byte
	rest := data
	for {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			return append(out, line...)
		}
		_, text, _ := bytes.Cut(line, []byte(" "))
		out = append(out, frame(text)...)
		rest = more
	}
}
