package registry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

const (
	// maxAnswer is the size of a manifest that every registry must take: room
	// for some 8,000 parts of a disk, 512 MiB each.
	maxAnswer = 4 << 20
	// maxRefusal is as much as is read of an answer that is an error.
	maxRefusal = 32 << 10
)

var (
	errTooLong = errors.New("the answer is too long")
	errPlain   = errors.New("plain HTTP leaves this machine")
)

// guard is what every request goes through, also those that the library sends
// by itself, to where a registry tells it.
type guard struct {
	next  http.RoundTripper
	local bool // the registry is one of this machine
}

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !(g.local && loopback(req.URL.Host)) {
		return nil, errPlain
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := resp.Body
	if resp.StatusCode >= http.StatusBadRequest {
		resp.Body = limited{io.LimitReader(body, maxRefusal), body}
	} else {
		resp.Body = limited{&short{body, maxAnswer}, body}
	}
	return resp, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// short fails where io.LimitReader would end.
type short struct {
	r    io.Reader
	left int
}

func (s *short) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.left -= n; s.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// loopback reports whether host, with or without a port, is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}
