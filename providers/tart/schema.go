package tart

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// Image is one golden image.
type Image struct {
	Host   string      `cty:"host"`
	From   string      `cty:"from"` // as written: a registry reference, or the address of an image
	CPUs   *int        `cty:"cpus"`
	Memory schema.Size `cty:"memory"`
	Disk   schema.Size `cty:"disk"`

	VM        string      `cty:"vm"`
	Source    string      `cty:"source"`
	OS        string      `cty:"os"`
	MemoryMin schema.Size `cty:"memory_min"`
}

// id is HOST/VM, with the host's name as the files have it.
func (i *Image) id() string {
	if i.VM == "" {
		return ""
	}
	return strings.TrimPrefix(i.Host, "host.") + "/" + i.VM
}

const gigabyte = 1_000_000_000 // tart counts disks in decimal gigabytes

func block() *schema.Block {
	return &schema.Block{
		Type: "image",
		Doc:  "A golden image: a stopped VM of tart that the VMs of jobs are cloned from.",
		Attrs: []schema.Attr{
			{Name: "host", Type: schema.Host, Doc: "The Mac it lies on; may be left out where there is only one."},
			{Name: "from", Type: schema.RefOrText("image"), Required: true,
				Doc: "What it is cloned from: an image in a registry, as HOST/NAME:TAG or HOST/NAME@sha256:HEX, or another image block. A change makes the image anew. Where an imported image came from is not known: the first apply only notes what is written here."},
			{Name: "cpus", Type: schema.Int, Check: schema.Between(1, 1024), Doc: "CPUs; left out, those it has."},
			{Name: "memory", Type: schema.Bytes, Check: whole(1<<20, "MiB"), Doc: "Memory, in whole MiB; left out, what it has."},
			{Name: "disk", Type: schema.Bytes, Check: whole(gigabyte, "GB (decimal, as tart counts disks)"), Doc: "Disk, in whole decimal GB; left out, what it has. It can only grow."},
			{Name: "vm", Type: schema.String, Computed: true, Doc: "The name of its VM: the block's name, unless it was imported under another."},
			{Name: "source", Type: schema.String, Computed: true, Replace: true, Doc: "What it was cloned from: the reference in full, or the name of the other image's VM."},
			{Name: "os", Type: schema.String, Computed: true, Doc: "darwin or linux."},
			{Name: "memory_min", Type: schema.Bytes, Computed: true, Doc: "The memory that the image itself demands."},
		},
	}
}

func whole(unit schema.Size, name string) func(cty.Value) error {
	return func(v cty.Value) error {
		if n, err := schema.ParseSize(v.AsString()); err != nil || n == 0 || n%unit != 0 {
			return fmt.Errorf("%s is not a whole number of %s; round it", v.AsString(), name)
		}
		return nil
	}
}
