package tart

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers/tart/internal/shelf"
	"hostler/providers/testbed"
)

// killed kills a build where the fault says, and returns the steps that were
// not done then.
func (w *workshop) killed(f testbed.Fault, have, want cty.Value) (left []string) {
	w.t.Helper()
	w.must(w.Inject(f))
	w.inChild(have, want)
	w.ran()
	names := w.names()
	for i, hash := range w.chain(want)[1:] {
		if name := []string{"one", "two", ""}[i]; name != "" && !slices.Contains(names, shelf.CheckpointOf("base", hash)) {
			left = append(left, name)
		}
	}
	w.restart()
	return left
}

// chain are the hashes of the image's build.
func (w *workshop) chain(want cty.Value) []string {
	w.t.Helper()
	i := &Image{Login: &Login{User: "admin"}, Disk: 20 * gigabyte}
	for _, v := range want.GetAttr("step").AsValueSlice() {
		s := Step{SHA256: v.GetAttr("sha256").AsString()}
		for name, to := range map[string]*string{"run": &s.Run, "script": &s.Script, "upload": &s.Upload, "to": &s.To} {
			if a := v.GetAttr(name); !a.IsNull() {
				*to = a.AsString()
			}
		}
		if env := v.GetAttr("env"); !env.IsNull() {
			s.Env = map[string]string{}
			for k, e := range env.AsValueMap() {
				s.Env[k] = e.AsString()
			}
		}
		i.Steps = append(i.Steps, s)
	}
	all := chain(want.GetAttr("digest").AsString(), i, schema.SizeAt(want, "disk"))
	if last(all) != want.GetAttr("content").AsString() {
		w.t.Fatal("the content is the hash of something else")
	}
	return all
}

// wantResumed checks what ran after a build was killed: what was left, and the
// checks unless they had passed.
func (w *workshop) wantResumed(left []string, promoted bool) {
	w.t.Helper()
	got := w.ran()
	if promoted && len(got) == 0 {
		return
	}
	if want := append(left, "check"); !slices.Equal(got, want) {
		w.t.Errorf("ran %q; want %q", got, want)
	}
}

// Wherever a build that makes an image anew is killed, the next run ends with
// the same image, and runs no step again that was done. Until it is promoted the
// image stands as it was, and it is never gone. First builds are cut short
// through the program: TestBuildCutShort.
func TestKilledWhileRebuilding(t *testing.T) {
	t.Parallel()
	const before, after = testbed.KillCallerBefore, testbed.KillCallerAfter
	for _, f := range []testbed.Fault{
		{Match: []string{"run"}, Nth: 2, Kind: after},
		{Match: []string{"rename"}, Nth: 1, Kind: after},
		{Match: []string{"rename"}, Nth: 2, Kind: before},
		{Match: []string{"rename"}, Nth: 2, Kind: after},
		{Match: []string{"delete"}, Nth: 1, Kind: after}, // of what is not kept
	} {
		f.Tool = "tart"
		t.Run(fmt.Sprintf("%s %d %s", f.Match[0], f.Nth, f.Kind), func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			have := w.made("base", attrs{"from": ubuntu})
			mac := w.vm("base").MACAddress
			set := w.image()
			set["step"] = cty.ListVal(set["step"].(cty.Value).AsValueSlice()[:1])
			set["check"] = w.checks(Check{Name: "log", Run: w.noting("check", "cat log"), Expect: "^one$"})
			if f.Match[0] == "delete" {
				set["keep"] = 0
			}
			block := w.value(set)
			want := w.resolved("base", block, have)
			left := w.killed(f, have, want)
			got, err := w.read(have)
			w.must(err)
			if got.IsNull() {
				t.Fatal("the image is gone")
			}
			promoted := w.vm("base").MACAddress != mac
			if is := got.GetAttr("content"); !is.RawEquals(have.GetAttr("content")) && !is.RawEquals(want.GetAttr("content")) {
				t.Errorf("%#v", got)
			}
			now, err := w.Update(t.Context(), got, w.resolved("base", block, got))
			w.must(err)
			w.wantResumed(left, promoted)
			if log := w.guestFile("base", "log"); log != "one\n" {
				t.Errorf("the guest's log is %q", log)
			}
			kept := slices.DeleteFunc(w.names(), func(n string) bool { return !strings.HasPrefix(n, "base--kept-") })
			if f.Match[0] == "delete" && len(kept) > 0 || f.Match[0] != "delete" && (len(kept) != 1 || w.vm(kept[0]).MACAddress != mac) || len(w.names()) != 2+len(kept) {
				t.Errorf("VMs %q", w.names())
			}
			w.nothingRuns()
			w.wantSettled("base", block, now)
		})
	}
}
