package ghapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/nacl/box"

	"hostler/providers/internal/machine"
	"hostler/providers/secret"
)

const token = "ghp_canary-of-the-tests"

// peer answers requests by the functions in it, one after the other; the last
// one stays.
type peer struct {
	t    *testing.T
	mu   sync.Mutex
	asks []*http.Request
	say  []func(*http.Request) (int, http.Header, string, error)
}

func (p *peer) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asks = append(p.asks, req)
	say := p.say[0]
	if len(p.say) > 1 {
		p.say = p.say[1:]
	}
	p.mu.Unlock()
	status, header, body, err := say(req)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

func answers(status int, body string, headers ...string) func(*http.Request) (int, http.Header, string, error) {
	return func(*http.Request) (int, http.Header, string, error) {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return status, h, body, nil
	}
}

func breaks(err error) func(*http.Request) (int, http.Header, string, error) {
	return func(*http.Request) (int, http.Header, string, error) { return 0, nil, "", err }
}

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// client asks a peer, for an owner, on a machine of its own.
func client(t *testing.T, access Access, say ...func(*http.Request) (int, http.Header, string, error)) (*Client, *peer) {
	t.Helper()
	return clientAt(t, t.TempDir(), access, say...)
}

func clientAt(t *testing.T, root string, access Access, say ...func(*http.Request) (int, http.Header, string, error)) (*Client, *peer) {
	t.Helper()
	m := machine.Local(root, []string{"HOME=/Users/admin", "GITHUB_TOKEN=" + token, "PATH=" + os.Getenv("PATH")})
	p := &peer{t: t, say: say}
	if access.Owner == "" {
		access.Owner = "acme"
	}
	c, err := New(m, p, access, now)
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

const noRunners = `{"total_count": 0, "runners": []}`

func TestPathsFollowTheOwner(t *testing.T) {
	for owner, want := range map[string]string{
		"acme":     "https://api.github.com/orgs/acme/actions/runners",
		"acme/app": "https://api.github.com/repos/acme/app/actions/runners",
	} {
		c, p := client(t, Access{Owner: owner}, answers(200, noRunners))
		if _, err := c.Runners(t.Context(), "x y"); err != nil {
			t.Fatal(err)
		}
		u := p.asks[0].URL
		if got := u.Scheme + "://" + u.Host + u.Path; got != want || u.Query().Get("name") != "x y" {
			t.Errorf("%s asked %s", owner, u)
		}
		if p.asks[0].Header.Get("Authorization") != "Bearer "+token {
			t.Error("without the token")
		}
	}
}

func TestWhatIsNoOwnerOrAPI(t *testing.T) {
	m := machine.Local(t.TempDir(), nil)
	for _, a := range []Access{{Owner: ""}, {Owner: "a/b/c"}, {Owner: "a b"}, {Owner: ".."}, {Owner: "a/.."}, {Owner: "a", URL: "http://example.com/"}, {Owner: "a", URL: "nonsense"}} {
		if _, err := New(m, nil, a, now); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
	if _, err := New(m, nil, Access{Owner: "a", URL: "http://127.0.0.1:1/api/v3"}, now); err != nil {
		t.Error(err)
	}
}

func TestNamesNeverBecomePaths(t *testing.T) {
	c, p := client(t, Access{}, answers(200, "{}"))
	for _, bad := range []string{"", "..", "a/b", "a?b", "a#b", "a b", "%2e"} {
		for what, err := range map[string]error{
			"Repository": func() error { _, err := c.Repository(t.Context(), bad); return err }(),
			"TreeOf":     func() error { _, err := c.TreeOf(t.Context(), bad, "main"); return err }(),
			"Blob":       func() error { _, err := c.Blob(t.Context(), "app", bad); return err }(),
			"Secret":     c.SetSecret(t.Context(), "app", bad, secret.NewValue("x"), "", nil),
			"Delete":     c.DeleteSecret(t.Context(), "app", bad),
			"Pull":       func() error { _, _, err := c.OpenPull(t.Context(), bad, "h", "b"); return err }(),
		} {
			if err == nil {
				t.Errorf("%s takes %q", what, bad)
			}
		}
	}
	if len(p.asks) > 0 {
		t.Errorf("asked %s", p.asks[0].URL)
	}
}

func TestErrorsNameThePermission(t *testing.T) {
	for _, c := range []struct {
		owner  string
		status int
		says   []string
	}{
		{"acme", 403, []string{"list the runners of acme", "403", "no way", `"Self-hosted runners: write"`}},
		{"acme/app", 404, []string{"list the runners of acme/app", `"Administration: write"`, "may not see"}},
		{"acme", 401, []string{"does not know the credential"}},
		{"acme", 422, []string{"422", "no way: bad thing"}},
	} {
		gh, _ := client(t, Access{Owner: c.owner}, answers(c.status, `{"message": "no way", "errors": [{"message": "bad thing"}]}`))
		_, err := gh.Runners(t.Context(), "")
		if Status(err) != c.status {
			t.Errorf("%d: %v", c.status, err)
		}
		for _, says := range c.says {
			if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), token) {
				t.Errorf("%d: %v lacks %q", c.status, err, says)
			}
		}
	}
}

func TestOnlyWhatMayBeRepeatedIs(t *testing.T) {
	reset := breaks(syscall.ECONNRESET)
	refused := breaks(fmt.Errorf("dial: %w", syscall.ECONNREFUSED))
	ok := answers(200, `{"token": "t"}`)
	for _, c := range []struct {
		name  string
		post  bool
		first func(*http.Request) (int, http.Header, string, error)
		asks  int
		fails bool
	}{
		{"a read after 502", false, answers(502, "oops"), 2, false},
		{"a read after a reset", false, reset, 2, false},
		{"a write after a reset", true, reset, 1, true},
		{"a write after 500", true, answers(500, "{}"), 1, true},
		{"a write that did not arrive", true, refused, 2, false},
		{"a write after 429", true, answers(429, "{}", "Retry-After", "0"), 2, false},
		{"a write after the second limit", true, answers(403, `{"documentation_url": "https://docs.github.com/rest/x#secondary-rate-limits"}`, "Retry-After", "0"), 2, false},
		{"a write that is refused", true, answers(403, "{}", "X-Ratelimit-Remaining", "7"), 1, true},
	} {
		gh, p := client(t, Access{}, c.first, ok)
		var err error
		if c.post {
			_, err = gh.Token(t.Context(), false)
		} else {
			err = gh.call(t.Context(), http.MethodGet, "x", nil, nil)
		}
		if len(p.asks) != c.asks || (err != nil) != c.fails {
			t.Errorf("%s: %d requests, %v", c.name, len(p.asks), err)
		}
	}
}

func TestALongLimitIsAnError(t *testing.T) {
	until := now().Add(20 * time.Minute)
	gh, p := client(t, Access{}, answers(403, `{"message": "API rate limit exceeded"}`, "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", strconv.FormatInt(until.Unix(), 10)))
	_, err := gh.Runners(t.Context(), "")
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Until.Sub(until).Abs() > time.Minute || !strings.Contains(err.Error(), "12:20:01") {
		t.Errorf("%v", err)
	}
	if n, _, ok := gh.Left(); !ok || n != 0 || len(p.asks) != 1 {
		t.Errorf("%d left, %v, after %d requests", n, ok, len(p.asks))
	}
	// GitHub decides when it is over, not a clock of ours.
	p.say = []func(*http.Request) (int, http.Header, string, error){answers(200, noRunners)}
	if _, err := gh.Runners(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

func TestCancelledWhileItWaits(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	gh, _ := client(t, Access{}, func(*http.Request) (int, http.Header, string, error) {
		cancel(gone)
		return 429, http.Header{"Retry-After": {"30"}}, "", nil
	})
	if _, err := gh.Runners(ctx, ""); err == nil {
		t.Error("no error")
	}
}

func TestWhatWasReadIsAskedForConditionally(t *testing.T) {
	root := t.TempDir()
	first := `{"total_count": 1, "runners": [{"id": 1, "name": "a", "os": "macOS", "status": "online", "busy": true, "labels": [{"name": "x"}]}]}`
	full := func(r *http.Request) (int, http.Header, string, error) {
		if r.Header.Get("If-None-Match") == `"one"` {
			return 304, nil, "", nil
		}
		return 200, http.Header{"Etag": {`"one"`}}, first, nil
	}
	read := func(c *Client) {
		t.Helper()
		got, err := c.Runners(t.Context(), "")
		if err != nil || len(got) != 1 || !got[0].Busy || !got[0].Online || got[0].Labels[0] != "x" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	c, p := clientAt(t, root, Access{}, full)
	read(c)
	read(c)
	c, p2 := clientAt(t, root, Access{}, full)
	read(c)
	if p.asks[0].Header.Get("If-None-Match") != "" || p.asks[1].Header.Get("If-None-Match") == "" || p2.asks[0].Header.Get("If-None-Match") == "" {
		t.Error("a known answer was asked for in full")
	}
	// Somebody else's answers are not ours.
	ref, _ := secret.ParseRef("env:GITHUB_TOKEN")
	c, p3 := clientAt(t, root, Access{Token: ref}, full)
	read(c)
	if p3.asks[0].Header.Get("If-None-Match") != "" {
		t.Error("another credential's answer was used")
	}
	// What is kept is the owner's alone, and broken files count for nothing.
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if info.Mode().Perm() != 0o600 || bytes.Contains(data, []byte(token)) {
			t.Errorf("%s has mode %v, or the token in it", name, info.Mode())
		}
		return errors.Join(err, os.WriteFile(name, data[:len(data)-20], 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	c, _ = clientAt(t, root, Access{}, full)
	read(c)
}

func TestAListWithoutEnd(t *testing.T) {
	c, _ := client(t, Access{}, func(r *http.Request) (int, http.Header, string, error) {
		return 200, http.Header{"Link": {`<https://api.github.com/x?page=2>; rel="next"`}}, noRunners, nil
	})
	if _, err := c.Runners(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "no end") {
		t.Errorf("%v", err)
	}
}

func TestAnAppProvesItself(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(root, "app.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	ref, err := secret.ParseRef("file:/app.pem")
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	say := func(r *http.Request) (int, http.Header, string, error) {
		auth := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch r.URL.Path {
		case "/orgs/acme/installation", "/app/installations/7/access_tokens":
			parts := strings.Split(auth, ".")
			claims, err := base64.RawURLEncoding.DecodeString(parts[1])
			var c struct {
				Iat, Exp int64
				Iss      string
			}
			if err != nil || json.Unmarshal(claims, &c) != nil || c.Iss != "12" || c.Exp-c.Iat > 600 || c.Iat > now().Unix() {
				t.Errorf("claims %s", claims)
			}
			if r.URL.Path == "/orgs/acme/installation" {
				return 200, nil, `{"id": 7}`, nil
			}
			given++
			return 201, nil, fmt.Sprintf(`{"token": "ghs_%d", "expires_at": %q}`, given, now().Add(time.Duration(given)*4*time.Minute).Format(time.RFC3339)), nil
		}
		if auth != fmt.Sprintf("ghs_%d", given) {
			t.Errorf("asked with %q", auth)
		}
		return 200, nil, noRunners, nil
	}
	c, _ := clientAt(t, root, Access{App: &App{ID: 12, PrivateKey: ref}}, say)
	for range 3 {
		if _, err := c.Runners(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if given != 2 { // the first one ended too soon
		t.Errorf("%d tokens", given)
	}
	for name, c := range map[string]struct {
		content string
		says    string
	}{"nothing": {"", "empty"}, "no key": {"hello", "no private key"}} {
		if err := os.WriteFile(filepath.Join(root, "app.pem"), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		gh, _ := clientAt(t, root, Access{App: &App{ID: 12, PrivateKey: ref}}, say)
		if _, err := gh.Runners(t.Context(), ""); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "App 12") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASecretIsSealed(t *testing.T) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, p := client(t, Access{},
		answers(200, fmt.Sprintf(`{"key_id": "k1", "key": %q}`, base64.StdEncoding.EncodeToString(public[:]))), answers(201, ""))
	if err := c.SetSecret(t.Context(), "app", "KEY", secret.NewValue("hush"), "", nil); err != nil {
		t.Fatal(err)
	}
	body, _ := p.asks[1].GetBody()
	var sent struct {
		Sealed []byte `json:"encrypted_value"`
		Key    string `json:"key_id"`
	}
	if err := json.NewDecoder(body).Decode(&sent); err != nil {
		t.Fatal(err)
	}
	if got, ok := box.OpenAnonymous(nil, sent.Sealed, public, private); !ok || string(got) != "hush" || sent.Key != "k1" || p.asks[1].Method != http.MethodPut {
		t.Errorf("%q, %v", got, ok)
	}
}

func TestNoToken(t *testing.T) {
	m := machine.Local(t.TempDir(), []string{"PATH=/nowhere"})
	c, err := New(m, &peer{say: []func(*http.Request) (int, http.Header, string, error){answers(200, noRunners)}}, Access{Owner: "acme"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Runners(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "gh auth login") {
		t.Errorf("%v", err)
	}
}
