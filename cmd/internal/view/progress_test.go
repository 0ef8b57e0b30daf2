package view

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/state"
)

// anApply is what an apply tells that has one step of each kind.
func anApply() []planner.Event {
	job := addr.New("launchd", "prune")
	return []planner.Event{
		{Kind: planner.Refreshing, Addr: job, ID: "mini/prune"},
		{Kind: planner.Started, Addr: base, Action: planner.Create},
		{Kind: planner.Progress, Addr: base, Action: planner.Create, Elapsed: 2 * time.Second, Text: "pulling 3%"},
		{Kind: planner.Started, Addr: job, Action: planner.Update, ID: "mini/prune"},
		{Kind: planner.Completed, Addr: job, Action: planner.Update, ID: "mini/prune", Elapsed: 1600 * time.Millisecond},
		{Kind: planner.Progress, Addr: base, Action: planner.Create, Elapsed: 10 * time.Second, Text: "pulling\x1b[2J 17%\nof all"},
		{Kind: planner.Progress, Addr: base, Action: planner.Create, Elapsed: 11 * time.Second, Text: "pulling 18%"},
		{Kind: planner.Progress, Addr: base, Action: planner.Create, Elapsed: 100 * time.Second},
		{Kind: planner.Completed, Addr: base, Action: planner.Create, ID: "mini/base", Elapsed: 101 * time.Second},
		{Kind: planner.Started, Addr: addr.New("image", "old"), Action: planner.Delete, ID: "mini/old"},
		{Kind: planner.Errored, Addr: addr.New("image", "old"), Action: planner.Delete, ID: "mini/old", Err: errors.New("busy")},
		{Kind: planner.Started, Addr: addr.New("image", "found"), Action: planner.NoOp, ID: "mini/found"},
		{Kind: planner.Completed, Addr: addr.New("image", "found"), Action: planner.NoOp, ID: "mini/found"},
		{Kind: planner.Started, Addr: addr.New("image", "left"), Action: planner.Forget, ID: "mini/left"},
		{Kind: planner.Completed, Addr: addr.New("image", "left"), Action: planner.Forget, ID: "mini/left"},
		{Kind: planner.Skipped, Addr: addr.New("profile", "p"), Action: planner.Create, Because: addr.New("image", "old")},
		{Kind: planner.Skipped, Addr: addr.New("profile", "q"), Action: planner.Create},
	}
}

func TestProgress(t *testing.T) {
	for _, colour := range []bool{false, true} {
		s, out, err := streams(colour)
		h := NewHuman(s, nil)
		stop := h.Start()
		for _, e := range anApply() {
			h.Event(e)
		}
		stop()
		if out.Len() > 0 {
			t.Errorf("progress on stdout: %q", out)
		}
		golden(t, "progress"+suffix(colour), err.String())
	}
}

func suffix(colour bool) string {
	if colour {
		return ".ansi"
	}
	return ".txt"
}

func results() map[string]struct {
	mode   planner.Mode
	result planner.Result
} {
	type r = struct {
		mode   planner.Mode
		result planner.Result
	}
	events := anApply()
	skipped := events[len(events)-2:]
	return map[string]r{
		"result": {planner.Normal, planner.Result{Imported: 1, Added: 2, Changed: 3, Removed: 4, Outputs: []planner.OutputChange{
			{Name: "empty", After: cty.EmptyObjectVal},
			{Name: "host_id", Action: planner.NoOp, Before: str("9f08"), After: str("9f08")},
			{Name: "profiles", Action: planner.Update, After: cty.ObjectVal(map[string]cty.Value{"coder": num(3072), "list": cty.TupleVal([]cty.Value{str("a"), cty.True})})},
			{Name: "secret", Action: planner.Create, After: str(canary), Sensitive: true},
			{Name: "was", Action: planner.Delete, Before: str("x"), After: gone()},
		}}},
		"result-destroyed": {planner.Destroy, planner.Result{Removed: 5}},
		"result-failed":    {planner.Normal, planner.Result{Added: 3, Changed: 1, Failed: []addr.Addr{addr.New("image", "old")}, Skipped: skipped[:1]}},
		"result-stopped":   {planner.Destroy, planner.Result{Removed: 1, Skipped: skipped[1:], Interrupted: true}},
	}
}

func TestResult(t *testing.T) {
	for name, c := range results() {
		for _, colour := range []bool{false, true} {
			s, out, _ := streams(colour)
			NewHuman(s, nil).Result(c.mode, &c.result)
			golden(t, name+suffix(colour), out.String())
			if strings.Contains(out.String(), canary) {
				t.Errorf("%s shows a sensitive value", name)
			}
		}
	}
}

// screen remembers the redrawn terminal: frames are single writes.
type screen struct{ frames []string }

func (s *screen) Write(p []byte) (int, error) {
	s.frames = append(s.frames, string(p))
	return len(p), nil
}

func TestLive(t *testing.T) {
	now, cols := noon(), 60
	var err screen
	s, out, _ := streams(false)
	s.Err, s.Live = &err, true
	s.Now = func() time.Time { return now }
	s.Size = func() (int, int) { return cols, 24 }
	h := NewHuman(s, schemas())
	last := func() string { return err.frames[len(err.frames)-1] }
	want := func(frame string) {
		t.Helper()
		if last() != frame {
			t.Errorf("got frame %q, want %q", last(), frame)
		}
	}
	h.Event(planner.Event{Kind: planner.Refreshing, Addr: base})
	h.Event(planner.Event{Kind: planner.Refreshing, Addr: base})
	want("\r\x1b[1A⠋ Refreshing state... 2 objects\x1b[K\n\x1b[J")
	h.Plan(&planner.Plan{Mode: planner.Normal}, Ending{})
	want("\r\x1b[1A\x1b[J")
	if !strings.Contains(out.String(), "No changes.") {
		t.Errorf("plan: %q", out)
	}
	h.Event(planner.Event{Kind: planner.Started, Addr: base, Action: planner.Create})
	want("⠋ image.base: Creating... [0s elapsed]\n")
	drawn := len(err.frames)
	h.Event(planner.Event{Kind: planner.Progress, Addr: base, Action: planner.Create, Text: "pulling\x1b[2J layer\n3 of 20, which takes a while"})
	if len(err.frames) != drawn {
		t.Error("news are drawn before the next tick")
	}
	now = now.Add(11900 * time.Millisecond)
	h.Tick()
	want("\r\x1b[1A⠙ image.base: Creating... [11s elapsed] pulling␛[2J layer …\x1b[K\n\x1b[J")
	cols = 30
	h.Tick()
	want("\r\x1b[2A⠹ image.base: Creating... [1…\x1b[K\n\x1b[J")
	h.Note("hello")
	want("\r\x1b[1Ahello\x1b[K\n⠹ image.base: Creating... [1…\x1b[K\n\x1b[J")
	h.Event(planner.Event{Kind: planner.Completed, Addr: base, Action: planner.Create, ID: "mini/base", Elapsed: 12 * time.Second})
	want("\r\x1b[1Aimage.base: Creation complete after 12s [id=mini/base]\x1b[K\n\x1b[J")
	drawn = len(err.frames)
	h.Tick()
	if len(err.frames) != drawn {
		t.Error("drawn though nothing runs")
	}
}

// A run that ends in any way leaves no redrawn line behind.
func TestLiveStop(t *testing.T) {
	var err screen
	s, _, _ := streams(true)
	s.Err, s.Live, s.Size = &err, true, func() (int, int) { return 80, 24 }
	h := NewHuman(s, nil)
	stop := h.Start()
	h.Event(planner.Event{Kind: planner.Started, Addr: base, Action: planner.Create})
	time.Sleep(3 * redrawEvery)
	stop()
	stop()
	if n := len(err.frames); n < 3 || err.frames[n-1] != "\r\x1b[1A\x1b[J" {
		t.Errorf("frames: %q", err.frames)
	}
}

func TestLockHeld(t *testing.T) {
	got := LockHeld(Holder{PID: 7, User: "ci", Host: "mini", Operation: "apply", Path: "hostler.state.json", Since: noon(), ID: "ab"}, noon().Add(72*time.Second))
	if want := "Waiting for the state lock of hostler.state.json: apply by ci@mini (process 7) holds it since 1m12s ago, lock ID ab."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestState(t *testing.T) {
	raw := `{"host":"host.mini","from":"ghcr.io/x:latest","cpus":4,"memory":"8GiB","disk":null,"digest":"sha256:0f3b",
		"login":{"user":"admin","password":"literal:admin"},"step":[{"label":"setup","run":"a\nb\n","env":{"A":"1"},"timeout":"30m"}]}`
	snap := &state.Snapshot{Lineage: "5a1e", Serial: 3,
		Resources: map[addr.Addr]*state.Resource{
			base:                              {SchemaVersion: 1, Attributes: []byte(raw), Tainted: true},
			base.Instance("a"):                {SchemaVersion: 0, Attributes: []byte(`{"old":[true]}`), Deps: []addr.Addr{base}},
			addr.New("github", "github"):      {Attributes: []byte(`{"owner":"acme"}`)},
			addr.New("zoo", "of-another-age"): {Attributes: []byte(`{}`)},
		},
		Outputs: map[string]state.Output{
			"list":   {Type: []byte(`["list","string"]`), Value: []byte(`["a","b"]`)},
			"secret": {Type: []byte(`"string"`), Sensitive: true},
		},
	}
	for _, colour := range []bool{false, true} {
		got, err := StateText(snap, schemas(), term.Paint(colour))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "state"+suffix(colour), got)
	}
	if got := StateList(snap, []addr.Addr{base}); got != "image.base\nimage.base[\"a\"]\n" {
		t.Errorf("state list: %q", got)
	}
	if got, err := StateText(nil, nil, false); got != "No state.\n" || err != nil {
		t.Errorf("no state: %q, %v", got, err)
	}
	var b strings.Builder
	if err := StateJSON(&b, snap, "0.1.0"); err != nil {
		t.Fatal(err)
	}
	golden(t, "state.json", pretty(t, b.String()))
	readableState(t, b.String())
}

func TestValid(t *testing.T) {
	for want, diags := range map[string]hcl.Diagnostics{
		"Success! The configuration is valid.\n\n":                                                         nil,
		"Success! The configuration is valid, but there were some validation warnings as shown above.\n\n": {{Severity: hcl.DiagWarning}},
		"": {{Severity: hcl.DiagError}},
	} {
		s, out, _ := streams(false)
		NewHuman(s, nil).Valid(diags)
		if out.String() != want {
			t.Errorf("got %q, want %q", out, want)
		}
	}
}

func TestApprovalPrompt(t *testing.T) {
	for mode, want := range map[planner.Mode]string{
		planner.Normal: "Do you want to perform these actions?\n", planner.Destroy: "Do you really want to destroy all resources?\n",
		planner.RefreshOnly: "Would you like to update the hostler state",
	} {
		got := ApprovalPrompt(mode)
		if !strings.HasPrefix(got, want) || !strings.Contains(got, "Only 'yes' will be accepted") || !strings.HasSuffix(got, "\n  Enter a value: ") {
			t.Errorf("%s: %q", mode, got)
		}
	}
}
