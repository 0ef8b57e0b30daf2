// Package ghapi is the few calls of GitHub's REST API that hostler needs, for
// one owner. It is the only importer of go-github.
//
// Invariants:
//
//  1. A credential is read when it is first needed, and is in no error, file or
//     argument. It is sent to the API's own host alone.
//  2. A request is repeated only if it is sure that GitHub did not act on it,
//     or if it does not matter that it acts twice (internal/web).
//  3. A limit is waited for if it ends soon, and is an error that says when it
//     ends if it does not.
//  4. What was read once is asked for conditionally, over restarts (internal/web):
//     what has not changed costs nothing of the limit. No answer that holds a
//     credential is kept.
//  5. A name is checked before it becomes part of a path.
//  6. An error says what was asked and, where access is missing, which
//     permission is (error.go).
//
// Start at New; runners.go, groups.go, secrets.go, repositories.go and pulls.go
// are the calls.
package ghapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"

	"hostler/providers/internal/ghapi/internal/web"
	"hostler/providers/internal/machine"
	"hostler/providers/secret"
)

// DefaultURL is the API of github.com.
const DefaultURL = "https://api.github.com/"

// Access says where an owner is, and with what it is reached. It holds no
// secret.
type Access struct {
	URL   string // of the API, such as https://HOST/api/v3/; "" is DefaultURL
	Owner string // an organization or user, or OWNER/REPOSITORY
	// Token is a personal access token. With neither it nor an App, it is
	// env:GITHUB_TOKEN, or what `gh auth token` prints.
	Token secret.Ref
	App   *App
}

// App is a GitHub App that acts instead of a person.
type App struct {
	ID             int64
	InstallationID int64 // 0: the one at the owner
	PrivateKey     secret.Ref
}

// Org is the owner's login.
func (a Access) Org() string {
	org, _, _ := strings.Cut(a.Owner, "/")
	return org
}

// Repo is the repository of an owner that is one, or "".
func (a Access) Repo() string {
	_, repo, _ := strings.Cut(a.Owner, "/")
	return repo
}

// Client speaks for one Access. It is safe for concurrent use.
type Client struct {
	Access
	gh    *github.Client
	plain *web.Retry
}

// New returns a client. Secrets are those of m; net carries the requests, nil is
// the network. now is the clock.
func New(m *machine.Machine, net http.RoundTripper, access Access, now func() time.Time) (*Client, error) {
	if access.URL == "" {
		access.URL = DefaultURL
	}
	base, err := url.Parse(strings.TrimSuffix(access.URL, "/") + "/")
	if err != nil || base.Host == "" || base.Scheme != "https" && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("%q is not the address of an API; write one such as https://HOST/api/v3/", access.URL)
	}
	for i, name := range strings.Split(access.Owner, "/") {
		if err := checkName(name); err != nil || i > 1 {
			return nil, fmt.Errorf("%q is not an owner; write an organization's name, or OWNER/REPOSITORY", access.Owner)
		}
	}
	if net == nil {
		net = http.DefaultTransport
	}
	plain := &web.Retry{Next: net, Now: now}
	c := &Client{Access: access, plain: plain}
	credentials := &credentials{machine: m, access: access, base: base, web: plain, now: now}
	c.gh = github.NewClient(&http.Client{
		Transport: &web.Cache{Next: &authorized{next: plain, credentials: credentials, host: base.Host}, Machine: m, Identity: credentials.identity},
		Timeout:   10 * time.Minute, // with what is waited for limits
		// A redirect is followed by GitHub's own rule, within its own host.
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Host != base.Host || len(via) > 3 {
				return http.ErrUseLastResponse
			}
			return nil
		},
	})
	c.gh.BaseURL = base
	c.gh.UserAgent = "hostler"
	return c, nil
}

// For is the client for another owner, with the same credentials.
func (c *Client) For(owner string) *Client {
	d := *c
	d.Owner = owner
	return &d
}

// Site is where people see what the API tells of, without a slash at the end.
func (c *Client) Site() string {
	base := *c.gh.BaseURL
	base.Host = strings.TrimPrefix(base.Host, "api.")
	base.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/api/v3")
	return strings.TrimSuffix(base.String(), "/")
}

// Left is how many requests GitHub still allows in this hour, as of the last
// answer, and until when it counts; ok is false before the first.
func (c *Client) Left() (n int, until time.Time, ok bool) { return c.plain.Left() }

// Ahead is how far this machine's clock was ahead of GitHub's at the last
// answer, to the second; ok is false before the first.
func (c *Client) Ahead() (d time.Duration, ok bool) { return c.plain.Ahead() }

// call sends a request that go-github has no method for.
func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	req, err := c.gh.NewRequest(method, path, body)
	if err != nil {
		return err
	}
	_, err = c.gh.Do(ctx, req, answer)
	return err
}

// pages collects all pages of a list.
func pages[T any](list func(github.ListOptions) ([]T, *github.Response, error)) ([]T, error) {
	const most = 1000 // pages: whoever answers more lies
	var all []T
	opt := github.ListOptions{PerPage: 100}
	for range most {
		part, resp, err := list(opt)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		if resp.NextPage == 0 {
			return all, nil
		}
		if resp.NextPage <= opt.Page {
			break
		}
		opt.Page = resp.NextPage
	}
	return nil, fmt.Errorf("GitHub's list has no end")
}

// part is the page of a list that GitHub wraps in an object. A page that is null,
// or has nulls in it, is a lie.
func part[L, T any](page *L, resp *github.Response, err error, items func(*L) []*T) ([]*T, *github.Response, error) {
	if err != nil {
		return nil, resp, err
	}
	if page == nil || slices.Contains(items(page), nil) {
		return nil, resp, errors.New("GitHub's answer has null where a list should be")
	}
	return items(page), resp, nil
}
