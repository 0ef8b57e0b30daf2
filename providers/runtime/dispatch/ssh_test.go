package dispatch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hostler/hcl/schema"
	"hostler/providers/runtime"
	"hostler/providers/runtime/ledger"
	"hostler/providers/secret"
	"hostler/providers/testbed"
)

const vanilla = "ghcr.io/cirruslabs/macos-sequoia-vanilla:latest" // has no agent

// A guest without an agent is reached by SSH, with the image's login and a host
// key that is pinned for the lease, also by a service that was restarted.
func TestGuestsWithoutAgent(t *testing.T) {
	b := newBedOf(t, testbed.Spec{Memory: 16 * gib, CPUs: 10, SSH: true})
	b.tart("clone", vanilla, "golden-vanilla")
	install := func(password string) {
		t.Helper()
		ref, err := secret.ParseRef(password)
		must(t, err)
		b.install("profiles/plain.json", runtime.Profile{
			VM: "golden-vanilla", Memory: 4 * gib, CPUs: 4, Timeout: schema.Duration(time.Minute), Labels: []string{"plain"},
			Trust: "branch", Cache: "none", Network: "nat", User: "admin", Password: ref,
		})
	}
	b.limits.Agent = 300 * time.Millisecond
	install("literal:admin")
	b.serve()
	h, err := b.s.Ask(t.Context(), b.request("plain", 1), func(Update) {})
	must(t, err)
	b.stop()
	b.serve()
	_, err = b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
	must(t, err)
	l := b.past(h.Lease)
	if l.End.Class != ledger.Succeeded {
		t.Errorf("%+v", l.End)
	}
	logs := func(lease string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(b.mac.Path("/Users/admin/Library/Logs/hostler/jobs"), lease, "ready.log"))
		must(t, err)
		return string(text)
	}
	if got := logs(h.Lease); !strings.Contains(got, "contact ssh took") {
		t.Error(got)
	}
	// The service has no environment of ours.
	install("env:NO_SUCH_PASSWORD")
	b.limits.Boot = 2 * time.Second
	b.stop()
	b.serve()
	if _, err := b.s.Ask(t.Context(), b.request("plain", 2), func(Update) {}); err == nil {
		t.Error("a guest without agent and password was reached")
	}
	b.until("all is taken away", func() bool { snap, err := b.s.Snapshot(); return err == nil && len(snap.Leases) == 0 })
	past, err := b.s.Past()
	must(t, err)
	if got := logs(past[0].ID); !strings.Contains(got, "no login by SSH") || !strings.Contains(got, "NO_SUCH_PASSWORD") {
		t.Error(got)
	}
	b.empty()
}
