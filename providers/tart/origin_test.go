package tart

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/testbed"
)

// move moves the tag ubuntu to another image, of a disk with that many GB.
func (b *bed) move(diskGB int) {
	b.t.Helper()
	b.must(b.Publish(testbed.RemoteImage{
		Ref: ubuntu, OS: "linux", CPUs: 4, CPUMin: 1, Memory: 4 << 30, DiskGB: diskGB, UsedGB: 3,
	}))
	b.restart()
}

// upgrade resolves with --upgrade.
func (b *bed) upgrade(name string, want, have cty.Value) cty.Value {
	b.t.Helper()
	v, err := b.Resolve(b.t.Context(), providers.Resolution{
		Addr: addr.New("image", name), Want: want, Have: have, Upgrade: true, Config: b.blocks,
		Warn: func(_, text string) { b.warned = append(b.warned, text) },
	})
	b.must(err)
	return v
}

// wantWarned checks the warnings since the last call: one with all the parts,
// or none.
func (b *bed) wantWarned(parts ...string) {
	b.t.Helper()
	got := b.warned
	b.warned = nil
	if len(got) != min(len(parts), 1) {
		b.t.Errorf("warned %q", got)
		return
	}
	for _, part := range parts {
		if !strings.Contains(got[0], part) {
			b.t.Errorf("warned %q; want %q in it", got[0], part)
		}
	}
}

// digest is what the registry has for a reference, the last one published.
func (b *bed) digest(ref string) string {
	b.t.Helper()
	images, err := b.Images()
	b.must(err)
	found := ""
	for _, i := range images {
		if i.Ref == ref {
			found = i.Digest
		}
	}
	return found
}

// The first plan is whole before anything was pulled, and what is pulled is
// what was planned.
func TestTheFirstPlanIsWhole(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	block := b.value(attrs{"from": sequoia})
	want := b.resolved("base", block, b.Null())
	for name, v := range map[string]cty.Value{
		"cpus": cty.NumberIntVal(4), "memory": cty.StringVal("8GiB"), "disk": cty.StringVal("50GB"), "os": cty.StringVal("darwin"),
		"memory_min": cty.StringVal("4GiB"), "source": cty.StringVal(sequoia), "digest": cty.StringVal(b.digest(sequoia)),
	} {
		if got := want.GetAttr(name); !got.RawEquals(v) {
			t.Errorf("%s is %#v", name, got)
		}
	}
	// The tag moves before the apply: what was planned is made.
	b.must(b.Publish(testbed.RemoteImage{Ref: sequoia, OS: "darwin", CPUs: 8, CPUMin: 4, Memory: 8 << 30, MemoryMin: 4 << 30, DiskGB: 60}))
	made, err := b.Create(t.Context(), want)
	b.must(err)
	if !made.RawEquals(want) {
		t.Errorf("made %#v\nwant %#v", made, want)
	}
	if vm := b.vm("base"); vm.CPUs != 4 || vm.Disk != 50e9 {
		t.Errorf("%+v", vm)
	}
}

func TestAMovedTag(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	block := b.value(attrs{"from": ubuntu})
	made := b.made("base", attrs{"from": ubuntu})
	old := b.digest(ubuntu)
	b.move(25)
	if again := b.resolved("base", block, made); !again.RawEquals(made) {
		t.Errorf("a tag that moved changes the image: %#v", again)
	}
	b.wantWarned("an update is available", "--upgrade", b.digest(ubuntu)[:19], old[:19])
	// Who changes something else stays where the image is.
	other := b.resolved("base", b.value(attrs{"from": ubuntu, "cpus": 2}), made)
	if !other.GetAttr("digest").RawEquals(made.GetAttr("digest")) || !other.GetAttr("content").RawEquals(made.GetAttr("content")) {
		t.Errorf("%#v", other)
	}
	b.warned = nil
	// So does who makes it anew.
	anew, err := b.Resolve(t.Context(), providers.Resolution{
		Addr: addr.New("image", "base"), Want: block, Have: made, Replacing: true, Config: b.blocks, Warn: func(_, _ string) {},
	})
	b.must(err)
	if !anew.RawEquals(made) {
		t.Errorf("made anew as %#v", anew)
	}
	want := b.upgrade("base", block, made)
	b.wantWarned()
	if want.GetAttr("digest").AsString() != b.digest(ubuntu) || want.GetAttr("disk").AsString() != "25GB" {
		t.Errorf("%#v", want)
	}
	now, err := b.Update(t.Context(), made, want)
	b.must(err)
	if vm := b.vm("base"); vm.Disk != 25e9 {
		t.Errorf("%+v", vm)
	}
	b.wantSettled("base", block, now)
	b.wantWarned()
	// An edited from follows the tag without being asked to, and one that names
	// a digest needs no registry at all.
	pinned := strings.Replace(ubuntu, ":latest", "@"+old, 1)
	back := b.resolved("base", b.value(attrs{"from": pinned}), now)
	if back.GetAttr("digest").AsString() != old {
		t.Errorf("%#v", back)
	}
	now, err = b.Update(t.Context(), now, back)
	b.must(err)
	b.offline()
	b.wantSettled("base", b.value(attrs{"from": pinned}), now)
	b.wantWarned()
	b.must(b.ClearFaults())
	b.restart()
	if again := b.resolved("base", block, now); again.GetAttr("digest").AsString() != b.digest(ubuntu) {
		t.Errorf("%#v", again)
	}
}

func TestARegistryThatDoesNotTell(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu})
	block := b.value(attrs{"from": ubuntu})
	for text, code := range map[string]int{
		"can't be reached": 0, "wants credentials": http.StatusUnauthorized, "fewer requests": http.StatusTooManyRequests,
		"failed (500)": http.StatusInternalServerError,
	} {
		b.must(b.Inject(testbed.Fault{Tool: testbed.Web, Match: []string{"ghcr.io"}, Kind: testbed.Fail, Code: code}))
		b.restart()
		// An image that stands stays what it is, also when it is made anew.
		if again := b.resolved("base", block, made); !again.RawEquals(made) {
			t.Errorf("%d: %#v", code, again)
		}
		b.wantWarned("which state records", text)
		want := b.resolved("base", b.value(attrs{"from": ubuntu, "disk": "30GB", "step": b.steps(Step{Name: "a", Run: "true"})}), made)
		if !want.GetAttr("digest").RawEquals(made.GetAttr("digest")) || want.GetAttr("content").RawEquals(made.GetAttr("content")) {
			t.Errorf("%d: %#v", code, want)
		}
		b.wantWarned("which state records", text)
		// A new one needs the registry, or the cache.
		_, err := b.resolve("other", b.value(attrs{"from": sequoia}), b.Null())
		b.wantAttr(err, "from", text, "tart pull "+sequoia)
		b.wantWarned()
		b.must(b.ClearFaults())
	}
	// What is gone from the registry is no new image, whatever the cache has.
	b.must(b.Inject(testbed.Fault{Tool: testbed.Web, Match: []string{"ghcr.io", "/v2/cirruslabs/ubuntu/manifests/latest"}, Kind: testbed.Fail, Code: http.StatusNotFound}))
	b.restart()
	if again := b.resolved("base", block, made); !again.RawEquals(made) {
		t.Errorf("%#v", again)
	}
	b.wantWarned("which state records", "no such image")
	_, err := b.resolve("other", block, b.Null())
	b.wantAttr(err, "from", "no such image")
	b.must(b.ClearFaults())

	b.run("pull", sequoia)
	b.offline()
	b.restart()
	block = b.value(attrs{"from": sequoia})
	want := b.resolved("other", block, b.Null())
	b.wantWarned("in its cache", "can't be reached")
	if want.GetAttr("digest").AsString() != b.digest(sequoia) || want.GetAttr("memory_min").AsString() != "4GiB" {
		t.Errorf("%#v", want)
	}
	b.must(b.ResetCalls())
	other, err := b.Create(t.Context(), want)
	b.must(err)
	if b.calls("pull") > 0 {
		t.Error("what is in the cache was pulled")
	}
	b.wantSettled("other", block, other)
	b.wantWarned("which state records")
}

func TestAQuestionIsNotRepeatedInARun(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.offline()
	for range 3 {
		_, err := b.resolve("base", b.value(attrs{"from": ubuntu}), b.Null())
		b.wantAttr(err, "from", "can't be reached")
	}
	faults, err := b.Faults()
	b.must(err)
	b.must(b.ClearFaults())
	b.restart()
	b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
	// The client itself tries more than once.
	if first := faults[0].Fired; first == 0 || first > 4 {
		t.Errorf("%d requests to a registry that can't be reached", first)
	}
	// What was cut short is not remembered.
	b.restart()
	b.must(b.Inject(testbed.Fault{Tool: testbed.Web, Kind: testbed.Delay, Delay: time.Hour}))
	ctx, cancel := contextFor(t, 100*time.Millisecond)
	defer cancel()
	if _, err := b.Resolve(ctx, providers.Resolution{Addr: addr.New("image", "x"), Want: b.value(attrs{"from": ubuntu}), Have: b.Null(), Config: b.blocks}); err == nil {
		t.Error("resolved")
	}
	b.must(b.ClearFaults())
	b.resolved("base", b.value(attrs{"from": ubuntu}), b.Null())
}

// A clone of another image is made anew when that is, after it.
func TestAnImageOfAnImage(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	base := b.made("base", attrs{"from": ubuntu})
	b.blocks["image.base"] = base
	block := b.value(attrs{"from": "image.base", "memory": "2GiB"})
	tools := b.made("tools", attrs{"from": "image.base", "memory": "2GiB"})
	if !tools.GetAttr("digest").RawEquals(base.GetAttr("content")) {
		t.Errorf("%#v", tools)
	}
	// A disk that grows, or other CPUs, make no other image.
	grown := b.update("base", base, attrs{"from": ubuntu, "disk": "30GB", "cpus": 2})
	b.blocks["image.base"] = grown
	b.wantSettled("tools", block, tools)
	anew := b.resolved("base", b.value(attrs{"from": ubuntu, "disk": "30GB", "step": b.steps(Step{Name: "a", Run: "true"})}), grown)
	b.blocks["image.base"] = anew
	want := b.resolved("tools", block, tools)
	if !want.GetAttr("digest").RawEquals(anew.GetAttr("content")) || want.GetAttr("content").RawEquals(tools.GetAttr("content")) {
		t.Errorf("%#v", want)
	}
	if want.GetAttr("disk").AsString() != "30GB" {
		t.Errorf("a disk smaller than the other image's: %#v", want.GetAttr("disk"))
	}
	// The other image was not made anew after all.
	if now, err := b.Update(t.Context(), tools, want); err == nil || !strings.Contains(err.Error(), "another build than the one that this plan counts on") || !now.RawEquals(tools) {
		t.Errorf("%#v, %v", now, err)
	}
	_, err := b.Update(t.Context(), grown, anew)
	b.must(err)
	now, err := b.Update(t.Context(), tools, want)
	b.must(err)
	b.wantSettled("tools", block, now)
	// The same image under another name is no change of the VM.
	b.blocks["image.golden"] = anew
	delete(b.blocks, "image.base")
	before := b.vm("tools").MACAddress
	moved := b.update("tools", now, attrs{"from": "image.golden", "memory": "2GiB"})
	if b.vm("tools").MACAddress != before {
		t.Error("it was made anew")
	}
	b.wantSettled("tools", b.value(attrs{"from": "image.golden", "memory": "2GiB"}), moved)
}
