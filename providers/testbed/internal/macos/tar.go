package macos

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

// Tar is the program tar, as far as `tar -xzf - -C DIR` goes.
func Tar(p *mac.Process) int {
	if len(p.Args) != 4 || p.Args[0] != "-xzf" || p.Args[1] != "-" || p.Args[2] != "-C" {
		return p.Errorf(1, "tar: the simulated Mac knows only `tar -xzf - -C DIR`")
	}
	to := p.Args[3]
	if info, err := os.Stat(p.Path(to)); err != nil || !info.IsDir() {
		return p.Errorf(1, "tar: could not chdir to '%s'", to)
	}
	if !p.CanWrite(p.UID, to) {
		return p.Errorf(1, "tar: Error exit delayed from previous errors.\n%s: Permission denied", to)
	}
	z, err := gzip.NewReader(p.Stdin)
	if err != nil {
		return p.Errorf(1, "tar: Error opening archive: Unrecognized archive format")
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err == io.EOF {
			return 0
		}
		if err != nil || strings.Contains(h.Name, "..") {
			return p.Errorf(1, "tar: Truncated input file (needed 512 bytes, only 0 available)\ntar: Error exit delayed from previous errors.")
		}
		name := filepath.Join(p.Path(to), h.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return p.Errorf(1, "tar: %s: %v", h.Name, err)
		}
		data, err := io.ReadAll(t)
		if err == nil {
			err = os.WriteFile(name, data, os.FileMode(h.Mode).Perm())
		}
		if err != nil {
			return p.Errorf(1, "tar: %s: %v", h.Name, err)
		}
	}
}
