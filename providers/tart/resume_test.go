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

// execs are the numbers of the calls of `tart exec` that bring a build on: steps,
// checks and shutdowns. The others only look whether the guest is ready.
func (w *workshop) execs() (all []int) {
	w.t.Helper()
	calls, err := w.Calls()
	w.must(err)
	inGuest := map[int]string{} // by process
	for _, c := range calls {
		if c.Tool == testbed.Guest {
			inGuest[c.PID] = c.Args[1]
		}
	}
	n := 0
	for _, c := range calls {
		if c.Tool != "tart" || c.Args[0] != "exec" {
			continue
		}
		n++
		if slices.Contains([]string{"# hostler: run", "# hostler: script", "# hostler: upload", "sudo"}, inGuest[c.PID]) {
			all = append(all, n)
		}
	}
	return all
}

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

// Wherever a build is killed, the next run ends with the same image, and runs
// no step again that was done.
func TestKilledWhileBuilding(t *testing.T) {
	t.Parallel()
	whole := newWorkshop(t)
	whole.made("base", whole.image())
	whole.wantBuilt(0)
	execs := whole.execs()
	if len(execs) != 3+2+4 { // steps, checks, shutdowns
		t.Fatalf("calls of exec %v", execs)
	}
	const before, after = testbed.KillCallerBefore, testbed.KillCallerAfter
	for _, f := range []testbed.Fault{
		{Match: []string{"exec"}, Nth: execs[0], Kind: before}, // the first step
		{Match: []string{"exec"}, Nth: execs[1], Kind: after},  // its shutdown
		{Match: []string{"clone"}, Nth: 2, Kind: before},       // its checkpoint
		{Match: []string{"clone"}, Nth: 2, Kind: after},
		{Match: []string{"exec"}, Nth: execs[7], Kind: before}, // the second check
		{Match: []string{"exec"}, Nth: execs[8], Kind: before}, // the last shutdown
		{Match: []string{"rename"}, Kind: before},
		{Match: []string{"rename"}, Kind: after},
	} {
		f.Tool = "tart"
		t.Run(fmt.Sprintf("%s %d %s", f.Match[0], f.Nth, f.Kind), func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			block := w.value(w.image())
			want := w.resolved("base", block, w.Null())
			left := w.killed(f, w.Null(), want)
			found, _, err := w.Find(t.Context(), want)
			w.must(err)
			promoted := f.Match[0] == "rename"
			if promoted == found.IsNull() {
				t.Errorf("found %#v", found)
			}
			if found.IsNull() {
				found, err = w.Create(t.Context(), want)
				w.must(err)
			}
			w.wantResumed(left, promoted)
			w.wantBuilt(0)
			w.wantSettled("base", block, found)
		})
	}
}

// So does one that makes an image anew. Until it is promoted the image stands
// as it was, and it is never gone.
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

// tart, or the guest, dies in the middle: the build fails, and the next one goes
// on.
func TestWhatDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, f := range []testbed.Fault{
		{Tool: "tart", Match: []string{"run"}, Nth: 3, Kind: testbed.CrashAfter},
		{Tool: "tart", Match: []string{"clone"}, Nth: 3, Kind: testbed.CrashAfter},
		{Tool: testbed.Guest, Nth: 10, Kind: testbed.Die},
	} {
		t.Run(fmt.Sprintf("%s %s %d", f.Tool, f.Kind, f.Nth), func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			block := w.value(w.image())
			want := w.resolved("base", block, w.Null())
			w.must(w.Inject(f))
			if v, err := w.Create(t.Context(), want); err == nil || !v.IsNull() {
				t.Fatalf("%#v, %v", v, err)
			}
			w.must(w.ClearFaults())
			w.nothingRuns()
			w.ran()
			if len(w.names()) == 0 {
				t.Error("no checkpoint is left")
			}
			made, err := w.Create(t.Context(), want)
			w.must(err)
			if slices.Contains(w.ran(), "one") {
				t.Error("the first step ran again")
			}
			w.wantBuilt(0)
			w.wantSettled("base", block, made)
		})
	}
}
