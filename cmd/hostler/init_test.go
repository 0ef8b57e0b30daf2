package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestFromAndBack: what init makes of the old tool's file can be rehearsed, jobs
// and all.
func TestFromAndBack(t *testing.T) {
	t.Parallel()
	b := &builder{t: t, exe: builtHostler(t), dir: t.TempDir()}
	b.write(map[string]string{"pipeline.yml": "github: {org: acme}\nrunner_name: mini\nhost: {reserved_ram_gb: 4}\nprofiles: {coder: {ram_mb: 2048, cpu: 4}, big: {ram_mb: 8192, cpu: 6}}\n"})
	for _, args := range [][]string{{"init", "--from", "pipeline.yml"}, {"rehearse", "--jobs", "4"}} {
		c := exec.Command(b.exe, args...)
		c.Dir = b.dir
		out, err := c.CombinedOutput()
		if err != nil || args[0] == "rehearse" && !strings.Contains(string(out), "The rehearsal went well") {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}
