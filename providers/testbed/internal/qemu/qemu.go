// Package qemu runs a guest of the simulated Mac as a real machine: Linux under
// an emulator, with a disk that can lose power, an SSH server, and the shared
// folders where macOS mounts them. Start at Build, then Start.
package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ready is what the guest says on its console when it can be reached: the
// emulator itself takes connections before that.
const ready = "hostler: the guest is ready"

// Guest is a machine that runs.
type Guest struct {
	Address string // of its SSH server, on this machine
	Done    <-chan error
	cut     func()
}

// Share is a folder that the guest sees.
type Share struct {
	Name, Path string
	ReadOnly   bool
}

// Start boots a machine on a disk, which is formatted if it never was, and
// returns when it can be reached or ctx ends. It dies with this process. dir is
// for sockets and the console's log.
func Start(ctx context.Context, m Machine, disk, dir string, shares []Share) (*Guest, error) {
	if err := m.format(disk); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &Guest{Address: l.Addr().String()}
	l.Close()
	life, cut := context.WithCancel(context.Background())
	g.cut = cut
	var tags []string
	args := []string{
		"-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "1", "-m", memory, "-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio",
		"-kernel", m.Kernel, "-initrd", m.Initramfs,
		"-drive", "file=" + disk + ",if=virtio,format=raw,cache=writeback",
		"-netdev", "user,id=n,hostfwd=tcp:" + g.Address + "-:22", "-device", "virtio-net-pci,netdev=n,romfile=",
		"-object", "memory-backend-memfd,id=mem,size=" + memory + ",share=on", "-numa", "node,memdev=mem",
	}
	for i, s := range shares {
		socket := filepath.Join(dir, fmt.Sprintf("share-%d", i))
		if err := spawn(life, io.Discard, m.Share, "--socket-path="+socket, "-o", "source="+s.Path, "-o", "sandbox=chroot", "-f").err; err != nil {
			cut()
			return nil, err
		}
		for n := 0; ; n++ {
			if _, err := os.Stat(socket); err == nil {
				break
			}
			if n == 100 {
				cut()
				return nil, fmt.Errorf("virtiofsd does not share %s", s.Path)
			}
			time.Sleep(20 * time.Millisecond)
		}
		args = append(args, "-chardev", fmt.Sprintf("socket,id=c%d,path=%s", i, socket), "-device", fmt.Sprintf("vhost-user-fs-pci,chardev=c%d,tag=%s", i, s.Name))
		if s.ReadOnly {
			s.Name += ":ro"
		}
		tags = append(tags, s.Name)
	}
	args = append(args, "-append", "console=ttyS0 quiet panic=-1 hostler.shares="+strings.Join(tags, ","))
	console, err := os.Create(filepath.Join(dir, "console.log"))
	if err != nil {
		cut()
		return nil, err
	}
	out, said := io.Pipe()
	p := spawn(life, io.MultiWriter(console, said), m.Emulator, args...)
	if p.err != nil {
		cut()
		return nil, p.err
	}
	ended := make(chan error, 1)
	up := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), ready) {
				up <- true
			}
		}
		io.Copy(io.Discard, out)
	}()
	go func() {
		err := <-p.done
		said.Close()
		console.Close()
		cut()
		ended <- err
	}()
	g.Done = ended
	select {
	case <-up:
		return g, nil
	case <-ctx.Done():
		g.Cut()
		return nil, context.Cause(ctx)
	case err := <-ended:
		return nil, errors.Join(errors.New("the machine ended before it was ready, see "+console.Name()), err)
	}
}

// memory of every machine, whatever the VM has.
const memory = "192M"

// Cut cuts the machine's power.
func (g *Guest) Cut() { g.cut() }

// process is a child that dies with this one.
type process struct {
	err  error // of its start
	done chan error
}

func spawn(life context.Context, out io.Writer, program string, args ...string) process {
	p := process{done: make(chan error, 1)}
	started := make(chan error)
	go func() {
		// The kernel tells the child of the end of the thread that made it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c := exec.CommandContext(life, program, args...)
		c.Stdout, c.Stderr = out, out
		c.SysProcAttr = mortal()
		err := c.Start()
		started <- err
		if err == nil {
			p.done <- c.Wait()
		}
	}()
	p.err = <-started
	return p
}

// format makes a file system on a disk that has none.
func (m Machine) format(disk string) error {
	f, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer f.Close()
	magic := make([]byte, 2)
	if _, err := f.ReadAt(magic, 1080); err != nil {
		return err
	}
	if magic[0] == 0x53 && magic[1] == 0xef {
		return nil
	}
	if out, err := exec.Command(m.Format, "-q", "-F", "-J", "size=4", disk).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4 %s: %w\n%s", disk, err, out)
	}
	return nil
}
