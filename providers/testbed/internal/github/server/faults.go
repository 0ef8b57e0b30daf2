package server

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Kind says what goes wrong.
type Kind string

const (
	Primary     Kind = "primary limit"   // 403, none remaining until a while from now
	Secondary   Kind = "secondary limit" // 403 with Retry-After
	TooMany     Kind = "429"             // with Retry-After
	Unavailable Kind = "5xx"             // Status, or 502; nothing is done
	ResetBefore Kind = "reset before"    // the connection breaks, nothing is done
	ResetAfter  Kind = "reset after"     // it is done, then the connection breaks
	Slow        Kind = "slow"            // it is done, and answered after Delay
	Truncated   Kind = "truncated"       // half of the answer
	Lie         Kind = "lie"             // JSON of another type
	Stale       Kind = "stale"           // a read is answered from before the last change
)

// Fault is something that goes wrong with some requests.
type Fault struct {
	Kind   Kind   `json:"kind"`
	Method string `json:"method,omitempty"` // "" is any
	Path   string `json:"path,omitempty"`   // a regular expression; "" is any
	// Skip lets as many fitting requests pass first; Times is how many are
	// struck then, 0 is one and -1 is all.
	Skip  int `json:"skip,omitempty"`
	Times int `json:"times,omitempty"`

	Status int           `json:"status,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"` // also of Retry-After and of a limit
	Count  int           `json:"count,omitempty"` // of changes that a stale read has not seen
}

// Inject adds a fault.
func (s *Server) Inject(f Fault) error {
	if _, err := regexp.Compile(f.Path); err != nil {
		return err
	}
	return s.Folder.Exchange(func(b *world.Books) (bool, error) {
		all, err := faults(b)
		if err != nil {
			return false, err
		}
		b.Faults, err = json.Marshal(append(all, f))
		return false, err
	})
}

// Heal removes all faults.
func (s *Server) Heal() error {
	return s.Folder.Exchange(func(b *world.Books) (bool, error) {
		b.Faults = nil
		return false, nil
	})
}

func faults(b *world.Books) (all []Fault, err error) {
	if len(b.Faults) > 0 {
		err = json.Unmarshal(b.Faults, &all)
	}
	return all, err
}

// strike is the fault that this request meets, and counts it.
func strike(b *world.Books, method, path string) (*Fault, error) {
	all, err := faults(b)
	if err != nil {
		return nil, err
	}
	for i := range all {
		f := all[i]
		fits, err := regexp.MatchString(f.Path, path)
		if err != nil || !fits || f.Method != "" && f.Method != method {
			continue
		}
		switch {
		case f.Skip > 0:
			all[i].Skip--
			b.Faults, err = json.Marshal(all)
			if err != nil {
				return nil, err
			}
			continue
		case f.Times > 1:
			all[i].Times--
		case f.Times >= 0:
			all = append(all[:i:i], all[i+1:]...)
		}
		b.Faults, err = json.Marshal(all)
		return &f, err
	}
	return nil, nil
}

// before reports whether nothing is done.
func (f *Fault) before() bool {
	switch f.Kind {
	case Primary, Secondary, TooMany, Unavailable, ResetBefore:
		return true
	}
	return false
}

func (f *Fault) reply(c *rest.Call) reply {
	seconds := strconv.Itoa(int(f.Delay / time.Second))
	var a rest.Answer
	switch f.Kind {
	case Primary:
		a = rest.Fail(http.StatusForbidden, "API rate limit exceeded")
		a.Header = http.Header{"X-RateLimit-Remaining": {"0"}, "X-RateLimit-Reset": {strconv.FormatInt(c.Now.Add(f.Delay).Unix(), 10)}}
	case Secondary:
		a = rest.Fail(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		a.Body.(rest.M)["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
		a.Header = http.Header{"Retry-After": {seconds}}
	case TooMany:
		a = rest.Fail(http.StatusTooManyRequests, "Too many requests")
		a.Header = http.Header{"Retry-After": {seconds}}
	case ResetBefore:
		return reply{}
	default:
		status := f.Status
		if status == 0 {
			status = http.StatusBadGateway
		}
		a = rest.Answer{Status: status, Raw: []byte("<html>Unicorn!</html>"), Header: http.Header{"Content-Type": {"text/html"}}}
	}
	out, _ := render(a)
	return out
}

// spoil does to an answer what the fault says.
func (f *Fault) spoil(out *reply) {
	switch f.Kind {
	case ResetAfter:
		*out = reply{}
	case Slow:
		out.delay = f.Delay
	case Truncated:
		out.cut = true
	case Lie:
		out.header.Del("Etag")
		out.body = []byte(`[{"id": "seven", "runners": 3, "token": {}, "key": [], "sha": 7, "object": "no", "tree": "leaf", "runner_groups": {}, "secrets": 1}, null]`)
	}
}
