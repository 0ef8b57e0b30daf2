package main

import (
	"os"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// TestVanishingFiles: files that a job removes while they are counted are no
// reason not to tell what is there.
func TestVanishingFiles(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": `host "mini" {}`})
	b.must("apply", "--auto-approve")
	must(t, os.MkdirAll(b.mac.Path("/Users/admin/Library/Application Support/hostler/caches/dev/acme--app/base"), 0o755))
	for _, args := range [][]string{{"cache", "ls", "--json"}, {"disk", "--json"}} {
		must(t, b.mac.Inject(testbed.Fault{Tool: "du", Nth: 1, Kind: testbed.Fail, Code: 1, Stdout: "8\t/x\n", Stderr: "du: y: No such file or directory\n"}))
		if out := b.must(args...); !strings.Contains(out, `"bytes": 8192`) {
			t.Errorf("%v: %s", args, out)
		}
	}
	must(t, b.mac.Inject(testbed.Fault{Tool: "du", Nth: 1, Kind: testbed.Fail, Code: 1, Stderr: "du: /x: Operation not permitted\n"}))
	if out, err := b.run("cache", "ls"); err == nil || !strings.Contains(out, "Operation not permitted") {
		t.Errorf("nothing could be counted: %v\n%s", err, out)
	}
}
