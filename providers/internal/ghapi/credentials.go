package ghapi

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/secret"
)

// credentials finds the token to send, and renews it.
type credentials struct {
	machine *machine.Machine
	access  Access
	base    *url.URL
	web     http.RoundTripper
	now     func() time.Time

	mu      sync.Mutex
	token   secret.Value
	expires time.Time // zero: never
}

// CredentialError is a credential that can't be read on this machine: nothing
// was asked of GitHub.
type CredentialError struct{ Err error }

func (e *CredentialError) Error() string { return e.Err.Error() }
func (e *CredentialError) Unwrap() error { return e.Err }

// early is how long before its end a token is renewed.
const early = 5 * time.Minute

// get is the token to send now.
func (c *credentials) get(ctx context.Context) (secret.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.token.IsZero() && (c.expires.IsZero() || c.now().Before(c.expires.Add(-early))) {
		return c.token, nil
	}
	var err error
	if c.access.App != nil {
		c.token, c.expires, err = c.installation(ctx)
	} else {
		c.token, err = c.personal(ctx)
	}
	return c.token, err
}

// forget drops a token that GitHub refused; the next one may be a newer.
func (c *credentials) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = secret.Value{}
}

// identity tells answers for one credential from those for another, and tells
// nothing of it.
func (c *credentials) identity() string {
	a := c.access
	id := a.URL + "\n" + a.Owner + "\n" + a.Token.String()
	if a.App != nil {
		id += fmt.Sprintf("\n%d %d", a.App.ID, a.App.InstallationID)
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

func (c *credentials) personal(ctx context.Context) (secret.Value, error) {
	if !c.access.Token.IsZero() {
		v, err := c.machine.Secret(ctx, c.access.Token)
		if err != nil {
			return v, &CredentialError{fmt.Errorf("the token for GitHub can't be read from %s: %w", c.access.Token, err)}
		}
		return v, nil
	}
	if t := c.machine.Getenv("GITHUB_TOKEN"); t != "" {
		return secret.NewValue(t), nil
	}
	args := []string{"auth", "token"}
	if c.base.Host != "api.github.com" {
		args = append(args, "--hostname", c.base.Hostname())
	}
	out, err := c.machine.Run(ctx, machine.Command{Program: "gh", Args: args, Pass: []string{"GH_"}})
	token := bytes.TrimSpace(out.Stdout)
	if ctx.Err() != nil {
		return secret.Value{}, err
	}
	if err != nil || len(token) == 0 {
		return secret.Value{}, &CredentialError{errors.New("there is no token for GitHub: set GITHUB_TOKEN, log in with `gh auth login`, or write token in the github block")}
	}
	return secret.NewValue(string(token)), nil
}

// installation asks for a token of the App, which is good for an hour.
func (c *credentials) installation(ctx context.Context) (token secret.Value, expires time.Time, err error) {
	fail := func(err error) (secret.Value, time.Time, error) {
		return secret.Value{}, time.Time{}, fmt.Errorf("GitHub App %d: %w", c.access.App.ID, err)
	}
	jwt, err := c.jwt(ctx)
	if err != nil {
		return fail(err)
	}
	id := c.access.App.InstallationID
	if id == 0 {
		var found struct{ ID int64 }
		path := "orgs/" + c.access.Org() + "/installation"
		if c.access.Repo() != "" {
			path = "repos/" + c.access.Owner + "/installation"
		}
		if err := c.ask(ctx, http.MethodGet, path, jwt, &found); err != nil {
			return fail(fmt.Errorf("find its installation at %s: %w", c.access.Owner, err))
		}
		id = found.ID
	}
	var got struct {
		Token   string
		Expires time.Time `json:"expires_at"`
	}
	path := "app/installations/" + strconv.FormatInt(id, 10) + "/access_tokens"
	if err := c.ask(ctx, http.MethodPost, path, jwt, &got); err != nil {
		return fail(fmt.Errorf("get a token for its installation %d: %w", id, err))
	}
	if got.Token == "" {
		return fail(errors.New("GitHub answered without a token"))
	}
	return secret.NewValue(got.Token), got.Expires, nil
}

// ask sends one of the two requests that an App makes in its own name.
func (c *credentials) ask(ctx context.Context, method, path string, jwt secret.Value, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+jwt.Reveal())
	req.Header.Set("Accept", "application/vnd.github+json")
	resp, err := c.web.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusUnauthorized:
		return errors.New("GitHub does not take what its private key signs (401): the key is another App's, or this machine's clock is wrong")
	case resp.StatusCode == http.StatusNotFound:
		return errors.New("GitHub answered 404: it is not installed there")
	case resp.StatusCode >= 300:
		return fmt.Errorf("GitHub answered %d", resp.StatusCode)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return errors.New("GitHub's answer can't be read")
	}
	return nil
}

// jwt is what the App proves itself with, good for nine minutes. It is dated
// back a little, for clocks that differ.
func (c *credentials) jwt(ctx context.Context) (secret.Value, error) {
	text, err := c.machine.Secret(ctx, c.access.App.PrivateKey)
	if err != nil {
		return secret.Value{}, fmt.Errorf("its private key can't be read from %s: %w", c.access.App.PrivateKey, err)
	}
	key, err := privateKey([]byte(text.Reveal()))
	if err != nil {
		return secret.Value{}, fmt.Errorf("%s: %w", c.access.App.PrivateKey, err)
	}
	now := c.now()
	claims, err := json.Marshal(map[string]any{
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix(), "iss": strconv.FormatInt(c.access.App.ID, 10),
	})
	if err != nil {
		return secret.Value{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return secret.Value{}, err
	}
	return secret.NewValue(signed + "." + encode(signature)), nil
}

// privateKey reads the PEM file that GitHub hands out. Its errors tell nothing
// of the key.
func privateKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("this is no private key in PEM, as GitHub hands one out for an App")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if any, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if key, ok := any.(*rsa.PrivateKey); ok {
			return key, nil
		}
	}
	return nil, errors.New("this is no RSA private key")
}

// authorized adds the token to requests for the API's own host.
type authorized struct {
	next        http.RoundTripper
	credentials *credentials
	host        string
}

func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != a.host {
		return nil, fmt.Errorf("a request for %s instead of GitHub's API", req.URL.Host)
	}
	token, err := a.credentials.get(req.Context())
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	resp, err := a.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		a.credentials.forget()
	}
	return resp, err
}
