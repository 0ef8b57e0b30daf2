package machine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/testbed"
)

func TestRun(t *testing.T) {
	m, _ := here(t)
	var live bytes.Buffer
	out, err := m.Run(t.Context(), machine.Command{
		Program: "sh", Args: []string{"-c", `echo "$GREETING $WHO"; cat; echo oops >&2`},
		Env: []string{"WHO=world"}, Pass: []string{"GREETING"}, Stdin: strings.NewReader("from stdin\n"), Stdout: &live,
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = "hello world\nfrom stdin\n"
	if string(out.Stdout) != want || live.String() != want || string(out.Stderr) != "oops\n" {
		t.Errorf("stdout %q, live %q, stderr %q", out.Stdout, live.String(), out.Stderr)
	}
}

func TestProgramsGetNoSecrets(t *testing.T) {
	m, _ := here(t)
	show := func(pass ...string) string {
		out, err := m.Run(t.Context(), machine.Command{
			Program: "sh", Args: []string{"-c", `echo "${GREETING-gone} $HOME"`}, Pass: pass,
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(out.Stdout)
	}
	if got := show(); got != "gone /Users/admin\n" {
		t.Errorf("without being passed: %q", got)
	}
	if got := show("GREET_", "GREETING"); got != "hello /Users/admin\n" {
		t.Errorf("passed: %q", got)
	}
	if m.Getenv("GREETING") != "hello" {
		t.Error("the machine's own environment changed")
	}
}

func TestExitErrors(t *testing.T) {
	m, _ := here(t)
	for _, c := range []struct {
		script string
		want   machine.ExitError
	}{
		{"echo out; echo '  why  ' >&2; exit 3", machine.ExitError{Code: 3, Stderr: "why"}},
		{"echo only out; exit 64", machine.ExitError{Code: 64, Stderr: "only out"}},
		{"kill -TERM $$", machine.ExitError{Code: -1, Signal: "terminated"}},
	} {
		_, err := m.Run(t.Context(), machine.Command{Program: "sh", Args: []string{"-c", c.script}})
		var got *machine.ExitError
		if !errors.As(err, &got) {
			t.Fatalf("%s: %v", c.script, err)
		}
		if got.Code != c.want.Code || got.Stderr != c.want.Stderr || got.Signal != c.want.Signal {
			t.Errorf("%s: %+v", c.script, *got)
		}
		for _, part := range []string{"sh -c", c.want.Stderr, c.want.Signal} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

func TestALongStderrIsCutAtItsFront(t *testing.T) {
	m, _ := here(t)
	_, err := m.Run(t.Context(), machine.Command{Program: "sh", Args: []string{"-c", `yes line | head -n 5000 >&2; echo the end >&2; exit 1`}})
	if err == nil || len(err.Error()) > 2200 || !strings.HasSuffix(err.Error(), "the end") {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func TestMissingProgram(t *testing.T) {
	m, root := here(t)
	_, err := m.Run(t.Context(), machine.Command{Program: "no-such-program"})
	var missing *machine.MissingError
	if !errors.As(err, &missing) || missing.Program != "no-such-program" {
		t.Fatalf("%v", err)
	}
	// A folder and a file that can't be executed are no programs.
	bin := filepath.Join(root, "bin")
	if err := os.MkdirAll(filepath.Join(bin, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	m = machine.Local(root, []string{"PATH=" + bin})
	for _, name := range []string{"tool", "text"} {
		if _, err := m.Run(t.Context(), machine.Command{Program: name}); !errors.As(err, &missing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAbsoluteProgramsLieUnderTheRoot(t *testing.T) {
	m, root := here(t)
	if err := m.WriteFile("/usr/local/bin/greet", []byte("#!/bin/sh\necho hi\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := m.Run(t.Context(), machine.Command{Program: "/usr/local/bin/greet"})
	if err != nil || string(out.Stdout) != "hi\n" {
		t.Errorf("%q, %v", out.Stdout, err)
	}
	_, err = m.Run(t.Context(), machine.Command{Program: "/usr/local/bin/gone"})
	if err == nil {
		t.Fatal("a missing program ran")
	}
	if strings.HasPrefix(err.Error(), root) {
		t.Errorf("%v", err)
	}
}

const canary = "s3cr3t-c4n4ry"

func TestErrorsHoldNeitherStdinNorEnvironment(t *testing.T) {
	m, _ := here(t)
	m.SetGrace(50 * time.Millisecond)
	run := func(ctx context.Context, program, script string) error {
		_, err := m.Run(ctx, machine.Command{
			Program: program, Args: []string{"-c", script},
			Stdin: strings.NewReader(canary), Env: []string{"TOKEN=" + canary},
		})
		return err
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, err := range map[string]error{
		"exit":    run(t.Context(), "sh", "cat >/dev/null; exit 1"),
		"signal":  run(t.Context(), "sh", "kill -9 $$"),
		"missing": run(t.Context(), "no-such-program", ""),
		"cancel":  run(short, "sh", "sleep 10"),
	} {
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// trap is a program that notes SIGINT in a file and then ends as told.
const trap = `trap 'echo interrupted > "$1"; %s' INT; echo ready; while :; do sleep 0.05; done`

// cancelWhenReady runs the script and cancels it as soon as it has printed
// something. It returns what the script noted.
func cancelWhenReady(t *testing.T, m *machine.Machine, script string) (note string, took time.Duration, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "note")
	ctx, cancel := context.WithCancelCause(t.Context())
	ready := writer(func() { cancel(errors.New("the user asked")) })
	start := time.Now()
	_, err = m.Run(ctx, machine.Command{Program: "sh", Args: []string{"-c", script, "sh", file}, Stdout: ready})
	took = time.Since(start)
	data, _ := os.ReadFile(file)
	return strings.TrimSpace(string(data)), took, err
}

type writer func()

func (w writer) Write(p []byte) (int, error) { w(); return len(p), nil }

func TestCancelInterruptsFirst(t *testing.T) {
	t.Parallel()
	m, _ := here(t)
	note, took, err := cancelWhenReady(t, m, strings.Replace(trap, "%s", "exit 1", 1))
	if note != "interrupted" || err == nil || !strings.Contains(err.Error(), "the user asked") {
		t.Errorf("note %q, %v", note, err)
	}
	if took > machine.Grace {
		t.Errorf("took %v", took)
	}
}

func TestCancelKillsAfterGrace(t *testing.T) {
	t.Parallel()
	m, _ := here(t)
	m.SetGrace(200 * time.Millisecond)
	note, took, err := cancelWhenReady(t, m, strings.Replace(trap, "%s", ":", 1))
	if note != "interrupted" || err == nil {
		t.Errorf("note %q, %v", note, err)
	}
	if took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestWorkDoneInSpiteOfCancelIsNoError(t *testing.T) {
	t.Parallel()
	m, _ := here(t)
	note, _, err := cancelWhenReady(t, m, strings.Replace(trap, "%s", "exit 0", 1))
	if note != "interrupted" || err != nil {
		t.Errorf("note %q, %v", note, err)
	}
}

func TestNothingStartsOnceCancelled(t *testing.T) {
	m, root := here(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Run(ctx, machine.Command{Program: "touch", Args: []string{filepath.Join(root, "x")}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "x")); err == nil {
		t.Error("it ran")
	}
}

func TestSudo(t *testing.T) {
	t.Parallel()
	m, mac := simulated(t, testbed.Spec{})
	out, err := m.Run(t.Context(), machine.Command{Program: "id", Args: []string{"-un"}, Sudo: true})
	if err != nil || string(out.Stdout) != "root\n" {
		t.Fatalf("%q, %v", out.Stdout, err)
	}
	calls, err := mac.Calls()
	if err != nil {
		t.Fatal(err)
	}
	asked := slices.ContainsFunc(calls, func(c testbed.Call) bool {
		return c.Tool == "sudo" && slices.Equal(c.Args, []string{"-n", "id", "-un"})
	})
	if !asked {
		t.Errorf("calls %+v", calls)
	}
	if err := mac.SetSudo(false); err != nil {
		t.Fatal(err)
	}
	var exit *machine.ExitError
	if _, err := m.Run(t.Context(), machine.Command{Program: "id", Sudo: true}); !errors.As(err, &exit) {
		t.Errorf("without sudo: %v", err)
	}
}
