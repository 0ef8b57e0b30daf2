package ghapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v62/github"

	"hostler/providers/internal/ghapi/internal/web"
)

// Error is a call that GitHub refused, or that did not reach it.
type Error struct {
	Doing  string // "list the runners of acme"
	Status int    // 0: no answer
	Text   string // GitHub's own words
	Needs  string // the permission, where it may be missing
	Err    error
}

func (e *Error) Error() string {
	text := e.Doing + ": "
	switch {
	case e.Status == 0:
		return text + e.Err.Error()
	case e.Status == http.StatusUnauthorized:
		text += "GitHub does not know the credential (401): it is wrong, or has expired"
	default:
		text += fmt.Sprintf("GitHub answered %d", e.Status)
		if e.Text != "" {
			text += ": " + e.Text
		}
	}
	if e.Needs != "" && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound) {
		text += "; the credential needs " + e.Needs
		if e.Status == http.StatusNotFound {
			text += " (GitHub also answers 404 for what a credential may not see)"
		}
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Status is the answer's status that an error of this package is about, 0 for
// any other error.
func Status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// NotFound reports whether GitHub has no such thing, or hides it.
func NotFound(err error) bool { return Status(err) == http.StatusNotFound }

// Refused reports whether GitHub said no, so that nothing was done. Any other
// failure leaves open what GitHub did.
func Refused(err error) bool { s := Status(err); return s >= 400 && s < 500 }

// LimitError is a limit of requests that does not end soon.
type LimitError = web.LimitError

// explain makes an Error of what go-github returned; nil stays nil, and so does
// 202, which is success.
func explain(err error, needs, doing string, args ...any) error {
	var accepted *github.AcceptedError
	if err == nil || errors.As(err, &accepted) {
		return nil
	}
	e := &Error{Doing: fmt.Sprintf(doing, args...), Needs: needs, Err: cause(err)}
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		e.Status, e.Text = answer.Response.StatusCode, answer.Message
		for _, more := range answer.Errors {
			if more.Message != "" && len(e.Text) < 500 {
				e.Text += ": " + more.Message
			} else if more.Field != "" && len(e.Text) < 500 {
				e.Text += fmt.Sprintf(": %s %s", more.Field, strings.ReplaceAll(more.Code, "_", " "))
			}
		}
		e.Err = nil
	}
	return e
}

// cause leaves out the URLs that net/http puts before an error.
func cause(err error) error {
	var u interface{ Unwrap() error }
	for errors.As(err, &u) {
		inner := u.Unwrap()
		if inner == nil {
			break
		}
		var limit *LimitError
		if errors.As(err, &limit) {
			return limit
		}
		if !strings.Contains(err.Error(), "://") {
			break
		}
		err = inner
	}
	return err
}

// The permissions that calls need, of fine-grained tokens and Apps first, then
// the scope of a classic token.
const (
	needsRunners   = `"Self-hosted runners: write" of the organization (classic: admin:org)`
	needsAdmin     = `"Administration: write" of the repository (classic: repo)`
	needsSecrets   = `"Secrets: write" (classic: repo, for an organization admin:org)`
	needsMetadata  = `"Metadata: read" of the repository (classic: repo)`
	needsContents  = `"Contents: write" and "Workflows: write" of the repository (classic: repo, workflow)`
	needsPulls     = `"Pull requests: write" of the repository (classic: repo)`
	needsInstalled = `an installation of the App at the owner`
)
