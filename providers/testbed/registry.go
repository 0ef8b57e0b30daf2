package testbed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

// Web is the name under which the log and the faults know requests to the
// Mac's registries. Their arguments are the host, the path and the method. Of the kinds
// they know Fail, where Code is the status of the answer and 0 a host that
// can't be reached, Hang and Delay.
const Web = "web"

// Registry carries requests to the registries that this Mac pulls from, under
// whatever host: what they tell of an image is what a pull will bring. It
// answers for the manifests and the config.json of images, not for disks.
//
// The digest of an image is that of its manifest, and its tart is told so here
// and at each request: call this before anything is pulled.
func (m *Mac) Registry() http.RoundTripper {
	w := web{m.mac}
	// Of no consequence here: each request tries, and answers what went wrong.
	_, _ = w.images()
	return w
}

type web struct{ mac *mac.Mac }

func (w web) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	p := &mac.Process{Mac: w.mac, Name: Web, Args: []string{req.URL.Host, req.URL.Path, req.Method}, Env: map[string]string{}}
	fault, end, err := p.Begin(false)
	if err != nil {
		return nil, err
	}
	resp, err := w.under(fault, req)
	code := 0
	if err == nil {
		code = resp.StatusCode
	}
	if err := end(code); err != nil {
		return nil, err
	}
	return resp, err
}

func (w web) under(fault *mac.Fault, req *http.Request) (*http.Response, error) {
	if fault != nil {
		switch {
		case fault.Kind == mac.Fail && fault.Code == 0:
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
		case fault.Kind == mac.Fail:
			return answer(req, fault.Code, "application/json", []byte(`{"errors":[{"code":"UNKNOWN","message":"out of luck"}]}`)), nil
		case fault.Kind == mac.Hang:
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		case fault.Kind == mac.Delay:
			select {
			case <-time.After(fault.Delay):
			case <-req.Context().Done():
				return nil, context.Cause(req.Context())
			}
		}
	}
	path, ok := strings.CutPrefix(req.URL.Path, "/v2/")
	switch {
	case !ok:
		return notFound(req, "NAME_UNKNOWN"), nil
	case path == "":
		return answer(req, http.StatusOK, "application/json", []byte("{}")), nil
	}
	images, err := w.images()
	if err != nil {
		return nil, err
	}
	if name, ref, ok := cutLast(path, "/manifests/"); ok {
		return manifestOf(req, images, name, ref), nil
	}
	if _, digest, ok := cutLast(path, "/blobs/"); ok {
		for _, i := range images {
			if config := configOf(i); digestOf(config) == digest {
				return answer(req, http.StatusOK, "application/octet-stream", config), nil
			}
		}
		return notFound(req, "BLOB_UNKNOWN"), nil
	}
	return notFound(req, "NAME_UNKNOWN"), nil
}

// manifestOf is what is answered for a name and a tag, which means the image
// published last, or for a digest.
func manifestOf(req *http.Request, images []RemoteImage, name, ref string) *http.Response {
	for i := len(images) - 1; i >= 0; i-- {
		have, ok := vm.ParseRemote(images[i].Ref)
		if ok && have.Host == req.URL.Host && have.Namespace == name && (have.Tag == ref || images[i].Digest == ref) {
			return answer(req, http.StatusOK, manifestType, manifest(images[i]))
		}
	}
	return notFound(req, "MANIFEST_UNKNOWN")
}

func notFound(req *http.Request, code string) *http.Response {
	return answer(req, http.StatusNotFound, "application/json", fmt.Appendf(nil, `{"errors":[{"code":%q,"message":"not found"}]}`, code))
}

func answer(req *http.Request, status int, mediaType string, body []byte) *http.Response {
	h := http.Header{"Content-Type": {mediaType}, "Docker-Distribution-Api-Version": {"registry/2.0"}}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="simulated"`)
	}
	if mediaType == manifestType {
		h.Set("Docker-Content-Digest", digestOf(body))
	}
	size := int64(len(body))
	if req.Method == http.MethodHead {
		body = nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: size, Request: req,
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

// images are the registries' images under the digests of their manifests.
func (w web) images() ([]RemoteImage, error) {
	s, err := w.mac.Settings()
	if err != nil {
		return nil, err
	}
	if adopt(s.Registry) {
		err = w.mac.Set(func(now *mac.Settings) { adopt(now.Registry) })
	}
	return s.Registry, err
}

// adopt gives each image the digest of its manifest, and reports whether one
// had another.
func adopt(images []RemoteImage) (changed bool) {
	for i := range images {
		if d := digestOf(manifest(images[i])); images[i].Digest != d {
			images[i].Digest, changed = d, true
		}
	}
	return changed
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// layer is one entry of a manifest.
type layer struct {
	MediaType   string            `json:"mediaType"`
	Size        uint64            `json:"size"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// manifest is the image as `tart push` describes it. It depends on all that the
// image is, and not on the digest it had.
func manifest(i RemoteImage) []byte {
	i.Digest = ""
	of := func(mediaType string, data []byte) layer {
		return layer{MediaType: mediaType, Size: uint64(len(data)), Digest: digestOf(data)}
	}
	identity := must(json.Marshal(i))
	disk := of("application/vnd.cirruslabs.tart.disk.v2", append([]byte("disk "), identity...))
	disk.Size = uint64(i.UsedGB) * vm.Gigabyte
	disk.Annotations = map[string]string{
		"org.cirruslabs.tart.uncompressed-size":           fmt.Sprint(uint64(i.DiskGB) * vm.Gigabyte),
		"org.cirruslabs.tart.uncompressed-content-digest": digestOf(identity),
	}
	return must(json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": of("application/vnd.oci.image.config.v1+json", fmt.Appendf(nil, `{"architecture":"arm64","os":%q}`, i.OS)),
		"layers": []layer{
			of("application/vnd.cirruslabs.tart.config.v1", configOf(i)), disk,
			of("application/vnd.cirruslabs.tart.nvram.v1", append([]byte("nvram "), identity...)),
		},
		"annotations": map[string]string{
			"org.cirruslabs.tart.uncompressed-disk-size": fmt.Sprint(uint64(i.DiskGB) * vm.Gigabyte),
			"org.cirruslabs.tart.upload-time":            "2026-08-18T14:16:00Z",
		},
	}))
}

// configOf is the config.json that the image carries.
func configOf(i RemoteImage) []byte {
	i.Digest = ""
	address, ecid := vm.Seeded(digestOf(must(json.Marshal(i))))
	c := vm.Config{
		Version: 1, OS: i.OS, Arch: "arm64", CPUCountMin: i.CPUMin, CPUCount: i.CPUs, MemorySizeMin: i.MemoryMin, MemorySize: i.Memory,
		MACAddress: address, Display: vm.Display{Width: 1024, Height: 768}, DiskFormat: "raw",
	}
	if i.OS == "darwin" {
		c.ECID, c.HardwareModel = ecid, vm.HardwareModel()
	}
	return must(json.Marshal(c))
}

// must is for what always marshals.
func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// Web carries requests to all that this Mac reaches: its GitHub under
// api.github.com, and registries under every other name.
func (m *Mac) Web() (http.RoundTripper, error) {
	gh, err := m.GitHub()
	if err != nil {
		return nil, err
	}
	return everywhere{gitHub: gh.RoundTripper(), registries: m.Registry()}, nil
}

type everywhere struct{ gitHub, registries http.RoundTripper }

func (e everywhere) RoundTrip(req *http.Request) (*http.Response, error) {
	switch req.URL.Host {
	case "api.github.com", "github.com", "objects.githubusercontent.com":
		return e.gitHub.RoundTrip(req)
	}
	return e.registries.RoundTrip(req)
}
