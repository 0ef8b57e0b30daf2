// Package auth is who may ask a simulated GitHub: tokens with permissions, and
// Apps with their JSON web tokens and installation tokens.
package auth

import (
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
	"net/http"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Kind says how a request proved who sent it; it is all the log knows of it.
type Kind string

const (
	None         Kind = ""
	PAT          Kind = "pat"
	Installation Kind = "installation"
	JWT          Kind = "jwt"
	Bad          Kind = "bad"
)

// Hash is what is kept of a token.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Identify finds out who sent the header, and why not if it is bad.
func Identify(c *rest.Call, authorization string) (Kind, string) {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	if authorization == "" {
		return None, ""
	}
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") || token == "" {
		return Bad, "Bad credentials"
	}
	if strings.Count(token, ".") == 2 && strings.HasPrefix(token, "ey") {
		app, err := verify(c.World, token, c.Now)
		if err != nil {
			return Bad, err.Error()
		}
		c.App = app
		return JWT, ""
	}
	hash := Hash(token)
	for _, t := range c.World.Tokens {
		if t.Hash != hash || !t.Expires.IsZero() && !c.Now.Before(t.Expires) {
			continue
		}
		c.Token = t
		if t.InstallationID != 0 {
			return Installation, ""
		}
		return PAT, ""
	}
	return Bad, "Bad credentials"
}

// Allow is the refusal of a call by its token; ok is true when there is none.
func Allow(c *rest.Call, kind Kind, why, needs string) (rest.Answer, bool) {
	switch {
	case kind == Bad:
		return rest.Fail(http.StatusUnauthorized, "%s", why), false
	case needs == "none":
		return rest.Answer{}, true
	case needs == "jwt" && kind != JWT:
		return rest.Fail(http.StatusUnauthorized, "A JSON web token could not be decoded"), false
	case needs == "jwt":
		return rest.Answer{}, true
	case kind == JWT:
		return rest.Fail(http.StatusForbidden, "Resource not accessible by integration"), false
	case kind == None:
		return rest.Fail(http.StatusUnauthorized, "Requires authentication"), false
	case needs == "":
		return rest.Answer{}, true
	}
	if _, ok := c.Scope(); !ok {
		return rest.NotFound(), false
	}
	permission, level, _ := strings.Cut(needs, ":")
	write := level == "write"
	repo := c.Repo()
	switch {
	case repo != nil && !repo.Private() && !write && (permission == "contents" || permission == "metadata" || permission == "pull_requests" || permission == "actions"):
		return rest.Answer{}, true
	case repo != nil && c.Token.Reaches(repo) && (permission == "metadata" || c.Token.May(permission, write)):
		return rest.Answer{}, true
	case repo == nil && (c.Token.Owner == "" || strings.EqualFold(c.Token.Owner, c.Vars["org"])) && c.Token.May(permission, write):
		return rest.Answer{}, true
	}
	return Forbidden(c, needs), false
}

// Forbidden is the refusal for want of a permission.
func Forbidden(c *rest.Call, needs string) rest.Answer {
	who := "personal access token"
	if c.Token == nil || c.Token.InstallationID != 0 {
		who = "integration"
	}
	a := rest.Fail(http.StatusForbidden, "Resource not accessible by %s", who)
	a.Header = http.Header{"X-Accepted-Github-Permissions": {strings.Replace(needs, ":", "=", 1)}}
	return a
}

func verify(w *world.World, token string, now time.Time) (*world.App, error) {
	undecodable := errors.New("A JSON web token could not be decoded")
	parts := strings.Split(token, ".")
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
			return nil, undecodable
		}
	}
	var head struct{ Alg string }
	var claims struct {
		Iss json.RawMessage
		Iat float64
		Exp float64
	}
	if json.Unmarshal(raw[0], &head) != nil || json.Unmarshal(raw[1], &claims) != nil || head.Alg != "RS256" {
		return nil, undecodable
	}
	iss := strings.Trim(string(claims.Iss), `"`)
	for _, app := range w.Apps {
		if iss != strconv.FormatInt(app.ID, 10) {
			continue
		}
		key, err := publicKey(app.PublicKey)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw[2]) != nil {
			return nil, undecodable
		}
		at := float64(now.Unix())
		switch {
		case claims.Exp <= at:
			return nil, errors.New("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
		case claims.Exp > at+601:
			return nil, errors.New("'Expiration time' claim ('exp') is too far in the future")
		case claims.Iat == 0 || claims.Iat > at+1:
			return nil, errors.New("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
		}
		return app, nil
	}
	return nil, errors.New("Integration not found")
}

func publicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the app's public key is no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	k, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the app's public key is not RSA")
	}
	return k, nil
}

// NewToken is a fresh token with GitHub's prefix for its kind.
func NewToken(prefix string) string { return prefix + rand.Text() + rand.Text()[:10] }
