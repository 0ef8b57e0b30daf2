package registry_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hostler/providers/internal/registry"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	a := macOS()
	digest := b.publish("org/sub/macos-base:26.5", a)
	pinned := b.host + "/org/sub/macos-base@" + digest
	want := registry.Image{
		Ref: b.host + "/org/sub/macos-base:26.5", Pinned: pinned, Digest: digest,
		OS: "darwin", Arch: "arm64", CPUs: 4, CPUMin: 2, Memory: 8 << 30, MemoryMin: 4 << 30,
		DiskBytes:     50e9,
		DownloadBytes: uint64(a.layers[0].Size + len("first part") + len("second part") + len("nvram")),
		UploadedAt:    time.Date(2026, 8, 18, 14, 16, 0, 0, time.UTC),
	}
	b.answer(nil)
	if got := b.resolve(want.Ref); got != want {
		t.Errorf("\n%+v, want\n%+v", got, want)
	}
	// The disk stays where it is.
	if n := b.asked("/blobs/"); n != 1 || b.asked("/manifests/") != 1 {
		t.Errorf("%d blobs and %d manifests were read", n, b.asked("/manifests/"))
	}
	want.Ref = pinned
	if got := b.resolve(pinned); got != want {
		t.Errorf("by digest:\n%+v, want\n%+v", got, want)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	first := b.publish("org/base:latest", macOS())
	if got := b.resolve(b.host + "/org/base"); got.Digest != first || got.Ref != b.host+"/org/base:latest" {
		t.Errorf("without a tag: %+v", got)
	}
	moved := macOS()
	moved.config["memorySize"] = 16 << 30
	second := b.publish("org/base:latest", moved)
	if got := b.resolve(b.host + "/org/base"); got.Digest != second || got.Memory != 16<<30 {
		t.Errorf("after the tag moved: %+v", got)
	}
	if got := b.resolve(b.host + "/org/base@" + first); got.Digest != first || got.Memory != 8<<30 {
		t.Errorf("the old one, by digest: %+v", got)
	}
	b.refuses(b.host+"/org/base:other", registry.NotFound, "check its name and tag")
	b.refuses(b.host+"/org/other", registry.NotFound)
	b.refuses(b.host+"/org/base@sha256:"+strings.Repeat("0", 64), registry.NotFound)
}

// What a reference meant before is asked for with one request, and transferred
// only when it means something else.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.publish("org/base:latest", macOS())
	first := b.resolve(b.host + "/org/base")
	total, blobs := b.asked("/manifests/"), b.asked("/blobs/sha256")
	if again := b.resolve(b.host + "/org/base"); again != first {
		t.Errorf("%+v\nthen %+v", first, again)
	}
	heads := b.count(func(r *http.Request) bool {
		return r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/manifests/latest")
	})
	if heads != 1 || b.asked("/manifests/") != total+1 || b.asked("/blobs/sha256") != blobs {
		t.Errorf("%d HEAD of %d requests, %d for blobs", heads, b.asked("/manifests/")-total, b.asked("/blobs/sha256")-blobs)
	}
	// What was meddled with counts no more.
	all, err := filepath.Glob(filepath.Join(b.root, "Users/admin/Library/Caches/hostler/registry/*"))
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	data, err := os.ReadFile(all[0])
	b.must(err)
	b.must(os.WriteFile(all[0], bytes.Replace(data, []byte(`"manifest":"`), []byte(`"manifest":"AAAA`), 1), 0o600))
	if again := b.resolve(b.host + "/org/base"); again != first {
		t.Errorf("%+v\nthen %+v", first, again)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.answer(nil)
	for _, bad := range []string{
		"", "ubuntu", "ubuntu:22.04", "https://ghcr.io/org/base", b.host + "/org/base@sha256:abc", b.host + "/", b.host + "/org//base",
		b.host + "/org/base:", b.host + "/../base", b.host + ":/org/base",
	} {
		b.refuses(bad, registry.BadRef, "write HOST/NAME:TAG")
	}
	if n := b.asked(""); n != 0 {
		t.Errorf("%d requests for what is no reference", n)
	}
}

// What has a slash but no host elsewhere has one with tart: its first part.
// And docker.io is docker.io.
func TestHostsAreTaken(t *testing.T) {
	t.Parallel()
	b := newFarBed(t)
	digest := b.publish("base:latest", macOS())
	b.publish("org/base:latest", macOS())
	for ref, host := range map[string]string{
		"library/base": "library", "docker.io/org/base": "docker.io:443", "ghcr.io/org/base": "ghcr.io", "ghcr.io:5000/org/base": "ghcr.io:5000",
	} {
		b.answer(nil)
		if got := b.resolve(ref); got.Digest != digest || !strings.HasPrefix(got.Pinned, ref+"@") {
			t.Errorf("%s: %+v", ref, got)
		}
		if there := b.count(func(r *http.Request) bool { return r.Host == host }); there == 0 || there != b.asked("") {
			t.Errorf("%s: %d of %d requests went to %s", ref, there, b.asked(""), host)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, c := range map[string]struct {
		edit  func(a *artifact)
		check func(i registry.Image) bool
	}{
		"minimums of linux bind nobody": {
			func(a *artifact) { a.config["os"] = "linux" },
			func(i registry.Image) bool { return i.OS == "linux" && i.CPUMin == 1 && i.MemoryMin == 0 },
		},
		"old configuration without os and arch": {
			func(a *artifact) { delete(a.config, "os"); delete(a.config, "arch") },
			func(i registry.Image) bool { return i.OS == "darwin" && i.Arch == "arm64" },
		},
		"intel": {
			func(a *artifact) { a.config["os"], a.config["arch"] = "linux", "amd64" },
			func(i registry.Image) bool { return i.Arch == "amd64" },
		},
		"no annotations": {
			func(a *artifact) { delete(a.manifest, "annotations") },
			func(i registry.Image) bool { return i.DiskBytes == 2*512<<20 && i.UploadedAt.IsZero() },
		},
		"impossible annotations": {
			func(a *artifact) {
				a.manifest["annotations"] = map[string]string{
					"org.cirruslabs.tart.uncompressed-disk-size": "18446744073709551615", "org.cirruslabs.tart.upload-time": "yesterday",
				}
				a.layers[1].Annotations["org.cirruslabs.tart.uncompressed-size"] = "-1"
			},
			func(i registry.Image) bool { return i.DiskBytes == 512<<20 && i.UploadedAt.IsZero() },
		},
		"fractions of a second": {
			func(a *artifact) {
				a.manifest["annotations"] = map[string]string{"org.cirruslabs.tart.upload-time": "2026-08-18T14:16:00.250Z"}
			},
			func(i registry.Image) bool { return i.UploadedAt.Nanosecond() == 250e6 },
		},
		"a disk in layers": {
			func(a *artifact) {
				overlay := chunk("application/vnd.cirruslabs.tart.disk.asif.overlay.v1", "overlay")
				a.layers = append(a.layers[:3:3], overlay, a.layers[3])
			},
			func(i registry.Image) bool { return i.DiskBytes == 50e9 },
		},
	} {
		a := macOS()
		c.edit(a)
		b.publish("org/base:latest", a)
		var sum int
		for _, l := range a.layers {
			sum += l.Size
		}
		if got := b.resolve(b.host + "/org/base"); !c.check(got) || got.DownloadBytes != uint64(sum) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNotTart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, edit := range map[string]func(a *artifact){
		"container": func(a *artifact) {
			a.config, a.layers = nil, []*layer{{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", data: []byte("tar")}}
		},
		"empty":       func(a *artifact) { a.config, a.layers = nil, []*layer{} },
		"no disk":     func(a *artifact) { a.layers = []*layer{a.layers[0], a.layers[3]} },
		"no nvram":    func(a *artifact) { a.layers = a.layers[:3] },
		"no config":   func(a *artifact) { a.config, a.layers = nil, a.layers[1:] },
		"two configs": func(a *artifact) { a.layers = append(a.layers, a.layers[0]) },
		"old disk":    func(a *artifact) { a.layers[2].MediaType = "application/vnd.cirruslabs.tart.disk.v1" },
	} {
		a := macOS()
		edit(a)
		b.publish("org/base:latest", a)
		text := "no tart image"
		if name == "old disk" {
			text = "push it anew"
		}
		b.refuses(b.host+"/org/base", registry.NotTart, text)
	}
	b.publish("org/base:arm64", macOS())
	for _, mediaType := range []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"} {
		b.publishManifest("org/base", "index", map[string]any{"schemaVersion": 2, "mediaType": mediaType, "manifests": []any{}})
		b.refuses(b.host+"/org/base:index", registry.NotTart)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, edit := range map[string]func(c map[string]any){
		"no memory":       func(c map[string]any) { delete(c, "memorySize") },
		"memory of none":  func(c map[string]any) { c["memorySize"] = 0 },
		"negative memory": func(c map[string]any) { c["memorySize"] = -1 },
		"no CPU":          func(c map[string]any) { c["cpuCount"] = 0 },
		"negative CPUs":   func(c map[string]any) { c["cpuCountMin"] = -4 },
		"strange system":  func(c map[string]any) { c["os"] = "\x1b[2Jcanary" },
		"strange arch":    func(c map[string]any) { c["arch"] = "canary" },
		"wrong shape":     func(c map[string]any) { c["arch"] = []string{"arm64"} },
	} {
		a := macOS()
		edit(a.config)
		b.publish("org/base:latest", a)
		if image, err := b.Resolve(t.Context(), b.host+"/org/base"); !registry.Is(err, registry.Invalid) {
			t.Errorf("%s: %+v, %v", name, image, err)
		}
	}
	// config.json of a size that none has is not even asked for.
	a := macOS()
	a.config["hardwareModel"] = strings.Repeat("A", 2<<20)
	b.publish("org/base:latest", a)
	b.answer(nil)
	b.refuses(b.host+"/org/base", registry.Invalid, "which no tart would write")
	if b.asked("/blobs/") != 0 {
		t.Error("it was asked for")
	}
}

// A registry that fails for a moment is asked again, by itself.
func TestRetry(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.publish("org/base:latest", macOS())
	var failures atomic.Int32
	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/manifests/") && failures.Add(1) < 3 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	b.resolve(b.host + "/org/base")
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	b := newBed(t, credentials()...)
	digest := b.publish("org/base:latest", macOS())
	b.answer(tokens(b))
	errs := make(chan error)
	for range 8 {
		go func() {
			image, err := b.Resolve(context.Background(), b.host+"/org/base")
			if err == nil && image.Digest != digest {
				t.Errorf("%+v", image)
			}
			errs <- err
		}()
	}
	for range 8 {
		b.must(<-errs)
	}
}

// The network as it is: no service listens there.
func TestRealNetwork(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Server.Close()
	b.refuses(b.host+"/org/base", registry.Network, "connection refused")
}
