package book

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

func same(t testing.TB, got, want *Snapshot) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := got.Encode()
		w, _ := want.Encode()
		t.Fatalf("got  %s\n%v\nwant %s\n%v", g, got.Unfinished, w, want.Unfinished)
	}
}

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

var current = Format{Version: Version}

func TestGoldenFile(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	must(t, err)
	for range 20 { // maps have no order
		got, err := current.Encode(golden())
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Fatalf("got\n%s", got)
		}
	}
	snap, err := current.Decode(want, false)
	must(t, err)
	same(t, snap, golden())
}

// What helps against a damage is told by its kind.
func TestKinds(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	must(t, err)
	for what, want := range map[string]struct {
		data []byte
		kind Kind
	}{
		"cut off":   {file[:57], Broken},
		"edited":    {replacing(`"b"`, `"c"`)(file), Edited},
		"a list":    {[]byte("[]"), Foreign},
		"terraform": {[]byte(`{"version":4,"terraform_version":"1.11.4"}`), Foreign},
		"newer":     {replacing(`"version": 1`, `"version": 2`)(file), Newer},
	} {
		_, err := current.Decode(want.data, false)
		if d, ok := errors.AsType[*Damage](err); !ok || d.Kind != want.kind {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func replacing(old, with string) func([]byte) []byte {
	return func(f []byte) []byte { return bytes.Replace(f, []byte(old), []byte(with), 1) }
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
		_, err := current.Decode(spoil(bytes.Clone(file)), true)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", reason, err)
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
	f.Fuzz(func(t *testing.T, data []byte, acceptEdits bool) {
		snap, err := current.Decode(data, acceptEdits)
		if err != nil {
			if _, ok := errors.AsType[*Damage](err); !ok || err.Error() == "" {
				t.Fatalf("not damage: %v", err)
			}
			return
		}
		again, err := current.Encode(snap)
		must(t, err)
		back, err := current.Decode(again, false)
		must(t, err)
		same(t, back, snap)
	})
}
