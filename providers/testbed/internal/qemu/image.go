package qemu

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Machine is what a guest boots, and by what: files of this machine.
type Machine struct {
	Kernel, Initramfs       string
	Emulator, Format, Share string // programs
}

// modules are loaded in this order; what a kernel has built in is passed over.
var modules = []string{
	"drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev",
	"drivers/virtio/virtio_pci", "drivers/block/virtio_blk", "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net",
	"lib/crc16", "crypto/crc32c_generic", "lib/libcrc32c", "fs/mbcache", "fs/jbd2/jbd2", "fs/ext4/ext4", "fs/fuse/fuse", "fs/fuse/virtiofs",
}

// Build makes what guests boot, in dir, of programs of this machine: Debian's
// kernel for clouds, busybox and dropbear. An error names the packages that are
// missing.
func Build(dir string) (Machine, error) {
	kernels, _ := filepath.Glob("/boot/vmlinuz-*-cloud-*")
	busybox, noBusybox := exec.LookPath("busybox")
	dropbear, noDropbear := exec.LookPath("dropbear")
	emulator, noEmulator := exec.LookPath("qemu-system-x86_64")
	format, noFormat := exec.LookPath("mkfs.ext4")
	const share = "/usr/lib/qemu/virtiofsd"
	_, noShare := os.Stat(share)
	if err := errors.Join(noBusybox, noDropbear, noEmulator, noFormat, noShare); err != nil || len(kernels) == 0 {
		return Machine{}, fmt.Errorf("real guests need the packages qemu-system-x86, qemu-system-common, linux-image-cloud-amd64, busybox-static, dropbear-bin and e2fsprogs: %w", err)
	}
	m := Machine{slices.Max(kernels), filepath.Join(dir, "initramfs.gz"), emulator, format, share}
	files := map[string]string{"bin/busybox": busybox, "bin/bash": "/bin/bash", "usr/bin/nohup": "/usr/bin/nohup", "usr/sbin/dropbear": dropbear}
	libraries, err := exec.Command("ldd", dropbear, "/bin/bash").Output()
	if err != nil {
		return m, fmt.Errorf("ldd: %w", err)
	}
	for _, found := range regexp.MustCompile(`(/\S+) \(0x`).FindAllSubmatch(libraries, -1) {
		files[strings.TrimPrefix(string(found[1]), "/")] = string(found[1])
	}
	var load strings.Builder
	version := strings.TrimPrefix(filepath.Base(m.Kernel), "vmlinuz-")
	for _, name := range modules {
		file := filepath.Join("/lib/modules", version, "kernel", name+".ko")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			continue // built in
		}
		files["modules/"+filepath.Base(file)] = file
		fmt.Fprintf(&load, "insmod /modules/%s\n", filepath.Base(file))
	}
	hash, err := exec.Command("openssl", "passwd", "-6", "-salt", "hostler", "admin").Output()
	if err != nil {
		return m, fmt.Errorf("openssl passwd: %w", err)
	}
	texts := map[string]string{
		"init":                   initScript(load.String()),
		"etc/passwd":             "root:x:0:0:root:/:/bin/sh\nadmin:x:0:0:admin:/Users/admin:/bin/sh\n",
		"etc/group":              "root:x:0:\nstaff:x:20:admin\n",
		"etc/shadow":             "admin:" + strings.TrimSpace(string(hash)) + ":20000:0:99999:7:::\n",
		"etc/shells":             "/bin/sh\n",
		"etc/nsswitch.conf":      "passwd: files\ngroup: files\nshadow: files\n",
		"etc/profile":            "export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n",
		"usr/local/bin/sudo":     sudoScript,
		"usr/local/bin/shutdown": "#!/bin/sh\nsync\nexec /bin/busybox poweroff -f\n",
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if err := archive(zip, files, texts); err != nil {
		return m, err
	}
	if err := zip.Close(); err != nil {
		return m, err
	}
	return m, os.WriteFile(m.Initramfs, out.Bytes(), 0o644)
}

// sudoScript is sudo as far as a guest of ours needs it. Who logs in is the one
// user, who may do everything.
const sudoScript = `#!/bin/sh
while :; do
	case $1 in
	-p | -u) shift 2 ;;
	-*) shift ;;
	*) break ;;
	esac
done
exec "$@"
`

// initScript is the first process of the guest: it mounts the disk as /Users,
// and the shared folders where macOS would, and runs an SSH server.
func initScript(load string) string {
	return `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/local/bin:/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /Users /tmp /run /root "/Volumes/My Shared Files"
mount -t devpts pts /dev/pts
chmod 1777 /tmp
` + load + `
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
mount -t ext4 /dev/vda /Users || { echo "the disk can't be mounted"; poweroff -f; }
mkdir -p /Users/admin /Users/.ssh-keys
tags=$(sed -n 's/.*hostler\.shares=\([^ ]*\).*/\1/p' /proc/cmdline)
if [ -n "$tags" ]; then
	mount -t tmpfs shares "/Volumes/My Shared Files"
fi
for share in $(echo "$tags" | tr , ' '); do
	name=${share%%:*}
	mkdir -p "/Volumes/My Shared Files/$name"
	case $share in *:ro) how=ro ;; *) how=rw ;; esac
	mount -t virtiofs -o "$how" "$name" "/Volumes/My Shared Files/$name"
done
ln -sf /Users/.ssh-keys /etc/dropbear
dropbear -R -E -p 22
echo "` + ready + `"
exec sleep 1000000
`
}

// archive writes what the kernel unpacks: a cpio archive of the newc kind.
func archive(w io.Writer, files, texts map[string]string) error {
	number := 0
	entry := func(name string, mode uint32, data []byte) error {
		number++
		head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
		pad := func(n int) []byte { return make([]byte, (4-n%4)%4) }
		for _, part := range [][]byte{[]byte(head), []byte(name), {0}, pad(len(head) + len(name) + 1), data, pad(len(data))} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	}
	folders := map[string]bool{}
	put := func(name string, data []byte) error {
		var above []string
		for dir := filepath.Dir(name); dir != "." && !folders[dir]; dir = filepath.Dir(dir) {
			folders[dir] = true
			above = append(above, dir)
		}
		slices.Reverse(above)
		for _, dir := range above {
			if err := entry(dir, 0o040755, nil); err != nil {
				return err
			}
		}
		return entry(name, 0o100755, data)
	}
	for name, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := put(name, data); err != nil {
			return err
		}
	}
	for name, text := range texts {
		if err := put(name, []byte(text)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"proc", "sys", "dev"} {
		if err := entry(dir, 0o040755, nil); err != nil {
			return err
		}
	}
	return entry("TRAILER!!!", 0, nil)
}
