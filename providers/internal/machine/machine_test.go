package machine_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"hostler/providers/internal/machine"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

// here is this machine with its "/" in a folder of the test's own.
func here(t *testing.T) (m *machine.Machine, root string) {
	root = t.TempDir()
	return machine.Local(root, []string{"PATH=" + os.Getenv("PATH"), "HOME=/Users/admin", "GREETING=hello"}), root
}

func simulated(t *testing.T, spec testbed.Spec) (*machine.Machine, *testbed.Mac) {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	// The race detector lets each process sleep for a second at its end.
	return machine.Local(mac.Root(), mac.Environ()), mac
}

func TestExpand(t *testing.T) {
	m, _ := here(t)
	for in, want := range map[string]string{
		"~": "/Users/admin", "~/Library": "/Users/admin/Library", "/a/../b/": "/b", "/": "/",
	} {
		if got, err := m.Expand(in); err != nil || got != want {
			t.Errorf("Expand(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "relative", "./x", "~other/x"} {
		if got, err := m.Expand(in); err == nil {
			t.Errorf("Expand(%q) = %q; want an error", in, got)
		}
	}
	homeless := machine.Local("/", nil)
	if _, err := homeless.Expand("~/x"); err == nil {
		t.Error("a home is known without HOME")
	}
}

func TestGetenvLastCounts(t *testing.T) {
	m := machine.Local("/", []string{"A=1", "B=2", "A=3"})
	if got := m.Getenv("A"); got != "3" {
		t.Errorf("A = %q", got)
	}
	if got := m.Getenv("C"); got != "" {
		t.Errorf("C = %q", got)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	m, mac := simulated(t, testbed.Spec{Memory: 24 << 30, CPUs: 10, MacOS: "26.0.1", User: "ci", UID: 502})
	want := machine.Facts{User: "ci", UID: 502, Home: "/Users/ci", Memory: 24 << 30, CPUs: 10, MacOS: "26.0.1"}
	for range 2 {
		got, err := m.Facts()
		want.Boot = cmp.Or(want.Boot, got.Boot)
		if err != nil || got != want || got.Boot == "" {
			t.Fatalf("facts %+v, %v; want %+v", got, err, want)
		}
	}
	calls, err := mac.Calls()
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) != 4 {
		t.Errorf("%d calls for two questions: %+v", len(calls), calls)
	}
}

func TestFactsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, fault := range []testbed.Fault{
		{Tool: "sysctl", Kind: testbed.Fail, Code: 1, Stderr: "sysctl: unknown oid 'hw.memsize'\n"},
		{Tool: "sysctl", Kind: testbed.Fail, Code: 0, Stdout: "hw.memsize: lots\nhw.ncpu: 8\n"},
		{Tool: "id", Match: []string{"-u"}, Kind: testbed.Fail, Stdout: "admin\n"},
	} {
		m, mac := simulated(t, testbed.Spec{})
		if err := mac.Inject(fault); err != nil {
			t.Fatal(err)
		}
		if f, err := m.Facts(); err == nil {
			t.Errorf("%s: no error, facts %+v", fault.Tool, f)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	m, mac := simulated(t, testbed.Spec{DiskTotal: 500 << 30, DiskFree: 20 << 30})
	if total, free, err := m.Room(t.Context(), "~"); err != nil || total != 500<<30 || free != 20<<30 {
		t.Errorf("%d of %d bytes are free, %v", free, total, err)
	}
	if _, _, err := m.Room(t.Context(), "/nowhere"); err == nil {
		t.Error("there is room where there is nothing")
	}
	for _, printed := range []string{"", "Filesystem\n", "Filesystem x\n/dev/disk3s5 12 5%  /\n", "Filesystem\n/dev/disk 3 lots few some 5%  /\n"} {
		if err := mac.Inject(testbed.Fault{Tool: "df", Kind: testbed.Fail, Stdout: printed}); err != nil {
			t.Fatal(err)
		}
		if total, free, err := m.Room(t.Context(), "~"); err == nil {
			t.Errorf("%q is read as %d of %d", printed, free, total)
		}
	}
}
