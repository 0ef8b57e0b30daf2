package socket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
)

// Path is where the socket lies: in a folder that every account of the Mac can
// enter. A simulated Mac's folder may be longer than a socket's path can be.
func Path(env providers.Env) (string, error) {
	const most = 100 // macOS takes 103 bytes
	p, err := machine.Local(env.Root, env.Environ).Where("/Users/Shared/hostler/serve.sock")
	if err == nil && len(p) > most {
		p = filepath.Join("/tmp", fmt.Sprintf("hostler-%x", sha256.Sum256([]byte(p)))[:24], "serve.sock")
	}
	return p, err
}

// Client asks a service.
type Client struct {
	path string
	http http.Client
}

// NoServiceError is a service that does not answer.
type NoServiceError struct {
	Path string
	Err  error
}

func (e *NoServiceError) Error() string {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return fmt.Sprintf("no dispatch service runs on this Mac: there is no %s; hostler apply installs it, hostler serve runs it by hand", e.Path)
	}
	if errors.Is(e.Err, fs.ErrPermission) {
		return fmt.Sprintf("this account may not speak to the dispatch service, at %s; name it in host.serve.clients and apply", e.Path)
	}
	return fmt.Sprintf("the dispatch service does not answer at %s: %v; hostler serve runs it by hand", e.Path, e.Err)
}

func (e *NoServiceError) Unwrap() error { return e.Err }

// Dial is the client for the Mac's service. It asks nothing yet.
func Dial(env providers.Env) (*Client, error) {
	p, err := Path(env)
	if err != nil {
		return nil, err
	}
	c := &Client{path: p}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.connect(ctx) }, DisableKeepAlives: true}
	return c, nil
}

// connect reaches the service, and makes sure that it is the one that the
// socket's owner runs.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	info, err := os.Lstat(c.path)
	if err != nil {
		return nil, &NoServiceError{c.path, err}
	}
	owner := owner(info)
	if err := trusted(filepath.Dir(c.path), owner); err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.path)
	if err != nil {
		return nil, &NoServiceError{c.path, err}
	}
	if uid, err := peer(conn); err != nil || uid != owner {
		conn.Close()
		return nil, fmt.Errorf("the socket %s belongs to uid %d, and uid %d answers; nothing was asked of it", c.path, owner, uid)
	}
	return conn, nil
}

// call asks for an answer.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

func (c *Client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://hostler"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var p Problem
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&p); err != nil || p.Text == "" {
		return nil, fmt.Errorf("the service answered %s to %s; is it another version than this hostler?", resp.Status, path)
	}
	return nil, p.Error()
}

// plain takes off what net/http says of a request that went to no URL.
func plain(err error) error {
	var no *NoServiceError
	if errors.As(err, &no) {
		return no
	}
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// away is for how long a service that went away may come back.
const away = time.Minute

// Run waits for a runner. A service that is restarted meanwhile is asked again:
// what was asked for is kept.
func (c *Client) Run(ctx context.Context, ask dispatch.Request, each func(dispatch.Update)) (*dispatch.Handover, error) {
	var since time.Time
	for {
		h, err := c.runOnce(ctx, ask, func(u dispatch.Update) { since = time.Time{}; each(u) })
		var end *dispatch.AskError
		var no *NoServiceError
		switch {
		case err == nil, ctx.Err() != nil, errors.As(err, &end) && end.Reason != dispatch.Stopped:
			return h, err
		case errors.As(err, &no) && since.IsZero() && errors.Is(no.Err, fs.ErrNotExist):
			return nil, err // there was none to begin with
		case errors.Is(err, fs.ErrPermission):
			return nil, err
		case errors.As(err, &no), broken(err), end != nil:
		default:
			return nil, err
		}
		if since.IsZero() {
			since = time.Now()
			each(dispatch.Update{Reason: "the service is away; it is waited for"})
		}
		if time.Since(since) > away {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// broken reports whether the service went away in the middle of a call.
func broken(err error) bool {
	return slices.ContainsFunc([]error{io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.EPIPE}, func(e error) bool { return errors.Is(err, e) })
}

func (c *Client) runOnce(ctx context.Context, ask dispatch.Request, each func(dispatch.Update)) (*dispatch.Handover, error) {
	resp, err := c.do(ctx, http.MethodPost, "/v1/run", ask)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	for d := json.NewDecoder(resp.Body); ; {
		var l line
		switch err := d.Decode(&l); {
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, plain(err)
		case l.Handover != nil:
			return l.Handover, nil
		case l.Problem != nil:
			return nil, l.Problem.Error()
		case l.Update != nil:
			each(*l.Update)
		}
	}
}

// Release gives a lease back.
func (c *Client) Release(ctx context.Context, r ReleaseRequest) error {
	return c.call(ctx, http.MethodPost, "/v1/release", r, nil)
}

// Status asks how the Mac stands.
func (c *Client) Status(ctx context.Context) (s status.Status, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Leases are those that are lent and those that were, the last one first.
func (c *Client) Leases(ctx context.Context) (all []ledger.Lease, err error) {
	return all, c.call(ctx, http.MethodGet, "/v1/leases", nil, &all)
}

// Drain makes the service lend nothing more, or lend again.
func (c *Client) Drain(ctx context.Context, on bool) error {
	return c.call(ctx, http.MethodPost, "/v1/drain", DrainRequest{on}, nil)
}

// Sweep has the service sweep now.
func (c *Client) Sweep(ctx context.Context) (found []dispatch.Finding, err error) {
	return found, c.call(ctx, http.MethodPost, "/v1/sweep", nil, &found)
}

// Prune has the service remove caches.
func (c *Client) Prune(ctx context.Context, w status.Pruning) (removed []status.Pruned, err error) {
	return removed, c.call(ctx, http.MethodPost, "/v1/prune", w, &removed)
}

// Teardown ends everything that is lent; left is what is still there when ctx
// ends.
func (c *Client) Teardown(ctx context.Context) (left []ledger.Lease, err error) {
	return left, c.call(ctx, http.MethodPost, "/v1/teardown", nil, &left)
}
