package dispatch

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
)

// A disk that is full under the ledger loses nothing that was promised: who asks
// is told, what is lent goes on, and all of it comes to its end when there is
// room.
func TestFullDiskUnderTheLedger(t *testing.T) {
	b := newBed(t)
	dir := b.mac.Path("/Users/admin/Library/Application Support/hostler/dispatch")
	must(t, os.MkdirAll(dir, 0o700))
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=512k"); errors.Is(err, syscall.EPERM) {
		t.Skip("only root may mount")
	} else {
		must(t, err)
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }()
	b.serve()
	h, err := b.s.Ask(t.Context(), b.request("small", 1), func(Update) {})
	must(t, err)
	filler := filepath.Join(dir, "filler")
	file, err := os.Create(filler)
	must(t, err)
	for page := make([]byte, 4096); err == nil; {
		_, err = file.Write(page)
	}
	must(t, file.Close())
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	// The job ends, and the ledger grows until it can't.
	_, err = b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
	must(t, err)
	refused := 0
	for run := int64(2); run < 200 && refused == 0; run++ {
		r := b.request("big", run)
		r.Job.Name, r.Timeout = string(bytes.Repeat([]byte("x"), 8000)), time.Nanosecond
		if _, err := b.s.Ask(t.Context(), r, func(Update) {}); err != nil && strings.Contains(err.Error(), "no space left on device") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nobody was told that the disk is full")
	}
	must(t, os.Remove(filler))
	if l := b.past(h.Lease); l.End.Class != ledger.Succeeded {
		t.Errorf("%+v", l.End)
	}
	again, err := b.job(t.Context(), "small", 300)
	must(t, err)
	b.past(again.Lease)
	b.empty()
}

// A clock that is set while the service is away changes nothing for a job that
// works, nor for whoever waits.
func TestTheClockIsSetBack(t *testing.T) {
	b := newBed(t)
	must(t, b.mac.SetTiming(testbed.Timing{Job: 3 * time.Second}))
	const wrong = 3 * time.Hour
	must(t, b.mac.SetTrouble(testbed.Trouble{Clock: wrong})) // the guests have the Mac's time
	b.clock = func() time.Time { return time.Now().Add(wrong) }
	b.serve()
	h, err := b.job(t.Context(), "big", 1)
	must(t, err)
	b.until("it works", func() bool {
		snap, err := b.s.Snapshot()
		return err == nil && len(snap.Leases) == 1 && snap.Leases[0].Phase == ledger.Working
	})
	b.stop()
	must(t, b.mac.SetTrouble(testbed.Trouble{}))
	b.clock = time.Now
	b.serve()
	next, err := b.job(t.Context(), "big", 2) // no room before the first has ended
	must(t, err)
	for _, lease := range []string{h.Lease, next.Lease} {
		if l := b.past(lease); l.End.Class != ledger.Succeeded {
			t.Errorf("%+v", l.End)
		}
	}
	b.empty()
}
