package tart

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/testbed"
)

func TestSchema(t *testing.T) { block().Must() }

func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	written := b.value(attrs{"from": "ghcr.io/cirruslabs/macos-sequoia-base", "cpus": 6, "memory": "12GiB", "disk": "80GB"})
	want := b.resolved("base", written, b.Null())
	var told []string
	var mu sync.Mutex
	ctx := providers.WithReporter(t.Context(), func(s string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, s)
	})
	made, err := b.Create(ctx, want)
	b.must(err)
	if id := b.ID(made); id != "mini/base" {
		t.Errorf("id %q", id)
	}
	if !slices.Contains(told, "pulling disk: 25.0 of 25.0 GB (100%)") {
		t.Errorf("told %q", told)
	}
	vm := b.vm("base")
	if vm.CPUs != 6 || vm.Memory != 12<<30 || vm.Disk != 80e9 || vm.State != "stopped" {
		t.Errorf("%+v", vm)
	}
	b.wantNames("base")

	b.restart()
	got, err := b.read(made)
	b.must(err)
	if !got.RawEquals(made) {
		t.Errorf("read %#v\nmade %#v", got, made)
	}
	if again := b.resolved("base", written, got); !again.RawEquals(got) {
		t.Errorf("a second plan differs:\n%#v\n%#v", again, got)
	}

	written = b.value(attrs{"from": sequoia, "cpus": 4, "memory": "8GiB", "disk": "90GB"})
	want = b.resolved("base", written, got)
	changed, err := b.Update(t.Context(), got, want)
	b.must(err)
	if !changed.RawEquals(want) {
		t.Errorf("updated to %#v\nwant %#v", changed, want)
	}
	if vm := b.vm("base"); vm.CPUs != 4 || vm.Memory != 8<<30 || vm.Disk != 90e9 {
		t.Errorf("%+v", vm)
	}
	for range 2 {
		b.must(b.Delete(t.Context(), changed))
	}
	b.wantNames()
	if got, err := b.read(changed); err != nil || !got.IsNull() {
		t.Errorf("gone reads as %#v, %v", got, err)
	}
}

func TestWhatIsLeftOutIsWhatTheImageHas(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu})
	for name, want := range map[string]cty.Value{
		"cpus": cty.NumberIntVal(4), "memory": cty.StringVal("4GiB"), "disk": cty.StringVal("20GB"), "os": cty.StringVal("linux"),
		"source": cty.StringVal(ubuntu), "vm": cty.StringVal("base"), "memory_min": cty.NullVal(cty.String),
	} {
		if got := made.GetAttr(name); !got.RawEquals(want) {
			t.Errorf("%s is %#v", name, got)
		}
	}
	if again := b.resolved("base", b.value(attrs{"from": ubuntu}), made); !again.RawEquals(made) {
		t.Errorf("a second plan differs:\n%#v\n%#v", again, made)
	}
}

func TestAForeignVMIsNeverTouched(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
	b.run("create", "--linux", "base")
	before := b.vm("base")
	var exists *providers.ExistsError
	if _, err := b.Create(t.Context(), want); !errors.As(err, &exists) || exists.ID != "mini/base" {
		t.Errorf("create: %v", err)
	}
	if n := b.calls("pull") + b.calls("clone"); n != 0 {
		t.Errorf("%d calls before the name was found taken", n)
	}
	b.restart()
	if _, err := b.resolve("base", b.value(attrs{"from": ubuntu}), b.Null()); !errors.As(err, &exists) || exists.ID != "mini/base" {
		t.Errorf("resolve: %v", err)
	}
	found, _, err := b.Find(t.Context(), want)
	if err == nil || !found.IsNull() || !strings.Contains(err.Error(), "mini/base") {
		t.Errorf("find: %#v, %v", found, err)
	}
	if b.vm("base") != before {
		t.Error("it was touched")
	}
	b.wantNames("base")
}

// A VM that takes the name while ours is being built is not replaced either.
func TestTheNameIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
	b.must(b.SetTiming(testbed.Timing{Clone: 300 * time.Millisecond}))
	done := make(chan error)
	go func() {
		_, err := b.Create(t.Context(), want)
		done <- err
	}()
	b.until("it clones", func() bool { return b.calls("clone") > 0 })
	b.run("create", "--linux", "base")
	before := b.vm("base")
	var exists *providers.ExistsError
	if err := <-done; !errors.As(err, &exists) {
		t.Errorf("%v", err)
	}
	if b.vm("base") != before {
		t.Error("it was touched")
	}
	b.wantNames("base")
}

func TestAFailedCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"pull", "clone", "set", "rename"} {
		for _, kind := range []testbed.Kind{testbed.Fail, testbed.CrashBefore} {
			b := newBed(t)
			want := b.resolved("base", b.value(attrs{"from": ubuntu, "cpus": 2}), b.Null())
			b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{command}, Kind: kind, Code: 1, Stderr: "Error: out of luck\n"}))
			v, err := b.Create(t.Context(), want)
			if err == nil || !v.IsNull() || !strings.Contains(err.Error(), "tart "+command) {
				t.Errorf("%s, %s: %#v, %v", command, kind, v, err)
			}
			b.wantNames()
			b.must(b.ClearFaults())
			if _, err := b.Create(t.Context(), want); err != nil {
				t.Errorf("%s, %s: the next create: %v", command, kind, err)
			}
			b.wantNames("base")
		}
	}
}

func TestTartDiesRightAfterTheRename(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
	b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"rename"}, Kind: testbed.CrashAfter}))
	made, err := b.Create(t.Context(), want)
	if err != nil || made.IsNull() {
		t.Errorf("%#v, %v", made, err)
	}
	b.wantNames("base")
}

func TestACancelledCreateEndsSoonAndLeavesNothing(t *testing.T) {
	t.Parallel()
	const long = 30 * time.Second
	for command, hinder := range map[string]func(*bed) error{
		"pull":   func(b *bed) error { return b.SetTiming(testbed.Timing{Pull: long}) },
		"clone":  func(b *bed) error { return b.SetTiming(testbed.Timing{Clone: long}) },
		"set":    func(b *bed) error { return b.hang("set") },
		"rename": func(b *bed) error { return b.hang("rename") },
	} {
		b := newBed(t)
		want := b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
		b.must(hinder(b))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := b.Create(ctx, want)
			done <- err
		}()
		b.until("tart "+command, func() bool { return b.calls(command) > 0 })
		start := time.Now()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", command, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", command, took)
		}
		b.wantNames()
	}
}

func (b *bed) hang(command string) error {
	return b.Inject(testbed.Fault{Tool: "tart", Match: []string{command}, Kind: testbed.Hang})
}

func TestRunningAndSuspendedAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": sequoia})
	want := b.resolved("base", b.value(attrs{"from": sequoia, "cpus": 6}), made)
	b.boot("base")
	for what, do := range map[string]func() error{
		"update": func() error { _, err := b.Update(t.Context(), made, want); return err },
		"delete": func() error { return b.Delete(t.Context(), made) },
		"clone": func() error {
			b.blocks["image.base"] = made
			_, err := b.Create(t.Context(), b.resolved("other", b.value(attrs{"from": "image.base"}), b.Null()))
			return err
		},
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), `"base"`) || !strings.Contains(err.Error(), "running") {
			t.Errorf("%s of a running VM: %v", what, err)
		}
	}
	if vm := b.vm("base"); vm.State != "running" || vm.CPUs != 4 {
		t.Errorf("%+v", vm)
	}
	b.wantNames("base")
}

func TestAnUpdateThatFailsTellsWhatStands(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu, "cpus": 4})
	want := b.resolved("base", b.value(attrs{"from": ubuntu, "cpus": 6}), made)
	b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"set"}, Kind: testbed.CrashAfter}))
	now, err := b.Update(t.Context(), made, want)
	if err == nil || !now.GetAttr("cpus").RawEquals(cty.NumberIntVal(6)) {
		t.Errorf("%#v, %v", now, err)
	}
}

func TestOneListForManyImages(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var have []cty.Value
	first := b.made("base-0", attrs{"from": ubuntu})
	for _, name := range []string{"base-1", "base-2", "base-3"} {
		b.run("clone", "base-0", name)
	}
	for _, name := range []string{"base-0", "base-1", "base-2", "base-3", "gone"} {
		all := first.AsValueMap()
		all["vm"] = cty.StringVal(name)
		have = append(have, cty.ObjectVal(all))
	}
	b.restart()
	b.must(b.ResetCalls())
	got, err := b.Read(t.Context(), have)
	b.must(err)
	for i, r := range got {
		if r.Err != nil || r.Object.IsNull() != (i == 4) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	for _, name := range []string{"new-0", "new-1", "new-2"} {
		b.resolved(name, b.value(attrs{"from": ubuntu}), b.Null())
	}
	for i, h := range got[:4] {
		if _, err := b.Resolve(t.Context(), providers.Resolution{Addr: addr.New("image", "base"), Want: b.value(attrs{"from": ubuntu}), Have: h.Object, Config: b.blocks}); err != nil {
			t.Error(i, err)
		}
	}
	if n := b.calls("list"); n != 1 {
		t.Errorf("%d lists", n)
	}
	tools, asked := 0, 0
	all, err := b.Calls()
	b.must(err)
	for _, c := range all {
		switch {
		case c.Tool != testbed.Web:
			tools++
		case strings.Contains(c.Args[1], "/manifests/"):
			asked++
		}
	}
	if tools != 2 || asked != 1 {
		t.Errorf("%d calls of tools and %d questions to the registry for a plan: %+v", tools, asked, all)
	}
}

func TestListFailsForAMoment(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu})
	b.must(b.Inject(testbed.Fault{Tool: "tart", Match: []string{"list"}, Nth: 1, Kind: testbed.Fail, Code: 1, Stderr: "Error: no such file\n"}))
	if got, err := b.read(made); err != nil || !got.RawEquals(made) {
		t.Errorf("%#v, %v", got, err)
	}
}

func TestADamagedVMIsNotGone(t *testing.T) {
	t.Parallel()
	for file, damage := range map[string]func(path string) error{
		"config.json": func(p string) error { return os.WriteFile(p, []byte("{"), 0o644) },
		"nvram.bin":   os.Remove,
		"disk.img":    os.Remove,
	} {
		b := newBed(t)
		made := b.made("base", attrs{"from": ubuntu})
		b.must(damage(b.Path("/Users/admin/.tart/vms/base/" + file)))
		got, err := b.read(made)
		if err == nil || !strings.Contains(err.Error(), `"base"`) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %#v, %v", file, got, err)
		}
		b.must(b.RemoveVM("base"))
	}
}
