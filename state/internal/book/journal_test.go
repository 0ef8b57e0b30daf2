package book

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hostler/hcl/addr"
)

// written makes changes of every kind to a view of the golden file, and
// returns the lines, with the snapshot that each led to.
func written(t testing.TB) (lines [][]byte, led []*Snapshot) {
	t.Helper()
	head, err := EncodeJournal("KEEPME", 7, nil)
	must(t, err)
	v := NewView(golden())
	add := func(line []byte, err error) {
		t.Helper()
		must(t, err)
		if line == nil {
			t.Fatal("no line")
		}
		lines, led = append(lines, line), append(led, v.Snapshot())
	}
	add(head, nil)
	add(v.Begin(image("n"), Intent{Op: Create, Resource: resource(`{"n":1}`, image("a"))}))
	add(v.Begin(image("b"), Intent{Op: Delete}))
	add(v.Put(image("n"), resource(` { "n" : 1 } `, image("a"))))
	add(v.Move(image("a"), image("z")))
	add(v.Put(image("b"), nil))
	add(v.SetOutputs(map[string]Output{"o": {Value: json.RawMessage(`1`)}}))
	add(v.Begin(image("n"), Intent{Op: Update, Resource: resource(`{"n":2}`)}))
	add(v.Put(image("n"), resource(`{"n":1}`, image("z")))) // changes nothing, but ends what was begun
	return lines, led
}

// Whatever a view says in lines, another one reads from them, wherever the
// writer died.
func TestLines(t *testing.T) {
	lines, led := written(t)
	text := slices.Concat(lines...)
	for cut := len(lines[0]); cut <= len(text); cut++ {
		j, err := ParseJournal(text[:cut])
		must(t, err)
		v := NewView(golden())
		must(t, v.Follow(j))
		whole := bytes.Count(text[:cut], []byte("\n"))
		same(t, v.Snapshot(), led[whole-1])
		if j.End != v.Serial() || j.Size != int64(len(slices.Concat(lines[:whole]...))) || j.Empty() != (whole == 1) {
			t.Fatalf("after %d lines: %+v", whole, j)
		}
	}
	// A view that has it all already takes only the intents.
	j, err := ParseJournal(slices.Concat(lines[:8]...))
	must(t, err)
	if !j.Changes() || !j.Continues("KEEPME", 7) || j.Continues("KEEPME", 8) || j.Continues("other", 7) {
		t.Fatalf("%+v", j)
	}
	file, err := led[7].Encode()
	must(t, err)
	snap, err := current.Decode(file, false)
	must(t, err)
	v := NewView(snap)
	must(t, v.Follow(j))
	same(t, v.Snapshot(), led[7])
	if open := v.Open(); len(open) != 1 || open[0].Addr != image("n") || open[0].Op != Update {
		t.Fatalf("open %+v", open)
	}
}

// What changes nothing is not written, and what is refused changes nothing.
func TestNoLines(t *testing.T) {
	v := NewView(golden())
	a := image("a")
	for what, add := range map[string]func() ([]byte, error){
		"the same":         func() ([]byte, error) { return v.Put(a, resource(`{ "size" : 12345678901234567890 }`)) },
		"removing nothing": func() ([]byte, error) { return v.Put(image("none"), nil) },
		"the same outputs": func() ([]byte, error) { return v.SetOutputs(golden().Outputs) },
	} {
		if line, err := add(); line != nil || err != nil {
			t.Errorf("%s: %q %v", what, line, err)
		}
	}
	for what, add := range map[string]func() ([]byte, error){
		"nothing to move":   func() ([]byte, error) { return v.Move(image("none"), image("x")) },
		"moving over":       func() ([]byte, error) { return v.Move(a, image("b")) },
		"broken attributes": func() ([]byte, error) { return v.Put(a, resource(`{`)) },
		"no attributes":     func() ([]byte, error) { return v.Begin(a, Intent{Op: Create, Resource: &Resource{}}) },
		"no operation":      func() ([]byte, error) { return v.Begin(a, Intent{}) },
		"no address":        func() ([]byte, error) { return v.Put(addr.Addr{}, nil) },
		"too deep": func() ([]byte, error) {
			return v.SetOutputs(map[string]Output{"o": {Value: []byte(strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1))}})
		},
	} {
		if line, err := add(); line != nil || err == nil {
			t.Errorf("%s: %q %v", what, line, err)
		}
	}
	same(t, v.Snapshot(), golden())
}

// Salvage keeps every line that can be read, and tells how many may be missing
// at the end.
func TestSalvage(t *testing.T) {
	lines, _ := written(t)
	for spoilt := range lines {
		bad := slices.Clone(lines)
		bad[spoilt] = append([]byte("x"), bad[spoilt]...)
		text := slices.Concat(bad...)
		if _, err := ParseJournal(text); err == nil {
			t.Errorf("line %d: parsed", spoilt+1)
		}
		j, lost, err := Salvage(text)
		if err == nil || j == nil {
			t.Fatalf("line %d: %v", spoilt+1, err)
		}
		want := 0
		if spoilt == len(lines)-1 {
			want = 1
		}
		if lost != want || len(j.records) != len(lines)-1-min(spoilt, 1) {
			t.Errorf("line %d: %d records, %d lost", spoilt+1, len(j.records), lost)
		}
	}
	if j, lost, err := Salvage([]byte("x\ny\nz")); j != nil || lost != 2 || err == nil {
		t.Errorf("nothing but bad lines: %v %d %v", j, lost, err)
	}
	whole := slices.Concat(lines...)
	if j, lost, err := Salvage(append(whole, "torn"...)); j == nil || lost != 0 || err != nil {
		t.Errorf("a torn line: %v %d %v", j, lost, err)
	}
}

// A journal is refused or followed, whatever is cut off or spoilt, and what
// can be salvaged is at least what can be read.
func FuzzReadJournal(f *testing.F) {
	head, err := EncodeJournal("KEEPME", 7, []Unfinished{{image("n"), Intent{Create, resource(`{}`)}}})
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
		whole, err := ParseJournal(data)
		some, lost, salvageErr := Salvage(data)
		if err != nil {
			if _, ok := errors.AsType[*Damage](err); !ok {
				t.Fatalf("not damage: %v", err)
			}
			return
		}
		if salvageErr != nil || lost != 0 || !reflect.DeepEqual(whole.records, some.records) || whole.End != some.End {
			t.Fatalf("salvaged something else: %v", salvageErr)
		}
		if whole.Size > int64(len(data)) || whole.Size > 0 && data[whole.Size-1] != '\n' {
			t.Fatalf("size %d of %d", whole.Size, len(data))
		}
		v := NewView(golden())
		if v.Follow(whole) == nil && (v.serial != whole.End || v.Snapshot() == nil) {
			t.Fatalf("led to %d, not %d", v.serial, whole.End)
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
