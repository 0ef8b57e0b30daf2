package ghapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Pull is a pull request within one repository.
type Pull struct {
	Number int
	URL    string // for people
	Title  string
	Body   string
	Head   string // its branch
	Commit string // where that stands
}

type pull struct {
	Number int    `json:"number"`
	URL    string `json:"html_url"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	Head   struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	} `json:"head"`
}

func (p pull) out() Pull {
	return Pull{Number: p.Number, URL: p.URL, Title: p.Title, Body: p.Body, Head: p.Head.Ref, Commit: p.Head.SHA}
}

// OpenPull finds the open pull request from a branch; ok is false when there
// is none.
func (c *Client) OpenPull(ctx context.Context, repo, head, base string) (p Pull, ok bool, err error) {
	path, err := c.repoPath(repo)
	if err != nil {
		return p, false, err
	}
	q := url.Values{"state": {"open"}, "head": {c.Org() + ":" + head}, "base": {base}}
	var got []pull
	if err := c.call(ctx, http.MethodGet, path+"/pulls?"+q.Encode(), nil, &got); err != nil {
		return p, false, explain(err, needsPulls, "look for pull requests of %s/%s", c.Org(), repo)
	}
	if len(got) == 0 {
		return p, false, nil
	}
	return got[0].out(), true, nil
}

// CreatePull opens a pull request.
func (c *Client) CreatePull(ctx context.Context, repo string, p Pull, base string) (Pull, error) {
	path, err := c.repoPath(repo)
	if err != nil {
		return p, err
	}
	var got pull
	err = c.call(ctx, http.MethodPost, path+"/pulls", map[string]any{"title": p.Title, "body": p.Body, "head": p.Head, "base": base}, &got)
	return got.out(), explain(err, needsPulls, "open a pull request of %s/%s", c.Org(), repo)
}

// UpdatePull changes title and text of a pull request, and closes it if that is
// asked.
func (c *Client) UpdatePull(ctx context.Context, repo string, p Pull, closed bool) error {
	path, err := c.repoPath(repo)
	if err != nil {
		return err
	}
	body := map[string]any{"title": p.Title, "body": p.Body}
	if closed {
		body["state"] = "closed"
	}
	err = c.call(ctx, http.MethodPatch, fmt.Sprintf("%s/pulls/%d", path, p.Number), body, nil)
	return explain(err, needsPulls, "change pull request %d of %s/%s", p.Number, c.Org(), repo)
}
