package state

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hostler/providers/testbed/tracer"
)

type (
	call    = tracer.Call
	verdict = tracer.Verdict
	watcher = tracer.Watcher
)

// trace lets one child run a script on each of the stores, one after the
// other, and stops it at every changing syscall in their folders. It returns
// what the child printed about each, as far as it came.
func trace(t *testing.T, script string, stores []*Store, w watcher) []string {
	t.Helper()
	var paths, folders []string
	for _, s := range stores {
		paths, folders = append(paths, s.Path()), append(folders, filepath.Dir(s.Path()))
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "STATE_TEST_CHILD="+script, "STATE_TEST_PATH="+strings.Join(paths, "\n"), "STATE_TEST_TRACED=1", quickExit)
	w.Watched = tracer.Folders(folders...)
	text, err := tracer.Output(c, w)
	if errors.Is(err, tracer.ErrNotHere) {
		t.Skip(err)
	}
	must(t, err)
	if strings.Contains(text, "DATA RACE") {
		t.Fatal(text)
	}
	each := strings.Split(text, endOfRun)
	for len(each) < len(stores) {
		each = append(each, "")
	}
	return each[:len(stores)]
}
