package ledger

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hostler/providers/testbed/tracer"
)

// traced lets a child write in a new folder until the verdict, and returns the
// ledger's path and what it said.
func traced(t *testing.T, before func(c tracer.Call) tracer.Verdict) (path, said string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ledger.db")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "LEDGER_CHILD="+path, "LEDGER_TRACED=1", "GORACE=atexit_sleep_ms=0")
	said, err := tracer.Output(c, tracer.Watcher{
		Watched: tracer.Folders(filepath.Dir(path)),
		Before:  func(_ int, c tracer.Call) tracer.Verdict { return before(c) },
	})
	if errors.Is(err, tracer.ErrNotHere) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, said
}

// The first calls make the ledger; those after them are of some ten transitions.
const points = 60

// A kill at each write and each sync of the ledger, and in the middle of each
// write, loses nothing of what was acknowledged.
func TestKilledAtEverySyscall(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	for n := 1; n <= points; n++ {
		for _, torn := range []bool{false, true} {
			hit := tracer.Call{}
			path, said := traced(t, func(c tracer.Call) tracer.Verdict {
				if c.Nth != n {
					return tracer.Verdict{}
				}
				hit = c
				return tracer.Verdict{Kill: !torn || c.Name != "write", Torn: torn}
			})
			if hit.Nth == 0 {
				t.Fatalf("there is no call %d", n)
			}
			if torn && hit.Name != "write" {
				continue
			}
			kinds[hit.Name]++
			a := acknowledged{map[string]bool{}, map[string]string{}}
			a.note(t, strings.NewReader(said))
			a.check(t, path, fmt.Sprintf("killed at %v, torn %t", hit, torn))
		}
	}
	if kinds["write"] < points || kinds["fsync"] < 10 {
		t.Errorf("kills: %v", kinds)
	}
	t.Logf("kills: %v", kinds)
}

// A disk that is full, or fails, at any write or sync is an error, after which
// the ledger is as it was.
func TestEverySyscallFails(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		for n := 1; n <= points; n++ {
			hit := tracer.Call{}
			path, said := traced(t, func(c tracer.Call) tracer.Verdict {
				switch {
				case c.Nth == n:
					hit = c
					return tracer.Verdict{Fail: errno}
				case c.Nth > n+40: // it goes on where it can
					return tracer.Verdict{Kill: true}
				}
				return tracer.Verdict{}
			})
			if errno == syscall.ENOSPC && !hit.Grow {
				continue
			}
			// One that fails while the ledger is made is made anew.
			if !strings.Contains(said, "error ") && !strings.HasSuffix(hit.Path, ".new") {
				t.Errorf("%v at %v: no error in %q", errno, hit, said)
			}
			said, _, _ = strings.Cut(said, "error ")
			a := acknowledged{map[string]bool{}, map[string]string{}}
			a.note(t, strings.NewReader(said))
			a.check(t, path, fmt.Sprintf("%v at %v", errno, hit))
		}
	}
}
