package tart

import (
	"errors"
	"strings"
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
		err := b.Validate(b.value(attrs{"from": from}), b.blocks)
		if !bad {
			b.must(err)
			continue
		}
		b.wantAttr(err, "from")
	}
}

// What an image demands is known as soon as anything of it is on the Mac.
func TestWhatTheImageDemands(t *testing.T) {
	t.Parallel()
	tooLittle := map[string]attrs{
		"memory": {"from": sequoia, "memory": "2GiB"},
		"cpus":   {"from": sequoia, "cpus": 1},
		"disk":   {"from": sequoia, "disk": "40GB"},
	}
	b := newBed(t)
	for _, set := range tooLittle { // nothing is known yet
		b.resolved("base", b.value(set), b.Null())
	}
	b.run("pull", sequoia)
	b.restart()
	for attr, set := range tooLittle { // the cache knows
		_, err := b.resolve("base", b.value(set), b.Null())
		b.wantAttr(err, attr, "write "+attr)
	}
	made := b.made("base", attrs{"from": sequoia})
	for attr, set := range tooLittle { // the VM itself knows
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
	b.run("pull", ubuntu)
	b.resolved("linux", b.value(attrs{"from": ubuntu, "memory": "512MiB", "cpus": 1}), b.Null())
}

func TestADiskOnlyGrows(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	made := b.made("base", attrs{"from": ubuntu, "disk": "60GB"})
	smaller := b.value(attrs{"from": ubuntu, "disk": "50GB"})
	_, err := b.resolve("base", smaller, made)
	b.wantAttr(err, "disk", "60GB", "--replace")
	_, err = b.Resolve(t.Context(), providers.Resolution{Addr: addr.New("image", "base"), Want: smaller, Have: made, Replacing: true, Config: b.blocks})
	b.must(err)
	// What a new image is cloned from can't be made smaller by any flag.
	_, err = b.resolve("other", b.value(attrs{"from": ubuntu, "disk": "10GB"}), b.Null())
	b.wantAttr(err, "disk", "20GB")
	if err != nil && strings.Contains(err.Error(), "--replace") {
		t.Errorf("useless advice: %v", err)
	}
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
	if !anew.GetAttr("cpus").IsNull() || anew.GetAttr("source").AsString() != sequoia {
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
