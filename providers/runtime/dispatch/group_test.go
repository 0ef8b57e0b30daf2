package dispatch

import (
	"strings"
	"testing"

	"hostler/providers/testbed"
)

// A VM's runner stands in the group that the host names, whatever number the
// group has by now; without one the boot fails with what to do.
func TestRunnerGroup(t *testing.T) {
	b := newBed(t)
	b.install("host.json", map[string]any{
		"name": "mini", "reserve": map[string]any{"memory": "4GiB", "disk": "20GiB"}, "macos_guests": 2,
		"serve": map[string]any{"group": "runner_group.vms"},
	})
	b.serve()
	group := func() int64 {
		t.Helper()
		groups, err := b.gh.Groups("acme")
		must(t, err)
		for _, g := range groups {
			if g.Name == "vms" {
				return g.ID
			}
		}
		return 0
	}
	if _, err := b.job(t.Context(), "small", 1); err == nil || !strings.Contains(err.Error(), `acme has no runner group "vms"`) {
		t.Errorf("without the group: %v", err)
	}
	var before int64
	for run := int64(2); run < 4; run++ {
		must(t, b.gh.EditGroups("acme", func(g *testbed.GitHubGroup) bool { return g.Name != "vms" }), b.gh.AddGroup("acme", "vms"))
		if group() == before {
			t.Fatal("the group made anew has its old number")
		}
		before = group()
		h, err := b.s.Ask(t.Context(), b.request("small", run), func(Update) {})
		must(t, err)
		runners, err := b.gh.Runners()
		must(t, err)
		if len(runners) != 1 || runners[0].GroupID != group() {
			t.Errorf("runners %+v, not one in group %d", runners, group())
		}
		_, err = b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
		must(t, err)
		b.past(h.Lease)
	}
}
