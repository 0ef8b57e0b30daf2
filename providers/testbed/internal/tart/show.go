package tart

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"hostler/providers/testbed/internal/vm"
)

// listed is one VM of "tart list"; which of the last two pointers is set
// depends on the version.
type listed struct {
	Source     string
	Name       string
	Disk       uint64
	Size       uint64
	SizeOnDisk *uint64 `json:",omitempty"`
	Accessed   *string `json:",omitempty"`
	Running    bool
	State      string
}

func (c *call) list() error {
	source, err := c.choice("--source", "", "local", "oci")
	if err != nil {
		return err
	}
	format, err := c.choice("--format", "text", "text", "json")
	if err != nil {
		return err
	}
	all := []listed{}
	if source != "oci" {
		locals, err := c.home.Locals()
		if err != nil {
			return err
		}
		time.Sleep(c.Settings.Timing.List)
		if all, err = c.measure(all, "local", locals); err != nil {
			return err
		}
	}
	if source != "local" {
		images, err := c.home.Images()
		if err != nil {
			return err
		}
		if all, err = c.measure(all, c.ociSource(), images); err != nil {
			return err
		}
	}
	switch {
	case c.has("--quiet"):
		for _, l := range all {
			fmt.Fprintln(c.Stdout, l.Name)
		}
	case format == "json":
		fmt.Fprintf(c.Stdout, "%s\n", vm.JSON(all))
	default:
		c.table(all)
	}
	return nil
}

// ociSource is how list spells the source of a cached image. Old versions wrote
// it in lower case; which was the last to do so isn't known.
func (c *call) ociSource() string {
	if c.tart.since("2.28.0") {
		return "OCI"
	}
	return "oci"
}

// measure appends the VMs to all. One that vanished since it was found fails
// the whole list.
func (c *call) measure(all []listed, source string, vms []vm.Named) ([]listed, error) {
	slices.SortFunc(vms, func(a, b vm.Named) int { return cmp.Compare(a.Name, b.Name) })
	for _, n := range vms {
		disk, err := n.Dir.Apparent()
		if err != nil {
			return nil, vanished(n)
		}
		size, err := n.Dir.Allocated()
		if err != nil {
			return nil, vanished(n)
		}
		st, err := n.Dir.State()
		if err != nil {
			return nil, vanished(n)
		}
		l := listed{Source: source, Name: n.Name, Disk: disk / vm.Gigabyte, Size: size / vm.Gigabyte, Running: st == "running", State: st}
		if c.tart.since("2.31.0") {
			at, err := n.Dir.Accessed()
			if err != nil {
				return nil, vanished(n)
			}
			l.Accessed = new(at.UTC().Format(time.RFC3339))
		} else {
			l.SizeOnDisk = new(size / vm.Gigabyte)
		}
		all = append(all, l)
	}
	return all, nil
}

func vanished(n vm.Named) error {
	return fmt.Errorf(`Error Domain=NSCocoaErrorDomain Code=260 "The file “config.json” couldn’t be opened because there is no such file." UserInfo={NSFilePath=%s}`, n.Dir.Config())
}

func (c *call) table(all []listed) {
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 1, ' ', 0)
	defer w.Flush()
	if c.tart.since("2.31.0") {
		fmt.Fprintln(w, "Source\tName\tDisk\tSize\tAccessed\tState")
	} else {
		fmt.Fprintln(w, "Source\tName\tDisk\tSize\tState")
	}
	for _, l := range all {
		row := []string{l.Source, l.Name, fmt.Sprint(l.Disk), fmt.Sprint(l.Size)}
		if l.Accessed != nil {
			row = append(row, *l.Accessed)
		}
		fmt.Fprintln(w, strings.Join(append(row, l.State), "\t"))
	}
}

// got is what "tart get" tells.
type got struct {
	OS         string
	CPU        int
	Memory     uint64 // MiB
	Disk       uint64
	DiskFormat string `json:",omitempty"`
	Size       string
	Display    string
	Running    bool
	State      string
}

func (c *call) get() error {
	format, err := c.choice("--format", "text", "text", "json")
	if err != nil {
		return err
	}
	n, err := c.local()
	if err != nil {
		return err
	}
	cfg, err := n.Dir.Read()
	if err != nil {
		return err
	}
	disk, err := n.Dir.Disk()
	if err != nil {
		return err
	}
	size, err := n.Dir.Allocated()
	if err != nil {
		return err
	}
	st, err := n.Dir.State()
	if err != nil {
		return err
	}
	g := got{
		OS: cfg.OS, CPU: cfg.CPUCount, Memory: cfg.MemorySize >> 20, Disk: disk / vm.Gigabyte, DiskFormat: cfg.DiskFormat,
		Size: fmt.Sprintf("%.3f", float64(size)/vm.Gigabyte), Display: cfg.Display.String(), Running: st == "running", State: st,
	}
	if !c.tart.since("2.28.0") {
		g.DiskFormat = ""
	}
	if format == "json" {
		fmt.Fprintf(c.Stdout, "%s\n", vm.JSON(g))
		return nil
	}
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "OS\tCPU\tMemory\tDisk\tSize\tDisplay\tState")
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", g.OS, g.CPU, g.Memory, g.Disk, g.Size, g.Display, g.State)
	return w.Flush()
}

func (c *call) fqn() error {
	name := c.operands[0]
	r, remote := vm.ParseRemote(name)
	if !remote {
		n, err := c.local()
		if err != nil {
			return err
		}
		fmt.Fprintln(c.Stdout, n.Name)
		return nil
	}
	digest, ok := c.home.Digest(r)
	if !ok {
		return failure(fmt.Sprintf("OCI storage error: %s is not a digest and doesn't point to a digest", name))
	}
	fmt.Fprintln(c.Stdout, vm.Remote{Host: r.Host, Namespace: r.Namespace, Digest: digest})
	return nil
}
