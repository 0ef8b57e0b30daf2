package ghapi

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"regexp"
)

// Download is an archive of the runner program, as GitHub offers it now.
type Download struct {
	Version  string // such as 2.336.0
	Filename string
	URL      string
	SHA256   string // hexadecimal
}

// program is the name of the runner program's archives.
var program = regexp.MustCompile(`^actions-runner-[a-z]+-[a-z0-9]+-([0-9]+\.[0-9]+\.[0-9]+)\.tar\.gz$`)

// RunnerDownload is the runner program for Macs with Apple silicon. GitHub
// offers one version at a time.
func (c *Client) RunnerDownload(ctx context.Context) (Download, error) {
	var list []struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		URL          string `json:"download_url"`
		Filename     string `json:"filename"`
		SHA256       string `json:"sha256_checksum"`
	}
	err := c.call(ctx, http.MethodGet, c.scope()+"/actions/runners/downloads", nil, &list)
	if err != nil {
		return Download{}, explain(err, c.needsRunner(), "ask for the runner program")
	}
	for _, d := range list {
		if d.OS != "osx" || d.Architecture != "arm64" {
			continue
		}
		name := program.FindStringSubmatch(d.Filename)
		if name == nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(d.SHA256) {
			return Download{}, &Error{Doing: "ask for the runner program", Err: fmt.Errorf("GitHub offers %q with the checksum %q, which can't be relied on", d.Filename, d.SHA256)}
		}
		return Download{Version: name[1], Filename: d.Filename, URL: d.URL, SHA256: d.SHA256}, nil
	}
	return Download{}, &Error{Doing: "ask for the runner program", Err: fmt.Errorf("GitHub offers none for osx on arm64")}
}

// biggest is how long an archive may be, in bytes.
const biggest = 1 << 30

// Fetch downloads an archive; told is told the bytes that are there, and how
// many there will be (0: not known). It is sent no credentials, and is an error
// if its checksum is another.
func (c *Client) Fetch(ctx context.Context, d Download, told func(have, all int64)) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, &Error{Doing: "download " + d.URL, Err: err} }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return fail(err)
	}
	if req.URL.Scheme != "https" && !loopback(req.URL.Hostname()) {
		return fail(fmt.Errorf("it is not at an https address"))
	}
	resp, err := (&http.Client{Transport: c.plain}).Do(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("the answer is %s", resp.Status))
	}
	data, err := io.ReadAll(&counted{io.LimitReader(resp.Body, biggest), 0, resp.ContentLength, told})
	if err != nil {
		return fail(err)
	}
	if !d.Fits(data) {
		return fail(fmt.Errorf("%d bytes arrived with the checksum %x; GitHub says it is %s", len(data), sha256.Sum256(data), d.SHA256))
	}
	return data, nil
}

// Fits reports whether data is the archive.
func (d Download) Fits(data []byte) bool { return fmt.Sprintf("%x", sha256.Sum256(data)) == d.SHA256 }

// counted tells of what is read.
type counted struct {
	io.Reader
	have, all int64
	told      func(have, all int64)
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.have += int64(n)
	r.told(r.have, max(r.all, 0))
	return n, err
}
