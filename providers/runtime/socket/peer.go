package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// peer is the uid of the process at the other end, in the kernel's words.
func peer(c net.Conn) (uid int, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return -1, errors.New("no unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return -1, err
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { uid, asked = credentials(int(fd)) }); err != nil {
		return -1, err
	}
	return uid, asked
}

// owner is the uid that a file belongs to, -1 if that is not known.
func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// trusted refuses a folder in which others than uid could put a socket.
func trusted(dir string, uid int) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	case owner(info) != uid:
		return fmt.Errorf("the folder %s belongs to uid %d, and the service to uid %d; whoever made it could pose as the service: remove it", dir, owner(info), uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write in the folder %s and could pose as the service; run chmod 755 %s", dir, dir)
	}
	return nil
}
