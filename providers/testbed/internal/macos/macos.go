// Package macos owns the small tools of a simulated macOS: what tells facts of
// the host (sysctl, sw_vers, uname, df, vm_stat, id, stat), what changes files
// (install, rm, plutil), what reads and writes settings (pmset, systemsetup,
// scutil, mdutil, xcode-select and so on; defaults is in prefs) and sudo.
//
// Output has the shape of the real tools, down to the tabs, since programs
// parse it. Ownership is a table of the Mac, not of the machine: only what ran
// under sudo may give a file to root.
//
// Start reading at Sysctl for a fact, at Install for a file, at system for a
// setting.
package macos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// Sysctl is the program sysctl.
func Sysctl(p *mac.Process) int {
	args, bare := p.Args, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		bare = bare || args[0] == "-n"
		args = args[1:]
	}
	if len(args) == 0 {
		return p.Errorf(1, "usage: sysctl [-bdehiNnoqrx] [-B <bufsize>] [-f filename] name[=value] ...")
	}
	all, code := oids(p), 0
	for _, name := range args {
		v, ok := all[name]
		var tree []string
		for _, k := range slices.Sorted(maps.Keys(all)) {
			if strings.HasPrefix(k, name+".") {
				tree = append(tree, k)
			}
		}
		switch {
		case ok && bare:
			fmt.Fprintln(p.Stdout, v)
		case ok:
			fmt.Fprintf(p.Stdout, "%s: %s\n", name, v)
		case len(tree) > 0:
			for _, k := range tree {
				fmt.Fprintf(p.Stdout, "%s: %s\n", k, all[k])
			}
		default:
			code = p.Errorf(1, "sysctl: unknown oid '%s'", name)
		}
	}
	return code
}

func oids(p *mac.Process) map[string]string {
	s := p.Settings
	cpus := fmt.Sprint(s.CPUs)
	boot := s.Boot.Local()
	return map[string]string{
		"hw.memsize": fmt.Sprint(s.Memory), "hw.ncpu": cpus, "hw.activecpu": cpus, "hw.physicalcpu": cpus, "hw.logicalcpu": cpus,
		"hw.perflevel0.physicalcpu": fmt.Sprint(s.CPUs / 2), "hw.perflevel1.physicalcpu": fmt.Sprint(s.CPUs - s.CPUs/2),
		"hw.model": s.Model, "hw.pagesize": "16384", "hw.optional.arm64": "1", "hw.machine": "arm64",
		"machdep.cpu.brand_string": "Apple M2", "kern.hv_support": "1", "kern.hostname": s.Hostname, "kern.ostype": "Darwin",
		"kern.osrelease": darwin(s.MacOS), "kern.osproductversion": s.MacOS, "kern.osversion": build(s.MacOS),
		"kern.boottime":        fmt.Sprintf("{ sec = %d, usec = %d } %s", boot.Unix(), boot.Nanosecond()/1000, boot.Format(time.ANSIC)),
		"kern.bootsessionuuid": s.BootID, "kern.memorystatus_vm_pressure_level": "1",
		"vm.swapusage":  "total = 2048.00M  used = 123.25M  free = 1924.75M  (encrypted)",
		"kern.maxfiles": "245760", "kern.maxfilesperproc": "122880",
	}
}

// darwin is the kernel's version that a version of macOS came with.
func darwin(macOS string) string {
	var major, minor int
	fmt.Sscanf(macOS, "%d.%d", &major, &minor)
	if major >= 26 {
		return fmt.Sprintf("%d.%d.0", major-1, minor)
	}
	return fmt.Sprintf("%d.%d.0", major+9, minor)
}

// build is a build number in the form of Apple's.
func build(macOS string) string {
	var major, minor int
	fmt.Sscanf(macOS, "%d.%d", &major, &minor)
	if major >= 26 {
		major--
	} else {
		major += 9
	}
	return fmt.Sprintf("%d%c83", major, 'A'+rune(minor))
}

// SwVers is the program sw_vers.
func SwVers(p *mac.Process) int {
	facts := [][2]string{{"ProductName", "macOS"}, {"ProductVersion", p.Settings.MacOS}, {"BuildVersion", build(p.Settings.MacOS)}}
	if len(p.Args) == 0 {
		for _, f := range facts {
			fmt.Fprintf(p.Stdout, "%s:\t\t%s\n", f[0], f[1])
		}
		return 0
	}
	for _, f := range facts {
		if strings.EqualFold(strings.TrimLeft(p.Args[0], "-"), f[0]) {
			fmt.Fprintln(p.Stdout, f[1])
			return 0
		}
	}
	return p.Errorf(1, "Usage: sw_vers [--help|--productName|--productVersion|--productVersionExtra|--buildVersion]")
}

// Uname is the program uname.
func Uname(p *mac.Process) int {
	release := darwin(p.Settings.MacOS)
	facts := []struct {
		flag rune
		text string
	}{
		{'s', "Darwin"}, {'n', p.Settings.Hostname + ".local"}, {'r', release},
		{'v', "Darwin Kernel Version " + release + ": root:xnu-1~1/RELEASE_ARM64_T8112"}, {'m', "arm64"}, {'p', "arm"},
	}
	want := ""
	for _, a := range p.Args {
		want += strings.TrimPrefix(a, "-")
	}
	if want == "" {
		want = "s"
	}
	want = strings.ReplaceAll(want, "a", "snrvm")
	var words []string
	for _, f := range facts {
		if strings.ContainsRune(want, f.flag) {
			words = append(words, f.text)
		}
	}
	if len(words) == 0 {
		return p.Errorf(1, "usage: uname [-amnoprsv]")
	}
	fmt.Fprintln(p.Stdout, strings.Join(words, " "))
	return 0
}

// Df is the program df, for the one APFS container of the Mac.
func Df(p *mac.Process) int {
	const unit = 1024
	flags, paths := "", []string{}
	for _, a := range p.Args {
		if strings.HasPrefix(a, "-") {
			flags += a[1:]
		} else {
			paths = append(paths, a)
		}
	}
	size, name, width := uint64(512), "512-blocks", 12
	if strings.Contains(flags, "k") {
		size, name, width = unit, "1024-blocks", 13
	}
	if strings.Trim(flags, "Pk") != "" {
		return p.Errorf(64, "usage: df [-Pk] [file ...]")
	}
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	s, err := p.Mac.Settings()
	if err != nil {
		return p.Errorf(70, "df: %v", err)
	}
	fmt.Fprintf(p.Stdout, "%-14s%*s%12s%12s%9s  Mounted on\n", "Filesystem", width, name, "Used", "Available", "Capacity")
	code := 0
	for _, path := range paths {
		if !exists(p, path) {
			code = p.Errorf(1, "df: %s: No such file or directory", path)
			continue
		}
		mount, device := "/", "/dev/disk3s1s1"
		if strings.HasPrefix(path, "/System/Volumes/Data") || strings.HasPrefix(path, "/Users") {
			mount, device = "/System/Volumes/Data", "/dev/disk3s5"
		}
		used := s.DiskTotal - min(s.DiskFree, s.DiskTotal)
		fmt.Fprintf(p.Stdout, "%-14s%*d%12d%12d%8d%%  %s\n", device, width, s.DiskTotal/size, used/size, s.DiskFree/size,
			(used*100+s.DiskTotal-1)/s.DiskTotal, mount)
	}
	return code
}

// VMStat is the program vm_stat. Half of the memory is available.
func VMStat(p *mac.Process) int {
	const page = 16384
	pages := p.Settings.Memory / page
	fmt.Fprintf(p.Stdout, "Mach Virtual Memory Statistics: (page size of %d bytes)\n", page)
	for _, f := range []struct {
		name string
		n    uint64
	}{
		{"Pages free", pages / 4}, {"Pages active", pages / 4}, {"Pages inactive", pages / 5}, {"Pages speculative", pages / 40},
		{"Pages throttled", 0}, {"Pages wired down", pages / 8}, {"Pages purgeable", pages / 40},
		{`"Translation faults"`, 123456789}, {"Pages copy-on-write", 2345678}, {"Pages zero filled", 34567890},
		{"Pages reactivated", 45678}, {"Pages purged", 5678}, {"File-backed pages", pages / 5}, {"Anonymous pages", pages / 4},
		{"Pages stored in compressor", 12345}, {"Pages occupied by compressor", 6789}, {"Decompressions", 1234},
		{"Compressions", 23456}, {"Pageins", 345678}, {"Pageouts", 456}, {"Swapins", 0}, {"Swapouts", 0},
	} {
		fmt.Fprintf(p.Stdout, "%-28s%12s\n", f.name+":", fmt.Sprintf("%d.", f.n))
	}
	return 0
}

// user is the name and the main group of the caller.
func user(p *mac.Process, uid int) (name string, gid int, group string, ok bool) {
	if uid == 0 {
		return "root", 0, "wheel", true
	}
	name = p.Settings.Name(uid)
	return name, 20, "staff", name != ""
}

// ID is the program id.
func ID(p *mac.Process) int {
	uid, flags := p.UID, ""
	for _, a := range p.Args {
		switch {
		case strings.HasPrefix(a, "-"):
			flags += a[1:]
		default:
			var ok bool
			if uid, ok = p.Settings.Account(a); !ok {
				return p.Errorf(1, "id: %s: no such user", a)
			}
		}
	}
	name, gid, group, ok := user(p, uid)
	if !ok {
		return p.Errorf(1, "id: %d: no such user", uid)
	}
	second := "80(admin)"
	if uid == 0 {
		second = "1(daemon)"
	}
	switch flags {
	case "":
		fmt.Fprintf(p.Stdout, "uid=%d(%s) gid=%d(%s) groups=%d(%s),%s\n", uid, name, gid, group, gid, group, second)
	case "u":
		fmt.Fprintln(p.Stdout, uid)
	case "un", "nu":
		fmt.Fprintln(p.Stdout, name)
	case "g":
		fmt.Fprintln(p.Stdout, gid)
	case "gn", "ng":
		fmt.Fprintln(p.Stdout, group)
	case "G":
		fmt.Fprintf(p.Stdout, "%d %s\n", gid, second[:strings.Index(second, "(")])
	case "Gn", "nG":
		fmt.Fprintf(p.Stdout, "%s %s\n", group, strings.Trim(second[strings.Index(second, "("):], "()"))
	default:
		return p.Errorf(1, "usage: id [user]\n       id -G [-n] [user]\n       id -g [-nr] [user]\n       id -u [-nr] [user]")
	}
	return 0
}
