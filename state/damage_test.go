package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hostler/state/internal/book"
)

// goldenFile is a sound state file of lineage KEEPME at serial 7.
func goldenFile(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("internal", "book", "testdata", "golden.json"))
	must(t, err)
	return data
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
	file := goldenFile(t)
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
			ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
			defer cancel()
			g, err := s.lockFile().Acquire(ctx, LockInfo{})
			if err != nil {
				t.Fatalf("the lock was kept: %v", err)
			}
			must(t, g.Release())
		})
	}
}

func TestUpgrade(t *testing.T) {
	s := newStore(t)
	l := lock(t, s)
	must(t, l.Put(image("a"), resource(`{"old":1}`)))
	must(t, l.Close())
	before := read(t, s)

	next := Open(s.Path())
	next.format = book.Format{Version: 3, Upgrades: map[int]func([]byte) ([]byte, error){
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

	next.format.Upgrades[1] = func([]byte) ([]byte, error) { return nil, errors.New("no") }
	must(t, os.Rename(s.backupPath(), s.path)) // version 1 again
	for _, up := range []map[int]func([]byte) ([]byte, error){next.format.Upgrades, nil} {
		next.format.Upgrades = up
		if _, err := next.Read(); err == nil || !strings.Contains(err.Error(), "from") {
			t.Fatalf("read without a way up: %v", err)
		}
	}
}
