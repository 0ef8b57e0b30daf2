// Package server is a simulated GitHub's front door: it finds the operation a
// request means, who asks, and what stands in the way, and writes the answer
// with GitHub's headers. What operations do is in the rooms beside it.
//
// Invariants:
//
//  1. An exchange is whole: it is counted, logged and done, or nothing of it
//     is, except where a fault says so.
//  2. The log never holds a token or a body.
//  3. A conditional request that is answered 304 costs nothing of the limit.
package server

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/auth"
	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/groups"
	"hostler/providers/testbed/internal/github/pulls"
	"hostler/providers/testbed/internal/github/releases"
	"hostler/providers/testbed/internal/github/repos"
	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/runners"
	"hostler/providers/testbed/internal/github/secrets"
	"hostler/providers/testbed/internal/github/world"
)

// Request is one line of the log.
type Request struct {
	Method      string    `json:"method"`
	Path        string    `json:"path"` // with the query, without /api/v3
	Operation   string    `json:"operation,omitempty"`
	Status      int       `json:"status"` // 0: no answer
	Auth        auth.Kind `json:"auth,omitempty"`
	Conditional bool      `json:"conditional,omitempty"`
	Fault       Kind      `json:"fault,omitempty"`
}

// Server answers for the GitHub of a folder.
type Server struct {
	Folder *world.Folder
	routes []rest.Route
}

// New returns the server of a folder.
func New(f *world.Folder) *Server {
	s := &Server{Folder: f}
	for _, room := range [][]rest.Route{auth.Routes(), runners.Routes(), releases.Routes(), groups.Routes(), secrets.Routes(), repos.Routes(), pulls.Routes()} {
		s.routes = append(s.routes, room...)
	}
	return s
}

const enterprise = "/api/v3"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 16<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var out reply
	err = s.Folder.Exchange(func(b *world.Books) (bool, error) {
		var keep bool
		var err error
		out, keep, err = s.exchange(b, req, body)
		return keep, err
	})
	if err != nil {
		http.Error(w, "simulated GitHub: "+err.Error(), http.StatusInternalServerError)
		return
	}
	out.write(w, req)
}

// exchange is what happens while nobody else changes the world.
func (s *Server) exchange(b *world.Books, req *http.Request, body []byte) (reply, bool, error) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), enterprise)
	scheme := "https://"
	if req.TLS == nil && req.URL.Scheme != "https" {
		scheme = "http://"
	}
	c := &rest.Call{
		World: b.World, Git: git.Objects(s.Folder.Objects()), Now: time.Now().Add(b.World.Offset).UTC().Truncate(time.Second),
		Query: req.URL.Query(), Path: req.URL.Path, Site: scheme + req.Host, Root: scheme + req.Host, Body: body,
	}
	if path != req.URL.EscapedPath() {
		c.Root += enterprise
	}
	route, found := s.route(c, req.Method, path)
	line := Request{Method: req.Method, Path: path, Operation: route.ID, Conditional: req.Header.Get("If-None-Match") != ""}
	if req.URL.RawQuery != "" {
		line.Path += "?" + req.URL.RawQuery
	}
	fault, err := strike(b, req.Method, path)
	if err != nil {
		return reply{}, false, err
	}
	if fault != nil {
		line.Fault = fault.Kind
	}
	out, kind, keep, err := s.answer(b, c, route, found, req, fault)
	if err != nil {
		return out, false, err
	}
	line.Auth, line.Status = kind, out.status
	data, err := json.Marshal(line)
	if err != nil {
		return out, false, err
	}
	b.Log = append(b.Log, data)
	return out, keep, nil
}

// answer is the operation's, or what stands before it.
func (s *Server) answer(b *world.Books, c *rest.Call, route rest.Route, found bool, req *http.Request, fault *Fault) (out reply, kind auth.Kind, keep bool, err error) {
	kind, why := auth.Identify(c, req.Header.Get("Authorization"))
	if fault != nil && fault.before() {
		return fault.reply(c), kind, false, nil
	}
	if fault != nil && fault.Kind == Stale && req.Method == http.MethodGet {
		if c.World, err = b.Before(max(fault.Count, 1)); err != nil {
			return out, kind, false, err
		}
	}
	var a rest.Answer
	switch {
	case !found:
		a = rest.NotFound()
	default:
		var ok bool
		if a, ok = auth.Allow(c, kind, why, route.Needs); ok {
			a = route.Do(c)
		}
	}
	if out, err = render(a); err != nil {
		return out, kind, false, err
	}
	keep = req.Method != http.MethodGet && a.Status < 300 || strings.HasSuffix(route.Pattern, "/public-key")
	if a.Status >= 300 && req.Method != http.MethodGet {
		b.Spoiled = true
	}
	if req.Method == http.MethodGet && out.status == http.StatusOK {
		tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(out.body))
		out.header.Set("Etag", tag)
		if req.Header.Get("If-None-Match") == tag {
			out.status, out.body = http.StatusNotModified, nil
		}
	}
	s.meter(b, c, kind, &out)
	if fault != nil {
		fault.spoil(&out)
	}
	return out, kind, keep, nil
}

// meter counts the request, and refuses it when too many were counted.
func (s *Server) meter(b *world.Books, c *rest.Call, kind auth.Kind, out *reply) {
	who := string(kind)
	if c.Token != nil {
		who = c.Token.Hash[:12]
	}
	limit := b.World.Limit
	if limit == 0 {
		limit = 5000
	}
	use := b.Meter.Used[who]
	if now := c.Now.Unix(); use.Reset <= now {
		use = world.Usage{Reset: now + 3600}
	}
	if out.status != http.StatusNotModified {
		if use.Used >= limit {
			b.Spoiled = true
			*out, _ = render(rest.Fail(http.StatusForbidden, "API rate limit exceeded"))
		} else {
			use.Used++
		}
	}
	b.Meter.Used[who] = use
	out.header.Set("Date", c.Now.Format(http.TimeFormat))
	out.header.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	out.header.Set("X-RateLimit-Remaining", strconv.Itoa(limit-use.Used))
	out.header.Set("X-RateLimit-Used", strconv.Itoa(use.Used))
	out.header.Set("X-RateLimit-Reset", strconv.FormatInt(use.Reset, 10))
	out.header.Set("X-RateLimit-Resource", "core")
}

// route is the operation with the most literal pattern that fits.
func (s *Server) route(c *rest.Call, method, path string) (best rest.Route, found bool) {
	most := -1
	for _, r := range s.routes {
		if vars, literal, ok := r.Match(path); ok && r.Method == method && literal > most {
			best, most, found = r, literal, true
			c.Vars = vars
		}
	}
	return best, found
}

// reply is an answer on its way out.
type reply struct {
	status int // 0: the connection breaks
	header http.Header
	body   []byte
	delay  time.Duration
	cut    bool // the body ends in the middle
}

func render(a rest.Answer) (reply, error) {
	r := reply{status: a.Status, header: http.Header{}, body: a.Raw}
	for k, v := range a.Header {
		r.header[http.CanonicalHeaderKey(k)] = v
	}
	if a.Raw == nil && a.Body != nil {
		var err error
		if r.body, err = json.Marshal(a.Body); err != nil {
			return r, err
		}
	}
	if r.header.Get("Content-Type") == "" && len(r.body) > 0 {
		r.header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return r, nil
}

// errBroken makes an in-process transport fail like a broken connection.
var errBroken = errors.New("connection reset by peer")

func (r reply) write(w http.ResponseWriter, req *http.Request) {
	if r.delay > 0 {
		select {
		case <-time.After(r.delay):
		case <-req.Context().Done():
		}
	}
	if r.status == 0 {
		if b, ok := w.(breaker); ok {
			b.Break(errBroken)
			return
		}
		panic(http.ErrAbortHandler)
	}
	for k, v := range r.header {
		w.Header()[k] = v
	}
	if r.cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
		r.body = r.body[:len(r.body)/2]
	}
	w.WriteHeader(r.status)
	w.Write(r.body)
	if r.cut {
		if b, ok := w.(breaker); ok {
			b.Break(io.ErrUnexpectedEOF)
			return
		}
		panic(http.ErrAbortHandler)
	}
}
