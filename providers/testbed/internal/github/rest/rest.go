// Package rest is how the rooms of a simulated GitHub speak: a route, the call
// that took it and the answer. It knows GitHub's manners (messages of errors,
// pages, bodies), and nothing of what an area means.
package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/github/git"
	"hostler/providers/testbed/internal/github/world"
)

// Route is one operation of the API.
type Route struct {
	Method  string
	Pattern string // /orgs/{org}/x; a last {name...} takes the rest
	ID      string // GitHub's operationId; empty: not in its description
	// Needs is the permission, "secrets:write"; empty: any token; "jwt": an
	// App's own token; "none": no token.
	Needs string
	Do    func(*Call) Answer
}

// Match is what the pattern's names stand for in path, ok false when it is
// none of this route's.
func (r Route) Match(path string) (vars map[string]string, literal int, ok bool) {
	want, have := strings.Split(r.Pattern, "/"), strings.Split(path, "/")
	vars = map[string]string{}
	for i, w := range want {
		if i >= len(have) {
			return nil, 0, false
		}
		name, isVar := strings.CutPrefix(w, "{")
		name = strings.TrimSuffix(name, "}")
		if rest, all := strings.CutSuffix(name, "..."); isVar && all {
			v, err := url.PathUnescape(strings.Join(have[i:], "/"))
			vars[rest] = v
			return vars, literal, err == nil
		}
		if !isVar {
			if w != have[i] {
				return nil, 0, false
			}
			literal++
			continue
		}
		v, err := url.PathUnescape(have[i])
		if err != nil || v == "" {
			return nil, 0, false
		}
		vars[name] = v
	}
	return vars, literal, len(want) == len(have)
}

// Call is one request on its way through an area.
type Call struct {
	World *world.World
	Git   git.Objects
	Now   time.Time
	Token *world.Token // who asks; nil: nobody, or an App itself
	App   *world.App   // who asks with a JWT
	Vars  map[string]string
	Query url.Values
	Path  string // as it was asked, with the root
	Root  string // https://host or https://host/api/v3
	Site  string // https://host
	Body  []byte
}

// Answer is what GitHub says. A Raw body goes out as it is.
type Answer struct {
	Status int
	Header http.Header
	Body   any
	Raw    []byte
}

// M is a JSON object.
type M = map[string]any

// OK is 200 with a body.
func OK(body any) Answer { return Answer{Status: http.StatusOK, Body: body} }

// Created is 201 with a body.
func Created(body any) Answer { return Answer{Status: http.StatusCreated, Body: body} }

// NoContent is 204.
func NoContent() Answer { return Answer{Status: http.StatusNoContent} }

// Fail is an error in GitHub's words.
func Fail(status int, format string, args ...any) Answer {
	return Answer{Status: status, Body: M{
		"message": fmt.Sprintf(format, args...), "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status),
	}}
}

// NotFound is how GitHub hides things, too.
func NotFound() Answer { return Fail(http.StatusNotFound, "Not Found") }

// Invalid is a 422 about one field.
func Invalid(resource, field, code, message string) Answer {
	return Answer{Status: http.StatusUnprocessableEntity, Body: M{
		"message": "Validation Failed", "documentation_url": "https://docs.github.com/rest",
		"errors": []M{{"resource": resource, "field": field, "code": code, "message": message}},
	}}
}

// Read decodes the body; the answer is an error if ok is false.
func (c *Call) Read(v any) (Answer, bool) {
	if err := json.Unmarshal(c.Body, v); err != nil {
		return Fail(http.StatusBadRequest, "Problems parsing JSON"), false
	}
	return Answer{}, true
}

// Number is a number of the path, 0 if it is none.
func (c *Call) Number(name string) int64 {
	n, _ := strconv.ParseInt(c.Vars[name], 10, 64)
	return n
}

// Scope is what the path is about: an owner's login or owner/repo.
func (c *Call) Scope() (scope string, ok bool) {
	if org := c.Vars["org"]; org != "" {
		if o := c.World.Owner(org); o != nil && !o.User {
			return o.Login, true
		}
		return "", false
	}
	if r := c.Repo(); r != nil {
		return r.FullName(), true
	}
	return "", false
}

// Repo is the repository of the path, nil when the token can't see it.
func (c *Call) Repo() *world.Repo {
	r := c.World.Repo(c.Vars["owner"], c.Vars["repo"])
	if r == nil || c.Token != nil && r.Private() && !c.Token.Reaches(r) {
		return nil
	}
	return r
}

// Page cuts the asked page out of all and answers it under the key, with
// total_count; with an empty key the page is the whole body.
func Page[T any](c *Call, all []T, key string, more M) Answer {
	per, page := 30, 1
	if n, err := strconv.Atoi(c.Query.Get("per_page")); err == nil && n > 0 {
		per = min(n, 100)
	}
	if n, err := strconv.Atoi(c.Query.Get("page")); err == nil && n > 0 {
		page = n
	}
	last := max(1, (len(all)+per-1)/per)
	from := min(len(all), (page-1)*per)
	part := append([]T{}, all[from:min(len(all), from+per)]...)
	a := Answer{Status: http.StatusOK, Header: http.Header{}, Body: part}
	if key != "" {
		body := M{"total_count": len(all), key: part}
		maps.Copy(body, more)
		a.Body = body
	}
	var links []string
	link := func(n int, rel string) {
		q := url.Values{}
		for k, v := range c.Query {
			q[k] = slices.Clone(v)
		}
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf("<%s%s?%s>; rel=%q", c.Site, c.Path, q.Encode(), rel))
	}
	if page > 1 {
		link(min(page-1, last), "prev")
	}
	if page < last {
		link(page+1, "next")
		link(last, "last")
	}
	if page > 1 {
		link(1, "first")
	}
	if links != nil {
		a.Header.Set("Link", strings.Join(links, ", "))
	}
	return a
}

// Time is how GitHub writes one; nil for none.
func Time(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}
