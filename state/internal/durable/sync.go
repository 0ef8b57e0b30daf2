package durable

import (
	"errors"
	"os"
	"syscall"
)

// syncFile makes a file durable: on macOS with F_FULLFSYNC, through the
// drive's cache, and with plain fsync on the file systems that do not know
// that.
func syncFile(f *os.File) error {
	err := f.Sync()
	if !unsupported(err) {
		return err
	}
	return syscall.Fsync(int(f.Fd()))
}

// unsupported reports whether the file system lacks what was asked of it.
func unsupported(err error) bool {
	for _, code := range []syscall.Errno{syscall.EINVAL, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOTTY, syscall.ENOSYS} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
