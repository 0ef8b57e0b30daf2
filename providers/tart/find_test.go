package tart

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers/testbed"
)

// createInChild runs Create in a process that the fault kills.
func (b *bed) createInChild(want cty.Value) {
	b.t.Helper()
	b.inChild(b.Null(), want)
}

// inChild runs Create, or Update of an image that stands, in a process that the
// fault kills.
func (b *bed) inChild(have, want cty.Value) {
	b.t.Helper()
	raw, err := b.Encode(want)
	b.must(err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(b.Environ(), "GORACE=atexit_sleep_ms=0", childDir+"="+b.dir, childWant+"="+string(raw))
	if !have.IsNull() {
		raw, err := b.Encode(have)
		b.must(err)
		cmd.Env = append(cmd.Env, childHave+"="+string(raw))
	}
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != -1 {
		b.t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	// What it had started goes on without it; guests do so for ever.
	b.until("orphans are done", func() bool {
		calls, err := b.Calls()
		b.must(err)
		return !slices.ContainsFunc(calls, func(c testbed.Call) bool {
			return c.Tool == "tart" && c.Args[0] != "run" && !c.Done && syscall.Kill(c.PID, 0) == nil
		})
	})
	b.must(b.ClearFaults())
}

// A run was killed before it had made anything; then somebody made a VM of
// that very name and size. It is theirs.
func TestAnEqualVMIsNotOurs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
	b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"rename"}, Kind: testbed.CrashBefore}))
	if _, err := b.Create(t.Context(), want); err == nil {
		t.Fatal("created")
	}
	b.must(b.ClearFaults())
	b.run("clone", ubuntu, "base")
	found, _, err := b.Find(t.Context(), want)
	if err == nil || !found.IsNull() {
		t.Errorf("adopted: %#v", found)
	}
	// Nor is it when the note of our own VM, gone by now, still lies there.
	b.run("delete", "base")
	if _, err := b.Create(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	b.run("delete", "base")
	b.run("clone", ubuntu, "base")
	if found, _, err = b.Find(t.Context(), want); err == nil || !found.IsNull() {
		t.Errorf("adopted: %#v", found)
	}
	b.wantNames("base")
}

// The remains of a build that state knows nothing about are taken away by the
// next build of the same image.
func TestCreateClearsTheRemainsOfItsPredecessor(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
	b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"set"}, Kind: testbed.KillCallerAfter}))
	b.createInChild(want)
	if names := b.names(); len(names) != 1 || !strings.HasPrefix(names[0], "base--build-") {
		t.Fatalf("remains %q", names)
	}
	if _, err := b.Create(t.Context(), want); err != nil {
		t.Error(err)
	}
	b.wantNames("base")
}

// A tart that outlives the killed run can finish its clone after everything
// was cleared away.
func TestWhatAnOrphanBuiltIsMentioned(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu})
	b.run("clone", "base", "base--build-0123abcd")
	b.run("clone", "base", "base-2")
	b.restart()
	b.resolved("base", b.value(attrs{"from": ubuntu}), made)
	if len(b.warned) != 1 || !strings.Contains(b.warned[0], "tart delete base--build-0123abcd") {
		t.Errorf("warned %q", b.warned)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.run("clone", ubuntu, "base-macos")
	got, ok, err := b.Import(t.Context(), "mini/base-macos")
	b.must(err)
	if !ok || got.GetAttr("host").AsString() != "host.mini" || !got.GetAttr("from").IsNull() || !got.GetAttr("source").IsNull() {
		t.Fatalf("%#v", got)
	}
	// The first plan notes where it is said to come from, and keeps the VM.
	want := b.resolved("base", b.value(attrs{"from": ubuntu}), got)
	for name, v := range got.AsValueMap() {
		if same := v.RawEquals(want.GetAttr(name)); same == slices.Contains([]string{"from", "keep", "login"}, name) {
			t.Errorf("%s: %#v, then %#v", name, v, want.GetAttr(name))
		}
	}
	before := b.vm("base-macos")
	noted, err := b.Update(t.Context(), got, want)
	b.must(err)
	if b.vm("base-macos") != before {
		t.Error("the VM was changed")
	}
	if again := b.resolved("base", b.value(attrs{"from": ubuntu}), noted); !again.RawEquals(noted) {
		t.Errorf("a second plan differs:\n%#v\n%#v", again, noted)
	}
	// From then on another from makes it anew.
	if other := b.resolved("base", b.value(attrs{"from": sequoia}), noted); other.GetAttr("source").IsNull() {
		t.Error("another from changes nothing")
	}
	for id, isError := range map[string]bool{"mini/gone": false, "base": true, "/base": true, "mini/": true, "mi ni/base": true, "mini/base--build-00000000": true} {
		got, _, err := b.Import(t.Context(), id)
		if (err != nil) != isError || !got.IsNull() {
			t.Errorf("import %q: %#v, %v", id, got, err)
		}
	}
	keyed, _, err := b.Import(t.Context(), `mini["a/b"]/base-macos`)
	if err != nil || keyed.GetAttr("host").AsString() != `host.mini["a/b"]` {
		t.Errorf("%#v, %v", keyed, err)
	}
}
