// Package web carries requests to GitHub: it repeats those that failed for
// reasons that pass, waits for limits, and asks conditionally for what was read
// before.
package web

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"hostler/providers"
)

const (
	tries    = 4
	patience = time.Minute // as long as a limit is waited for
	maxBody  = 64 << 20    // of an answer
)

// LimitError is a limit of requests that does not end soon.
type LimitError struct{ Until time.Time }

func (e *LimitError) Error() string {
	return "GitHub's limit of requests is used up until " + e.Until.UTC().Format("15:04:05 UTC")
}

// Retry repeats requests that failed for reasons that pass, and waits for
// limits. go-github does not know 429, and refuses by itself for an hour what
// GitHub may take again.
type Retry struct {
	Next http.RoundTripper
	Now  func() time.Time

	left left
}

// Ahead is how far this machine's clock was ahead of GitHub's at the last
// answer, to the second; ok is false before the first.
func (r *Retry) Ahead() (d time.Duration, ok bool) {
	r.left.mu.Lock()
	defer r.left.mu.Unlock()
	return r.left.ahead, r.left.dated
}

// Left is how many requests GitHub still allows in this hour, as of the last
// answer, and until when it counts; ok is false before the first.
func (r *Retry) Left() (n int, until time.Time, ok bool) { return r.left.get() }

func (r *Retry) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		again, err := rewind(req)
		if err != nil {
			return nil, err
		}
		resp, err := r.Next.RoundTrip(again)
		if err == nil {
			r.left.note(resp.Header, r.Now())
		}
		wait, ok := r.wait(req, resp, err, try)
		if !ok {
			if err == nil {
				resp.Body = struct {
					io.Reader
					io.Closer
				}{io.LimitReader(resp.Body, maxBody), resp.Body}
			}
			return resp, err
		}
		if err == nil {
			io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
			resp.Body.Close()
		}
		if wait > patience {
			return nil, &LimitError{Until: r.Now().Add(wait)}
		}
		if wait > 5*time.Second {
			providers.Report(req.Context(), "waiting %v for GitHub's limit of requests", wait.Round(time.Second))
		}
		select {
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		case <-time.After(wait):
		}
	}
}

// rewind is the request with its body from the start.
func rewind(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = body
	return again, nil
}

// wait tells whether to send the request again, and when.
func (r *Retry) wait(req *http.Request, resp *http.Response, err error, try int) (time.Duration, bool) {
	if req.Context().Err() != nil {
		return 0, false
	}
	repeatable := req.Body == nil || req.GetBody != nil
	if err == nil && limited(resp) {
		// GitHub did not act on it.
		return r.until(resp.Header, try), repeatable && try < tries
	}
	passing := err != nil || resp.StatusCode >= 500
	harmless := req.Method != http.MethodPost && req.Method != http.MethodPatch
	if !passing || !repeatable || try >= tries || !(harmless || errors.Is(err, syscall.ECONNREFUSED)) {
		return 0, false
	}
	return backoff(try), true
}

// backoff is half a second, then twice as long each time, give or take half.
func backoff(try int) time.Duration {
	d := 500 * time.Millisecond << (try - 1)
	return d/2 + rand.N(d)
}

// limited reports whether this is one of GitHub's two limits, by either status
// that it answers for them.
func limited(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-Ratelimit-Remaining") == "0"
	}
	return false
}

// until is how long a limit lasts: as GitHub says, or a minute.
func (r *Retry) until(h http.Header, try int) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After"))); err == nil && s >= 0 {
		return time.Duration(s)*time.Second + rand.N(time.Second/2)
	}
	if h.Get("X-Ratelimit-Remaining") == "0" {
		if s, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			return max(time.Unix(s, 0).Sub(r.Now()), 0) + time.Second
		}
	}
	return patience
}

// left is what the last answer said of the limit, and of the time.
type left struct {
	mu    sync.Mutex
	known bool
	n     int
	until time.Time
	dated bool
	ahead time.Duration
}

func (l *left) note(h http.Header, now time.Time) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		l.mu.Lock()
		l.dated, l.ahead = true, now.Sub(date).Truncate(time.Second)
		l.mu.Unlock()
	}
	n, err := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	reset, err2 := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil || err2 != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known, l.n, l.until = true, n, time.Unix(reset, 0)
}

func (l *left) get() (int, time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n, l.until, l.known
}
