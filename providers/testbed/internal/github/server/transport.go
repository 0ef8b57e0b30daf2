package server

import (
	"bytes"
	"io"
	"net/http"
)

// breaker is a response writer whose connection can break.
type breaker interface{ Break(error) }

// Transport carries requests to a handler in this process, whatever their host.
type Transport struct{ Handler http.Handler }

// RoundTrip answers the request.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	t.Handler.ServeHTTP(w, in)
	if w.broken != nil && w.broken != io.ErrUnexpectedEOF {
		return nil, w.broken
	}
	body := io.Reader(&w.body)
	if w.broken != nil {
		body = io.MultiReader(body, failing{w.broken})
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(body), ContentLength: -1, Request: req,
	}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	broken error
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) Break(err error)             { r.broken = err }
