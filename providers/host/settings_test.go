package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/providers"
	"hostler/providers/testbed"
)

// tool is somebody at the Mac's keyboard.
func tool(mac *testbed.Mac, line string) error {
	var out bytes.Buffer
	if code, ok := testbed.Main(strings.Fields(line), mac.Environ(), strings.NewReader(""), &out, &out); !ok || code != 0 {
		return fmt.Errorf("%s: exit status %d: %s", line, code, out.String())
	}
	return nil
}

func (b *bed) tool(line string) {
	b.t.Helper()
	b.must(tool(b.Mac, line))
}

// changes are the calls that could change the Mac, since the last reset.
func (b *bed) changes() []string {
	b.t.Helper()
	calls, err := b.Calls()
	b.must(err)
	var out []string
	for _, c := range calls {
		if c.Mutating {
			out = append(out, strings.Join(append([]string{c.Tool}, c.Args...), " "))
		}
	}
	return out
}

func (b *bed) same(what string, got, want cty.Value) {
	b.t.Helper()
	if !got.RawEquals(want) {
		b.t.Errorf("%s: %#v, want %#v", what, got, want)
	}
}

func plain() cty.Value { return wanted("4GiB", "20GiB", 2) }

func TestSettings(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.tool("sudo defaults write /Library/Preferences/com.apple.TimeMachine AutoBackup -bool false")
	want := b.resolved(with(plain(), map[string]any{"sleep": "never", "screen_saver": "60m", "time_machine": false}), b.Null())
	if s := want.GetAttr("settings").GetAttr("screen_saver").AsString(); s != "1h" {
		t.Errorf("two spellings of one value: %s", s)
	}
	b.must(b.ResetCalls())
	have, err := b.Create(t.Context(), want)
	b.must(err)
	b.same("created", have, want)
	if c := b.changes(); !slices.Equal(c, []string{"pmset -a sleep 0", "defaults -currentHost write com.apple.screensaver idleTime -int 3600"}) {
		t.Errorf("%q", c)
	}
	if data, err := os.ReadFile(b.file()); err != nil || strings.Contains(string(data), "settings") {
		t.Errorf("the document holds what the Mac holds: %s, %v", data, err)
	}

	// What is not named is nobody's business.
	b.tool("sudo pmset -a womp 0")
	b.same("a setting without a name", b.read(have), have)

	b.tool("sudo pmset -a sleep 10")
	b.tool("defaults -currentHost delete com.apple.screensaver idleTime")
	got := b.read(have)
	b.same("drifted", got, with(have, map[string]any{"sleep": "10m", "time_machine": false}))
	b.same("the plan", b.resolved(want, got), want)
	have, err = b.Update(t.Context(), got, want)
	b.must(err)
	b.same("repaired", have, want)

	// One setting less, one more, and the document as well.
	want = b.resolved(with(wanted("6GiB", "20GiB", 2), map[string]any{"spotlight": false, "time_machine": false}), have)
	b.must(b.ResetCalls())
	have, err = b.Update(t.Context(), have, want)
	b.must(err)
	b.same("changed", have, want)
	if c := b.changes(); !slices.Equal(c, []string{"mdutil -a -i off"}) {
		t.Errorf("a setting that lost its name was touched: %q", c)
	}
	b.tool("sudo pmset -a sleep 7")
	b.same("a setting that lost its name", b.read(have), have)

	b.must(b.ResetCalls())
	b.must(b.Delete(t.Context(), have))
	if c := b.changes(); len(c) > 0 {
		t.Errorf("delete changed settings: %q", c)
	}
}

func TestNoSettingsNoCalls(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	have, err := b.Create(t.Context(), b.resolved(plain(), b.Null()))
	b.must(err)
	b.must(b.ResetCalls())
	b.read(have)
	have, err = b.Update(t.Context(), have, b.resolved(wanted("6GiB", "20GiB", 2), have))
	b.must(err)
	empty := b.resolved(with(plain(), nil), have)
	have, err = b.Update(t.Context(), have, empty)
	b.must(err)
	b.same("an empty block", b.read(have), empty)
	calls, err := b.Calls()
	b.must(err)
	for _, c := range calls {
		if c.Tool != "launchctl" || c.Args[0] != "print" { // whether the service runs
			t.Errorf("%s %q was called", c.Tool, c.Args)
		}
	}
}

func TestARefusedSetting(t *testing.T) {
	t.Parallel()
	b := newBedOf(t, testbed.Spec{Laptop: true})
	want := b.resolved(with(plain(), map[string]any{"sleep": "never", "restart_after_power_loss": true}), b.Null())
	refused := func(err error) {
		t.Helper()
		var at *providers.AttrError
		if !errors.As(err, &at) || !at.Path.Equals(cty.GetAttrPath("settings").GetAttr("restart_after_power_loss")) || !strings.Contains(err.Error(), "MacBooks") {
			t.Errorf("%v", err)
		}
	}
	made, err := b.Create(t.Context(), want)
	refused(err)
	if _, err := os.Stat(b.file()); err == nil || !made.IsNull() {
		t.Errorf("made %#v, %v", made, err)
	}
	have, err := b.Create(t.Context(), b.resolved(plain(), b.Null()))
	b.must(err)
	want = b.resolved(with(wanted("6GiB", "20GiB", 2), map[string]any{"display_sleep": "never", "restart_after_power_loss": true}), have)
	got, err := b.Update(t.Context(), have, want)
	refused(err)
	b.same("the rest", got, with(want, map[string]any{"display_sleep": "never"}))
}

func TestSettingsWithoutSudo(t *testing.T) {
	t.Parallel()
	b := newBedOf(t, testbed.Spec{NoSudo: true})
	want := b.resolved(with(plain(), map[string]any{"sleep": "never", "local_network": []string{"10.0.0.0/8"}}), b.Null())
	made, err := b.Create(t.Context(), want)
	if err == nil || !made.IsNull() || !strings.Contains(err.Error(), "    admin ALL=(root) NOPASSWD: /usr/bin/pmset -a sleep 0\n") {
		t.Errorf("%#v, %v", made, err)
	}
	have, err := b.Create(t.Context(), b.resolved(plain(), b.Null()))
	b.must(err)
	// That the document was changed is not forgotten, though nobody can say
	// how the settings are.
	want = b.resolved(with(wanted("6GiB", "20GiB", 2), map[string]any{"local_network": []string{"10.0.0.0/8"}}), have)
	got, err := b.Update(t.Context(), have, want)
	if err == nil || !got.IsNull() || !strings.Contains(err.Error(), "the setting local_network belongs to root") {
		t.Errorf("%#v, %v", got, err)
	}
	b.same("the document", b.read(have), b.resolved(wanted("6GiB", "20GiB", 2), have))
}

func TestWhatTakesARestartIsSaid(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var said []string
	plan := func(have cty.Value) cty.Value {
		t.Helper()
		said = nil
		v, err := b.Resolve(t.Context(), providers.Resolution{
			Addr: addr.New("host", "mini"), Have: have, Config: blocks{},
			Want: with(plain(), map[string]any{"sleep": "never", "local_network": []string{"192.168.0.1/16", "10.0.0.0/8"}}),
			Warn: func(attr, text string) { said = append(said, attr+": "+text) },
		})
		b.must(err)
		return v
	}
	want := plan(b.Null())
	if len(said) != 1 || !strings.HasPrefix(said[0], "settings: a change of local_network takes effect when the Mac is restarted") {
		t.Errorf("%q", said)
	}
	have, err := b.Create(t.Context(), want)
	b.must(err)
	if plan(have); len(said) > 0 {
		t.Errorf("said though nothing changes: %q", said)
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, v := range map[string]any{"sleep": "90s", "vm_subnet": "192.168.77.1/24", "rosetta": false} {
		_, err := b.resolve(with(plain(), map[string]any{name: v}), b.Null())
		var at *providers.AttrError
		if !errors.As(err, &at) || !at.Path.Equals(cty.GetAttrPath("settings").GetAttr(name)) {
			t.Errorf("%s = %v: %v", name, v, err)
		}
	}
}
