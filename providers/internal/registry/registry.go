// Package registry reads the facts of tart images in OCI registries without
// pulling their disks: an image's manifest, and the config.json it carries,
// are a few kilobytes.
//
// Invariants:
//
//  1. A reference means here what it means to tart: no host is added to it, or
//     taken for another, and its tag is "latest" unless it says otherwise.
//  2. Credentials are those that tart would send, from the same places in the
//     same order. Two of its places are out of reach here, the keychain and the
//     credential helpers of docker: an image that this package is refused may
//     be tart's to pull all the same.
//  3. What a server sends is checked against its digest, and limited in size;
//     Resolve as a whole is limited in time.
//  4. What a server says never gets into an error: it may repeat our
//     credentials. The texts are ours, and the operating system's.
//  5. What was read once is kept on the Mac: while a reference means the same,
//     one request that transfers nothing is all that Resolve costs.
//  6. Plain HTTP is for the registries of this machine alone.
//
// Start at Resolve, then guard.go for what all requests go through.
package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
)

// patience bounds one Resolve.
const patience = 30 * time.Second

// maxConfig is more than any config.json has: its largest part is the
// hardware model, a few hundred bytes.
const maxConfig = 1 << 20

// Client reads from registries on behalf of one Mac. It is safe for concurrent
// use.
type Client struct {
	m        *machine.Machine
	web      http.RoundTripper
	patience time.Duration
}

// New returns a client with the credentials of m. web carries its requests;
// nil is the network, through the proxy that HTTPS_PROXY names.
func New(m *machine.Machine, web http.RoundTripper) *Client {
	if web == nil {
		web = http.DefaultTransport
	}
	return &Client{m: m, web: web, patience: patience}
}

// Image is what a registry says of a tart image.
type Image struct {
	Ref    string // as asked for, in full
	Pinned string // HOST/NAME@DIGEST: always this image, wherever the tag moves
	Digest string // sha256:HEX, of the manifest

	OS            string // darwin or linux
	Arch          string // arm64 or amd64
	CPUs, CPUMin  int
	Memory        uint64    // bytes
	MemoryMin     uint64    // bytes; like CPUMin what tart insists on: nothing for Linux
	DiskBytes     uint64    // the whole disk; 0 when the image does not say
	DownloadBytes uint64    // what a pull transfers when none of it is cached
	UploadedAt    time.Time // zero when the image does not say
}

// Resolve reads what ref names now. Its errors are *Error, unless ctx was
// cancelled.
func (c *Client) Resolve(ctx context.Context, ref string) (Image, error) {
	parsed, ok := tartcli.ParseRef(ref)
	if !ok {
		return Image{}, badRef(ref)
	}
	host := parsed.Host
	if host == "docker.io" {
		// The library would make index.docker.io of it, and tart does not.
		host += ":443"
	}
	server, err := name.NewRegistry(host)
	if err != nil {
		return Image{}, badRef(ref)
	}
	r := &reading{ref: parsed, server: server, credentials: c.credentials(parsed.Host), patience: c.patience, machine: c.m}
	bounded, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	image, err := r.image(bounded, c.web)
	if err != nil {
		return Image{}, r.explain(ctx, err)
	}
	return image, nil
}

// reading is one Resolve.
type reading struct {
	ref         tartcli.Ref
	server      name.Registry
	credentials credentials
	patience    time.Duration
	machine     *machine.Machine
	http        http.Client
	was         kept
}

func (r *reading) image(ctx context.Context, web http.RoundTripper) (Image, error) {
	if err := r.login(ctx, web); err != nil {
		return Image{}, err
	}
	r.was = r.recall()
	body := r.was.Manifest
	if !r.unchanged(ctx, r.was) {
		var err error
		if body, err = r.get(ctx, "manifests/"+r.ref.Version); err != nil {
			return Image{}, err
		}
	}
	pinned := r.ref
	pinned.Version = digest(body)
	if strings.HasPrefix(r.ref.Version, "sha256:") && pinned.Version != r.ref.Version {
		return Image{}, r.fail(Invalid, "%s sent another manifest than the one of that digest", r.ref.Host)
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(body, &manifest); err != nil {
		return Image{}, r.fail(Invalid, "%s sent a manifest that can't be read", r.ref.Host)
	}
	image, config, err := r.layers(manifest)
	if err != nil {
		return Image{}, err
	}
	image.Ref, image.Pinned, image.Digest = r.ref.String(), pinned.String(), pinned.Version
	data, err := r.configFile(ctx, config)
	if err == nil {
		err = r.config(data, &image)
	}
	if err == nil {
		r.keep(kept{body, data})
	}
	return image, err
}

// login prepares r.http to show the credentials wherever the registry wants
// to see them.
func (r *reading) login(ctx context.Context, web http.RoundTripper) error {
	web = guard{next: web, local: loopback(r.server.RegistryStr())}
	// The waits are short because they can't be interrupted. That requests
	// come too fast is no reason to send more.
	web = transport.NewRetry(web,
		transport.WithRetryBackoff(transport.Backoff{Duration: 100 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}),
		transport.WithRetryStatusCodes(http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout))
	web = transport.NewUserAgent(web, "hostler")
	scope := r.server.Repo(r.ref.Namespace).Scope(transport.PullScope)
	web, err := transport.NewWithContext(ctx, r.server, r.credentials.authenticator(), web, []string{scope})
	r.http.Transport = web
	return err
}

// get reads a document of the image's repository.
func (r *reading) get(ctx context.Context, document string) ([]byte, error) {
	resp, err := r.ask(ctx, http.MethodGet, document)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// ask sends a request about a document, and returns its answer if that is OK.
func (r *reading) ask(ctx context.Context, method, document string) (*http.Response, error) {
	url := r.server.Scheme() + "://" + r.server.RegistryStr() + "/v2/" + r.ref.Namespace + "/" + document
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	// tart takes the first of these alone. The others are how an image that
	// is not tart's shows itself instead of not being found.
	req.Header.Set("Accept", strings.Join([]string{
		string(types.OCIManifestSchema1), string(types.OCIImageIndex),
		string(types.DockerManifestSchema2), string(types.DockerManifestList), "*/*;q=0.1",
	}, ", "))
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	if err := transport.CheckError(resp, http.StatusOK); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// The media types and annotations of tart's images.
const (
	configType  = "application/vnd.cirruslabs.tart.config.v1"
	nvramType   = "application/vnd.cirruslabs.tart.nvram.v1"
	diskType    = "application/vnd.cirruslabs.tart.disk.v2"
	oldDiskType = "application/vnd.cirruslabs.tart.disk.v1"

	diskSize   = "org.cirruslabs.tart.uncompressed-disk-size"
	chunkSize  = "org.cirruslabs.tart.uncompressed-size"
	uploadTime = "org.cirruslabs.tart.upload-time"
)

// sizeBits bounds a size, to 16 TiB. So many layers that the sum of such sizes
// overflows don't fit into maxAnswer.
const sizeBits = 44

// layers reads from the manifest what it tells of the image, and where the
// image's config.json is. Other layers, such as overlays of a disk, may come.
func (r *reading) layers(manifest v1.Manifest) (image Image, config v1.Descriptor, err error) {
	count := map[types.MediaType]int{}
	var chunks uint64
	for _, layer := range manifest.Layers {
		if layer.Size < 0 || layer.Size >= 1<<sizeBits {
			return image, config, r.fail(Invalid, "its manifest has a layer of an impossible size")
		}
		count[layer.MediaType]++
		image.DownloadBytes += uint64(layer.Size)
		switch layer.MediaType {
		case configType:
			config = layer
		case diskType:
			chunks += size(layer.Annotations[chunkSize])
		}
	}
	switch {
	case count[oldDiskType] > 0:
		return image, config, r.fail(NotTart, "its disk has the format of an old tart, which today's can't pull; push it anew")
	case count[configType] != 1 || count[nvramType] != 1 || count[diskType] == 0:
		return image, config, r.fail(NotTart, "it is no tart image: it lacks the parts of a VM that `tart push` uploads")
	}
	image.DiskBytes = size(manifest.Annotations[diskSize])
	if image.DiskBytes == 0 {
		image.DiskBytes = chunks
	}
	image.UploadedAt, _ = time.Parse(time.RFC3339, manifest.Annotations[uploadTime])
	return image, config, nil
}

// size reads a number of bytes; what is none is 0.
func size(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, sizeBits)
	if err != nil {
		return 0
	}
	return n
}

// configFile is the image's config.json.
func (r *reading) configFile(ctx context.Context, layer v1.Descriptor) ([]byte, error) {
	if digest(r.was.Config) == layer.Digest.String() {
		return r.was.Config, nil
	}
	if layer.Size > maxConfig {
		return nil, r.fail(Invalid, "its config.json has %d bytes, which no tart would write", layer.Size)
	}
	data, err := r.get(ctx, "blobs/"+layer.Digest.String())
	if err == nil && digest(data) != layer.Digest.String() {
		err = r.fail(Invalid, "%s sent another config.json than the one the manifest names", r.ref.Host)
	}
	return data, err
}

// config adds what the image's config.json says.
func (r *reading) config(data []byte, image *Image) error {
	var config tartcli.Config
	platform := struct{ Arch string }{"arm64"} // an old tart named none
	if json.Unmarshal(data, &config) != nil || json.Unmarshal(data, &platform) != nil {
		return r.fail(Invalid, "its config.json can't be read, or lacks what every VM has")
	}
	image.OS, image.Arch = config.OS, platform.Arch
	image.CPUs, image.CPUMin, image.Memory, image.MemoryMin = config.CPUs, config.MinCPUs(), config.Memory, config.MinMemory()
	known := (image.OS == "darwin" || image.OS == "linux") && (image.Arch == "arm64" || image.Arch == "amd64")
	if !known || image.CPUs < 1 || image.CPUMin < 0 || image.Memory == 0 {
		return r.fail(Invalid, "its config.json describes a VM that can't be")
	}
	return nil
}
