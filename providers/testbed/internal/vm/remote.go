package vm

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Remote is the name of an image in a registry.
type Remote struct {
	Host      string // with its port
	Namespace string
	Tag       string // one of Tag and Digest is set
	Digest    string // sha256:hex
}

// ParseRemote reads host[:port]/namespace[:tag|@sha256:hex]; ok is false for
// the name of a local VM.
func ParseRemote(s string) (r Remote, ok bool) {
	m := regexp.MustCompile(`^([A-Za-z0-9.-]+(?::[0-9]+)?)/([A-Za-z0-9._/-]*[A-Za-z0-9._-])(?::([A-Za-z0-9_][A-Za-z0-9_.-]*)|@(sha256:[0-9a-f]+))?$`).FindStringSubmatch(s)
	if m == nil {
		return Remote{}, false
	}
	r = Remote{Host: m[1], Namespace: m[2], Tag: m[3], Digest: m[4]}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r, true
}

// Repo is the name without tag and digest.
func (r Remote) Repo() string { return r.Host + "/" + r.Namespace }

func (r Remote) String() string {
	if r.Digest != "" {
		return r.Repo() + "@" + r.Digest
	}
	return r.Repo() + ":" + r.Tag
}

const pulledFile = ".explicitly-pulled"

func (h Home) repo(r Remote) string {
	return filepath.Join(string(h), "cache", "OCIs", strings.Replace(r.Host, ":", "%3A", 1), r.Namespace)
}

// Host is the folder of all cached images of the remote's registry.
func (h Home) Host(r Remote) string {
	return filepath.Join(string(h), "cache", "OCIs", strings.Replace(r.Host, ":", "%3A", 1))
}

// Image is the folder of a cached image, or the link of a cached tag, whether
// it exists or not.
func (h Home) Image(r Remote) Dir {
	if r.Digest != "" {
		return Dir(filepath.Join(h.repo(r), r.Digest))
	}
	return Dir(filepath.Join(h.repo(r), r.Tag))
}

// Digest is the digest a cached tag points to; ok is false if it isn't cached.
func (h Home) Digest(r Remote) (digest string, ok bool) {
	d := h.Image(r)
	if !d.Complete() {
		return "", false
	}
	if r.Digest != "" {
		return r.Digest, true
	}
	target, err := os.Readlink(string(d))
	return filepath.Base(target), err == nil
}

// Link makes the tag of r point to the cached image digest.
func (h Home) Link(r Remote, digest string) error {
	link := string(h.Image(r))
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(h.repo(r), digest), link)
}

// Explicit marks an image as pulled by its digest, which keeps it from Sweep.
func (d Dir) Explicit() error { return os.WriteFile(d.Join(pulledFile), nil, 0o644) }

// Sweep removes tags that point nowhere and images that no tag points to and
// nobody pulled by digest.
func (h Home) Sweep() error {
	root := filepath.Join(string(h), "cache", "OCIs")
	used := map[string]bool{}
	var images []string
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if os.IsNotExist(err) {
			return nil // another process was faster
		}
		if err != nil {
			return err
		}
		if info.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			if !Dir(target).Exists() {
				return os.Remove(path)
			}
			used[target] = true
		}
		if info.IsDir() && strings.HasPrefix(info.Name(), "sha256:") {
			images = append(images, path)
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range images {
		if _, err := os.Stat(filepath.Join(path, pulledFile)); err == nil || used[path] {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
