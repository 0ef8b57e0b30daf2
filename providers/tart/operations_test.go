package tart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers"
	"hostler/providers/testbed"
)

func (b *bed) env() providers.Env {
	return providers.Env{Dir: b.dir, Root: b.Root(), Environ: b.Environ(), Web: b.Registry()}
}

// listed are the VMs of Builds, each as its name without the hash, and the
// beginning of its content.
func (b *bed) listed() (all []string) {
	b.t.Helper()
	builds, err := Builds(b.t.Context(), b.env())
	b.must(err)
	for _, i := range builds {
		name, _, _ := strings.Cut(i.VM, "--")
		content := strings.TrimPrefix(i.Content, "sha256:")
		all = append(all, strings.TrimSpace(name+" "+i.Role+" "+content[:min(8, len(content))]))
	}
	return all
}

// contentOf is the beginning of an image's content.
func contentOf(v cty.Value) string {
	return strings.TrimPrefix(v.GetAttr("content").AsString(), "sha256:")[:8]
}

// of is an image whose disk tells it from others: the quickest way to another
// content.
func of(disk string, keep int) attrs { return attrs{"from": ubuntu, "disk": disk, "keep": keep} }

// builds makes an image of shrinking disks, each a build of its own, and
// returns them, oldest first.
func (b *bed) builds(keep int, disks ...string) (all []cty.Value) {
	b.t.Helper()
	for i, disk := range disks {
		if i == 0 {
			all = append(all, b.made("base", of(disk, keep)))
		} else {
			all = append(all, b.update("base", all[i-1], of(disk, keep)))
		}
	}
	return all
}

func (b *bed) wantListed(want ...string) {
	b.t.Helper()
	if got := b.listed(); !slices.Equal(got, want) {
		b.t.Errorf("listed %q; want %q", got, want)
	}
}

func TestKeepAndRollback(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	all := b.builds(2, "90GB", "80GB", "70GB", "60GB")
	c := func(i int) string { return contentOf(all[i]) }
	b.wantListed("base image "+c(3), "base kept "+c(2), "base kept "+c(1))

	rollback := func(want int) {
		t.Helper()
		mac := b.vm("base").MACAddress
		got, err := Rollback(t.Context(), b.env(), "base")
		b.must(err)
		if got.Content != all[want].GetAttr("content").AsString() || b.vm("base").MACAddress == mac {
			t.Errorf("rolled back to %+v", got)
		}
	}
	rollback(2)
	b.wantListed("base image "+c(2), "base kept "+c(3), "base kept "+c(1))
	// The files describe another build, and say so.
	b.restart()
	now, err := b.read(all[3])
	b.must(err)
	if !now.GetAttr("content").RawEquals(all[2].GetAttr("content")) {
		t.Errorf("it reads as %#v", now)
	}
	if want := b.resolved("base", b.value(of("60GB", 2)), now); !want.GetAttr("content").RawEquals(all[3].GetAttr("content")) {
		t.Errorf("the plan is %#v", want)
	}
	rollback(3)
	b.wantListed("base image "+c(3), "base kept "+c(2), "base kept "+c(1))

	// Killed between its renames, it is finished by whoever comes next.
	for _, kind := range []testbed.Kind{testbed.CrashBefore, testbed.CrashAfter} {
		b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"rename"}, Nth: 2, Kind: kind}))
		_, err = Rollback(t.Context(), b.env(), "base")
		b.must(b.ClearFaults())
		if kind == testbed.CrashBefore {
			if err == nil || len(b.listed()) != 3 || b.listed()[0] != "base image "+c(3) {
				t.Errorf("%v, %q", err, b.listed())
			}
			continue
		}
		b.must(err)
		b.wantListed("base image "+c(2), "base kept "+c(3), "base kept "+c(1))
	}
	b.restart()
	now, err = b.read(all[3])
	b.must(err)
	// Fewer are kept from now on.
	now = b.update("base", now, of("70GB", 1))
	b.wantListed("base image "+c(2), "base kept "+c(3))
	b.must(b.Delete(t.Context(), now))
	b.wantNames()
	if _, err := Rollback(t.Context(), b.env(), "base"); err == nil || !strings.Contains(err.Error(), "no image") {
		t.Error(err)
	}
}

// Two builds of one content: what tells them apart is the disk, which had grown.
func TestRollbackToTheSameContent(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	small := b.made("base", of("30GB", 1))
	grown := b.vm("base").MACAddress
	large := b.update("base", small, of("40GB", 1))
	b.update("base", large, of("30GB", 1))
	c := contentOf(small)
	b.wantListed("base image "+c, "base kept "+c)
	_, err := Rollback(t.Context(), b.env(), "base")
	b.must(err)
	b.wantListed("base image "+c, "base kept "+c)
	if vm := b.vm("base"); vm.MACAddress != grown || vm.Disk != 40e9 {
		t.Errorf("%+v", vm)
	}
}

func TestRollbackRefuses(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.builds(1, "80GB")
	refuses := func(part string) {
		t.Helper()
		before := b.names()
		if _, err := Rollback(t.Context(), b.env(), "base"); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v; want %q", err, part)
		}
		b.wantNames(before...)
	}
	refuses("no earlier build")
	b.run("clone", ubuntu, "other")
	if _, err := Rollback(t.Context(), b.env(), "other"); err == nil {
		t.Error("a foreign VM was rolled back")
	}
	have := b.update("base", b.made("base2", of("70GB", 1)), of("60GB", 1))
	if !strings.HasPrefix(have.GetAttr("vm").AsString(), "base2") {
		t.Fatal(have)
	}
	b.boot("base2")
	if _, err := Rollback(t.Context(), b.env(), "base2"); err == nil || !strings.Contains(err.Error(), "running") {
		t.Error(err)
	}
	b.run("stop", "base2")
	// Another VM has the name now.
	b.run("delete", "base")
	b.run("clone", ubuntu, "base")
	refuses("another VM has taken its name")
}

func TestGC(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	all := b.builds(2, "90GB", "80GB", "70GB")
	image := b.names()
	b.run("pull", sequoia)
	// What killed runs, another state and deleted images can leave.
	for _, name := range []string{"base--step-0123", "base--build-0123", "gone--kept-0123", "gone--step-0123"} {
		b.run("clone", "base", name)
	}
	b.run("clone", ubuntu, "foreign")
	b.made("theirs", of("60GB", 1)) // another state's
	b.run("clone", "theirs", "theirs--build-0123")
	b.boot("base--build-0123")
	b.boot("gone--step-0123")
	garbage := func(dry bool) (names []string) {
		t.Helper()
		got, err := GC(t.Context(), b.env(), []string{"base"}, dry)
		b.must(err)
		for _, g := range got {
			names = append(names, g.Name)
			if g.Bytes == 0 || g.Why == "" {
				t.Errorf("%+v", g)
			}
		}
		return names
	}
	want := []string{"base--build-0123", "base--step-0123", "gone--kept-0123", "theirs--build-0123", strings.Replace(sequoia, ":latest", "@"+b.digest(sequoia), 1)}
	before := b.names()
	if got := garbage(true); !slices.Equal(got, want) {
		t.Errorf("garbage %q; want %q", got, want)
	}
	b.wantNames(before...)
	if got := garbage(false); !slices.Equal(got, want) {
		t.Errorf("garbage %q; want %q", got, want)
	}
	left := append(slices.Clone(image), "foreign", "gone--step-0123", "theirs") // what runs may be another's build
	if b.wantNames(left...); len(garbage(false)) > 0 {
		t.Error("something is left")
	}
	if now, err := b.read(all[2]); err != nil || !now.RawEquals(all[2]) {
		t.Errorf("%#v, %v", now, err)
	}
	// An image that is gone leaves nothing.
	b.must(b.RemoveVM("base"))
	if _, err := GC(t.Context(), b.env(), nil, false); err != nil {
		t.Error(err)
	}
	b.wantNames("foreign", "gone--step-0123", "theirs")
	notes, _ := filepath.Glob(b.Path("/Users/admin/Library/Application Support/hostler/builds/*"))
	if len(notes) != 1 || filepath.Base(notes[0]) != "theirs.json" {
		t.Errorf("notes %q", notes)
	}
}

// A VM that took the image's name is left alone by everything.
func TestAnotherVMTakesTheImagesName(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	have := b.builds(1, "80GB", "70GB")[1]
	b.run("delete", "base")
	b.run("clone", ubuntu, "base")
	theirs := b.vm("base")
	want := b.value(of("60GB", 1))
	for what, do := range map[string]func() error{
		"read":   func() error { _, err := b.read(have); return err },
		"update": func() error { _, err := b.Update(t.Context(), have, b.resolved("base", want, have)); return err },
		"delete": func() error { return b.Delete(t.Context(), have) },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "another VM has taken its name") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if b.vm("base") != theirs {
		t.Error("it was touched")
	}
	// It may be imported: then it is what the user says it is.
	got, _, err := b.Import(t.Context(), "mini/base")
	b.must(err)
	if !got.GetAttr("content").IsNull() {
		t.Errorf("%#v", got)
	}
	noted := b.update("base", got, of("20GB", 1))
	b.wantSettled("base", b.value(of("20GB", 1)), noted)
	// A rebuild sets it aside, and no keep ever throws it away.
	built := b.update("base", noted, attrs{"from": sequoia, "keep": 0})
	if b.vm("base").MACAddress == theirs.MACAddress || len(b.names()) != 2 {
		t.Errorf("VMs %q", b.names())
	}
	b.wantSettled("base", b.value(attrs{"from": sequoia, "keep": 0}), built)
	b.must(b.Delete(t.Context(), built))
	b.wantNames()
}

// An image that hostler built, and state has forgotten, is known when it is
// imported.
func TestImportOfABuild(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", of("30GB", 1))
	got, _, err := b.Import(t.Context(), "mini/base")
	b.must(err)
	for _, name := range []string{"source", "digest", "content"} {
		if !got.GetAttr(name).RawEquals(made.GetAttr(name)) {
			t.Errorf("%s: %#v", name, got.GetAttr(name))
		}
	}
	if now := b.update("base", got, of("30GB", 1)); !now.RawEquals(made) {
		t.Errorf("%#v", now)
	}
	b.run("clone", "base", "base--step-0123")
	if _, _, err := b.Import(t.Context(), "mini/base--step-0123"); err == nil {
		t.Error("a checkpoint was imported")
	}
}

// A damaged note is no proof, and no reason to stop.
func TestADamagedNote(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", of("30GB", 1))
	b.must(os.WriteFile(b.Path("/Users/admin/Library/Application Support/hostler/builds/base.json"), []byte("{"), 0o600))
	got, err := b.read(made)
	b.must(err)
	if v := got.GetAttr("content"); !v.RawEquals(cty.StringVal(unknown)) {
		t.Errorf("content %#v", v)
	}
	now := b.update("base", got, of("30GB", 1))
	b.wantSettled("base", b.value(of("30GB", 1)), now)
}
