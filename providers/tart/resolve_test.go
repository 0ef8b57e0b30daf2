package tart

import (
	"errors"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
)

func TestNames(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, good := range map[string]bool{
		"base": true, "b.a_s-e9": true, "9": true,
		"Base": false, "-base": false, "a--b": false, "_x": false, "a/b": false, "a b": false, "é": false, "": false,
	} {
		_, err := b.Resolve(t.Context(), providers.Resolution{
			Addr: addr.New("image", name), Want: b.value(attrs{"from": ubuntu}), Have: b.Null(), Config: b.blocks,
		})
		if good != (err == nil) {
			t.Errorf("%q: %v", name, err)
		}
	}
	keyed, err := b.Resolve(t.Context(), providers.Resolution{
		Addr: addr.New("image", "base").Instance("mini"), Want: b.value(attrs{"from": ubuntu}), Have: b.Null(), Config: b.blocks,
	})
	if err != nil || keyed.GetAttr("vm").AsString() != "base-mini" {
		t.Errorf("%#v, %v", keyed, err)
	}
}

func TestFromIsChecked(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.blocks["image.here"] = b.value(attrs{"from": ubuntu})
	b.blocks["image.there"] = b.value(attrs{"from": ubuntu, "host": "host.other"})
	for from, bad := range map[string]bool{
		ubuntu: false, "image.here": false, "image.there": true, "base": true, "tahoe-xcode:26.5": true, "launchd.x": true,
	} {
		err := b.Validate(addr.New("image", "x"), b.value(attrs{"from": from}), b.blocks)
		if !bad {
			b.must(err)
			continue
		}
		b.wantAttr(err, "from")
	}
}

// What an image demands is known before anything of it is on the Mac, and
// wherever it is known from.
func TestWhatTheImageDemands(t *testing.T) {
	t.Parallel()
	tooLittle := map[string]attrs{
		"memory": {"from": sequoia, "memory": "2GiB"},
		"cpus":   {"from": sequoia, "cpus": 1},
		"disk":   {"from": sequoia, "disk": "40GB"},
	}
	b := newBed(t)
	for attr, set := range tooLittle { // the registry knows
		_, err := b.resolve("base", b.value(set), b.Null())
		b.wantAttr(err, attr, "write "+attr)
	}
	b.run("pull", sequoia)
	b.offline()
	b.restart()
	for attr, set := range tooLittle { // the cache knows
		_, err := b.resolve("base", b.value(set), b.Null())
		b.wantAttr(err, attr, "write "+attr)
	}
	b.must(b.ClearFaults())
	b.restart()
	made := b.made("base", attrs{"from": sequoia})
	for attr, set := range tooLittle { // the VM itself knows; a smaller disk takes another one
		_, err := b.resolve("base", b.value(set), made)
		b.wantAttr(err, attr, "write "+attr)
	}
	b.blocks["image.base"] = made
	for attr, set := range tooLittle { // another image's VM knows
		set["from"] = "image.base"
		_, err := b.resolve("other", b.value(set), b.Null())
		b.wantAttr(err, attr, "write "+attr)
	}
	for _, set := range tooLittle { // Linux demands nothing
		set["from"] = ubuntu
	}
	b.resolved("linux", b.value(attrs{"from": ubuntu, "memory": "512MiB", "cpus": 1}), b.Null())
}

func TestADiskGrowsInPlaceAndShrinksAnew(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu, "disk": "60GB"})
	first := b.vm("base").MACAddress
	larger := b.resolved("base", b.value(attrs{"from": ubuntu, "disk": "70GB"}), made)
	if !larger.GetAttr("content").RawEquals(made.GetAttr("content")) {
		t.Error("a disk that grows makes the image anew")
	}
	grown, err := b.Update(t.Context(), made, larger)
	b.must(err)
	if vm := b.vm("base"); vm.Disk != 70e9 || vm.MACAddress != first {
		t.Errorf("%+v", vm)
	}
	b.wantSettled("base", b.value(attrs{"from": ubuntu, "disk": "70GB"}), grown)
	// Back to what it was built with: another build of the same content.
	smaller := b.resolved("base", b.value(attrs{"from": ubuntu, "disk": "60GB"}), grown)
	shrunk, err := b.Update(t.Context(), grown, smaller)
	b.must(err)
	if vm := b.vm("base"); vm.Disk != 60e9 || vm.MACAddress == first {
		t.Errorf("%+v", vm)
	}
	b.wantSettled("base", b.value(attrs{"from": ubuntu, "disk": "60GB"}), shrunk)
	// What it is cloned from can't be made smaller.
	_, err = b.resolve("base", b.value(attrs{"from": ubuntu, "disk": "10GB"}), shrunk)
	b.wantAttr(err, "disk", "20GB")
	_, err = b.resolve("other", b.value(attrs{"from": ubuntu, "disk": "10GB"}), b.Null())
	b.wantAttr(err, "disk", "20GB")
	// Nor can an image be made anew that nobody knows the origin of.
	b.run("clone", ubuntu, "found")
	found, _, err := b.Import(t.Context(), "mini/found")
	b.must(err)
	_, err = b.resolve("found", b.value(attrs{"from": ubuntu, "disk": "10GB"}), found)
	b.wantAttr(err, "disk", "20GB", "--replace")
}

func TestAnotherImageAsSource(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	base := b.made("base", attrs{"from": sequoia})
	b.blocks["image.base"] = base
	tools := b.made("tools", attrs{"from": "image.base", "cpus": 8})
	if tools.GetAttr("source").AsString() != "base" || tools.GetAttr("os").AsString() != "darwin" {
		t.Errorf("%#v", tools)
	}
	if b.vm("tools").MACAddress == b.vm("base").MACAddress {
		t.Error("two VMs of one MAC address")
	}
	// The block is called otherwise now, its VM is the same: nothing to do anew.
	b.blocks["image.golden"] = base
	again := b.resolved("tools", b.value(attrs{"from": "image.golden"}), tools)
	if !again.GetAttr("source").RawEquals(tools.GetAttr("source")) {
		t.Errorf("source %#v", again.GetAttr("source"))
	}
}

func TestReplacing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu, "cpus": 8})
	ask := func(name string) (cty.Value, error) {
		return b.Resolve(t.Context(), providers.Resolution{
			Addr: addr.New("image", name), Want: b.value(attrs{"from": sequoia}), Have: made, Replacing: true, Config: b.blocks,
		})
	}
	anew, err := ask("base")
	b.must(err)
	// What is left out is what the new image has, not what the old one had.
	if !anew.GetAttr("cpus").RawEquals(cty.NumberIntVal(4)) || anew.GetAttr("source").AsString() != sequoia {
		t.Errorf("%#v", anew)
	}
	// Under another name it may meet somebody else's VM.
	b.run("create", "--linux", "taken")
	b.restart()
	var exists *providers.ExistsError
	if _, err := ask("taken"); !errors.As(err, &exists) {
		t.Errorf("%v", err)
	}
}

func TestNoTartIsSaidAtPlanTime(t *testing.T) {
	t.Parallel()
	typ := New(providers.Env{Root: t.TempDir(), Environ: []string{"PATH=/nowhere", "HOME=/Users/admin"}}).Types[0]
	b := &bed{Type: typ, t: t, blocks: blocks{}}
	if _, err := b.resolve("base", b.value(attrs{"from": ubuntu}), typ.Null()); err == nil {
		t.Error("planned without tart")
	}
}
