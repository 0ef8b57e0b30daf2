// Package openapi holds exchanges with the simulated GitHub to GitHub's own
// description of its API: what we send, and what the double answers. Tests
// alone use it.
//
// github.json is cut out of @octokit/openapi 23.0.2, which is under the MIT
// licence beside it; trim/ says how, operations.txt what. Start at Checked.
package openapi

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"hostler/providers/testbed"
)

//go:embed github.json
var description embed.FS

// T is what a test offers.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Checked carries requests to the simulated GitHub in this process, and fails
// the test at each exchange that breaks the description.
func Checked(t T, gh *testbed.GitHub) http.RoundTripper {
	t.Helper()
	router, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return testbed.Carry(&checker{next: gh.Handler(), router: router, tell: func(violation string) { t.Errorf("%s", violation) }})
}

// Handler tells of each exchange with next that breaks the description.
func Handler(next http.Handler, tell func(violation string)) (http.Handler, error) {
	router, err := load()
	if err != nil {
		return nil, err
	}
	return &checker{next: next, router: router, tell: tell}, nil
}

// load reads the description, once: that takes a while.
var load = sync.OnceValues(func() (routers.Router, error) {
	// A router of gorilla's takes a path with slashes only as {path:.+}.
	whole, err := description.ReadFile("github.json")
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer(`/contents/{path}"`, `/contents/{path:.+}"`, `/git/ref/{ref}"`, `/git/ref/{ref:.+}"`, `/git/refs/{ref}"`, `/git/refs/{ref:.+}"`).Replace(string(whole))
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	no := false
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			op.Servers = nil
			if op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Value.Content {
				forbid(media.Schema, &no)
			}
		}
	}
	return gorillamux.NewRouter(doc)
})

// forbid makes body fields that the description does not know violations.
func forbid(ref *openapi3.SchemaRef, no *bool) {
	if ref == nil || ref.Value == nil || len(ref.Value.AllOf)+len(ref.Value.AnyOf)+len(ref.Value.OneOf) > 0 {
		return
	}
	s := ref.Value
	if len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		s.AdditionalProperties = openapi3.AdditionalProperties{Has: no}
	}
	for _, p := range s.Properties {
		forbid(p, no)
	}
	if s.Items != nil {
		forbid(s.Items, no)
	}
}

type checker struct {
	next   http.Handler
	router routers.Router
	tell   func(string)
	mu     sync.Mutex
}

// undocumented are statuses that GitHub answers everywhere and describes
// nowhere.
var undocumented = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests}

func (c *checker) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	say := func(side string, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		text, _, _ := strings.Cut(err.Error(), "\nValue:") // which may be a secret
		c.tell(fmt.Sprintf("%s %s: the %s breaks GitHub's description: %s", req.Method, req.URL.Path, side, text))
	}
	look := req.Clone(req.Context())
	look.URL.Path = strings.TrimPrefix(look.URL.Path, "/api/v3")
	look.URL.RawPath = ""
	if strings.HasPrefix(look.URL.Path, "/actions/runner/releases/download/") || strings.HasPrefix(look.URL.Path, "/github-production-release-asset/") {
		c.next.ServeHTTP(w, again(req, body)) // no part of the API
		return
	}
	look.URL.Host, look.URL.Scheme, look.Host = "", "", ""
	route, vars, err := c.router.FindRoute(look)
	if err != nil {
		say("request", err)
		c.next.ServeHTTP(w, again(req, body))
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: again(look, body), PathParams: vars, Route: route,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true},
	}
	if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
		say("request", err)
	}
	out := &recorder{ResponseRecorder: httptest.NewRecorder(), w: w}
	c.next.ServeHTTP(out, again(req, body))
	if out.broken {
		return
	}
	answer := out.Body.Bytes()
	lie := bytes.HasPrefix(answer, []byte(`[{"id": "seven"`)) // an injected one
	if status := out.Code; status < 500 && status != http.StatusNotModified && !lie && !slices.Contains(undocumented, status) {
		res := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: out.Header(), Options: in.Options}
		res.SetBodyBytes(answer)
		if err := openapi3filter.ValidateResponse(req.Context(), res); err != nil {
			say("answer", err)
		}
	}
	for k, v := range out.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(out.Code)
	w.Write(answer)
}

func again(req *http.Request, body []byte) *http.Request {
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	if out.ContentLength = int64(len(body)); len(body) == 0 {
		out.Body = http.NoBody
	}
	return out
}

// recorder hands on a connection that breaks.
type recorder struct {
	*httptest.ResponseRecorder
	w      http.ResponseWriter
	broken bool
}

// Break breaks the connection.
func (r *recorder) Break(err error) {
	r.broken = true
	if b, ok := r.w.(interface{ Break(error) }); ok {
		for k, v := range r.Header() {
			r.w.Header()[k] = v
		}
		r.w.Write(r.Body.Bytes())
		b.Break(err)
		return
	}
	panic(http.ErrAbortHandler)
}
