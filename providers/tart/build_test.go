package tart

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/testbed"
)

// workshop is a bed whose guests really run commands, and an image with three
// steps and two checks.
type workshop struct {
	*bed
	runs string // what steps and checks note down outside of the guest
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	b := newBedOf(t, testbed.Spec{Guests: testbed.Run})
	w := &workshop{bed: b, runs: filepath.Join(b.dir, "runs")}
	w.write("two.sh", fmt.Sprintf("#!/bin/bash\necho two >>%s\necho \"two $WHAT\" >>log\n", w.runs))
	w.write("three.txt", "three\n")
	return w
}

// write writes a file of the configuration.
func (w *workshop) write(name, text string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644))
}

// noting is a command that leaves a note when it runs.
func (w *workshop) noting(word, command string) string {
	return fmt.Sprintf("echo %s >>%s\n%s", word, w.runs, command)
}

func (w *workshop) image() attrs {
	const runner = "mkdir -p actions-runner/bin\nprintf '#!/bin/sh\\necho 2.336.0\\n' >actions-runner/bin/Runner.Listener\nchmod +x actions-runner/bin/Runner.Listener\n"
	return attrs{
		"from": ubuntu,
		"step": w.steps(
			Step{Name: "one", Run: w.noting("one", runner+"echo one >>log")},
			Step{Name: "two", Script: "two.sh", Env: map[string]string{"WHAT": "it's"}},
			Step{Name: "three", Upload: "three.txt", To: "~/etc/three.txt"},
		),
		"check": w.checks(
			Check{Name: "log", Run: w.noting("check", "cat log"), Expect: "^one\ntwo it's$"},
			Check{Name: "three", Run: "grep -q three etc/three.txt"},
		),
	}
}

// ran are the notes since the last call.
func (w *workshop) ran() []string {
	w.t.Helper()
	data, err := os.ReadFile(w.runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	os.Remove(w.runs)
	return strings.Fields(string(data))
}

func (w *workshop) wantRan(words ...string) {
	w.t.Helper()
	if got := w.ran(); !slices.Equal(got, words) {
		w.t.Errorf("ran %q; want %q", got, words)
	}
}

// guestFile is a file of the guest's user in a VM, "" when it is not there.
func (w *workshop) guestFile(vm, name string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.GuestPath(vm, "/Users/admin/"+name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(data)
}

// wantBuilt checks an image that was built as image says, and that nothing is
// left but it, its checkpoints and the kept builds.
func (w *workshop) wantBuilt(kept int) {
	w.t.Helper()
	if log := w.guestFile("base", "log"); log != "one\ntwo it's\n" {
		w.t.Errorf("the guest's log is %q", log)
	}
	if three := w.guestFile("base", "etc/three.txt"); three != "three\n" {
		w.t.Errorf("what was uploaded is %q", three)
	}
	builds, err := Builds(w.t.Context(), w.env())
	w.must(err)
	if builds[0].VM != "base" || builds[0].RunnerVersion != "2.336.0" {
		w.t.Errorf("%+v", builds[0])
	}
	count := map[string]int{}
	for _, name := range w.names() {
		_, mark, _ := strings.Cut(name, "--")
		mark, _, _ = strings.Cut(mark, "-")
		count[mark]++
	}
	if count[""] != 1 || count["step"] != 3 || count["kept"] != kept || len(w.names()) != 4+kept {
		w.t.Errorf("VMs %q", w.names())
	}
	w.nothingRuns()
}

func (w *workshop) nothingRuns() {
	w.t.Helper()
	all, err := w.VMs()
	w.must(err)
	for _, v := range all {
		if v.State != "stopped" {
			w.t.Errorf("VM %q is %s", v.Name, v.State)
		}
	}
	for _, left := range []string{"console", "hostkey"} {
		if all, _ := filepath.Glob(w.Path("/Users/admin/Library/Logs/hostler/images/*." + left)); len(all) > 0 {
			w.t.Errorf("left over: %q", all)
		}
	}
}

// logs are the logs of builds.
func (w *workshop) logs() []string {
	all, err := filepath.Glob(w.Path("/Users/admin/Library/Logs/hostler/images/*.log"))
	w.must(err)
	return all
}

func TestBuild(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	var told []string
	ctx := providers.WithReporter(t.Context(), func(s string) { told = append(told, s) })
	made, err := w.Create(ctx, w.resolved("base", w.value(w.image()), w.Null()))
	w.must(err)
	w.wantBuilt(0)
	w.wantRan("one", "two", "check")
	for _, line := range []string{`step "one"`, `check "log": two it's`, "booting", "shutting down"} {
		if !slices.Contains(told, line) {
			t.Errorf("told %q; want %q", told, line)
		}
	}
	logs := w.logs()
	if len(logs) != 1 || !strings.HasPrefix(filepath.Base(logs[0]), "base-") {
		t.Fatalf("logs %q", logs)
	}
	text, err := os.ReadFile(logs[0])
	w.must(err)
	info, err := os.Stat(logs[0])
	w.must(err)
	if info.Mode() != 0o600 || string(text) != "== step \"one\"\n== step \"two\"\n== step \"three\"\n== check \"log\"\none\ntwo it's\n== check \"three\"\n" {
		t.Errorf("log, %v:\n%s", info.Mode(), text)
	}
	w.wantSettled("base", w.value(w.image()), made)

	w.must(w.Delete(t.Context(), made))
	w.wantNames()
	left, _ := filepath.Glob(w.Path("/Users/admin/Library/Application Support/hostler/builds/*"))
	if left = append(left, w.logs()...); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// One byte of one script: that very step is named, and what comes before it is
// not run again.
func TestOneByteOfAScript(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	made := w.made("base", w.image())
	first, checkpoints := w.vm("base").MACAddress, w.names()
	w.ran()
	w.write("two.sh", fmt.Sprintf("#!/bin/bash\necho two >>%s\necho \"two $WHAT\" >>log \n", w.runs))
	want := w.resolved("base", w.value(w.image()), made)
	for name, v := range made.AsValueMap() {
		if same := v.RawEquals(want.GetAttr(name)); same == slices.Contains([]string{"content", "step"}, name) {
			t.Errorf("%s: %#v, then %#v", name, v, want.GetAttr(name))
		}
	}
	for i, v := range made.GetAttr("step").AsValueSlice() {
		if now := want.GetAttr("step").AsValueSlice()[i]; v.RawEquals(now) == (i == 1) {
			t.Errorf("step %d: %#v, then %#v", i, v, now)
		}
	}
	again, err := w.Update(t.Context(), made, want)
	w.must(err)
	w.wantRan("two", "check")
	w.wantBuilt(1)
	if w.vm("base").MACAddress == first {
		t.Error("it is the same VM")
	}
	for _, name := range w.names() {
		if strings.Contains(name, "--kept-") && w.vm(name).MACAddress != first {
			t.Error("what is kept is not what was the image")
		}
	}
	if same := slices.DeleteFunc(w.names(), func(n string) bool { return !slices.Contains(checkpoints, n) }); len(same) != 2 {
		t.Errorf("%q are left of %q; want the image and the first checkpoint", same, checkpoints)
	}
	w.wantSettled("base", w.value(w.image()), again)
}

func TestWhatIsNoContent(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	made := w.made("base", w.image())
	mac := w.vm("base").MACAddress
	w.ran()
	set := w.image()
	set["cpus"], set["memory"], set["disk"], set["keep"] = 2, "2GiB", "30GB", 4
	set["check"] = w.checks(Check{Name: "other", Run: "false"})
	set["login"] = cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("admin"), "password": cty.StringVal("env:NONE")})
	steps := []Step{{Name: "renamed"}, {Timeout: schema.Duration(time.Hour)}, {}}
	changed := set["step"].(cty.Value).AsValueSlice()
	for i, s := range steps {
		all := changed[i].AsValueMap()
		if s.Name != "" {
			all["name"] = cty.StringVal(s.Name)
		}
		if s.Timeout != 0 {
			all["timeout"] = cty.StringVal(s.Timeout.String())
		}
		changed[i] = cty.ObjectVal(all)
	}
	set["step"] = cty.ListVal(changed)
	now := w.update("base", made, set)
	if vm := w.vm("base"); vm.MACAddress != mac || vm.CPUs != 2 || vm.Memory != 2<<30 || vm.Disk != 30e9 {
		t.Errorf("%+v", vm)
	}
	w.wantRan()
	w.wantSettled("base", w.value(set), now)
}

// Nothing that fails reaches the image, and what was done before is not done
// again.
func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	made := w.made("base", attrs{"from": ubuntu})
	mac := w.vm("base").MACAddress
	fails := func(set attrs, parts ...string) {
		t.Helper()
		now, err := w.Update(t.Context(), made, w.resolved("base", w.value(set), made))
		if err == nil || !now.RawEquals(made) {
			t.Fatalf("%#v, %v", now, err)
		}
		for _, part := range append(parts, "what was printed is in ~/Library/Logs/hostler/images/base-") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v; want %q in it", err, part)
			}
		}
		if w.vm("base").MACAddress != mac {
			t.Error("the image is another VM")
		}
		for _, name := range w.names() {
			if name != "base" && !strings.HasPrefix(name, "base--step-") {
				t.Errorf("VM %q is left", name)
			}
		}
		w.nothingRuns()
	}
	set := w.image()
	good := set["step"].(cty.Value).AsValueSlice()
	third := func(s Step) { set["step"] = cty.ListVal(append(good[:2:2], w.steps(s).AsValueSlice()...)) }
	third(Step{Name: "three", Run: "echo last words >&2; false; echo not this"})
	fails(set, `step "three": exit status 1`, "last words")
	w.wantRan("one", "two")
	third(Step{Name: "three", Run: "sleep 60", Timeout: schema.Duration(200 * time.Millisecond)})
	fails(set, `step "three"`, "longer than its timeout of 200ms")
	third(Step{Name: "three", Run: "exec kill -9 $$"})
	fails(set, `step "three"`)
	third(Step{Name: "three", Run: `: >"$GUEST_POWER"; sleep 60`})
	fails(set, `step "three"`, "has ended")
	w.wantRan() // the first two are done
	set = w.image()
	checks := set["check"]
	for _, c := range []struct {
		check Check
		part  string
	}{
		{Check{Name: "c", Run: "echo it is so; exit 3"}, `check "c": exit status 3`},
		{Check{Name: "c", Run: "echo it is so", Expect: "^so"}, `check "c": what it printed does not match "^so"`},
		{Check{Name: "c", Run: "sleep 60", Timeout: schema.Duration(200 * time.Millisecond)}, "longer than its timeout"},
	} {
		set["check"] = w.checks(c.check)
		fails(set, c.part)
	}
	set["check"] = checks
	w.update("base", made, set)
	w.wantBuilt(1)
	w.wantRan("check")
}

func TestAFileChangesAfterThePlan(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	want := w.resolved("base", w.value(w.image()), w.Null())
	w.write("three.txt", "four\n")
	if _, err := w.Create(t.Context(), want); err == nil || !strings.Contains(err.Error(), `step "three"`) || !strings.Contains(err.Error(), "plan again") {
		t.Error(err)
	}
	w.wantNames()
	w.wantRan()
}

func TestCancelledWhileAStepRuns(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	set := w.image()
	set["step"] = w.steps(Step{Name: "a", Run: w.noting("a", "true")}, Step{Name: "b", Run: w.noting("b", "sleep 600")})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := w.Create(ctx, w.resolved("base", w.value(set), w.Null()))
		done <- err
	}()
	w.until("the second step runs", func() bool {
		data, _ := os.ReadFile(w.runs)
		return strings.Contains(string(data), "b")
	})
	cancel()
	start := time.Now()
	if err := <-done; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `step "b"`) {
		t.Error(err)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("took %s", took)
	}
	w.nothingRuns()
	if names := w.names(); len(names) != 1 || !strings.HasPrefix(names[0], "base--step-") {
		t.Errorf("VMs %q", names)
	}
}

// A program is run by what its first line names.
func TestInterpreters(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	for name, text := range map[string]string{
		"bash":     "a=(1 2)\n[[ ${a[1]} == 2 ]] && cat && echo bash >>log",
		"awk":      "#!/usr/bin/awk -f\nBEGIN { print \"awk\" >>\"log\" }",
		"it's one": "#!/bin/sh\necho \"$0\" | grep -q \"/it's one$\" && echo quoted >>log",
	} {
		w.write(name, text+"\n")
	}
	w.made("base", attrs{"from": ubuntu, "step": w.steps(Step{Name: "1", Script: "bash"}, Step{Name: "2", Script: "awk"}, Step{Name: "3", Script: "it's one"})})
	if log := w.guestFile("base", "log"); log != "bash\nawk\nquoted\n" {
		t.Errorf("%q", log)
	}
}

// The login password is in no file, argument, report or error, although a step
// prints it.
func TestThePasswordIsTold(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	var told []string
	ctx := providers.WithReporter(t.Context(), func(s string) { told = append(told, s) })
	c := newImages(providers.Env{Dir: w.dir, Root: w.Root(), Environ: append(w.Environ(), "GUEST="+canary), Web: w.Registry()})
	typ := provider(c).Types[0]
	w.Type = typ
	set := w.image()
	set["login"] = cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("admin"), "password": cty.StringVal("env:GUEST")})
	set["step"] = w.steps(Step{Name: "tell", Run: "printf 'it is %s-%s\\n' hunter2 canary"}, Step{Name: "fail", Run: "printf '%s-%s' hunter2 canary >&2; false"})
	_, err := typ.Create(ctx, w.resolved("base", w.value(set), w.Null()))
	if err == nil || !strings.Contains(err.Error(), "(secret)") {
		t.Fatal(err)
	}
	if !slices.Contains(told, `step "tell": it is (secret)`) {
		t.Errorf("told %q", told)
	}
	for _, text := range append(told, err.Error()) {
		if strings.Contains(text, canary) {
			t.Errorf("told: %s", text)
		}
	}
	w.must(filepath.WalkDir(w.Mac.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".img" {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), canary) {
			t.Errorf("it is in %s", path)
		}
		return err
	}))
	set["login"] = cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("admin"), "password": cty.StringVal("env:NONE")})
	if _, err := typ.Create(ctx, w.resolved("base", w.value(set), w.Null())); err == nil || !strings.Contains(err.Error(), "NONE is not set") {
		t.Error(err)
	}
}
