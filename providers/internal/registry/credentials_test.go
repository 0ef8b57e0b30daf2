package registry_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hostler/providers/internal/registry"
)

// tokens is a registry that wants a bearer token, and gives one to those who
// show the credentials.
func tokens(b *bed) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/token" && r.Header.Get("Authorization") == basic() && r.URL.Query().Get("scope") == "repository:org/base:pull":
			fmt.Fprintf(w, `{"token":%q}`, token)
		case r.URL.Path == "/token":
			http.Error(w, "those are not the credentials: "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		case r.Header.Get("Authorization") == "Bearer "+token:
			return false
		default:
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="double"`, strings.Replace(b.URL, b.Listener.Addr().String(), b.host, 1)))
			w.WriteHeader(http.StatusUnauthorized)
		}
		return true
	}
}

// basics is a registry that wants the credentials themselves.
func basics(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == basic() {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="double"`)
	http.Error(w, "you sent "+r.Header.Get("Authorization"), http.StatusUnauthorized)
	return true
}

func auth(pair string) string { return base64.StdEncoding.EncodeToString([]byte(pair)) }

func TestCredentials(t *testing.T) {
	t.Parallel()
	right := user + ":" + password
	for name, c := range map[string]struct {
		environ []string
		docker  string   // HOST stands for the registry's
		texts   []string // none: the image is read
	}{
		"variables":                  {environ: credentials()},
		"variables for the host":     {environ: append(credentials(), "TART_REGISTRY_HOSTNAME=HOST")},
		"file":                       {docker: `{"auths":{"HOST":{"auth":"` + auth(right) + `"}},"credHelpers":{"HOST":"gcloud"},"credsStore":"desktop"}`},
		"file, variables for others": {environ: []string{"TART_REGISTRY_USERNAME=x", "TART_REGISTRY_PASSWORD=y", "TART_REGISTRY_HOSTNAME=other"}, docker: `{"auths":{"HOST":{"auth":"` + auth(right) + `"}}}`},
		"variables before file":      {environ: credentials(), docker: `{"auths":{"HOST":{"auth":"` + auth("x:y") + `"}}}`},
		"variables, damaged file":    {environ: credentials(), docker: `{"auths":`},

		"nothing": {texts: []string{
			"TART_REGISTRY_USERNAME and TART_REGISTRY_PASSWORD (not set)", "~/.docker/config.json (no such file)", "tart login",
		}},
		"half of the variables": {environ: credentials()[:1], texts: []string{"(not set)"}},
		"variables for others": {environ: append(credentials(), "TART_REGISTRY_HOSTNAME=other"), texts: []string{
			"(for another host, says TART_REGISTRY_HOSTNAME)",
		}},
		"wrong variables": {environ: []string{"TART_REGISTRY_USERNAME=x", "TART_REGISTRY_PASSWORD=canary"}, texts: []string{
			"refused the credentials from TART_REGISTRY_USERNAME and TART_REGISTRY_PASSWORD",
		}},
		"wrong file":   {docker: `{"auths":{"HOST":{"auth":"` + auth("x:canary") + `"}}}`, texts: []string{"refused the credentials from ~/.docker/config.json"}},
		"damaged file": {docker: `{"auths":canary`, texts: []string{"not valid JSON"}},
		"strange file": {docker: `{"auths":["canary"]}`, texts: []string{"not valid JSON, or of another shape"}},
		"other hosts":  {docker: `{"auths":{"other":{"auth":"` + auth(right) + `"}}}`, texts: []string{"(has none for "}},
		"no base64":    {docker: `{"auths":{"HOST":{"auth":"canary-password!"}}}`, texts: []string{"(has none for "}},
		"colons":       {docker: `{"auths":{"HOST":{"auth":"` + auth(right+":x") + `"}}}`, texts: []string{"that tart could use"}},
		"empty entry":  {docker: `{"auths":{"HOST":{}}}`, texts: []string{"(has none for "}},
		"helper":       {docker: `{"credHelpers":{".*":"other","HOST":"gcloud"}}`, texts: []string{"leaves them to the program docker-credential-gcloud, which hostler does not run"}},
		"helper's regexp": {docker: `{"credHelpers":{"other":"a","[":"b","127\\.0\\.0\\.1:[0-9]+":"ecr-login"},"credsStore":"desktop"}`, texts: []string{
			"docker-credential-ecr-login",
		}},
		"part of a regexp": {docker: `{"credHelpers":{"127":"a"}}`, texts: []string{"(has none for "}},
		"store":            {docker: `{"auths":{"HOST":{}},"credsStore":"osxkeychain"}`, texts: []string{"docker-credential-osxkeychain"}},
		"store for others": {docker: `{"auths":{"other":{}},"credsStore":"osxkeychain"}`, texts: []string{"(has none for "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.publish("org/base:latest", macOS())
			for i, kv := range c.environ {
				c.environ[i] = strings.Replace(kv, "=HOST", "="+b.host, 1)
			}
			b.Client = registry.New(b.mac(c.environ), nil)
			if c.docker != "" {
				b.dockerConfig(strings.ReplaceAll(c.docker, "HOST", b.host))
			}
			for _, front := range []func(http.ResponseWriter, *http.Request) bool{tokens(b), basics} {
				b.answer(front)
				if c.texts == nil {
					b.resolve(b.host + "/org/base")
				} else {
					b.refuses(b.host+"/org/base", registry.Auth, c.texts...)
				}
			}
		})
	}
}

// A public image needs no credentials, and what is wrong with them does not
// matter.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.publish("org/base:latest", macOS())
	b.dockerConfig(`{"auths":`)
	b.answer(nil)
	b.resolve(b.host + "/org/base")
	if b.count(func(r *http.Request) bool { return r.Header.Get("Authorization") != "" }) != 0 {
		t.Error("something was shown")
	}
}

// Credentials go to the registry and nowhere else.
func TestBlobElsewhere(t *testing.T) {
	t.Parallel()
	b := newBed(t, credentials()...)
	a := macOS()
	b.publish("org/base:latest", a)
	strange := make(chan string, 10)
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strange <- r.Header.Get("Authorization")
		w.Write(a.layers[0].data)
	}))
	defer storage.Close()
	for _, front := range []func(http.ResponseWriter, *http.Request) bool{tokens(b), basics} {
		b.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if front(w, r) {
				return true
			}
			if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, storage.URL+"/blob?signature=canary", http.StatusTemporaryRedirect)
				return true
			}
			return false
		})
		b.resolve(b.host + "/org/base")
		if got := <-strange; got != "" {
			t.Errorf("the storage was shown %q", got)
		}
	}
}

// Nothing leaves the machine in plain text: not to a registry that speaks it,
// not to a token server or a storage that one names.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	spy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s came in plain text, with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer spy.Close()

	b := newFarBed(t, credentials()...)
	b.publish("org/base:latest", macOS())
	b.answer(tokens(b))
	b.resolve(b.host + "/org/base")
	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+spy.URL+`/token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	b.refuses(b.host+"/org/base", registry.Registry)
	for _, part := range []string{"/v2/", "/token", "/manifests/", "/blobs/"} {
		give := tokens(b)
		b.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, part) || part != "/v2/" && strings.Contains(r.URL.Path, part) && r.Header.Get("Authorization") != "" {
				http.Redirect(w, r, spy.URL+"/?canary", http.StatusFound)
				return true
			}
			return give(w, r)
		})
		image, err := b.Resolve(t.Context(), b.host+"/org/base")
		kind := registry.Invalid
		if part == "/token" {
			kind = registry.Registry // the library itself refuses
		}
		b.wantKind(image, err, kind)
	}

	plain := newBed(t, credentials()...)
	plain.Client = registry.New(plain.mac(credentials()), &http.Transport{DialContext: plain.dial})
	plain.answer(nil)
	for _, host := range []string{"registry.example", "10.0.0.7:5000", "192.168.1.7", "mini.local:5000"} {
		plain.refuses(host+"/org/base", registry.Network, "speaks plain HTTP")
	}
	if n := plain.asked(""); n != 0 {
		t.Errorf("%d requests in plain text", n)
	}
}
