// Package git is git's object store: blobs, trees and commits under their real
// SHA-1 names, as files. Objects never change, so it takes no lock.
package git

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrMissing is the error for an object that is not there.
var ErrMissing = errors.New("no such object")

// Objects is the folder of the objects.
type Objects string

func (o Objects) file(sha string) string { return filepath.Join(string(o), sha) }

func (o Objects) put(kind string, body []byte) (string, error) {
	data := append(fmt.Appendf(nil, "%s %d\x00", kind, len(body)), body...)
	sum := sha1.Sum(data)
	sha := hex.EncodeToString(sum[:])
	if _, err := os.Stat(o.file(sha)); err == nil {
		return sha, nil
	}
	tmp, err := os.CreateTemp(string(o), "new-")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return "", err
	}
	return sha, os.Rename(tmp.Name(), o.file(sha))
}

func (o Objects) get(kind, sha string) ([]byte, error) {
	if len(sha) != 40 || strings.Trim(sha, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("%s %q: %w", kind, sha, ErrMissing)
	}
	data, err := os.ReadFile(o.file(sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %s: %w", kind, sha, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	head, body, _ := bytes.Cut(data, []byte{0})
	if !strings.HasPrefix(string(head), kind+" ") {
		return nil, fmt.Errorf("%s is no %s: %w", sha, kind, ErrMissing)
	}
	return body, nil
}

// PutBlob stores the content of a file.
func (o Objects) PutBlob(data []byte) (string, error) { return o.put("blob", data) }

// Blob is the content of a file.
func (o Objects) Blob(sha string) ([]byte, error) { return o.get("blob", sha) }

// Entry is one line of a tree: a file, or with the mode 040000 a tree.
type Entry struct{ Mode, SHA string }

// IsTree tells whether the entry is a tree.
func (e Entry) IsTree() bool { return e.Mode == "040000" }

// Tree is the entries of one tree, by name.
func (o Objects) Tree(sha string) (map[string]Entry, error) {
	body, err := o.get("tree", sha)
	if err != nil {
		return nil, err
	}
	all := map[string]Entry{}
	for len(body) > 0 {
		head, rest, ok := bytes.Cut(body, []byte{0})
		mode, name, _ := strings.Cut(string(head), " ")
		if !ok || len(rest) < 20 {
			return nil, fmt.Errorf("tree %s is damaged", sha)
		}
		if mode == "40000" {
			mode = "040000"
		}
		all[name] = Entry{mode, hex.EncodeToString(rest[:20])}
		body = rest[20:]
	}
	return all, nil
}

// Files is every file below a tree, by path.
func (o Objects) Files(sha string) (map[string]Entry, error) {
	all := map[string]Entry{}
	var walk func(prefix, sha string) error
	walk = func(prefix, sha string) error {
		entries, err := o.Tree(sha)
		if err != nil {
			return err
		}
		for name, e := range entries {
			if p := path.Join(prefix, name); !e.IsTree() {
				all[p] = e
			} else if err := walk(p, e.SHA); err != nil {
				return err
			}
		}
		return nil
	}
	return all, walk("", sha)
}

// PutFiles stores the trees of files, by path, and answers the root.
func (o Objects) PutFiles(files map[string]Entry) (string, error) {
	here, below := map[string]Entry{}, map[string]map[string]Entry{}
	for p, e := range files {
		dir, rest, deep := strings.Cut(p, "/")
		if !deep {
			here[p] = e
			continue
		}
		if below[dir] == nil {
			below[dir] = map[string]Entry{}
		}
		below[dir][rest] = e
	}
	for dir, files := range below {
		sha, err := o.PutFiles(files)
		if err != nil {
			return "", err
		}
		here[dir] = Entry{"040000", sha}
	}
	// Git sorts a tree as if its name ended in a slash.
	key := func(name string) string {
		if here[name].IsTree() {
			return name + "/"
		}
		return name
	}
	var body []byte
	for _, name := range slices.SortedFunc(maps.Keys(here), func(a, b string) int { return strings.Compare(key(a), key(b)) }) {
		sum, err := hex.DecodeString(here[name].SHA)
		if err != nil || len(sum) != 20 {
			return "", fmt.Errorf("entry %q: %w", name, ErrMissing)
		}
		body = append(fmt.Appendf(body, "%s %s\x00", strings.TrimPrefix(here[name].Mode, "0"), name), sum...)
	}
	return o.put("tree", body)
}

// Commit is a commit.
type Commit struct {
	SHA     string
	Tree    string
	Parents []string
	Author  string
	Time    time.Time
	Message string
}

// PutCommit stores a commit and answers it with its SHA.
func (o Objects) PutCommit(c Commit) (Commit, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", c.Tree)
	for _, p := range c.Parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	for _, who := range []string{"author", "committer"} {
		fmt.Fprintf(&b, "%s %s <%s@users.noreply.github.com> %d +0000\n", who, c.Author, c.Author, c.Time.Unix())
	}
	fmt.Fprintf(&b, "\n%s", c.Message)
	var err error
	c.SHA, err = o.put("commit", []byte(b.String()))
	return c, err
}

// Commit reads a commit.
func (o Objects) Commit(sha string) (Commit, error) {
	body, err := o.get("commit", sha)
	if err != nil {
		return Commit{}, err
	}
	head, message, _ := strings.Cut(string(body), "\n\n")
	c := Commit{SHA: sha, Message: message}
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			name, rest, _ := strings.Cut(value, " <")
			var at int64
			if _, when, ok := strings.Cut(rest, "> "); ok {
				fmt.Sscan(when, &at)
			}
			c.Author, c.Time = name, time.Unix(at, 0).UTC()
		}
	}
	return c, nil
}

// Ancestors are the commit and all it comes from, nearest first.
func (o Objects) Ancestors(sha string) ([]string, error) {
	all := []string{sha}
	for i := 0; i < len(all); i++ {
		c, err := o.Commit(all[i])
		if err != nil {
			return nil, err
		}
		for _, p := range c.Parents {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// MergeBase is the nearest commit that both come from, empty for none.
func (o Objects) MergeBase(a, b string) (string, error) {
	of, err := o.Ancestors(a)
	if err != nil {
		return "", err
	}
	other, err := o.Ancestors(b)
	if err != nil {
		return "", err
	}
	for _, sha := range of {
		if slices.Contains(other, sha) {
			return sha, nil
		}
	}
	return "", nil
}

// Changed are the paths at which two sets of files differ, sorted.
func Changed(a, b map[string]Entry) []string {
	var all []string
	for p, e := range a {
		if b[p] != e {
			all = append(all, p)
		}
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}
