package vm

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Gigabyte is the one that tart counts disks in: decimal.
const Gigabyte = 1_000_000_000

// Dir is the folder of one VM or of one cached image.
type Dir string

// Names of files in a Dir. What begins with ".guest" is no part of tart's
// layout: it is the guest itself.
const (
	configFile = "config.json"
	nvramFile  = "nvram.bin"
	diskFile   = "disk.img"
	stateFile  = "state.vzvmsave"
	guestDir   = ".guest"
)

// Join is the path of a file in the folder.
func (d Dir) Join(name string) string { return filepath.Join(string(d), name) }

// Config is the path of config.json, the file whose lock says that the VM runs.
func (d Dir) Config() string { return d.Join(configFile) }

// Guest is the folder that stands for the guest's file system.
func (d Dir) Guest() string { return d.Join(guestDir) }

// Exists reports whether there is anything at the folder's place.
func (d Dir) Exists() bool {
	_, err := os.Stat(string(d))
	return err == nil
}

// Complete reports whether the folder has all files of a VM.
func (d Dir) Complete() bool {
	for _, f := range []string{configFile, nvramFile, diskFile} {
		if _, err := os.Stat(d.Join(f)); err != nil {
			return false
		}
	}
	return true
}

// Suspended reports whether the VM has a saved state to resume from.
func (d Dir) Suspended() bool {
	_, err := os.Stat(d.Join(stateFile))
	return err == nil
}

// Suspend saves a state; Resume removes it.
func (d Dir) Suspend() error { return os.WriteFile(d.Join(stateFile), []byte("saved"), 0o644) }

// Resume removes the saved state, if any.
func (d Dir) Resume() error {
	err := os.Remove(d.Join(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Holder is the process id of the tart run that runs the VM, 0 when none does.
func (d Dir) Holder() (int, error) {
	f, err := os.Open(d.Config())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return 0, err
	}
	if l.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(l.Pid), nil
}

// State is running, suspended or stopped.
func (d Dir) State() (string, error) {
	pid, err := d.Holder()
	switch {
	case err != nil:
		return "", err
	case pid != 0:
		return "running", nil
	case d.Suspended():
		return "suspended", nil
	}
	return "stopped", nil
}

// Held is a config.json that this process holds the lock of.
type Held struct{ f *os.File }

// Hold takes the lock that makes the VM run; ok is false if it runs already.
func (d Dir) Hold() (h *Held, ok bool, err error) {
	f, err := os.OpenFile(d.Config(), os.O_RDWR, 0)
	if err != nil {
		return nil, false, err
	}
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &l)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		f.Close()
		return nil, false, nil
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return &Held{f}, true, nil
}

// Release stops holding.
func (h *Held) Release() error { return h.f.Close() }

// DiskFile is the path of the disk.
func (d Dir) DiskFile() string { return d.Join(diskFile) }

// Disk is the size of the VM's disk as its guest sees it, in bytes.
func (d Dir) Disk() (uint64, error) {
	info, err := os.Stat(d.Join(diskFile))
	if err != nil {
		return 0, err
	}
	return uint64(info.Size()), nil
}

// Resize sets the size of the disk, in bytes.
func (d Dir) Resize(size uint64) error { return os.Truncate(d.Join(diskFile), int64(size)) }

// Apparent is the sum of the sizes of all files of the VM, in bytes.
func (d Dir) Apparent() (uint64, error) {
	var sum uint64
	for _, f := range []string{configFile, diskFile, nvramFile} {
		info, err := os.Stat(d.Join(f))
		if err != nil {
			return 0, err
		}
		sum += uint64(info.Size())
	}
	return sum, nil
}

// Allocated is what the VM occupies, in bytes: what its image is said to
// occupy, or what its files really do if that is more.
func (d Dir) Allocated() (uint64, error) {
	var sum uint64
	for _, f := range []string{configFile, diskFile, nvramFile} {
		info, err := os.Stat(d.Join(f))
		if err != nil {
			return 0, err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += uint64(st.Blocks) * 512
		}
	}
	return max(sum, d.fact("used")), nil
}

// fact reads a number that the simulation keeps with the guest; 0 if it has none.
func (d Dir) fact(name string) uint64 {
	data, err := os.ReadFile(filepath.Join(d.Guest(), name))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Run is what a tart run tells other processes about the VM it runs.
type Run struct {
	PID     int
	Started int64 // nanoseconds since 1970, of the machine's clock
	OS      string
}

const (
	runFile   = "run.json"
	powerFile = "power"
	agentFile = "agent"
	usedFile  = "used"
)

// Begin records that this process runs the VM.
func (d Dir) Begin(r Run) error {
	if err := os.MkdirAll(d.Guest(), 0o755); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.Guest(), runFile), data, 0o644)
}

// Runs is the last record of Begin.
func (d Dir) Runs() (Run, error) {
	var r Run
	data, err := os.ReadFile(filepath.Join(d.Guest(), runFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// PowerOff asks the guest that process pid runs to end: cause is empty for a
// shutdown of its own, else the error it dies of. The process is named because
// another VM can have taken the place of its folder.
func (d Dir) PowerOff(pid int, cause string) error {
	if err := os.MkdirAll(d.Guest(), 0o755); err != nil {
		return err
	}
	file := d.PowerFile(pid)
	if err := os.WriteFile(file+".next", []byte(cause), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".next", file)
}

// PoweredOff reports what PowerOff asked process pid for, if anything.
func (d Dir) PoweredOff(pid int) (cause string, off bool) {
	data, err := os.ReadFile(d.PowerFile(pid))
	return string(data), err == nil
}

// PowerOn forgets what a process that had this process's id was asked for.
func (d Dir) PowerOn() { os.Remove(d.PowerFile(os.Getpid())) }

// PowerFile is the file whose being there asks the guest to end, see PowerOff.
func (d Dir) PowerFile(pid int) string {
	return filepath.Join(d.Guest(), powerFile+"."+strconv.Itoa(pid))
}

// HasAgent reports whether the guest agent is installed in the guest.
func (d Dir) HasAgent() bool {
	_, err := os.Stat(filepath.Join(d.Guest(), agentFile))
	return err == nil
}

// Collect removes a temporary folder that did not become a VM.
func (d Dir) Collect() error { return os.RemoveAll(string(d)) }

// Remove deletes the VM, file by file, as tart does.
func (d Dir) Remove() error { return os.RemoveAll(string(d)) }

// Place moves a complete temporary folder to where, replacing what is there
// without asking whether it runs.
func (d Dir) Place(where Dir) error {
	if err := os.MkdirAll(filepath.Dir(string(where)), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(string(where)); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(string(d), string(where))
	}
	if err := exchange(string(d), string(where)); err != nil {
		return err
	}
	return d.Collect()
}
