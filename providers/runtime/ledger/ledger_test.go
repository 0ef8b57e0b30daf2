package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"hostler/providers/testbed/tracer"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	if path := os.Getenv("LEDGER_CHILD"); path != "" {
		if os.Getenv("LEDGER_TRACED") != "" {
			tracer.StopAtChanges()
		}
		child(path)
	}
	os.Exit(m.Run())
}

// child writes without end, and says what was acknowledged.
func child(path string) {
	l, err := Open(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if os.Getenv("LEDGER_FULL") != "" {
		var limit syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
		info, _ := os.Stat(path)
		limit.Cur = uint64(info.Size())
		syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	for i := 0; ; i++ {
		t, _, err := l.Enqueue(Ticket{Profile: "dev", Job: Job{RunID: int64(os.Getpid())*1e6 + int64(i)}, Enqueued: noon.Add(time.Duration(i) * time.Second)})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(0)
		}
		fmt.Println("ticket", t.ID)
		if i%3 == 0 {
			g, err := l.Grant(t.ID, Lease{Phase: Reserved, Deadline: noon, Demand: Demand{Memory: 1 << 30}})
			if err != nil {
				fmt.Println("error", err)
				os.Exit(0)
			}
			fmt.Println("lease", g.ID, t.ID)
		}
	}
}

func opened(t testing.TB) *Ledger {
	t.Helper()
	l, err := Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestTheLifeOfALease(t *testing.T) {
	l := opened(t)
	job := Job{Repository: "acme/app", RunID: 7, Attempt: 1, Name: "work"}
	first, lent, err := l.Enqueue(Ticket{Profile: "dev", Job: job, Key: "k", Enqueued: noon})
	if err != nil || lent != nil || first.ID != "t1" {
		t.Fatal(first, lent, err)
	}
	// A client that comes again waits on; another profile, or no job, is new.
	if again, _, err := l.Enqueue(Ticket{Profile: "dev", Job: job, Key: "k", Enqueued: noon.Add(time.Hour)}); err != nil || again != first {
		t.Errorf("%+v %v", again, err)
	}
	for _, other := range []Ticket{{Profile: "big", Key: "l", Job: job}, {Profile: "dev", Job: job}, {Profile: "dev"}} {
		if got, _, err := l.Enqueue(other); err != nil || got.ID == first.ID {
			t.Errorf("%+v %v", got, err)
		}
	}
	if _, err := l.Grant(first.ID, Lease{Phase: Reserved}); err == nil {
		t.Error("a lease without a deadline")
	}
	g, err := l.Grant(first.ID, Lease{Phase: Reserved, Granted: noon, Deadline: noon.Add(time.Hour), Demand: Demand{Memory: 8 << 30, Guests: 1, Disk: 5}})
	if err != nil || g.Ticket != first || g.VM != "hostler-dev-"+g.ID {
		t.Fatalf("%+v %v", g, err)
	}
	if profile, id, ok := ParseVM(g.VM); !ok || profile != "dev" || id != g.ID {
		t.Errorf("%s is %q %q %v", g.VM, profile, id, ok)
	}
	if _, err := l.Grant(first.ID, Lease{Deadline: noon}); !errors.Is(err, ErrMissing) {
		t.Errorf("granted twice: %v", err)
	}
	if _, lent, err := l.Enqueue(Ticket{Profile: "dev", Key: "k", Job: job}); err != nil || lent == nil || lent.ID != g.ID {
		t.Errorf("%+v %v", lent, err)
	}
	g, err = l.Change(g.ID, func(lease *Lease) error {
		lease.Enter(Ending, noon.Add(time.Minute), "stop")
		lease.MemoryBack = true
		return nil
	})
	if err != nil || g.Holds() != (Demand{Disk: 5}) || len(g.Timeline) != 1 {
		t.Errorf("%+v %v", g, err)
	}
	refuse := errors.New("no")
	if _, err := l.Change(g.ID, func(lease *Lease) error { lease.DiskBack = true; return refuse }); !errors.Is(err, refuse) {
		t.Error(err)
	}
	s, err := l.Read()
	if err != nil || len(s.Leases) != 1 || s.Leases[0].DiskBack || len(s.Tickets) != 3 {
		t.Fatalf("%+v %v", s, err)
	}
	if err := l.Release(g.ID, noon.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	past, err := l.Past(1)
	if err != nil || len(past) != 1 || past[0].ID != g.ID || past[0].Released.IsZero() {
		t.Errorf("%+v %v", past, err)
	}
	if err := errors.Join(l.Withdraw("t3"), l.Withdraw("t3"), l.Withdraw("nonsense")); err != nil {
		t.Error(err)
	}
	if _, err := l.Change(g.ID, func(*Lease) error { return nil }); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	gone, err := l.Prune(noon.Add(time.Hour), 10)
	if err != nil || len(gone) != 1 {
		t.Errorf("%v %v", gone, err)
	}
}

func TestQuarantineAndState(t *testing.T) {
	l := opened(t)
	q := Quarantine{VM: "hostler-x-abc", Reason: "no lease", Since: noon, Examined: noon}
	later := q
	later.Since, later.Examined = noon.Add(time.Hour), noon.Add(time.Hour)
	if err := errors.Join(l.Quarantine(q), l.Quarantine(later), l.SetState(func(s *State) { s.Draining = true })); err != nil {
		t.Fatal(err)
	}
	s, err := l.Read()
	if err != nil || len(s.Quarantine) != 1 || !s.Quarantine[0].Since.Equal(noon) || s.Quarantine[0].Examined.Equal(noon) || !s.State.Draining {
		t.Errorf("%+v %v", s, err)
	}
	if err := l.Clear(q.VM); err != nil {
		t.Fatal(err)
	}
}

func TestNamesOfVMs(t *testing.T) {
	for name, want := range map[string]string{
		"hostler-dev-abc": "dev abc true", "hostler-a-b-c": "a-b c true", "hostler-abc": "  false", "dev-abc": "  false", "hostler--abc": "  false",
		"hostler-dev-": "  false", "": "  false",
	} {
		p, l, ok := ParseVM(name)
		if got := fmt.Sprint(p, " ", l, " ", ok); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// acknowledged is what a child said: the tickets, and the leases of some.
type acknowledged struct {
	tickets map[string]bool
	leases  map[string]string
}

// note reads what the child says, and calls after each line with its number.
func (a acknowledged) note(t *testing.T, out io.Reader, after ...func(n int)) {
	t.Helper()
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // what is left is half a line
		}
		switch words := strings.Fields(line); words[0] {
		case "ticket":
			a.tickets[words[1]] = true
		case "lease":
			a.leases[words[2]] = words[1]
		default:
			t.Fatal(line)
		}
		for _, do := range after {
			do(n)
		}
	}
}

// check looks for it in a ledger.
func (a acknowledged) check(t *testing.T, path, when string) {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	defer l.Close()
	s, err := l.Read()
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Errorf("%s: a half made ledger is left", when)
	}
	waiting, lent := map[string]bool{}, map[string]string{}
	for _, w := range s.Tickets {
		waiting[w.ID] = true
	}
	for _, g := range s.Leases {
		if waiting[g.Ticket.ID] {
			t.Errorf("%s: %s waits and is lent", when, g.Ticket.ID)
		}
		lent[g.Ticket.ID] = g.ID
	}
	for id := range a.tickets {
		if !waiting[id] && lent[id] == "" {
			t.Errorf("%s: ticket %s is lost", when, id)
		}
	}
	for ticket, id := range a.leases {
		if lent[ticket] != id {
			t.Errorf("%s: lease %s is lost", when, id)
		}
	}
}

// Whatever was acknowledged before a kill is there after it, and whole.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	a := acknowledged{map[string]bool{}, map[string]string{}}
	for round := range 12 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "LEDGER_CHILD="+path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		a.note(t, out, func(n int) {
			if n == 3+round*2 {
				c.Process.Kill()
			}
		})
		c.Wait()
		a.check(t, path, fmt.Sprint("round ", round))
	}
}

// A full disk is an error, and leaves the ledger as it was.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "LEDGER_CHILD="+path, "LEDGER_FULL=1")
	out, err := c.Output()
	if err != nil || !strings.Contains(string(out), "error ledger: ") {
		t.Fatalf("%v: %.200s", err, out)
	}
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := l.Read()
	if err != nil || len(s.Tickets)+len(s.Leases) < strings.Count(string(out), "ticket") {
		t.Errorf("%d tickets and %d leases of %d, %v", len(s.Tickets), len(s.Leases), strings.Count(string(out), "ticket"), err)
	}
}

func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if _, err := OpenRead(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := OpenRead(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a reader beside it: %v", err)
	}
	l.Close()
	r, err := OpenRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s, err := r.Read(); err != nil || len(s.Leases) > 0 {
		t.Errorf("%+v %v", s, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestWhatIsNoLedger(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	l, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if _, _, err := l.Enqueue(Ticket{Profile: "dev", Job: Job{RunID: int64(i + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	foreign, newer := filepath.Join(dir, "foreign.db"), filepath.Join(dir, "newer.db")
	for path, put := range map[string]func(*bbolt.Tx) error{
		foreign: func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err },
		newer: func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte(meta))
			if err != nil {
				return err
			}
			return b.Put([]byte("version"), []byte("9"))
		},
	} {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(put); err != nil {
			t.Fatal(err)
		}
		db.Close()
	}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"text.db":  {[]byte(strings.Repeat("hello\n", 9999)), "can't be read"},
		"short.db": {data[:9000], "cut short"},
		"newer.db": {nil, "install a newer one"},
		"zeros.db": {make([]byte, len(data)), "can't be read"},
	} {
		path := filepath.Join(dir, name)
		if c.data != nil {
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s was changed", name)
		}
	}
	if _, err := OpenRead(foreign); err == nil || !strings.Contains(err.Error(), "no ledger") {
		t.Errorf("%v", err)
	}
}

func TestEnumerations(t *testing.T) {
	if len(Phases()) != 8 || Phases()[0] != Reserved || Phases()[7] != Ending || len(Classes()) != 10 {
		t.Errorf("%v %v", Phases(), Classes())
	}
}

// BenchmarkTickets is how fast tickets from as many clients become leases, each
// step on disk.
func BenchmarkTickets(b *testing.B) {
	l := opened(b)
	for b.Loop() {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				t, _, err := l.Enqueue(Ticket{Profile: "dev", Enqueued: noon.Add(time.Duration(i))})
				if err == nil {
					var g Lease
					if g, err = l.Grant(t.ID, Lease{Deadline: noon}); err == nil {
						err = l.Release(g.ID, noon)
					}
				}
				if err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.N*50)/b.Elapsed().Seconds(), "tickets/s")
}
