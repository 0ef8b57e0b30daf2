package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// note is the object of a toy type: a JSON file in a folder.
type note struct {
	Folder string `cty:"folder" json:"-"` // replaces
	Text   string `cty:"text" json:"text"`
	Size   int    `cty:"size" json:"size"`
	Remark string `cty:"remark" json:"-"` // configuration only
	Name   string `cty:"name" json:"-"`   // identity
	Sealed bool   `cty:"sealed" json:"sealed"`
}

// toy is a sound CRUD of notes, unless flaw names what is broken in it.
type toy struct {
	root string
	mac  *testbed.Mac
	flaw string
}

const canary = "canary-7f3a"

func noteType(t *toy) *providers.Type {
	return providers.NewType(providers.Def[note]{
		CRUD: t,
		ID: func(n *note) string {
			if t.flaw == "no ID" {
				return ""
			}
			return n.Folder + "/" + n.Name
		},
		Schema: &schema.Block{Type: "note", Doc: "A note.", Attrs: []schema.Attr{
			{Name: "folder", Doc: "Where.", Type: schema.String, Required: true, Replace: true},
			{Name: "text", Doc: "What.", Type: schema.String},
			{Name: "size", Doc: "How much.", Type: schema.Int, Default: cty.NumberIntVal(1)},
			{Name: "remark", Doc: "Why.", Type: schema.String},
			{Name: "name", Doc: "Name.", Type: schema.String, Computed: true},
			{Name: "sealed", Doc: "Sealed.", Type: schema.Bool, Computed: true},
		}},
	})
}

func (t *toy) file(n *note) string { return filepath.Join(t.root, n.Folder, n.Name+".json") }
func (t *toy) temp(n *note) string { return t.file(n) + ".tmp" }

func (t *toy) Resolve(_ context.Context, r *providers.Resolve[note]) error {
	if r.Want.Text == "bad" && t.flaw != "error without a place" {
		return providers.AttrErrorf(map[bool]string{true: "size", false: "text"}[t.flaw == "error at a wrong place"], "bad text")
	} else if r.Want.Text == "bad" {
		return errors.New("bad text")
	}
	if r.Have == nil || r.Replacing {
		r.Want.Name = r.Name
	}
	r.Want.Sealed = t.flaw != "plan takes over what it finds" || r.Have == nil || r.Have.Sealed
	if t.flaw == "plan never ends" && r.Have != nil {
		r.Want.Remark += "x"
	}
	if r.Have == nil && t.flaw != "resolve does not look" {
		if _, err := os.Lstat(t.file(r.Want)); err == nil {
			return t.exists(r.Want)
		}
	}
	return nil
}

func (t *toy) exists(n *note) error {
	return &providers.ExistsError{What: "note", ID: n.Folder + "/" + n.Name}
}

func (t *toy) Read(_ context.Context, have *note) (*note, error) {
	if t.flaw == "a call for each read" {
		cmd := exec.Command(t.mac.Tool("sw_vers"))
		cmd.Env = t.mac.Environ()
		if err := cmd.Run(); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(t.file(have))
	if errors.Is(err, fs.ErrNotExist) && t.flaw != "gone is an error" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	got := *have
	if t.flaw == "reads from memory" {
		return &got, nil
	}
	if t.flaw == "forgets the configuration" {
		got.Remark = ""
	}
	return &got, json.Unmarshal(data, &got)
}

func (t *toy) Create(ctx context.Context, want *note) (*note, error) {
	if t.flaw == "deaf" {
		time.Sleep(2 * time.Second)
	} else if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := os.MkdirAll(filepath.Dir(t.file(want)), 0o755); err != nil {
		return nil, err
	}
	data, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	switch t.flaw {
	case "create overwrites":
		return want, os.WriteFile(t.file(want), data, 0o600)
	case "create in place":
		f, err := os.OpenFile(t.file(want), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil, t.exists(want)
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		_, err = f.Write(data)
		return want, err
	case "create by halves":
		if _, err := os.Lstat(t.file(want)); err == nil {
			return nil, t.exists(want)
		}
		cmd := exec.Command(t.mac.Tool("install"), "-m", "0644", "/dev/stdin", "/tmp/"+want.Name)
		cmd.Env, cmd.Stdin = t.mac.Environ(), strings.NewReader("half")
		if err := cmd.Run(); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(t.temp(want), data, 0o600); err != nil {
		return nil, err
	}
	err = os.Link(t.temp(want), t.file(want))
	os.Remove(t.temp(want))
	if errors.Is(err, fs.ErrExist) {
		return nil, t.exists(want)
	}
	if t.flaw == "leaks into a file" {
		os.WriteFile(t.file(want)+".log", []byte("the password is "+canary), 0o600)
	}
	if t.flaw == "leaks into an error" {
		return nil, errors.New("no access with " + canary)
	}
	got := *want
	if t.flaw == "answers something else" {
		got.Size++
	}
	return &got, err
}

func (t *toy) Update(_ context.Context, have, want *note) (*note, error) {
	next := *want
	if t.flaw == "update forgets" {
		next.Size = have.Size
	}
	data, err := json.Marshal(next)
	if err != nil {
		return have, err
	}
	if err := os.WriteFile(t.temp(want), data, 0o600); err != nil {
		return have, err
	}
	if err := os.Rename(t.temp(want), t.file(want)); err != nil {
		return have, err
	}
	return want, nil
}

func (t *toy) Delete(_ context.Context, have *note) error {
	err := os.Remove(t.file(have))
	if errors.Is(err, fs.ErrNotExist) && t.flaw != "deletes once" {
		return nil
	}
	if t.flaw == "delete leaves something" {
		return os.WriteFile(t.file(have)+".bak", nil, 0o600)
	}
	return err
}

func (t *toy) Find(ctx context.Context, want *note) (*note, error) {
	if t.flaw == "find is blind" {
		return nil, nil
	}
	if t.flaw != "find does not sweep" {
		os.Remove(t.temp(want))
	}
	got, err := t.Read(ctx, want)
	if err != nil || got == nil || *got == *want || t.flaw == "find adopts" {
		return got, err
	}
	return nil, errors.New("another note stands there")
}

func (t *toy) Import(ctx context.Context, id string) (*note, error) {
	folder, name, _ := strings.Cut(id, "/")
	n := &note{Folder: folder, Name: name}
	got, err := t.Read(ctx, n)
	if got != nil && t.flaw == "imports something else" {
		got.Size = 77
	}
	return got, err
}

// toySuite is the suite of notes, with that flaw. withMac gives the world a
// simulated Mac.
func toySuite(flaw string, withMac bool) Suite {
	want := func(text string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{
			"folder": cty.StringVal("f"), "text": cty.StringVal(text), "size": cty.NumberIntVal(3), "remark": cty.StringVal("r"),
			"name": cty.NullVal(cty.String), "sealed": cty.NullVal(cty.Bool),
		})
	}
	edit := func(old, new string) func(*World, cty.Value) error {
		return func(w *World, _ cty.Value) error {
			name := filepath.Join(w.Root, "f", "a.json")
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if !strings.Contains(string(data), old) {
				return fmt.Errorf("%s is not in %s", old, data)
			}
			return os.WriteFile(name, []byte(strings.Replace(string(data), old, new, 1)), 0o600)
		}
	}
	return Suite{
		World: func(dir string) (*World, error) {
			w := &World{Root: filepath.Join(dir, "files")}
			if err := os.MkdirAll(w.Root, 0o755); err != nil {
				return nil, err
			}
			if withMac {
				mac, err := testbed.Open(filepath.Join(dir, "mac"))
				if err != nil {
					if mac, err = testbed.New(filepath.Join(dir, "mac"), mactest.Tools(), testbed.Spec{}); err != nil {
						return nil, err
					}
				}
				w.Mac = mac
			}
			w.Type = noteType(&toy{w.Root, w.Mac, flaw})
			return w, nil
		},
		Addr:       addr.New("note", "a"),
		Want:       want("t"),
		Changes:    map[string]cty.Value{"text": cty.StringVal("u"), "size": cty.NumberIntVal(4), "remark": cty.StringVal("s")},
		ConfigOnly: []string{"remark"},
		Identity:   []string{"folder", "name"},
		Drifts: map[string]func(*World, cty.Value) error{
			"text": edit(`"t"`, `"x"`), "size": edit("3", "9"), "sealed": edit("true", "false"),
		},
		Gone: func(w *World, _ cty.Value) error { return os.Remove(filepath.Join(w.Root, "f", "a.json")) },
		Foreign: func(w *World, _ cty.Value) error {
			if err := os.MkdirAll(filepath.Join(w.Root, "f"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(w.Root, "f", "a.json"), []byte(`{"text": "foreign"}`), 0o600)
		},
		ImportLoses: []string{"remark"},
		Wrong:       []Wrong{{"bad text", want("bad"), cty.GetAttrPath("text")}},
		Canary:      canary,
	}
}
