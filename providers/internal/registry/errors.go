package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Kind is the kind of a failure to read an image's facts.
type Kind string

// Of these BadRef, NotFound, NotTart and Invalid are true of the image; the
// others say that its facts could not be learnt now.
const (
	BadRef      Kind = "bad reference" // not the name of an image in a registry
	NotFound    Kind = "not found"     // the registry has no such image
	NotTart     Kind = "not tart"      // an image of something else, or of a tart too old
	Invalid     Kind = "invalid"       // what the registry sent breaks its own rules
	Auth        Kind = "auth"          // other credentials are needed; or tart has them, where hostler can't see them
	Network     Kind = "network"       // the registry can't be reached
	RateLimited Kind = "rate limited"  // the registry wants fewer requests
	Registry    Kind = "registry"      // the registry failed, or is none
)

// Error is a failure to read an image's facts. Its text has no word of what a
// server said.
type Error struct {
	Kind Kind
	Ref  string // in full, unless it is bad
	Text string // what is wrong, and where there is something to be done, what
}

func (e *Error) Error() string { return fmt.Sprintf("read image %q: %s", e.Ref, e.Text) }

// Is reports whether err is a failure of that kind.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

func badRef(ref string) error {
	return &Error{BadRef, ref, `this names no image in a registry; write HOST/NAME:TAG, such as "ghcr.io/cirruslabs/macos-sequoia-base:latest"`}
}

func (r *reading) fail(k Kind, format string, args ...any) error {
	return &Error{k, r.ref.String(), fmt.Sprintf(format, args...)}
}

// explain makes an *Error of whatever went wrong. ctx is the caller's.
func (r *reading) explain(ctx context.Context, err error) error {
	host := r.ref.Host
	var own *Error
	var untrusted *tls.CertificateVerificationError
	var status *transport.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("read image %q: %w", r.ref, context.Cause(ctx))
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return r.fail(Network, "%s did not answer within %s", host, r.patience)
	case errors.Is(err, context.DeadlineExceeded):
		return r.fail(Network, "%s did not answer in time", host)
	case errors.As(err, &untrusted):
		return r.fail(Network, "%s can't be reached safely: this machine does not trust its certificate", host)
	case errors.As(err, &status):
		return r.refused(status)
	case errors.Is(err, errTooLong):
		return r.fail(Invalid, "%s sent more than %d MiB, which no manifest of a tart image needs", host, maxAnswer>>20)
	}
	why := unreachable(err)
	switch {
	case why != "":
		return r.fail(Network, "%s, or a server that it refers to, can't be reached: %s", host, why)
	// The library tries HTTPS first with registries of this machine, too.
	case errors.Is(err, http.ErrSchemeMismatch) && !loopback(host):
		return r.fail(Network, "%s speaks plain HTTP, which hostler uses with registries of this machine alone", host)
	case errors.Is(err, errPlain):
		return r.fail(Invalid, "%s refers to plain HTTP, which anyone on the way could read and change", host)
	}
	return r.fail(Registry, "%s does not answer as a registry does", host)
}

// unreachable says why a connection failed, if that is what happened.
func unreachable(err error) string {
	var slow interface{ Timeout() bool }
	var dns *net.DNSError
	var number syscall.Errno
	var op *net.OpError
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		return "no answer in time"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "names can't be looked up"
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &op):
		return "the connection failed"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off"
	}
	return ""
}

// refused explains the status of an answer.
func (r *reading) refused(e *transport.Error) error {
	host := r.ref.Host
	has := func(codes ...transport.ErrorCode) bool {
		return slices.ContainsFunc(e.Errors, func(d transport.Diagnostic) bool { return slices.Contains(codes, d.Code) })
	}
	asked := func(what string) bool { return strings.Contains(e.Request.URL.Path, "/"+what+"/") }
	switch {
	case e.StatusCode == http.StatusTooManyRequests, has(transport.TooManyRequestsErrorCode):
		return r.fail(RateLimited, "%s wants fewer requests; wait a while, or raise the limit with credentials in %s", host, variables)
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden:
		return r.denied()
	case e.StatusCode >= http.StatusInternalServerError:
		return r.fail(Registry, "%s failed (%d); try again later", host, e.StatusCode)
	case has(transport.NameUnknownErrorCode, transport.NameInvalidErrorCode, transport.TagInvalidErrorCode, transport.ManifestUnknownErrorCode),
		e.StatusCode == http.StatusNotFound && asked("manifests"):
		return r.fail(NotFound, "%s has no such image; check its name and tag", host)
	case e.StatusCode == http.StatusNotFound && asked("blobs"):
		return r.fail(Invalid, "%s has lost a part of the image", host)
	}
	return r.fail(Registry, "%s answered %d where a registry would not", host, e.StatusCode)
}

// denied says which credentials were shown, or where there were none.
func (r *reading) denied() error {
	if from := r.credentials.from; from != "" {
		return r.fail(Auth, "%s refused the credentials from %s; check that they are valid and may read this image, and that there is such an image", r.ref.Host, from)
	}
	return r.fail(Auth, "%s wants credentials for it, if there is such an image at all; hostler found none in %s; set the two variables (those that `tart login` keeps in the keychain are tart's alone)",
		r.ref.Host, strings.Join(r.credentials.missed, " or "))
}
