package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"path"
	"strings"
)

// folder is where documents are kept on the Mac; macOS may empty it.
const folder = "~/Library/Caches/hostler/registry"

// kept are the documents of an image as they were read last. Both are what
// their digests say, or are not used.
type kept struct {
	Manifest []byte `json:"manifest"`
	Config   []byte `json:"config"`
}

func (r *reading) file() string {
	sum := sha256.Sum256([]byte(r.ref.String()))
	return path.Join(folder, hex.EncodeToString(sum[:16])+".json")
}

// recall reads what is kept of the reference; nothing is kept of others.
func (r *reading) recall() (k kept) {
	data, err := r.machine.ReadFile(r.file())
	if err != nil || json.Unmarshal(data, &k) != nil {
		return kept{}
	}
	return k
}

// keep remembers documents, unless they are what is kept. That they can't be is
// no reason to fail.
func (r *reading) keep(k kept) {
	if bytes.Equal(k.Manifest, r.was.Manifest) && bytes.Equal(k.Config, r.was.Config) {
		return
	}
	data, err := json.Marshal(k)
	if err == nil && r.machine.Folder(folder, 0o700) == nil {
		_ = r.machine.WriteFile(r.file(), data, 0o600)
	}
}

// unchanged asks whether the reference still means the manifest that is kept.
// A server that does not tell is asked for the whole.
func (r *reading) unchanged(ctx context.Context, k kept) bool {
	if len(k.Manifest) == 0 {
		return false
	}
	resp, err := r.ask(ctx, http.MethodHead, "manifests/"+r.ref.Version)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return strings.EqualFold(resp.Header.Get("Docker-Content-Digest"), digest(k.Manifest))
}
