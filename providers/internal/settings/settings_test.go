package settings_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
)

type doc struct {
	Name   string      `json:"-"`
	Size   schema.Size `json:"size"`
	Count  int         `json:"count"`
	Labels []string    `json:"labels,omitempty"`
	Inner  inner       `json:"inner"`
	State  string      `json:"-"`
}

type inner struct {
	On bool `json:"on"`
}

func documents(t *testing.T) (settings.Documents[doc], string) {
	root := t.TempDir()
	return settings.Documents[doc]{
		Store: settings.Store{Mac: machine.Local(root, []string{"HOME=/Users/admin"})},
		Name:  func(d *doc) string { return "things/" + d.Name + ".json" },
		Flaw:  func(d *doc) *string { return &d.State },
		ID:    func(d *doc) string { return d.Name },
		What:  "thing",
		Keep:  func(from, to *doc) { to.Name = from.Name },
	}, filepath.Join(root, "Users/admin/Library/Application Support/hostler/things/a.json")
}

func sample() *doc {
	return &doc{Name: "a", Size: 8 << 30, Count: 3, Labels: []string{"x"}, Inner: inner{On: true}, State: settings.Sound}
}

const written = `{
  "size": "8GiB",
  "count": 3,
  "labels": [
    "x"
  ],
  "inner": {
    "on": true
  }
}
`

func TestADocument(t *testing.T) {
	d, file := documents(t)
	got, err := d.Create(t.Context(), sample())
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Fatalf("%+v, %v", got, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != written {
		t.Errorf("%s, %v", data, err)
	}
	for p, want := range map[string]fs.FileMode{
		file: 0o600, filepath.Dir(file): 0o700, filepath.Dir(filepath.Dir(file)): 0o700,
	} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	var exists *providers.ExistsError
	other := sample()
	other.Count = 4
	if _, err := d.Create(t.Context(), other); !errors.As(err, &exists) || exists.ID != "a" {
		t.Errorf("a second create: %v", err)
	}
	if err := d.Vacant(other); !errors.As(err, &exists) {
		t.Errorf("vacant: %v", err)
	}
	if got, err = d.Read(t.Context(), got); err != nil || got.Count != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = d.Update(t.Context(), got, other); err != nil || !reflect.DeepEqual(got, other) {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		if err := d.Delete(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
	if got, err := d.Read(t.Context(), got); got != nil || err != nil {
		t.Errorf("gone reads as %+v, %v", got, err)
	}
	if err := d.Vacant(other); err != nil {
		t.Errorf("vacant: %v", err)
	}
}

func TestFlaws(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		mode    fs.FileMode
		flaw    string
		count   int // what is still read
	}{
		"as written":    {written, 0o600, settings.Sound, 3},
		"reformatted":   {strings.ReplaceAll(written, "\n", ""), 0o600, settings.Sound, 3},
		"edited":        {strings.Replace(written, "3", "4", 1), 0o600, settings.Sound, 4},
		"empty":         {"", 0o600, "not as written", 0},
		"torn":          {written[:20], 0o600, "not as written", 0},
		"no object":     {"[]", 0o600, "not as written", 0},
		"wrong type":    {strings.Replace(written, "3", `"three"`, 1), 0o600, "not as written", 0},
		"unknown key":   {strings.Replace(written, "{", `{"color": "red",`, 1), 0o600, `unknown key "color"`, 3},
		"unknown below": {strings.Replace(written, `"on": true`, `"on": true, "off": 1`, 1), 0o600, `unknown key "inner.off"`, 3},
		"missing key":   {strings.Replace(written, `"count": 3,`, "", 1), 0o600, `key "count" is missing`, 0},
		"other case":    {strings.Replace(written, `"count"`, `"COUNT"`, 1), 0o600, `unknown key "COUNT"`, 3},
		"other unit":    {strings.Replace(written, "8GiB", "8192MiB", 1), 0o600, "size is not spelt as hostler writes it", 3},
		"no unit":       {strings.Replace(written, "8GiB", "8", 1), 0o600, "not as written", 0},
		"open to all":   {written, 0o644, "mode 0644 instead of 0600", 3},
	} {
		d, file := documents(t)
		if _, err := d.Create(t.Context(), sample()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := d.Read(t.Context(), sample())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasPrefix(got.State, c.flaw) || got.Count != c.count || got.Name != "a" {
			t.Errorf("%s: %+v", name, *got)
		}
		fixed, err := d.Update(t.Context(), got, sample())
		if err != nil || !reflect.DeepEqual(fixed, sample()) {
			t.Errorf("%s: repaired to %+v, %v", name, fixed, err)
		}
	}
}

func TestAnOpenFolderIsAFlaw(t *testing.T) {
	d, file := documents(t)
	if _, err := d.Create(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := d.Read(t.Context(), sample())
	if err != nil || got.State != "its folder has mode 0755 instead of 0700" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = d.Update(t.Context(), got, sample()); err != nil || got.State != settings.Sound {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatIsNoFileIsAnError(t *testing.T) {
	d, file := documents(t)
	if err := os.MkdirAll(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Read(t.Context(), sample()); err == nil {
		t.Errorf("a folder reads as %+v", got)
	}
	if _, err := d.Create(t.Context(), sample()); err == nil {
		t.Error("created over a folder")
	}
}

func TestFind(t *testing.T) {
	d, file := documents(t)
	temp := filepath.Join(filepath.Dir(file), ".a.json.hostler-tmp")
	if got, err := d.Find(t.Context(), sample()); got != nil || err != nil {
		t.Errorf("nothing: %+v, %v", got, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(temp, []byte(written[:9]), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Find(t.Context(), sample()); got != nil || err != nil {
		t.Errorf("half written: %+v, %v", got, err)
	}
	if _, err := os.Stat(temp); err == nil {
		t.Error("what was half written stays")
	}
	if _, err := d.Create(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Find(t.Context(), sample()); err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("finished: %+v, %v", got, err)
	}
	foreign := strings.Replace(written, "3", "4", 1)
	if err := os.WriteFile(file, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Find(t.Context(), sample()); got != nil || err == nil {
		t.Errorf("foreign: %+v, %v", got, err)
	}
	if data, _ := os.ReadFile(file); string(data) != foreign {
		t.Error("it was touched")
	}
}

func TestCancelled(t *testing.T) {
	d, file := documents(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := d.Create(ctx, sample()); got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("create: %+v, %v", got, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it was created")
	}
	if got, err := d.Update(ctx, sample(), sample()); got == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("update: %+v, %v", got, err)
	}
	if err := d.Delete(ctx, sample()); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
}
