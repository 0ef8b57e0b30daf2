package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view"
	"hostler/hcl"
	"hostler/planner"
	"hostler/providers"
	"hostler/providers/testbed"
	"hostler/state"
)

// project is the configuration folder with everything that works on it.
type project struct {
	*app
	view.View
	env     providers.Env
	types   providers.Registry
	planner *planner.Planner
	files   map[string]*hcl.File // for excerpts in diagnostics
	// recorder is where apply records: the lock, except in tests.
	recorder func(*state.Lock) planner.Recorder
}

// open makes the project of the folder the program runs in. On a simulated Mac
// registries are simulated too.
func (a *app) open() *project {
	env := providers.Env{Dir: a.dir, Environ: a.environ, Root: cmp.Or(a.getenv(testbed.EnvRoot), "/")}
	if dir := a.getenv(testbed.EnvMac); dir != "" {
		if mac, err := testbed.Open(dir); err == nil {
			env.Web, err = mac.Web()
			if err != nil {
				env.Web = mac.Registry()
			}
		}
	}
	return a.openWith(env)
}

func (a *app) openWith(env providers.Env) *project {
	env.Shared = new(sync.Map)
	types := registry(env)
	return &project{
		app: a, View: a.view(types), env: env, types: types,
		planner:  &planner.Planner{Types: types, Now: a.now},
		recorder: func(l *state.Lock) planner.Recorder { return l },
	}
}

// view is for people, or with --json for programs.
func (a *app) view(types providers.Registry) view.View {
	if a.json {
		return view.NewJSON(a.streams(), release)
	}
	return view.NewHuman(a.streams(), types.Schemas())
}

func jsonFlag(a *app, f *pflag.FlagSet) {
	f.BoolVar(&a.json, "json", false, "one JSON object a line on standard output")
}

// report shows diagnostics and says whether there are errors among them.
func (p *project) report(diags hcl.Diagnostics) error {
	if len(diags) > 0 {
		p.Diagnostics(diags, p.files)
	}
	if diags.HasErrors() {
		return exitCode(exitError)
	}
	return nil
}

// reportError shows one error that is no diagnostic yet.
func (p *project) reportError(err error) error {
	var code exitCode
	var usage usageError
	if err == nil || errors.As(err, &code) || errors.As(err, &usage) {
		return err
	}
	return p.report(hcl.Diagnostics{errorDiagnostic(err)})
}

func (a *app) language(types providers.Registry) hcl.Language {
	return hcl.Language{Blocks: types.Schemas(), Version: release}
}

// load reads the files. It shows what is wrong with them.
func (p *project) load(vars varFlags) (*hcl.Config, error) {
	cfg, diags := hcl.Load(p.dir, p.language(p.types), hcl.Vars{Environ: p.environ, Args: vars.args})
	p.files = cfg.Files
	return cfg, p.report(diags)
}

// store is where the state is; the files say so, also when the rest of them
// is wrong, so that the state can be looked at while they are being mended.
func (p *project) store() *state.Store {
	cfg, _ := hcl.Load(p.dir, p.language(p.types), hcl.Vars{Environ: p.environ, Unset: true})
	return p.storeOf(cfg)
}

func (p *project) storeOf(cfg *hcl.Config) *state.Store {
	path := cfg.State
	if path == "" {
		path = filepath.Join(p.dir, "hostler.state.json")
	}
	s := state.Open(path)
	s.Now = p.now
	s.OnWait = func(h state.LockInfo) { p.Note(view.LockHeld(holder(h, path), p.now())) }
	return s
}

func holder(h state.LockInfo, path string) view.Holder {
	return view.Holder{PID: h.PID, User: h.User, Host: h.Host, Operation: h.Operation, Path: path, Since: h.Since, ID: h.ID}
}

// lock takes the state for one operation.
func (p *project) lock(ctx context.Context, s *state.Store, operation string, timeout time.Duration) (*state.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.Lock(ctx, state.LockInfo{Operation: operation})
}

// unlock folds and frees the state; its error joins the operation's.
func (p *project) unlock(l *state.Lock, err error) error {
	if closeErr := p.reportError(l.Close()); closeErr != nil && err == nil {
		return closeErr
	}
	return err
}

// edit changes the state by hand, under the lock.
func (p *project) edit(operation string, timeout time.Duration, change func(*state.Lock) error) error {
	return p.withLock(operation, timeout, func(_ context.Context, l *state.Lock) error { return change(l) })
}

// withLock does something that no other run may disturb. The first signal ends
// the context.
func (p *project) withLock(operation string, timeout time.Duration, do func(context.Context, *state.Lock) error) error {
	ctx, cancel := p.cancellable()
	defer cancel()
	l, err := p.lock(ctx, p.store(), operation, timeout)
	if err != nil {
		return p.reportError(err)
	}
	return p.unlock(l, p.reportError(do(ctx, l)))
}

// cancellable is a context that the first signal ends: for what only reads.
func (a *app) cancellable() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	go func() {
		select {
		case <-a.signals:
			cancel(errInterrupted)
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel(nil) }
}

var errInterrupted = errors.New("interrupted")

// interruptible is for what changes the world: the first signal closes stop,
// the second ends the context.
func (p *project) interruptible() (ctx context.Context, stop chan struct{}, end context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-p.signals:
			}
			if n == 0 {
				close(stop)
				p.Note(view.Stopping)
				continue
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, stop, func() { close(done); cancel(nil) }
}

// relative is how a path is shown: from the current folder, where that is
// shorter.
func relative(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}
