package tart

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// What a build is made of: the files that steps bring, and the hashes.

// largest is as much as a step may bring: it is held in memory.
const largest = 256 << 20

// weigh fills in what is known of a step only once its file has been read. A
// hash that is there already comes from an image whose steps are ignored.
func (c *images) weigh(steps []Step) error {
	for i := range steps {
		s := &steps[i]
		if s.SHA256 != "" {
			continue
		}
		_, _, sum, err := c.load(*s)
		if err != nil {
			at := cty.GetAttrPath("step").IndexInt(i)
			return attrErrorf(at.GetAttr(s.kind()), "%w", err)
		}
		s.SHA256 = sum
	}
	return nil
}

func (s Step) kind() string {
	switch {
	case s.Script != "":
		return "script"
	case s.Upload != "":
		return "upload"
	}
	return "run"
}

// load reads what a step brings into the guest, and its hash.
func (c *images) load(s Step) (data []byte, mode fs.FileMode, sum string, err error) {
	if s.kind() == "run" {
		return nil, 0, hash([]byte(s.Run)), nil
	}
	data, mode, err = c.file(cmp.Or(s.Script, s.Upload))
	if err != nil {
		return nil, 0, "", err
	}
	if s.Script != "" {
		return data, mode, hash(data), nil
	}
	return data, mode, hash(fmt.Appendf(nil, "%04o\n%s", mode, data)), nil
}

// file reads a file of the configuration, which does not lie under a simulated
// Mac's root. Of its permissions only the x bits are anybody's business: git
// keeps no others.
func (c *images) file(name string) ([]byte, fs.FileMode, error) {
	at := name
	if at == "~" || strings.HasPrefix(at, "~/") {
		var err error
		if at, err = c.mac.Expand(at); err != nil {
			return nil, 0, err
		}
	} else if !filepath.IsAbs(at) {
		at = filepath.Join(c.dir, filepath.FromSlash(at))
	}
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("there is no file %s", name)
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%s is no file; of a folder, upload the files one by one, or as one archive", name)
	case info.Size() > largest:
		return nil, 0, fmt.Errorf("%s has more than %d MiB; have the guest fetch it", name, largest>>20)
	}
	data, err := os.ReadFile(at)
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	return data, mode, err
}

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// chain is the hash of what a build begins with, and one for each step with
// all that comes before it. The last one is the build's content. What is only
// tried, or said about a step, is not in it.
func chain(base string, want *Image, disk schema.Size) []string {
	link := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // strings and maps of strings always marshal
		}
		return "sha256:" + hash(data)
	}
	all := []string{link([]string{base, want.user(), disk.String()})}
	for _, s := range want.Steps {
		if len(s.Env) == 0 {
			s.Env = nil // written empty is not written
		}
		all = append(all, link([]any{all[len(all)-1], s.kind(), s.SHA256, s.To, s.Env}))
	}
	return all
}

func (i *Image) user() string {
	if i.Login == nil {
		return ""
	}
	return i.Login.User
}

// sameRecipe reports whether two images are made in the same way, as far as the
// files say.
func sameRecipe(a, b *Image) bool {
	const any = "" // base and disk are compared elsewhere
	x, y := chain(any, a, 0), chain(any, b, 0)
	return a.From == b.From && x[len(x)-1] == y[len(y)-1]
}
