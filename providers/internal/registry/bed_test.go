package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	double "github.com/google/go-containerregistry/pkg/registry"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/registry"
)

// The secrets of these tests, which no error may tell.
const (
	user     = "somebody"
	password = "canary-password"
	token    = "canary-token"
)

// credentials is an environment with credentials for every registry.
func credentials() []string {
	return []string{"TART_REGISTRY_USERNAME=" + user, "TART_REGISTRY_PASSWORD=" + password}
}

// basic is the header that shows the credentials.
func basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// bed is a registry, and a client that runs on a Mac with a home of its own.
type bed struct {
	*registry.Client
	*httptest.Server
	t    *testing.T
	host string
	root string

	mu    sync.Mutex
	front func(w http.ResponseWriter, r *http.Request) bool // answers instead, when it returns true
	seen  []http.Request
}

// newBed is a registry of this machine: it speaks plain HTTP.
func newBed(t *testing.T, environ ...string) *bed {
	t.Helper()
	b := &bed{t: t, root: t.TempDir()}
	b.Server = httptest.NewServer(b.handler())
	b.open(nil, environ)
	return b
}

// newFarBed is a registry that speaks HTTPS and is found under every name.
func newFarBed(t *testing.T, environ ...string) *bed {
	t.Helper()
	b := &bed{t: t, root: t.TempDir()}
	b.Server = httptest.NewUnstartedServer(b.handler())
	b.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.StartTLS()
	web := b.Server.Client().Transport.(*http.Transport).Clone()
	web.TLSClientConfig.ServerName = "example.com"
	web.DialContext = b.dial
	b.open(web, environ)
	b.host = "registry.example"
	return b
}

// dial reaches the bed whatever the address.
func (b *bed) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, b.Listener.Addr().String())
}

func (b *bed) open(web http.RoundTripper, environ []string) {
	// What hangs ends with its connection.
	b.t.Cleanup(func() { b.CloseClientConnections(); b.Close() })
	b.host = b.Listener.Addr().String()
	b.Client = registry.New(b.mac(environ), web)
}

// mac is the Mac that the client runs on.
func (b *bed) mac(environ []string) *machine.Machine {
	return machine.Local(b.root, append([]string{"HOME=/Users/admin"}, environ...))
}

func (b *bed) handler() http.Handler {
	behind := double.New(double.Logger(log.New(io.Discard, "", 0)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.seen = append(b.seen, *r)
		front := b.front
		b.mu.Unlock()
		if front == nil || !front(w, r) {
			behind.ServeHTTP(w, r)
		}
	})
}

// answer lets front answer from now on, and forgets what was asked before, and
// what is kept of the answers.
func (b *bed) answer(front func(w http.ResponseWriter, r *http.Request) bool) {
	b.must(os.RemoveAll(filepath.Join(b.root, "Users/admin/Library/Caches")))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.front, b.seen = front, nil
}

// count is how many requests were of that sort.
func (b *bed) count(of func(r *http.Request) bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for i := range b.seen {
		if of(&b.seen[i]) {
			n++
		}
	}
	return n
}

// asked is how often a path with that part was asked for.
func (b *bed) asked(part string) int {
	return b.count(func(r *http.Request) bool { return strings.Contains(r.URL.Path, part) })
}

// dockerConfig writes docker's configuration of the Mac's user.
func (b *bed) dockerConfig(text string) {
	b.t.Helper()
	name := filepath.Join(b.root, "Users/admin/.docker/config.json")
	b.must(os.MkdirAll(filepath.Dir(name), 0o755))
	b.must(os.WriteFile(name, []byte(text), 0o600))
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// resolve wants the facts of an image.
func (b *bed) resolve(ref string) registry.Image {
	b.t.Helper()
	image, err := b.Resolve(b.t.Context(), ref)
	b.must(err)
	return image
}

// refuses wants an error of that kind, with each of the texts in it and no
// secret.
func (b *bed) refuses(ref string, want registry.Kind, texts ...string) {
	b.t.Helper()
	image, err := b.Resolve(b.t.Context(), ref)
	b.wantKind(image, err, want, texts...)
}

func (b *bed) wantKind(image registry.Image, err error, want registry.Kind, texts ...string) {
	b.t.Helper()
	if err == nil {
		b.t.Fatalf("no error but %+v; want %s", image, want)
	}
	if !registry.Is(err, want) {
		b.t.Errorf("%v; want the kind %s", err, want)
	}
	if image != (registry.Image{}) {
		b.t.Errorf("an error and yet %+v", image)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			b.t.Errorf("%v; want %q in it", err, text)
		}
	}
	for ; err != nil; err = errors.Unwrap(err) {
		all := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, secret := range []string{"canary", strings.TrimPrefix(basic(), "Basic ")} {
			if strings.Contains(all, secret) {
				b.t.Errorf("a secret is told: %s", all)
			}
		}
	}
}

// artifact is an image as `tart push` uploads it, to be edited before it is.
type artifact struct {
	config   map[string]any // config.json
	layers   []*layer       // config, disk, NVRAM
	manifest map[string]any // without config and layers
}

type layer struct {
	MediaType   string            `json:"mediaType"`
	Size        int               `json:"size"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations,omitempty"`

	data []byte
}

// macOS is a small macOS image: two chunks of a 50 GB disk.
func macOS() *artifact {
	return &artifact{
		config: map[string]any{
			"version": 1, "os": "darwin", "arch": "arm64", "ecid": "AAAA", "hardwareModel": "BBBB",
			"cpuCountMin": 2, "cpuCount": 4, "memorySizeMin": 4 << 30, "memorySize": 8 << 30,
			"macAddress": "5a:11:22:33:44:55", "display": map[string]any{"width": 1024, "height": 768}, "diskFormat": "raw",
		},
		layers: []*layer{
			{MediaType: "application/vnd.cirruslabs.tart.config.v1"},
			chunk("application/vnd.cirruslabs.tart.disk.v2", "first part"),
			chunk("application/vnd.cirruslabs.tart.disk.v2", "second part"),
			{MediaType: "application/vnd.cirruslabs.tart.nvram.v1", data: []byte("nvram")},
		},
		manifest: map[string]any{
			"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
			"annotations": map[string]string{
				"org.cirruslabs.tart.uncompressed-disk-size": "50000000000",
				"org.cirruslabs.tart.upload-time":            "2026-08-18T14:16:00Z",
			},
		},
	}
}

// chunk is a part of a disk, of 512 MiB before it was compressed.
func chunk(mediaType, data string) *layer {
	return &layer{MediaType: mediaType, data: []byte(data), Annotations: map[string]string{
		"org.cirruslabs.tart.uncompressed-size":           "536870912",
		"org.cirruslabs.tart.uncompressed-content-digest": digest([]byte(data)),
	}}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// publish uploads an image under NAME:TAG, and returns the manifest's digest.
func (b *bed) publish(ref string, a *artifact) string {
	b.t.Helper()
	name, tag, _ := strings.Cut(ref, ":")
	if a.config != nil {
		data, err := json.Marshal(a.config)
		b.must(err)
		a.layers[0].data = data
	}
	for _, l := range a.layers {
		l.Digest, l.Size = digest(l.data), len(l.data)
		b.upload(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+l.Digest, "application/octet-stream", l.data)
	}
	config := &layer{MediaType: "application/vnd.oci.image.config.v1+json", data: []byte(`{"architecture":"arm64","os":"darwin"}`)}
	config.Digest, config.Size = digest(config.data), len(config.data)
	b.upload(http.MethodPost, "/v2/"+name+"/blobs/uploads/?digest="+config.Digest, "application/octet-stream", config.data)
	a.manifest["config"], a.manifest["layers"] = config, a.layers
	return b.publishManifest(name, tag, a.manifest)
}

func (b *bed) publishManifest(name, tag string, manifest map[string]any) string {
	b.t.Helper()
	data, err := json.Marshal(manifest)
	b.must(err)
	b.upload(http.MethodPut, "/v2/"+name+"/manifests/"+tag, manifest["mediaType"].(string), data)
	return digest(data)
}

func (b *bed) upload(method, path, mediaType string, data []byte) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.URL+path, bytes.NewReader(data))
	b.must(err)
	req.Header.Set("Content-Type", mediaType)
	resp, err := b.Server.Client().Do(req)
	b.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		b.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}
