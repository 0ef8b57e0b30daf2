package vm

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Make fills an empty folder with a VM. disk and used are bytes: the size of
// the disk and what it is said to occupy.
func (d Dir) Make(c Config, label string, disk, used uint64, agent bool) error {
	if err := os.MkdirAll(filepath.Join(d.Guest(), "Users/admin"), 0o755); err != nil {
		return err
	}
	files := map[string][]byte{
		configFile: JSON(c), nvramFile: []byte("nvram of " + label), diskFile: []byte(label),
		filepath.Join(guestDir, usedFile): strconv.AppendUint(nil, used, 10),
	}
	if agent {
		files[filepath.Join(guestDir, agentFile)] = nil
	}
	for name, data := range files {
		if err := os.WriteFile(d.Join(name), data, 0o644); err != nil {
			return err
		}
	}
	return d.Resize(disk)
}

// Copy fills the folder to with everything of d that makes a VM, as an APFS
// clone does.
func (d Dir) Copy(to Dir) error {
	for _, f := range []string{configFile, nvramFile, diskFile} {
		if err := copyFile(d.Join(f), to.Join(f)); err != nil {
			return err
		}
	}
	if d.Suspended() {
		if err := copyFile(d.Join(stateFile), to.Join(stateFile)); err != nil {
			return err
		}
	}
	return filepath.WalkDir(d.Guest(), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(string(d), path)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(to.Join(rel), 0o755)
		case e.Type().IsRegular() && e.Name() != runFile && !strings.HasPrefix(e.Name(), powerFile+"."):
			return copyFile(path, to.Join(rel))
		}
		return nil
	})
}

// copyFile copies the parts of a file that hold data, so that a sparse disk of
// many gigabytes costs nothing.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer dst.Close()
	if err := dst.Truncate(info.Size()); err != nil {
		return err
	}
	for at := int64(0); at < info.Size(); {
		start, err := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole up to the end
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(int(src.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		part := io.NewSectionReader(src, start, end-start)
		if _, err := io.Copy(io.NewOffsetWriter(dst, start), part); err != nil {
			return err
		}
		at = end
	}
	return dst.Close()
}

// ReplaceDisk makes a copy of the file the VM's disk.
func (d Dir) ReplaceDisk(file string) error { return copyFile(file, d.Join(diskFile)) }
