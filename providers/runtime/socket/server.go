// Package socket is the door to the dispatch service: a unix socket with a
// fixed set of verbs.
//
// Who may call: the account that the service runs under, and root, may do
// everything; the accounts that the host's block names as clients may ask for
// a VM, give back their own and look. The kernel says who calls. A socket that
// belongs to somebody else than its folder is no service of ours.
//
// Requests and answers are JSON over HTTP. Start at Serve and Dial.
package socket

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
)

// Server answers for one service.
type Server struct {
	Service *dispatch.Service
	Options dispatch.Options
	Owner   int   // uid of the account that may do everything
	Clients []int // uids of those that may ask for VMs
}

// Listen makes the socket. One that nobody answers any more is replaced, one
// that belongs to somebody else never.
func Listen(path string, shared bool) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := trusted(dir, os.Getuid()); err != nil {
		return nil, err
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("another service answers at %s already", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // whoever asks sees that there is a service, and waits for it
	mode := os.FileMode(0o600)
	if shared {
		mode = 0o666 // the kernel's word on who calls decides
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			uid, err := peer(c)
			return context.WithValue(ctx, caller{}, identity{uid, err})
		},
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type caller struct{}

type identity struct {
	uid int
	err error
}

// verb is something that callers may ask for.
type verb struct {
	method, path string
	client       bool // accounts named as clients may
	do           func(w http.ResponseWriter, r *http.Request, own bool) error
}

func (s *Server) verbs() []verb {
	return []verb{
		{http.MethodPost, "/v1/run", true, s.run},
		{http.MethodPost, "/v1/release", true, s.release},
		{http.MethodGet, "/v1/status", true, s.status},
		{http.MethodGet, "/v1/leases", true, s.leases},
		{http.MethodPost, "/v1/drain", false, s.drain},
		{http.MethodPost, "/v1/sweep", false, s.sweep},
		{http.MethodPost, "/v1/prune", false, s.prune},
		{http.MethodPost, "/v1/teardown", false, s.teardown},
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, v := range s.verbs() {
		mux.HandleFunc(v.method+" "+v.path, func(w http.ResponseWriter, r *http.Request) {
			id, _ := r.Context().Value(caller{}).(identity)
			own := id.err == nil && (id.uid == s.Owner || id.uid == 0)
			if !own && !(v.client && id.err == nil && slices.Contains(s.Clients, id.uid)) {
				answer(w, http.StatusForbidden, Problem{Text: fmt.Sprintf("the account with uid %d may not do this; the account that the service runs under may, and for jobs those that host.serve.clients names", id.uid)})
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			if err := v.do(w, r, own); err != nil {
				answer(w, http.StatusConflict, problem(err))
			}
		})
	}
	return mux
}

// Problem is an error on its way to the caller.
type Problem struct {
	Text   string          `json:"text"`
	Reason dispatch.Reason `json:"reason,omitempty"`
	Class  ledger.Class    `json:"class,omitempty"`
	Lease  string          `json:"lease,omitempty"`
}

func problem(err error) Problem {
	p := Problem{Text: err.Error()}
	var ask *dispatch.AskError
	if errors.As(err, &ask) {
		p.Reason, p.Class, p.Lease = ask.Reason, ask.Class, ask.Lease
	}
	return p
}

// Error is the problem as the caller's error.
func (p Problem) Error() error {
	p.Text = cmp.Or(p.Text, "the service gives no reason; is it another version than this hostler?")
	if p.Reason == "" {
		return errors.New(p.Text)
	}
	return &dispatch.AskError{Reason: p.Reason, Text: p.Text, Class: p.Class, Lease: p.Lease}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever went away needs no answer
}

func body(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the request can't be read: %w; is this hostler as old as the service?", err)
	}
	return nil
}

// line is a piece of the answer to run.
type line struct {
	Update   *dispatch.Update   `json:"update,omitempty"`
	Handover *dispatch.Handover `json:"handover,omitempty"`
	Problem  *Problem           `json:"problem,omitempty"`
}

// run waits with the caller, who takes the wish back by going away.
func (s *Server) run(w http.ResponseWriter, r *http.Request, own bool) error {
	var ask dispatch.Request
	if err := body(r, &ask); err != nil {
		return err
	}
	var mu sync.Mutex
	flow := http.NewResponseController(w)
	say := func(l line) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(l)
		_ = flow.Flush()
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	_ = flow.Flush()
	h, err := s.Service.Ask(r.Context(), ask, func(u dispatch.Update) { say(line{Update: &u}) })
	if err != nil {
		p := problem(err)
		say(line{Problem: &p})
		return nil
	}
	say(line{Handover: h})
	return nil
}

// ReleaseRequest asks for the end of a lease, for the job that has it.
type ReleaseRequest struct {
	Lease string     `json:"lease"`
	Job   ledger.Job `json:"job"`
}

func (s *Server) release(w http.ResponseWriter, r *http.Request, own bool) error {
	var q ReleaseRequest
	if err := body(r, &q); err != nil {
		return err
	}
	if q.Job == (ledger.Job{}) && !own {
		return errors.New("release gives back the lease of the job that asks; GITHUB_RUN_ID and GITHUB_REPOSITORY are not set")
	}
	if err := s.Service.Release(q.Lease, q.Job); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (s *Server) status(w http.ResponseWriter, r *http.Request, _ bool) error {
	snap, err := s.Service.Snapshot()
	if err != nil {
		return err
	}
	st, err := status.Of(r.Context(), s.Options, snap, true)
	if err == nil {
		answer(w, http.StatusOK, st)
	}
	return err
}

// leases are those that are lent and those that were, the last one first.
func (s *Server) leases(w http.ResponseWriter, r *http.Request, _ bool) error {
	snap, err := s.Service.Snapshot()
	if err != nil {
		return err
	}
	past, err := s.Service.Past()
	if err == nil {
		slices.Reverse(snap.Leases)
		answer(w, http.StatusOK, slices.Concat(snap.Leases, past))
	}
	return err
}

// DrainRequest says whether the Mac lends anything.
type DrainRequest struct {
	On bool `json:"on"`
}

func (s *Server) drain(w http.ResponseWriter, r *http.Request, _ bool) error {
	var q DrainRequest
	if err := body(r, &q); err != nil {
		return err
	}
	if err := s.Service.Drain(q.On); err != nil {
		return err
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}

func (s *Server) sweep(w http.ResponseWriter, r *http.Request, _ bool) error {
	found, err := s.Service.Sweep(r.Context(), true)
	if err == nil {
		answer(w, http.StatusOK, found)
	}
	return err
}

func (s *Server) prune(w http.ResponseWriter, r *http.Request, _ bool) error {
	var wish status.Pruning
	if err := body(r, &wish); err != nil {
		return err
	}
	removed, err := s.Service.Prune(wish)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, removed)
	return nil
}

func (s *Server) teardown(w http.ResponseWriter, r *http.Request, _ bool) error {
	left, err := s.Service.Clear(r.Context())
	if err == nil {
		answer(w, http.StatusOK, left)
	}
	return err
}
