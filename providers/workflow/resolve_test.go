package workflow

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hostler/hcl/addr"
	"hostler/providers"
)

func TestWhereAFileLies(t *testing.T) {
	for name, c := range map[string]struct {
		block     string
		set       attrs
		directory string // "" is the block's, {dir} the configuration folder
		path      string
	}{
		"by the block's name": {"nightly", nil, "", ".github/workflows/nightly.yml"},
		"by path":             {"nightly", attrs{"path": ".github/workflows/x.yaml"}, "", ".github/workflows/x.yaml"},
		"home":                {"x", attrs{"directory": "~/src/app"}, "/Users/admin/src/app", ".github/workflows/x.yml"},
		"home itself":         {"x", attrs{"directory": "~", "path": "x.yml"}, "/Users/admin", "x.yml"},
		"not clean":           {"x", attrs{"directory": "/Users/admin//src/../app/"}, "/Users/admin/app", ".github/workflows/x.yml"},
		"relative":            {"x", attrs{"directory": "checkouts/app"}, "{dir}/checkouts/app", ".github/workflows/x.yml"},
		"here":                {"x", attrs{"directory": "."}, "{dir}", ".github/workflows/x.yml"},
		"dots in a name":      {"a..b", nil, "", ".github/workflows/a..b.yml"},
		"a hidden file":       {"x", attrs{"path": "..yml"}, "", "..yml"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			want, err := b.resolveAs(c.block, b.simple(c.set), b.Null(), false)
			b.must(err)
			dir := strings.ReplaceAll(c.directory, "{dir}", b.dir)
			if dir == "" {
				dir = "/Users/admin/app"
			}
			if text(want, "directory") != dir || text(want, "path") != c.path {
				t.Errorf("%q, %q", text(want, "directory"), text(want, "path"))
			}
			_, err = b.Create(t.Context(), want)
			b.must(err)
			if got := b.files(); !slices.Equal(got, []string{dir + "/" + c.path}) {
				t.Errorf("it lies at %v", got)
			}
		})
	}
}

func TestInstancesLieApart(t *testing.T) {
	b := newBed(t)
	a := addr.Addr{Type: "workflow", Name: "ci", HasKey: true, Key: "site"}
	v, err := b.Resolve(t.Context(), providers.Resolution{Addr: a, Want: b.simple(nil), Have: b.Null(), Config: b.blocks})
	b.must(err)
	if text(v, "path") != ".github/workflows/ci-site.yml" {
		t.Error(text(v, "path"))
	}
}

func TestANameThatIsNoFileName(t *testing.T) {
	for _, name := range []string{"org/app", `a\b`, "a\nb", "a\tb", "a\x00b", "a\u0085b"} {
		b := newBed(t)
		if _, err := b.resolveAs(name, b.simple(nil), b.Null(), false); !pointsAt(err, "path") || !strings.Contains(err.Error(), "set path") {
			t.Errorf("%q: %v", name, err)
		}
		_, err := b.resolveAs(name, b.simple(attrs{"path": "x.yml"}), b.Null(), false)
		b.must(err)
	}
}

// A block that was renamed by moved, or that took over a file, keeps its file
// unless it says otherwise.
func TestAFileStaysWhereItIs(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	delete(b.blocks, "workflow.ci")
	want, err := b.resolveAs("renamed", b.simple(nil), made, false)
	b.must(err)
	if !want.RawEquals(made) {
		t.Errorf("a rename of the block moves the file to %q", text(want, "path"))
	}
	b.put("/Users/admin/app/.github/workflows/theirs.yml", "on: push\n")
	got, _, err := b.Import(t.Context(), "/Users/admin/app:.github/workflows/theirs.yml")
	b.must(err)
	want, err = b.resolveAs("new", b.simple(nil), got, false)
	b.must(err)
	if text(want, "path") != ".github/workflows/theirs.yml" {
		t.Errorf("an imported file would be destroyed and made anew as %q", text(want, "path"))
	}
	want, err = b.resolveAs("new", b.simple(nil), got, true)
	b.must(err)
	if text(want, "path") != ".github/workflows/new.yml" {
		t.Errorf("made anew, it is called %q", text(want, "path"))
	}
}

func TestAMoveOntoAForeignFile(t *testing.T) {
	b := newBed(t)
	made := b.created(b.simple(nil))
	b.put("/Users/admin/app/theirs.yml", "on: push\n")
	var exists *providers.ExistsError
	if _, err := b.resolve(b.simple(attrs{"path": "theirs.yml"}), made); !errors.As(err, &exists) || exists.ID != "/Users/admin/app:theirs.yml" {
		t.Errorf("%v", err)
	}
	// On a Mac, other letters can mean the same file.
	b.put("/Users/admin/app/.github/workflows/CI.yml", "on: push\n")
	b.resolved(b.simple(attrs{"path": ".github/workflows/CI.yml"}), made)
	b.must(os.Remove(b.on("/Users/admin/app/.github/workflows/CI.yml")))
	// Other words for the same file are no move.
	want := b.resolved(b.simple(attrs{"directory": "/Users/admin/app/.github", "path": "workflows/ci.yml"}), made)
	b.must(b.Delete(t.Context(), made))
	_, err := b.Create(t.Context(), want)
	b.must(err)
	if !slices.Equal(b.files(), []string{ci, "/Users/admin/app/theirs.yml"}) {
		t.Errorf("%v", b.files())
	}
}

func TestTwoBlocksForOneFile(t *testing.T) {
	b := newBed(t)
	_, err := b.resolveAs("a", b.simple(attrs{"path": ".github/workflows/x.yml"}), b.Null(), false)
	b.must(err)
	same := b.simple(attrs{"directory": "/Users/admin/app/.github", "path": "workflows/x.yml"})
	_, err = b.resolveAs("b", same, b.Null(), false)
	if !pointsAt(err, "path") || !strings.Contains(err.Error(), "workflow.a and workflow.b both mean the file /Users/admin/app/.github/workflows/x.yml") {
		t.Errorf("%v", err)
	}
	// A Mac's file system doesn't tell capitals from small letters.
	_, err = b.resolveAs("c", b.simple(attrs{"path": ".github/workflows/X.yml"}), b.Null(), false)
	if !pointsAt(err, "path") || !strings.Contains(err.Error(), "both mean the file") {
		t.Errorf("%v", err)
	}
	// A later plan of the same run: the first block went elsewhere.
	_, err = b.resolveAs("a", b.simple(attrs{"path": "y.yml"}), b.Null(), false)
	b.must(err)
	_, err = b.resolveAs("b", same, b.Null(), false)
	b.must(err)
	// Or it left the files.
	delete(b.blocks, "workflow.b")
	_, err = b.resolveAs("c", same, b.Null(), false)
	b.must(err)
}

// A no-change plan of 1,000 files starts no program and parses their template
// once.
func TestAPlanOfManyFiles(t *testing.T) {
	b := newBed(t)
	b.template("t.yml.tmpl", "on: push\nname: <% .name %>\npermissions: {}\njobs: {a: {runs-on: self-hosted, timeout-minutes: 1, steps: [{run: <% json .with.i %>}]}}\n")
	c := newFiles(b.env())
	var have []*File
	ask := func(i int, have *File) *File {
		name := fmt.Sprintf("w%d", i)
		want := &File{Directory: "/Users/admin/app", Template: "t.yml.tmpl", With: map[string]string{"i": name}}
		b.must(c.Resolve(t.Context(), &providers.Resolve[File]{Addr: addr.New("workflow", name), Name: name, Want: want, Have: have, Config: b.blocks}))
		return want
	}
	for i := range 1000 {
		f := ask(i, nil)
		b.put(file(f), f.Content)
		have = append(have, f)
	}
	c = newFiles(b.env()) // the next run
	children := started(t)
	first, err := c.template("t.yml.tmpl")
	b.must(err)
	for i, h := range have {
		got, err := c.Read(t.Context(), h)
		b.must(err)
		if want := ask(i, got); got == nil || want.Content != got.Content || want.Path != got.Path || want.Directory != got.Directory {
			t.Fatalf("workflow %d: %+v, want %+v", i, got, want)
		}
	}
	if now := started(t); now != children {
		t.Error("a program was started")
	}
	if last, err := c.template("t.yml.tmpl"); err != nil || last != first {
		t.Errorf("the template was parsed again (%v)", err)
	}
}

// started changes when a program that this process started has ended.
func started(t *testing.T) (r struct{ faults, system int64 }) {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		t.Fatal(err)
	}
	r.faults, r.system = int64(u.Minflt), int64(u.Stime.Nano())
	return r
}
