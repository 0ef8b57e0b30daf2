// Package copies is the simulated cp and du.
package copies

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

// Cp is cp of one file or folder to another name: with -R a whole tree, with -c
// by clonefile, with -p with modes. Symlinks in a tree stay symlinks.
func Cp(p *mac.Process) int {
	flags, args := options(p.Args)
	if len(args) != 2 || strings.Trim(flags, "cRp") != "" {
		return p.Errorf(64, "usage: cp [-R [-H | -L | -P]] [-fi | -n] [-aclpSsvXx] source_file target_file")
	}
	from, to := args[0], args[1]
	info, err := os.Lstat(p.Path(from))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.Errorf(1, "cp: %s: No such file or directory", from)
	case err != nil:
		return p.Errorf(1, "cp: %s: %v", from, plain(err))
	case info.IsDir() && !strings.Contains(flags, "R"):
		return p.Errorf(1, "cp: %s is a directory (not copied).", from)
	}
	target := p.Path(to)
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		target = filepath.Join(target, filepath.Base(from))
	}
	if err := copyTree(p.Path(from), target); err != nil {
		return p.Errorf(1, "cp: %s: %v", to, plain(err))
	}
	return 0
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		into := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(into, info.Mode().Perm()|0o700)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(target, into)
		}
		return copyFile(name, into, info.Mode().Perm())
	})
}

func copyFile(from, to string, perm fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Du is du -sk of folders: how many KiB each takes.
func Du(p *mac.Process) int {
	flags, args := options(p.Args)
	if len(args) == 0 || flags != "sk" {
		return p.Errorf(64, "usage: du [-Aclnx] [-H | -L | -P] [-g | -h | -k | -m] [-a | -s | -d depth] [-B blocksize] [-I mask] [-t threshold] [file ...]")
	}
	code := 0
	for _, a := range args {
		var bytes int64
		root := p.Path(a)
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			var info fs.FileInfo
			if err == nil {
				info, err = d.Info()
			}
			switch {
			case err != nil && name != root: // it vanished, and the rest is counted
				code = p.Errorf(1, "du: %s: %v", d.Name(), plain(err))
			case err == nil && !d.IsDir():
				bytes += (info.Size() + 4095) / 4096 * 4096
			}
			if name != root {
				return nil
			}
			return err
		})
		if err != nil {
			code = p.Errorf(1, "du: %s: %v", a, plain(err))
			continue
		}
		fmt.Fprintf(p.Stdout, "%d\t%s\n", bytes/1024, a)
	}
	return code
}

// options are the letters of all leading options, and what follows them.
func options(args []string) (flags string, rest []string) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		flags += args[0][1:]
		args = args[1:]
	}
	return flags, args
}

// plain is an error without the path, which lies on this machine.
func plain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
