package testbed_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hostler/providers/testbed"
)

func TestLifeOfAVM(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	h.run("tart", "clone", sequoia, "base")
	h.run("tart", "set", "base", "--cpu", "6", "--memory", "6144", "--disk-size", "60", "--random-mac")
	var got struct {
		OS, Size, Display, State string
		CPU, Memory, Disk        int
		Running                  bool
	}
	h.must(json.Unmarshal([]byte(h.run("tart", "get", "base", "--format", "json")), &got))
	if got.OS != "darwin" || got.CPU != 6 || got.Memory != 6144 || got.Disk != 60 || got.Size != "25.000" || got.State != "stopped" {
		t.Errorf("get: %+v", got)
	}
	g := h.boot("base", "--no-graphics")
	if _, err := os.Stat(filepath.Join(h.Root(), "Users/admin/.tart/vms/base/config.json")); err != nil {
		t.Error(err)
	}
	h.run("tart", "stop", "base")
	if r := g.end(t); r != (result{0, "Stopping VM...\n", ""}) {
		t.Errorf("stopped tart run: %+v", r)
	}
	h.run("tart", "rename", "base", "gold")
	h.run("tart", "delete", "gold")
	if out := h.run("tart", "list", "-q", "--source", "local"); out != "" {
		t.Errorf("still there: %q", out)
	}
}

func TestErrorsOfAMissingVM(t *testing.T) {
	h := newHost(t, testbed.Spec{})
	for _, verb := range []string{"get", "set", "stop", "suspend", "delete", "ip"} {
		h.want(2, "the specified VM \"x\" does not exist\n", "tart", verb, "x")
	}
	h.want(2, "the specified VM \"x\" does not exist\n", "tart", "clone", "x", "y")
	h.want(2, "the specified VM \"x\" does not exist\n", "tart", "exec", "x", "true")
	h.want(1, "Error: the specified VM \"x\" does not exist\n", "tart", "run", "x")
	if r := h.try("tart", "rename", "x", "y"); r.code != 64 || !strings.HasPrefix(r.stderr, "Error: failed to rename a non-existent local VM: x\nUsage: tart <subcommand>\n") {
		t.Errorf("rename: %+v", r)
	}
}
