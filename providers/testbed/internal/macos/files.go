package macos

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"hostler/providers/testbed/internal/mac"
)

func exists(p *mac.Process, path string) bool {
	_, err := os.Stat(p.Path(path))
	return err == nil
}

// reason is how the system words an error about a file.
func reason(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		text := no.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return err.Error()
}

// onMac is the Mac's name of a path argument.
func onMac(p *mac.Process, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	rel, err := filepath.Rel(p.Mac.Root(), p.Path(path))
	if err != nil {
		return path
	}
	return "/" + rel
}

// installation is what install shall do.
type installation struct {
	dirs  bool
	mode  fs.FileMode
	owner mac.Owner
	paths []string
}

func parseInstall(p *mac.Process) (in installation, ok bool) {
	in.mode = 0o755
	args := p.Args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		flags := args[0][1:]
		args = args[1:]
		for i, f := range flags {
			if !strings.ContainsRune("gmo", f) {
				if !strings.ContainsRune("bCcdpSsv", f) {
					return in, false
				}
				in.dirs = in.dirs || f == 'd'
				continue
			}
			value := flags[i+1:]
			if value == "" {
				if len(args) == 0 {
					return in, false
				}
				value, args = args[0], args[1:]
			}
			switch f {
			case 'g':
				in.owner.Group = value
			case 'o':
				in.owner.User = value
			case 'm':
				mode, err := strconv.ParseUint(value, 8, 12)
				if err != nil {
					return in, false
				}
				in.mode = fs.FileMode(mode)
			}
			break
		}
	}
	in.paths = args
	return in, in.dirs && len(args) > 0 || len(args) >= 2
}

// Install is the program install, as BSD has it.
func Install(p *mac.Process) int {
	in, ok := parseInstall(p)
	if !ok {
		return p.Errorf(64, "usage: install [-bCcpSsv] [-B suffix] [-f flags] [-g group] [-m mode]\n               [-o owner] file1 file2\n       install -d [-v] [-g group] [-m mode] [-o owner] directory ...")
	}
	name, _, group, _ := user(p, p.UID)
	if !p.Root() && (in.owner.User != "" && in.owner.User != name || in.owner.Group == "wheel") {
		return p.Errorf(71, "install: %s: chown/chgrp: Operation not permitted", in.paths[len(in.paths)-1])
	}
	if in.owner.User == "" {
		in.owner.User = name
	}
	if in.owner.Group == "" {
		in.owner.Group = group
	}
	if in.dirs {
		for _, dir := range in.paths {
			if code := in.makeDir(p, dir); code != 0 {
				return code
			}
		}
		return 0
	}
	to := in.paths[len(in.paths)-1]
	info, err := os.Stat(p.Path(to))
	into := err == nil && info.IsDir()
	if len(in.paths) > 2 && !into {
		return p.Errorf(64, "install: %s: Not a directory", to)
	}
	for _, from := range in.paths[:len(in.paths)-1] {
		dest := to
		if into {
			dest = filepath.Join(to, filepath.Base(from))
		}
		if code := in.copyTo(p, from, dest); code != 0 {
			return code
		}
	}
	return 0
}

func (in installation) makeDir(p *mac.Process, dir string) int {
	var missing []string
	for d := onMac(p, dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(p.Mac.Path(d)); err == nil {
			if len(missing) > 0 && !p.CanWrite(p.UID, d) {
				return p.Errorf(71, "install: mkdir %s: Permission denied", missing[len(missing)-1])
			}
			break
		}
		missing = append(missing, d)
	}
	if err := os.MkdirAll(p.Path(dir), 0o755); err != nil {
		return p.Errorf(71, "install: mkdir %s: %s", dir, reason(err))
	}
	for _, d := range append(missing, onMac(p, dir)) {
		if err := p.Chown(d, in.owner); err != nil {
			return p.Errorf(71, "install: %s: %s", d, reason(err))
		}
	}
	if err := os.Chmod(p.Path(dir), in.mode); err != nil {
		return p.Errorf(71, "install: %s: chmod: %s", dir, reason(err))
	}
	return 0
}

// copyTo replaces the destination by a copy, by way of a file beside it.
func (in installation) copyTo(p *mac.Process, from, to string) int {
	var data []byte
	var err error
	if from == "/dev/stdin" {
		data, err = io.ReadAll(p.Stdin)
	} else {
		data, err = os.ReadFile(p.Path(from))
	}
	if err != nil {
		return p.Errorf(71, "install: %s: %s", from, reason(err))
	}
	dir := filepath.Dir(onMac(p, to))
	if !exists(p, dir) {
		return p.Errorf(71, "install: %s: No such file or directory", to)
	}
	if !p.CanWrite(p.UID, dir) {
		return p.Errorf(71, "install: %s: Permission denied", filepath.Join(dir, "INS@install"))
	}
	real := p.Path(to)
	next := fmt.Sprintf("%s/INS@%d", filepath.Dir(real), os.Getpid())
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return p.Errorf(71, "install: %s: %s", to, reason(err))
	}
	if err := errors.Join(os.Chmod(next, in.mode), os.Rename(next, real)); err != nil {
		os.Remove(next)
		return p.Errorf(71, "install: %s: %s", to, reason(err))
	}
	if err := p.Chown(onMac(p, to), in.owner); err != nil {
		return p.Errorf(71, "install: %s: %s", to, reason(err))
	}
	return 0
}

// Rm is the program rm.
func Rm(p *mac.Process) int {
	force, tree := false, false
	args := p.Args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flags := args[0][1:]
		args = args[1:]
		if flags == "-" {
			break
		}
		force = force || strings.Contains(flags, "f")
		tree = tree || strings.ContainsAny(flags, "rR")
	}
	if len(args) == 0 {
		if force {
			return 0
		}
		return p.Errorf(64, "usage: rm [-f | -i] [-dIPRrvWx] file ...\n       unlink [--] file")
	}
	code := 0
	for _, a := range args {
		info, err := os.Lstat(p.Path(a))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if !force {
				code = p.Errorf(1, "rm: %s: No such file or directory", a)
			}
			continue
		case err != nil:
			code = p.Errorf(1, "rm: %s: %s", a, reason(err))
			continue
		case onMac(p, a) == "/":
			code = p.Errorf(1, `rm: "/" may not be removed`)
			continue
		case info.IsDir() && !tree:
			code = p.Errorf(1, "rm: %s: is a directory", a)
			continue
		case !p.CanWrite(p.UID, filepath.Dir(onMac(p, a))):
			code = p.Errorf(1, "rm: %s: Permission denied", a)
			continue
		}
		if err := os.RemoveAll(p.Path(a)); err != nil {
			code = p.Errorf(1, "rm: %s: %s", a, reason(err))
		}
	}
	return code
}

// Stat is the program stat, with -f and -L.
func Stat(p *mac.Process) int {
	format, follow, args := "", false, p.Args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag := args[0]
		args = args[1:]
		switch {
		case flag == "-L":
			follow = true
		case strings.HasPrefix(flag, "-f") && len(flag) > 2:
			format = flag[2:]
		case flag == "-f" && len(args) > 0:
			format, args = args[0], args[1:]
		default:
			return p.Errorf(1, "stat: illegal option -- %s\nusage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file ...]", strings.TrimLeft(flag, "-"))
		}
	}
	if format == "" || len(args) == 0 {
		return p.Errorf(1, "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file ...]")
	}
	code := 0
	for _, a := range args {
		info, err := os.Lstat(p.Path(a))
		if follow && err == nil {
			info, err = os.Stat(p.Path(a))
		}
		if err != nil {
			code = p.Errorf(1, "stat: %s: stat: %s", a, reason(err))
			continue
		}
		owner, err := p.OwnerOf(onMac(p, a))
		if err != nil {
			code = p.Errorf(1, "stat: %s: stat: %s", a, reason(err))
			continue
		}
		fmt.Fprintln(p.Stdout, stat(p, format, a, info, owner))
	}
	return code
}

// permissions are a mode as ls and stat write it.
func permissions(m fs.FileMode) string {
	text := []byte(m.Perm().String())
	if m.IsDir() {
		text[0] = 'd'
	}
	if m&fs.ModeSymlink != 0 {
		text[0] = 'l'
	}
	if m&fs.ModeSetuid != 0 {
		text[3] = "Ss"[m>>6&1]
	}
	return string(text)
}

func stat(p *mac.Process, format, name string, info fs.FileInfo, owner mac.Owner) string {
	uid, gid := p.Settings.UID, 20
	if owner.User == "root" {
		uid = 0
	}
	if owner.Group == "wheel" {
		gid = 0
	}
	kind := "Regular File"
	switch {
	case info.IsDir():
		kind = "Directory"
	case info.Mode()&fs.ModeSymlink != 0:
		kind = "Symbolic Link"
	}
	inode := uint64(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return strings.NewReplacer(
		"%Su", owner.User, "%Sg", owner.Group, "%u", fmt.Sprint(uid), "%g", fmt.Sprint(gid), "%Lp", fmt.Sprintf("%o", info.Mode().Perm()),
		"%OLp", fmt.Sprintf("%o", info.Mode().Perm()), "%Sp", permissions(info.Mode()), "%z", fmt.Sprint(info.Size()), "%N", name,
		"%m", fmt.Sprint(info.ModTime().Unix()), "%HT", kind, "%i", fmt.Sprint(inode), "%%", "%", "%n", "\n", "%t", "\t",
	).Replace(format)
}
