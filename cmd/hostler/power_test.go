package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
	"hostler/state"
)

// powered is a machine whose power is cut.
type powered struct {
	*builder
	vm string
}

func (p *powered) tart(args ...string) *exec.Cmd {
	c := exec.Command(p.mac.Tool("tart"), args...)
	c.Env = p.mac.Environ()
	return c
}

func (p *powered) exec(in io.Reader, line string) []byte {
	p.t.Helper()
	c := p.tart("exec", "-i", p.vm, "/bin/sh", "-c", line)
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = in, &stderr
	out, err := c.Output()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", line, err, stderr.Bytes())
	}
	return out
}

// boot returns what cuts the power.
func (p *powered) boot() (cut func()) {
	p.t.Helper()
	c := p.tart("run", "--no-graphics", p.vm)
	must(p.t, c.Start())
	for n := 0; p.tart("exec", p.vm, "true").Run() != nil; n++ {
		if n == 600 {
			p.t.Fatal("the machine does not boot")
		}
		time.Sleep(100 * time.Millisecond)
	}
	return func() {
		must(p.t, c.Process.Signal(syscall.SIGKILL))
		_ = c.Wait()
	}
}

// TestPowerLoss cuts the power of a machine that writes a state and a ledger,
// boots it again, and looks for everything that was acknowledged. As often as
// you like:
//
//	go test ./cmd/hostler -run PowerLoss -kills 100 -timeout 2h -v
func TestPowerLoss(t *testing.T) {
	m, err := testbed.RealMachine(t.TempDir())
	if err != nil {
		t.Skip(err)
	}
	t.Parallel()
	b := newBuilderOn(t, testbed.Spec{Memory: 16 << 30, CPUs: 4, Guests: testbed.Machine, Machine: m, SSH: true, Registry: []testbed.RemoteImage{
		{Ref: "ghcr.io/acme/linux:latest", OS: "linux", CPUs: 1, CPUMin: 1, Memory: 1 << 30, DiskGB: 1},
	}}, nil)
	p := &powered{b, "writer"}
	must(t, p.tart("clone", "ghcr.io/acme/linux:latest", p.vm).Run())
	t.Cleanup(func() { must(t, b.mac.Reboot()) })
	program := filepath.Join(t.TempDir(), "writer")
	build := exec.Command("go", "build", "-o", program, "./testdata/writer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	written := &acknowledged{puts: map[string]string{}, stages: map[string]int{}, careless: map[string]string{}}
	lost := 0
	for cuts := 0; ; cuts++ {
		cut := p.boot()
		if cuts == 0 {
			data, err := os.ReadFile(program)
			must(t, err)
			p.exec(bytes.NewReader(data), "mkdir kept; cat >writer; chmod 755 writer; sync")
		} else {
			lost += written.check(t, unpacked(t, p.exec(nil, "tar -c -f - -C kept .")))
		}
		if cuts == max(1, *kills/2) || t.Failed() {
			cut()
			t.Logf("%d cuts: %d resources, %d tickets; of files that nobody had synced %d were lost", cuts, len(written.puts), len(written.stages), lost)
			break
		}
		c := p.tart("exec", p.vm, "/bin/sh", "-c", fmt.Sprintf("exec ./writer kept boot%d", cuts))
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		time.AfterFunc(2*time.Second+time.Duration(cuts%7)*230*time.Millisecond, cut)
		written.note(t, out)
		_ = c.Wait()
	}
	if lost == 0 {
		t.Error("nothing was lost that was not synced: the power was not cut")
	}
}

// unpacked are the files of an archive, in a folder.
func unpacked(t *testing.T, data []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(t, err)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), data, 0o600))
	}
}

// The stages of what the writer asks of the ledger.
var stages = []string{"ticket", "lease", "past"}

// acknowledged is what the writer said.
type acknowledged struct {
	puts     map[string]string // the last value of each resource
	stages   map[string]int    // how far each ticket has come
	careless map[string]string // what files hold that were not synced
}

func (a *acknowledged) note(t *testing.T, out io.Reader) {
	t.Helper()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // what is left is half a line
		}
		words := strings.Fields(line)
		switch words[0] {
		case "put":
			a.puts[words[1]] = words[2]
		case "careless":
			a.careless[words[1]] = words[2]
		case "error":
			t.Error(line)
		default:
			a.stages[words[1]] = slices.Index(stages, words[0])
		}
	}
}

// check compares; lost is how many files that were not synced have gone.
func (a *acknowledged) check(t *testing.T, dir string) (lost int) {
	t.Helper()
	snap, err := state.Open(filepath.Join(dir, "state.json")).Read()
	must(t, err)
	found := map[string]string{}
	for at, r := range snap.Resources {
		var attributes struct{ To string }
		must(t, json.Unmarshal(r.Attributes, &attributes))
		found[at.String()] = attributes.To
	}
	for at, to := range a.puts {
		var boot, run, nowBoot, nowRun int
		_, err := fmt.Sscanf(to, "boot%d-%d", &boot, &run)
		must(t, err)
		_, err = fmt.Sscanf(found[at], "boot%d-%d", &nowBoot, &nowRun)
		// One more may have been written and not acknowledged.
		if next := nowBoot == boot && nowRun == run+1 || nowBoot > boot && nowRun == 0; err != nil || to != found[at] && !next {
			t.Errorf("%s was acknowledged as %s, and is %q", at, to, found[at])
		}
		a.puts[at] = found[at]
	}
	l, err := ledger.OpenRead(filepath.Join(dir, "ledger.db"))
	must(t, err)
	defer l.Close()
	book, err := l.Read()
	must(t, err)
	past, err := l.Past(0)
	must(t, err)
	places := map[string][]int{}
	for _, w := range book.Tickets {
		places[w.Key] = append(places[w.Key], 0)
	}
	for i, leases := range [][]ledger.Lease{book.Leases, past} {
		for _, g := range leases {
			places[g.Ticket.Key] = append(places[g.Ticket.Key], i+1)
		}
	}
	for key, stage := range a.stages {
		if at := places[key]; len(at) != 1 || at[0] < stage || at[0] > stage+1 {
			t.Errorf("%s was acknowledged as %s, and stands in %v", key, stages[stage], at)
		}
	}
	for name, want := range a.careless {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			lost++
		}
		delete(a.careless, name)
	}
	return lost
}
