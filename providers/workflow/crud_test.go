package workflow

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestLifecycle(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	const content = "# Managed by hostler from simple.yml.tmpl: change the template, then apply; edits here are undone.\non: push\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n"
	if b.holds(ci) != content || text(made, "content") != content {
		t.Errorf("the file holds %q, the object %q", b.holds(ci), text(made, "content"))
	}
	if id := b.ID(made); id != "/Users/admin/app:.github/workflows/ci.yml" {
		t.Errorf("id %q", id)
	}
	if info, err := os.Stat(b.on(ci)); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if want := b.resolved(b.simple(nil), b.read(made)); !want.RawEquals(made) {
		t.Errorf("a second plan is not empty: %#v", want)
	}
	b.template("other.yml.tmpl", "on: pull_request\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n")
	want := b.resolved(b.value(attrs{"directory": "/Users/admin/app", "template": "other.yml.tmpl"}), made)
	changed, err := b.Update(t.Context(), made, want)
	b.must(err)
	if !changed.RawEquals(want) || b.holds(ci) != text(want, "content") || !strings.Contains(b.holds(ci), "pull_request") {
		t.Errorf("updated to %q", b.holds(ci))
	}
	for range 2 {
		b.must(b.Delete(t.Context(), changed))
	}
	if all := b.files(); len(all) > 0 || !b.read(changed).IsNull() {
		t.Errorf("left: %v", all)
	}
}

func TestImport(t *testing.T) {
	b := newBed(t)
	b.put(ci, "on: push\n")
	b.put("/Users/admin/a:b/x.yml", "on: push\n")
	b.put(filepath.Join(b.dir, "x.yml"), "on: push\n")
	for id, want := range map[string][2]string{
		"/Users/admin/app:.github/workflows/ci.yml":         {"/Users/admin/app", ".github/workflows/ci.yml"},
		"~/app:.github/workflows/ci.yml":                    {"/Users/admin/app", ".github/workflows/ci.yml"},
		"/Users/admin/x/../app/:./.github/workflows/ci.yml": {"/Users/admin/app", ".github/workflows/ci.yml"},
		"/Users/admin/a:b:x.yml":                            {"/Users/admin/a:b", "x.yml"},
		".:x.yml":                                           {b.dir, "x.yml"},
	} {
		got, _, err := b.Import(t.Context(), id)
		if err != nil || got.IsNull() {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if text(got, "directory") != want[0] || text(got, "path") != want[1] || text(got, "content") != "on: push\n" {
			t.Errorf("%s: %#v", id, got)
		}
	}
	for _, id := range []string{"/Users/admin/app:gone.yml", "/Users/admin/gone:x.yml"} {
		if got, _, err := b.Import(t.Context(), id); err != nil || !got.IsNull() {
			t.Errorf("%s: %#v, %v; want null", id, got, err)
		}
	}
	for _, id := range []string{"", "x.yml", ":x.yml", "/Users/admin/app:", "/Users/admin/app:.", "/Users/admin/app/.github:../ci.yml", "/Users/admin/app:/etc/x.yml", "/Users/admin/app:README.md"} {
		got, _, err := b.Import(t.Context(), id)
		if err == nil || !got.IsNull() || strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q: %#v, %v; want an error", id, got, err)
		}
	}
}

// inTheWay puts something that is no plain file at a path, and says how.
func inTheWay(b *bed) map[string]func(string) error {
	return map[string]func(string) error{
		"symlink to a file": func(p string) error {
			b.put("/elsewhere.yml", "on: push\n")
			return os.Symlink(b.on("/elsewhere.yml"), p)
		},
		"dangling symlink": func(p string) error { return os.Symlink("/nowhere", p) },
		"folder":           func(p string) error { return os.Mkdir(p, 0o755) },
		"pipe":             func(p string) error { return syscall.Mkfifo(p, 0o644) },
	}
}

func TestWhatIsNoPlainFileIsLeftAlone(t *testing.T) {
	for name := range inTheWay(nil) {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			made := b.created(b.simple(nil))
			b.must(os.Remove(b.on(ci)))
			b.must(inTheWay(b)[name](b.on(ci)))
			before, err := os.Lstat(b.on(ci))
			b.must(err)
			refusals(t, b, made, ci)
			after, err := os.Lstat(b.on(ci))
			if err != nil || !os.SameFile(before, after) || b.holds("/elsewhere.yml") != map[bool]string{true: "on: push\n"}[name == "symlink to a file"] {
				t.Error("it was touched")
			}
		})
	}
}

// A folder on the way from the directory to the file that is a symlink could
// lead anywhere, and git keeps nothing behind it.
func TestASymlinkedFolderInThePath(t *testing.T) {
	for _, link := range []string{"/Users/admin/app/.github", "/Users/admin/app/.github/workflows"} {
		b := newBed(t)
		made := b.created(b.simple(nil))
		b.must(os.Rename(b.on(link), b.on("/elsewhere")))
		b.must(os.Symlink(b.on("/elsewhere"), b.on(link)))
		before := b.files()
		refusals(t, b, made, link)
		if after := b.files(); !slices.Equal(before, after) {
			t.Errorf("%v became %v", before, after)
		}
		b.must(os.RemoveAll(b.on("/elsewhere")))
		refusals(t, b, made, link)
	}
}

func TestAFileInPlaceOfAFolder(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	b.must(os.RemoveAll(b.on("/Users/admin/app/.github")))
	b.put("/Users/admin/app/.github", "x")
	refusals(t, b, made, "/Users/admin/app/.github")
}

// refusals wants each operation to fail and to name what is in the way.
func refusals(t *testing.T, b *bed, made cty.Value, what string) {
	t.Helper()
	_, resolve := b.resolve(b.simple(nil), b.Null())
	_, read := b.tryRead(made)
	v, create := b.Create(t.Context(), made)
	_, update := b.Update(t.Context(), made, made)
	_, _, find := b.Find(t.Context(), made)
	_, _, imports := b.Import(t.Context(), b.ID(made))
	for op, err := range map[string]error{
		"resolve": resolve, "read": read, "create": create, "update": update, "find": find, "import": imports, "delete": b.Delete(t.Context(), made),
	} {
		if err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), b.root) {
			t.Errorf("%s: %v; want an error that names %s", op, err, what)
		}
	}
	if !pointsAt(resolve, "path") || !v.IsNull() {
		t.Errorf("resolve: %#v; create: %#v", resolve, v)
	}
}

// The directory itself may lie behind symlinks, as checkouts do.
func TestASymlinkedDirectory(t *testing.T) {
	b := newBed(t)
	b.must(os.MkdirAll(b.on("/Volumes/data/app"), 0o755))
	b.must(os.MkdirAll(b.on("/Users/admin"), 0o755))
	b.must(os.Symlink(b.on("/Volumes/data"), b.on("/Users/admin/src")))
	made := b.created(b.simple(attrs{"directory": "~/src/app"}))
	const there = "/Volumes/data/app/.github/workflows/ci.yml"
	if b.holds(there) == "" || !b.read(made).RawEquals(made) {
		t.Errorf("%v", b.files())
	}
	b.must(b.Delete(t.Context(), made))
	if b.holds(there) != "" {
		t.Error("it still stands")
	}
}

func TestChangedAfterThePlan(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	b.template("other.yml.tmpl", "on: pull_request\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n")
	want := b.resolved(b.value(attrs{"directory": "/Users/admin/app", "template": "other.yml.tmpl"}), made)
	for _, edited := range []string{b.holds(ci) + "# by hand\n", "", strings.ReplaceAll(b.holds(ci), "\n", "\r\n")} {
		b.put(ci, edited)
		now, err := b.Update(t.Context(), made, want)
		if err == nil || !strings.Contains(err.Error(), "changed after the plan") || !strings.Contains(err.Error(), ci) {
			t.Errorf("update: %v", err)
		}
		if now.IsNull() || text(now, "content") != edited || text(now, "template") != "simple.yml.tmpl" {
			t.Errorf("update answered %#v", now)
		}
		if err := b.Delete(t.Context(), made); err == nil || !strings.Contains(err.Error(), "changed after the plan") {
			t.Errorf("delete: %v", err)
		}
		if b.holds(ci) != edited {
			t.Errorf("it was overwritten with %q", b.holds(ci))
		}
	}
	b.must(os.Remove(b.on(ci)))
	if _, err := b.Update(t.Context(), made, want); err == nil || !strings.Contains(err.Error(), "removed after the plan") || len(b.files()) > 0 {
		t.Errorf("update of what is gone: %v; %v", err, b.files())
	}
	b.must(b.Delete(t.Context(), made))
}

// An edited file that a plan has seen is repaired, or deleted.
func TestWhatThePlanSawMayGo(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	b.put(ci, "edited")
	got := b.read(made)
	_, err := b.Update(t.Context(), got, b.resolved(b.simple(nil), got))
	b.must(err)
	if b.holds(ci) != text(made, "content") {
		t.Errorf("%q", b.holds(ci))
	}
	b.put(ci, "edited")
	b.must(b.Delete(t.Context(), b.read(made)))
	if len(b.files()) > 0 {
		t.Errorf("%v", b.files())
	}
}

func TestCancelled(t *testing.T) {
	b := newBed(t)
	want := b.resolved(b.simple(nil), b.Null())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.Create(ctx, want); !errors.Is(err, context.Canceled) || !got.IsNull() || len(b.files()) > 0 {
		t.Errorf("create: %#v, %v; made %v", got, err, b.files())
	}
	made := b.created(b.simple(nil))
	b.template("other.yml.tmpl", "on: pull_request\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: ls}]}}\n")
	want = b.resolved(b.value(attrs{"directory": "/Users/admin/app", "template": "other.yml.tmpl"}), made)
	if got, err := b.Update(ctx, made, want); !errors.Is(err, context.Canceled) || !got.RawEquals(made) {
		t.Errorf("update: %#v, %v", got, err)
	}
	if err := b.Delete(ctx, made); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
	if b.holds(ci) != text(made, "content") {
		t.Errorf("the file holds %q", b.holds(ci))
	}
}

// What state and plan files keep of an edited file is what the next read
// finds, whatever bytes are in it: otherwise no saved plan would ever apply.
func TestAnyBytesSurviveTheRecord(t *testing.T) {
	for name, edited := range map[string]string{
		"Latin-1": "# caf\xe9\n", "binary": "\x00\xff\xfe\x01", "a half": "\xed\xa0\x80", "decomposed": "# cafe\u0301\n",
		"byte order mark": "\ufeffon: push\n", "line separators": "a\u2028b\u2029c", "controls": "\x1b[31m\x7f\u0085",
	} {
		b := newBed(t)
		made := b.created(b.simple(nil))
		b.put(ci, edited)
		got := b.read(made)
		raw, err := b.Encode(got)
		b.must(err)
		back, err := b.Decode(raw, b.Schema.Version)
		b.must(err)
		if !back.RawEquals(got) {
			t.Errorf("%s: recorded as %#v, read as %#v", name, back, got)
		}
		if _, err := b.Update(t.Context(), back, b.resolved(b.simple(nil), back)); err != nil {
			t.Errorf("%s: update from the record: %v", name, err)
		}
	}
}

// Composed and decomposed letters are one text, in the template, in the file
// and in names.
func TestUnicodeNormalization(t *testing.T) {
	b := newBed(t)
	b.template("n.yml.tmpl", "on: push\nname: cafe\u0301\n")
	block := b.value(attrs{"directory": "/Users/admin/u\u0308ber", "path": "cafe\u0301.yml", "template": "n.yml.tmpl"})
	made := b.created(block)
	const file = "/Users/admin/\u00fcber/caf\u00e9.yml"
	if !strings.Contains(b.holds(file), "name: caf\u00e9\n") {
		t.Errorf("%v: %q", b.files(), b.holds(file))
	}
	b.put(file, strings.Replace(b.holds(file), "caf\u00e9", "cafe\u0301", 1))
	if got := b.read(made); !got.RawEquals(b.resolved(block, got)) {
		t.Errorf("a second plan is not empty: %q", text(got, "content"))
	}
	got, _, err := b.Import(t.Context(), b.ID(made))
	if err != nil || got.IsNull() {
		t.Errorf("%#v, %v", got, err)
	}
}

// A file's mode is its owner's affair: git keeps none but the x bit, GitHub
// heeds not even that. It is not compared, and no update changes it.
func TestTheModeIsTheOwners(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	for _, mode := range []fs.FileMode{0o600, 0o664, 0o755} {
		b.must(os.Chmod(b.on(ci), mode))
		got := b.read(made)
		if !got.RawEquals(b.resolved(b.simple(nil), got)) {
			t.Errorf("mode %v is drift", mode)
		}
		b.put(ci, "edited")
		got = b.read(made)
		_, err := b.Update(t.Context(), got, b.resolved(b.simple(nil), got))
		b.must(err)
		if info, err := os.Stat(b.on(ci)); err != nil || info.Mode() != mode {
			t.Errorf("mode %v became %v, %v", mode, info.Mode(), err)
		}
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	b := newBed(t)
	made := b.created(b.simple(nil))
	b.must(os.Chmod(b.on(ci), 0))
	if _, err := b.tryRead(made); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), ci) {
		t.Errorf("%v", err)
	}
}

const remains = "/Users/admin/app/.github/workflows/.ci.yml.hostler-tmp"

func TestFind(t *testing.T) {
	b := newBed(t)
	want := b.resolved(b.simple(nil), b.Null())
	b.put(remains, "# Mana")
	if got, _, err := b.Find(t.Context(), want); err != nil || !got.IsNull() || len(b.files()) > 0 {
		t.Errorf("half written: %#v, %v; left %v", got, err, b.files())
	}
	b.put(ci, text(want, "content"))
	b.must(os.Link(b.on(ci), b.on(remains)))
	if got, _, err := b.Find(t.Context(), want); err != nil || !got.RawEquals(want) || !slices.Equal(b.files(), []string{ci}) {
		t.Errorf("in place: %#v, %v; left %v", got, err, b.files())
	}
	b.put(ci, "on: push\n")
	_, _, err := b.Find(t.Context(), want)
	if err == nil || !strings.Contains(err.Error(), ci) || !strings.Contains(err.Error(), "state rm") || !strings.Contains(err.Error(), b.ID(want)) || b.holds(ci) != "on: push\n" {
		t.Errorf("foreign: %v; it holds %q", err, b.holds(ci))
	}
}

// What a killed update left beside the file goes with it.
func TestDeleteLeavesNothingOfAKilledUpdate(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	b.put(remains, "# Mana")
	b.must(b.Delete(t.Context(), made))
	if all := b.files(); len(all) > 0 {
		t.Errorf("left: %v", all)
	}
	b.put(remains, "# Mana")
	b.must(b.Delete(t.Context(), made))
	if all := b.files(); len(all) > 0 {
		t.Errorf("left, the file being gone: %v", all)
	}
}
