package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// made are builds without checkpoints: one that tart said it made, and did
// not, only makes a later build longer.
func made(builds string) string {
	return regexp.MustCompile(`(?s) \{[^{}]*"role": "checkpoint"[^{}]*\},?\n`).ReplaceAllString(builds, "")
}

// TestLyingTart lets each call of tart by which an apply builds images go wrong,
// in every way. The apply ends well or with an error, and the next one with what
// an undisturbed one leaves. CI plays a sample of them, this all:
//
//	go test ./cmd/hostler -run LyingTart -long -timeout 2h
func TestLyingTart(t *testing.T) {
	t.Parallel()
	whole := newBuilder(t, testbed.Run, buildFiles)
	whole.must("apply", "--auto-approve")
	want, vms := made(whole.builds()), whole.vms()
	calls := slices.DeleteFunc(whole.calls(), func(c testbed.Call) bool { return c.Tool != "tart" })
	if len(calls) < 30 {
		t.Fatalf("only %d calls of tart", len(calls))
	}
	for i, c := range calls {
		for k, f := range mactest.Lies() {
			if f.Kind == testbed.Hang || !*long && (8*i+k)%211 != 0 {
				continue // what hangs is in interrupt.txtar
			}
			t.Run(fmt.Sprintf("%d %s %s %d %d", i, c.Args[0], f.Kind, f.Code, k), func(t *testing.T) {
				t.Parallel()
				b := newBuilder(t, testbed.Run, buildFiles)
				f.Tool, f.Nth = "tart", i+1
				must(t, b.mac.Inject(f))
				first, err := b.run("apply", "--auto-approve")
				if err != nil && !strings.Contains(first, "Error: ") || strings.Contains(first, "panic") {
					t.Errorf("%v\n%s", err, first)
				}
				must(t, b.mac.ClearFaults())
				second := b.must("apply", "--auto-approve")
				if got := made(b.builds()); got != want {
					t.Errorf("images:\n%s\nwant:\n%s\n%s\n%s", got, want, first, second)
				}
				for _, vm := range b.vms() {
					if !slices.Contains(vms, vm) {
						t.Errorf("VM %s is left\n%s\n%s", vm, first, second)
					}
				}
				b.must("plan", "--detailed-exitcode")
				b.must("destroy", "--auto-approve")
			})
		}
	}
}
