package dispatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/runtime/ledger"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// The child of these tests is a service, and somebody who asks it for one VM.
// It ends when the job is done and nothing is lent, or is killed before.
const (
	childMac = "HOSTLER_TEST_SERVE" // the folder of the simulated Mac
	childWeb = "HOSTLER_TEST_WEB"   // "3 before": killed at its third request to GitHub
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childMac); dir != "" {
		if err := child(dir, os.Getenv(childWeb)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(mactest.Main(m))
}

func child(dir, deadly string) error {
	mac, err := testbed.Open(dir)
	if err != nil {
		return err
	}
	gh, err := mac.GitHub()
	if err != nil {
		return err
	}
	s, err := New(Options{
		Env:    providers.Env{Root: mac.Root(), Environ: append(mac.Environ(), "GITHUB_TOKEN="+testbed.GitHubToken), Web: &deathly{next: gh.RoundTripper(), at: deadly}},
		Limits: Limits{Retry: 5 * time.Millisecond, Contend: 50 * time.Millisecond, Boot: 20 * time.Second},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	err = askOnce(s, gh)
	for err == nil {
		snap, unread := s.Snapshot()
		if err = unread; err == nil && len(snap.Leases) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	return errors.Join(err, <-over)
}

// askOnce asks for a VM, unless that has been had, and gives it its job.
func askOnce(s *Service, gh *testbed.GitHub) error {
	past, err := s.ledger.Past(0)
	if err != nil || slices.ContainsFunc(past, func(l ledger.Lease) bool { return l.Ticket.Key == "k" && !l.Requeue }) {
		return err
	}
	h, err := s.Ask(context.Background(), Request{Key: "k", Profile: "mac", Job: ledger.Job{Repository: repo, RunID: 1, Attempt: 1, Name: "work"}}, func(Update) {})
	if err != nil {
		var end *AskError
		if errors.As(err, &end) && end.Reason == Failed {
			return nil // it says so in the ledger
		}
		return err
	}
	jobs, err := gh.Jobs()
	if err != nil || len(jobs) > 0 {
		return err
	}
	_, err = gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
	return err
}

// deathly kills this process at a request.
type deathly struct {
	next http.RoundTripper
	at   string
	n    atomic.Int32
}

func (d *deathly) RoundTrip(r *http.Request) (*http.Response, error) {
	n := d.n.Add(1)
	die := func(when string) {
		if d.at == fmt.Sprint(n, " ", when) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	die("before")
	resp, err := d.next.RoundTrip(r)
	die("after")
	return resp, err
}

// run runs a child to its end, and tells whether it was killed.
func (b *bed) run(web string) (killed bool) {
	b.t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childMac+"="+b.mac.Dir(), childWeb+"="+web, "GORACE=atexit_sleep_ms=0")
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// books are what the ledger says of the only job there was.
func (b *bed) books() []ledger.Lease {
	b.t.Helper()
	s, err := New(Options{Env: b.env, Limits: b.limits})
	must(b.t, err)
	b.s = s
	past, err := s.ledger.Past(0)
	must(b.t, err)
	b.empty()
	must(b.t, s.ledger.Close())
	return past
}

// The service is killed before and after each of its calls of tart and of
// GitHub, and started again; with reboot, the machine was restarted meanwhile.
func TestKilledAnywhere(t *testing.T) {
	b := newBed(t)
	must(t, b.mac.ResetCalls(), b.gh.ResetRequests())
	if b.run("") {
		t.Fatal("the child was killed")
	}
	if past := b.books(); len(past) != 1 || past[0].End.Class != ledger.Succeeded {
		t.Fatalf("%+v", past)
	}
	calls, err := b.mac.Calls()
	must(t, err)
	requests, err := b.gh.Requests()
	must(t, err)
	tart := 0
	for _, c := range calls {
		if c.Tool == "tart" {
			tart++
		}
	}
	if tart < 6 || len(requests) < 2 {
		t.Fatalf("only %d calls of tart and %d requests", tart, len(requests))
	}
	for _, reboot := range []bool{false, true} {
		for n := 1; n <= tart; n++ {
			for kind, when := range map[testbed.Kind]string{testbed.KillCallerBefore: "before", testbed.KillCallerAfter: "after"} {
				t.Run(fmt.Sprintf("tart-%d-%s-reboot-%t", n, when, reboot), func(t *testing.T) {
					t.Parallel()
					b := newBed(t)
					must(t, b.mac.Inject(testbed.Fault{Tool: "tart", Nth: n, Kind: kind}))
					b.survive("", reboot)
				})
			}
		}
		for n := 1; n <= len(requests); n++ {
			for _, when := range []string{"before", "after"} {
				t.Run(fmt.Sprintf("github-%d-%s-reboot-%t", n, when, reboot), func(t *testing.T) {
					t.Parallel()
					newBed(t).survive(strconv.Itoa(n)+" "+when, reboot)
				})
			}
		}
	}
}

// survive lets a child be killed once, and wants the next one to bring
// everything to its end.
func (b *bed) survive(web string, reboot bool) {
	b.t.Helper()
	killed := b.run(web)
	if killed {
		if reboot {
			must(b.t, b.mac.Reboot())
		}
		if b.run("") {
			b.t.Fatal("the second child was killed as well")
		}
	}
	past := b.books()
	jobs, err := b.gh.Jobs()
	must(b.t, err)
	for _, l := range past {
		if l.End == nil {
			b.t.Errorf("lease without an end: %+v", l)
			continue
		}
		b.t.Logf("killed %t: %s %s, %s", killed, l.ID, l.End.Class, l.End.Reason)
	}
	last := past[0]
	switch {
	case last.Requeue:
		b.t.Errorf("the last lease was to be tried again: %+v", last)
	case !reboot && last.End.Class != ledger.Succeeded:
		b.t.Errorf("the job could have been done, and was not: %+v", last.End)
	case last.End.Class == ledger.Succeeded && (len(jobs) != 1 || jobs[0].Conclusion != "success"):
		b.t.Errorf("%+v", jobs)
	case last.End.Class != ledger.Succeeded && last.End.Class != ledger.VMDied:
		b.t.Errorf("ended as %+v", last.End)
	}
}

// The VM dies in each phase, as its process is killed or its guest ends.
func TestDeadVMs(t *testing.T) {
	for _, phase := range ledger.Phases()[2:7] {
		for _, how := range []string{"kill", "crash", "shutdown"} {
			t.Run(fmt.Sprintf("%s-%s", phase, how), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				must(t, b.mac.SetTiming(testbed.Timing{Job: 5 * time.Second, Agent: 300 * time.Millisecond}))
				s := b.serve()
				once := false
				strike := func(id string) {
					if once {
						return
					}
					once = true
					b.until("the VM runs", func() bool {
						vms, err := b.mac.VMs()
						must(t, err)
						for _, v := range vms {
							if !strings.HasSuffix(v.Name, "-"+id) || v.PID == 0 {
								continue
							}
							switch how {
							case "kill":
								err = syscall.Kill(v.PID, syscall.SIGKILL)
							case "crash":
								err = b.mac.StopGuest(v.Name, "Internal Virtualization error")
							default:
								err = b.mac.StopGuest(v.Name, "")
							}
							must(t, err)
							return true
						}
						return false
					})
				}
				h, err := s.Ask(t.Context(), Request{Profile: "small", Job: ledger.Job{Repository: repo, RunID: 1}}, func(u Update) {
					if u.Phase == phase {
						strike(u.Lease)
					}
				})
				must(t, err)
				if phase == ledger.Waiting {
					strike(h.Lease)
				} else {
					_, err := b.gh.QueueJob(repo, "work", []string{"self-hosted", h.Label})
					must(t, err)
				}
				if phase == ledger.Working {
					b.until("it works", func() bool {
						snap, err := s.Snapshot()
						return err == nil && len(snap.Leases) == 1 && snap.Leases[0].Phase == ledger.Working
					})
					strike(h.Lease)
					// GitHub takes a while to see that nobody answers any more.
					runners, err := b.gh.Runners()
					must(t, err)
					for _, r := range runners {
						must(t, b.gh.Disconnect(r.ID))
					}
				} else {
					must(t, b.mac.SetTiming(testbed.Timing{Job: time.Millisecond}))
				}
				want := ledger.Succeeded
				if phase == ledger.Waiting || phase == ledger.Working {
					want = ledger.VMDied
				}
				l := b.past(h.Lease)
				if phase == ledger.Registering && l.End.Class == ledger.VMDied && len(l.Timeline) >= len(ledger.Phases())-1 {
					want = ledger.VMDied // it listened before it died
				}
				if l.End.Class != want {
					t.Errorf("%+v", l.End)
				}
				if !once {
					t.Error("the VM did not die")
				}
				b.until("everything is over", func() bool { snap, err := s.Snapshot(); return err == nil && len(snap.Leases) == 0 })
				b.empty()
			})
		}
	}
}
