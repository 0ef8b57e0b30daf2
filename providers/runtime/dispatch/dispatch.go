// Package dispatch is the service of one Mac: it owns the queue and every VM
// that is lent.
//
// Its duties, in order:
//
//  1. It takes tickets, and says why each waits (ask.go).
//  2. It lends: what a VM takes is reserved on disk before anything is done
//     (admit.go).
//  3. It lives each lease: a goroutine carries it from phase to phase as the
//     total table says (table.go, life.go, phases.go). Every phase is on disk
//     before its work begins, and its work looks at what is there already: so
//     a service that was killed goes on where it was.
//  4. It takes everything away again. Teardown is the one way in which a VM
//     ends (teardown.go): memory returns to the budget when the VM is proved
//     stopped, disk when it is deleted.
//  5. It sweeps: what should not be is mended where that is provable, and
//     quarantined where it is not (sweep.go). What is not ours is never
//     touched.
//
// Its end leaves VMs, runners and jobs alone; the next one adopts them. It reads
// what apply installed, and never HCL. Start at Service.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"sync"
	"time"

	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime/internal/cache"
	"hostler/providers/runtime/internal/hub"
	"hostler/providers/runtime/internal/limits"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/internal/vm"
	"hostler/providers/runtime/ledger"
)

// Limits are what things may take. A zero one is its default.
type Limits = limits.Limits

// Options are what a service is given.
type Options struct {
	Env    providers.Env
	Limits Limits
	Now    func() time.Time // nil: time.Now
	// Observe and Found, if not nil, are told at once of what was recorded and of
	// what a sweep has found. They must not wait for anything.
	Observe func(ledger.Event)
	Found   func(Finding)
}

// Folder is where the service keeps its ledger, and Logs where each lease has
// a folder of its own.
const (
	Folder = settings.Folder + "/dispatch"
	Logs   = "~/Library/Logs/hostler/jobs"
)

// Clock is the time by these options.
func (o Options) Clock() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func macOf(o Options) site.Mac {
	m := machine.Local(o.Env.Root, o.Env.Environ)
	return site.Mac{Machine: m, Tart: tartcli.New(m), Now: o.Clock}
}

// Situate is all that a decision about a Mac depends on, now.
func Situate(ctx context.Context, o Options, snap ledger.Snapshot) (site.Situation, site.Configuration, error) {
	m := macOf(o)
	conf, err := m.Configure()
	if err != nil {
		return site.Situation{}, conf, err
	}
	sit, err := m.Situate(ctx, snap, o.Limits.OrDefault().Whole, func(ctx context.Context) (site.Surroundings, error) { return m.Look(ctx, snap) })
	return sit, conf, err
}

// OpenRead opens the ledger of a service that does not run; see
// ledger.OpenRead.
func OpenRead(o Options) (*ledger.Ledger, error) {
	file, err := macOf(o).Where(ledgerFile)
	if err != nil {
		return nil, err
	}
	return ledger.OpenRead(file)
}

// Service is the service of one Mac.
type Service struct {
	site.Mac
	limits Limits
	ledger *ledger.Ledger
	hub    *hub.Hub
	vms    vm.Maker
	log    *slog.Logger
	boot   string // of the Mac
	began  time.Time
	wake   chan struct{}
	found  func(Finding) // may be nil

	mu       sync.Mutex
	asking   map[string]*asking // by the key of the ticket
	lives    map[string]*life   // by lease
	living   sync.WaitGroup     // of lives
	granting sync.Mutex         // from the grant of a ticket to the life of its lease
	seen     sight              // the Mac round what is lent
}

// errStopping ends what the service does; VMs go on.
var errStopping = errors.New("the service is stopping")

// New opens the service of a Mac, of which there can be one: ledger.ErrBusy
// otherwise. Nothing is done before Run.
func New(o Options) (*Service, error) {
	s := &Service{
		Mac: macOf(o), limits: o.Limits.OrDefault(), log: o.Env.Log,
		found: o.Found, wake: make(chan struct{}, 1), asking: map[string]*asking{}, lives: map[string]*life{},
	}
	s.vms = vm.Maker{Mac: s.Mac, Caches: &cache.Store{Mac: s.Machine, Now: s.Now}}
	s.hub = &hub.Hub{Mac: s.Machine, Web: o.Env.Web, Now: s.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	facts, err := s.Facts()
	if err != nil {
		return nil, fmt.Errorf("the facts of the Mac can't be read: %w", err)
	}
	s.boot = facts.Boot
	if err := s.Machine.Folder(Folder, 0o700); err != nil {
		return nil, err
	}
	file, err := s.Where(ledgerFile)
	if err != nil {
		return nil, err
	}
	if s.ledger, err = ledger.Open(file); err == nil {
		s.ledger.Observe = o.Observe
	}
	return s, err
}

const ledgerFile = Folder + "/ledger.db"

// Run is the service, until ctx ends. It returns when what it was doing has
// come to a place where the next one can go on.
func (s *Service) Run(ctx context.Context) error {
	s.began = s.Now()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(errStopping)
	snap, err := s.ledger.Read()
	if err != nil {
		return err
	}
	for _, l := range snap.Leases {
		s.begin(ctx, l, restarted)
	}
	sweeping, look := time.NewTimer(0), time.NewTimer(0)
	defer sweeping.Stop()
	defer look.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			stop(errStopping)
			s.living.Wait()
			return s.ledger.Close()
		case <-sweeping.C:
			if _, err := s.Sweep(ctx, n%thorough == 0); err != nil && ctx.Err() == nil {
				s.log.Error("sweep", "error", err)
			}
			n++
			sweeping.Reset(s.limits.Sweep)
		case <-s.wake:
		case <-look.C:
		}
		waiting, err := s.admit(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("admission", "error", err)
		}
		if look.Stop(); waiting || err != nil {
			look.Reset(stale) // what is not lent changes unseen
		}
	}
}

// Clients are the uids of the accounts that may ask for VMs, beside the one
// that the service runs under.
func (s *Service) Clients(ctx context.Context) ([]int, error) {
	conf, err := s.Configure()
	if err != nil {
		return nil, err
	}
	return conf.Clients(ctx, s.Mac)
}

// thorough is how many sweeps come with one question to GitHub.
const thorough = 10

// poke makes the service look at its queue.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// GitHub is the service's way to GitHub.
func (s *Service) GitHub() *hub.Hub { return s.hub }

// Snapshot is what the ledger says now, without what was.
func (s *Service) Snapshot() (ledger.Snapshot, error) { return s.ledger.Read() }

// Past are the leases that are over, the last one first.
func (s *Service) Past() ([]ledger.Lease, error) { return s.ledger.Past(0) }

// Drain makes the service lend nothing more, or with false lend again; that
// gives profiles that were stopped another try, too.
func (s *Service) Drain(on bool) error {
	defer s.poke()
	return s.ledger.SetState(func(st *ledger.State) {
		if st.Draining = on; !on {
			st.Stopped, st.Contended = nil, time.Time{}
		}
	})
}

// Release ends a lease before its time; one that is ending or over is success.
// job is who wants that: the zero Job is the Mac's own user, anybody else must
// be the one it was lent to.
func (s *Service) Release(id string, job ledger.Job) error {
	snap, err := s.ledger.Read()
	if err != nil {
		return err
	}
	past, err := s.ledger.Past(0)
	if err != nil {
		return err
	}
	all := slices.Concat(snap.Leases, past)
	i := slices.IndexFunc(all, func(l ledger.Lease) bool { return l.ID == id })
	if i < 0 {
		return fmt.Errorf("lease %s is not known here; hostler status lists what is lent", id)
	}
	if have := all[i].Ticket.Job; job != (ledger.Job{}) && (have.Repository != job.Repository || have.RunID != job.RunID) {
		return fmt.Errorf("lease %s belongs to run %d of %s, not to run %d of %s", id, have.RunID, have.Repository, job.RunID, job.Repository)
	}
	s.cancel(id)
	return nil
}

// cancel ends a lease that lives.
func (s *Service) cancel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lives[id]; l != nil {
		l.stop(errCancelled)
	}
}

// Clear withdraws every ticket, ends every lease, and lends nothing until it is
// resumed. It returns when all is taken away, or ctx ends; left is what is
// still there.
func (s *Service) Clear(ctx context.Context) (left []ledger.Lease, err error) {
	if err := s.Drain(true); err != nil {
		return nil, err
	}
	snap, err := s.ledger.Read()
	if err != nil {
		return nil, err
	}
	if err := s.refuse("all of this Mac was taken down by hand (hostler teardown --all)", snap.Tickets...); err != nil {
		return nil, err
	}
	for {
		snap, err := s.ledger.Read()
		if err != nil || len(snap.Leases) == 0 {
			return nil, err
		}
		for _, l := range snap.Leases {
			s.cancel(l.ID)
		}
		select {
		case <-ctx.Done():
			return snap.Leases, nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// folder is where the logs of a lease lie.
func folder(lease string) string { return path.Join(Logs, lease) }
