package web

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"path"
	"strings"
	"sync"

	"hostler/providers/internal/machine"
)

// folder is where answers are kept on the Mac; macOS may empty it.
const folder = "~/Library/Caches/hostler/github"

// Cache asks conditionally for what was read before. An answer is kept under
// its URL and the identity of whom it was for, readable by its owner alone.
type Cache struct {
	Next     http.RoundTripper
	Machine  *machine.Machine
	Identity func() string

	mu    sync.Mutex
	known map[string][]byte
}

func (c *Cache) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || strings.Contains(req.URL.Path, "/releases/") {
		return c.Next.RoundTrip(req)
	}
	sum := sha256.Sum256([]byte(c.Identity() + "\n" + req.Header.Get("Accept") + "\n" + req.URL.String()))
	name := path.Join(folder, hex.EncodeToString(sum[:16]))
	kept := c.load(name, req)
	if kept != nil {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", kept.Header.Get("Etag"))
	}
	resp, err := c.Next.RoundTrip(req)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotModified && kept != nil:
		resp.Body.Close()
		kept.Request = req
		return kept, nil
	case resp.StatusCode == http.StatusOK && resp.Header.Get("Etag") != "":
		return c.keep(name, resp)
	}
	return resp, nil
}

// load is the answer that was kept, nil if there is none that can be read.
func (c *Cache) load(name string, req *http.Request) *http.Response {
	c.mu.Lock()
	data, ok := c.known[name]
	c.mu.Unlock()
	if !ok {
		var err error
		if data, err = c.Machine.ReadFile(name); err != nil {
			return nil
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), req)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Etag") == "" {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil // cut short
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// keep reads the whole answer and remembers it. A cache that can't be written
// is no reason to fail.
func (c *Cache) keep(name string, resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if len(body) >= maxBody {
		return nil, errors.New("GitHub's answer is too long")
	}
	resp.Body, resp.ContentLength, resp.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	data, err := httputil.DumpResponse(resp, true)
	if err != nil {
		return resp, nil
	}
	c.mu.Lock()
	if c.known == nil {
		c.known = map[string][]byte{}
	}
	c.known[name] = data
	c.mu.Unlock()
	if c.Machine.Folder(folder, 0o700) == nil {
		c.Machine.WriteFile(name, data, 0o600)
	}
	return resp, nil
}
