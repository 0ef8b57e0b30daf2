package registry_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"hostler/providers/internal/registry"
)

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// status answers with that status, and an error of that code.
func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"canary %s","detail":{"header":%q}}]}`, text, r.URL, r.Header.Get("Authorization"))
	}
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }
}

func hangUp(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		part string // of the paths that the fault answers
		do   http.HandlerFunc
		want registry.Kind
		text string
	}{
		"denied":            {"/manifests/", status(403, "DENIED"), registry.Auth, "refused the credentials from TART_REGISTRY"},
		"unauthorized":      {"/manifests/", status(401, "UNAUTHORIZED"), registry.Auth, "may read this image"},
		"denied config":     {"/blobs/", status(403, "DENIED"), registry.Auth, ""},
		"unknown manifest":  {"/manifests/", status(404, "MANIFEST_UNKNOWN"), registry.NotFound, ""},
		"unknown name":      {"/manifests/", status(400, "NAME_UNKNOWN"), registry.NotFound, ""},
		"invalid name":      {"/manifests/", status(400, "NAME_INVALID"), registry.NotFound, ""},
		"plain 404":         {"/manifests/", http.NotFound, registry.NotFound, ""},
		"no config":         {"/blobs/", status(404, "BLOB_UNKNOWN"), registry.Invalid, "lost a part"},
		"too many requests": {"/manifests/", status(429, "TOOMANYREQUESTS"), registry.RateLimited, "wait a while"},
		"too many logins":   {"/v2/", status(429, "x"), registry.RateLimited, ""},
		"too many, by code": {"/manifests/", status(403, "TOOMANYREQUESTS"), registry.RateLimited, ""},
		"failure":           {"/manifests/", status(500, "UNKNOWN"), registry.Registry, "failed (500); try again later"},
		"long failure": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(502)
			io.CopyN(w, endless{}, 1<<20)
		}, registry.Registry, "failed (502)"},
		"teapot":         {"/manifests/", status(418, "UNKNOWN"), registry.Registry, "answered 418"},
		"no registry":    {"/", http.NotFound, registry.Registry, "answered 404"},
		"a web page":     {"/", body("<html>canary</html>"), registry.Invalid, "a manifest that can't be read"},
		"truncated JSON": {"/manifests/", body(`{"schemaVersion":2,"layers":[{"mediaType":"canary`), registry.Invalid, "a manifest that can't be read"},
		"two documents":  {"/manifests/", body(`{"layers":[]}{"layers":[]}`), registry.Invalid, ""},
		"bad digest":     {"/manifests/", body(`{"layers":[{"digest":"md5:canary"}]}`), registry.Invalid, ""},
		"negative size":  {"/manifests/", body(`{"layers":[{"size":-1}]}`), registry.Invalid, "impossible size"},
		"enormous size":  {"/manifests/", body(`{"layers":[{"size":9223372036854775807}]}`), registry.Invalid, "impossible size"},
		"other config":   {"/blobs/", body(`{"os":"linux","cpuCount":1,"memorySize":1,"macAddress":"x"}`), registry.Invalid, "another config.json"},
		"endless manifest": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, endless{})
		}, registry.Invalid, "more than 4 MiB"},
		"endless config": {"/blobs/", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, endless{}) }, registry.Invalid, "more than 4 MiB"},
		"bomb": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.CopyN(z, endless{}, 8<<20)
			z.Close()
		}, registry.Invalid, "more than 4 MiB"},
		"cut short": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "{")
		}, registry.Network, "broke off"},
		"hangs up":         {"/manifests/", hangUp, registry.Network, "broke off"},
		"hangs up at once": {"/", hangUp, registry.Network, "broke off"},
		"endless redirects": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v2/org/base/manifests/canary", http.StatusFound)
		}, registry.Registry, "does not answer as a registry does"},
		"endless redirects from the start": {"/", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v2/", http.StatusFound)
		}, registry.Registry, "does not answer as a registry does"},
		"nowhere": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusFound)
		}, registry.Registry, ""},
		"token server echoes": {"/token", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"echo":%q,"password":%q}`, r.Header.Get("Authorization"), password)
		}, registry.Registry, "does not answer as a registry does"},
		"token server babbles": {"/token", body(password), registry.Registry, ""},
		"token server refuses": {"/token", status(401, password), registry.Auth, ""},
		"token server fails":   {"/token", status(503, password), registry.Registry, "failed (503)"},
		"token server is gone": {"/token", http.NotFound, registry.Registry, "answered 404"},
		"useless token":        {"/token", body(`{"token":"canary"}`), registry.Auth, ""},
		"realm is missing": {"/v2/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer service="canary"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, registry.Registry, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, credentials()...)
			b.publish("org/base:latest", macOS())
			give := tokens(b)
			b.answer(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, c.part) && (c.part == "/v2/" || c.part == "/") || strings.Contains(r.URL.Path, c.part) && r.Header.Get("Authorization") != "" {
					c.do(w, r)
					return true
				}
				return give(w, r)
			})
			b.refuses(b.host+"/org/base", c.want, c.text)
			if c.want == registry.RateLimited && b.asked(c.part) > 2 {
				t.Errorf("asked %d times", b.asked(c.part))
			}
		})
	}
}

// A manifest that is not the one of the digest is refused, however good.
func TestWrongManifest(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	asked := b.publish("org/base:latest", macOS())
	other := macOS()
	other.config["memorySizeMin"] = 1 << 30
	sent := b.publish("org/base:other", other)
	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/"+asked) {
			http.Redirect(w, r, "/v2/org/base/manifests/"+sent, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	b.refuses(b.host+"/org/base@"+asked, registry.Invalid, "another manifest")
}

// What hangs, hangs until patience or the caller's time is over.
func TestHanging(t *testing.T) {
	t.Parallel()
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, c := range map[string]struct {
		part string
		do   http.HandlerFunc
	}{
		"first answer": {"/v2/", hang},
		"token":        {"/token", hang},
		"manifest":     {"/manifests/", hang},
		"within the manifest": {"/manifests/", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"layers":[`)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
		"drop by drop": {"/blobs/", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, credentials()...)
			b.publish("org/base:latest", macOS())
			give := tokens(b)
			arrived := make(chan struct{}, 100)
			b.answer(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, c.part) && (c.part == "/v2/" || r.Header.Get("Authorization") != "") {
					arrived <- struct{}{}
					c.do(w, r)
					return true
				}
				return give(w, r)
			})
			start := time.Now()
			b.Hurry(300 * time.Millisecond)
			b.refuses(b.host+"/org/base", registry.Network, "did not answer within 300ms")
			b.Hurry(time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			image, err := b.Resolve(ctx, b.host+"/org/base")
			b.wantKind(image, err, registry.Network, "did not answer in time")

			for len(arrived) > 0 {
				<-arrived
			}
			stopped := errors.New("the user has enough")
			ctx, stop := context.WithCancelCause(t.Context())
			go func() { <-arrived; stop(stopped) }()
			_, err = b.Resolve(ctx, b.host+"/org/base")
			var own *registry.Error
			if !errors.Is(err, stopped) || errors.As(err, &own) {
				t.Errorf("cancelled: %v", err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	for text, fault := range map[string]error{
		"no such host":             &net.OpError{Op: "dial", Err: &net.DNSError{Err: "canary", Name: "canary", IsNotFound: true}},
		"names can't be looked up": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "canary"}},
		"no answer in time":        &net.OpError{Op: "dial", Err: &net.DNSError{Err: "canary", IsTimeout: true}},
		"the connection failed":    &net.OpError{Op: "remote error", Err: errors.New("canary")},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.Client = registry.New(b.mac(nil), &http.Transport{
				DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, fault },
			})
			for _, host := range []string{"ghcr.io", "10.0.0.7", "127.0.0.1:5000"} {
				b.refuses(host+"/org/base", registry.Network, text)
			}
		})
	}
}

// A certificate that nobody vouches for ends it, on this machine too.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, credentials()...)
	b.publish("org/base:latest", macOS())
	b.Client = registry.New(b.mac(credentials()), &http.Transport{DialContext: b.dial})
	b.answer(nil)
	for _, host := range []string{"registry.example", "127.0.0.1:5000"} {
		b.refuses(host+"/org/base", registry.Network, "does not trust its certificate")
	}
	if b.asked("") != 0 {
		t.Error("something was asked")
	}
}
