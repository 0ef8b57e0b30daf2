package tart

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers/secret"
)

// Image is one golden image.
type Image struct {
	Host   string      `cty:"host"`
	From   string      `cty:"from"` // as written: a registry reference, or the address of an image
	CPUs   *int        `cty:"cpus"`
	Memory schema.Size `cty:"memory"`
	Disk   schema.Size `cty:"disk"`
	Login  *Login      `cty:"login"`
	Steps  []Step      `cty:"step"`
	Checks []Check     `cty:"check"`
	Keep   int         `cty:"keep"`

	VM        string      `cty:"vm"`
	Source    string      `cty:"source"`
	Digest    string      `cty:"digest"`
	Content   string      `cty:"content"`
	OS        string      `cty:"os"`
	MemoryMin schema.Size `cty:"memory_min"`
}

// Login is how a guest is reached while it is built.
type Login struct {
	User     string     `cty:"user"`
	Password secret.Ref `cty:"password"`
}

// Step changes the guest in one of three ways.
type Step struct {
	Name    string            `cty:"name"`
	Run     string            `cty:"run"`
	Script  string            `cty:"script"`
	Upload  string            `cty:"upload"`
	To      string            `cty:"to"`
	Env     map[string]string `cty:"env"`
	Timeout schema.Duration   `cty:"timeout"`
	SHA256  string            `cty:"sha256"`
}

// Check is a smoke test of the guest.
type Check struct {
	Name    string          `cty:"name"`
	Run     string          `cty:"run"`
	Expect  string          `cty:"expect"`
	Timeout schema.Duration `cty:"timeout"`
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
	word := cty.StringVal
	return &schema.Block{
		Type: "image",
		Doc:  "A golden image: a stopped VM of tart that the VMs of jobs are cloned from.",
		Attrs: []schema.Attr{
			{Name: "host", Type: schema.Host, Doc: "The Mac it lies on; may be left out where there is only one."},
			{Name: "from", Type: schema.RefOrText("image"), Required: true,
				Doc: "What it is cloned from: an image in a registry, as HOST/NAME:TAG or HOST/NAME@sha256:HEX, or another image block. A tag is pinned to what it means when the image is first planned; that it has moved since is a warning, and plan --upgrade follows it. Where an imported image came from is not known: the first apply only notes what is written here."},
			{Name: "cpus", Type: schema.Int, Check: schema.Between(1, 1024), Doc: "CPUs; left out, those it has."},
			{Name: "memory", Type: schema.Bytes, Check: whole(1<<20, "MiB"), Doc: "Memory, in whole MiB; left out, what it has."},
			{Name: "disk", Type: schema.Bytes, Check: whole(gigabyte, "GB (decimal, as tart counts disks)"), Doc: "Disk, in whole decimal GB; left out, what it has. It grows in place; a smaller one makes the image anew."},
			{Name: "keep", Type: schema.Int, Default: cty.NumberIntVal(1), Check: schema.Between(0, 100), Doc: "How many earlier builds are kept for rollback."},
			{Name: "vm", Type: schema.String, Computed: true, Doc: "The name of its VM: the block's name, unless it was imported under another."},
			{Name: "source", Type: schema.String, Computed: true, Doc: "What it was cloned from: the reference in full, or the name of the other image's VM."},
			{Name: "digest", Type: schema.String, Computed: true, Doc: "What that was at the time: the digest in the registry, or the other image's content."},
			{Name: "content", Type: schema.String, Computed: true, Doc: "The hash of all that the build is made of: digest, login user, disk and steps. Another one makes the image anew, and the old one is kept. \"unknown\" when what was noted of the VM is lost."},
			{Name: "os", Type: schema.String, Computed: true, Doc: "darwin or linux."},
			{Name: "memory_min", Type: schema.Bytes, Computed: true, Doc: "The memory that the image itself demands."},
		},
		Blocks: []schema.Nested{
			{Mode: schema.Defaulted, Block: schema.Block{
				Type: "login", Doc: "The guest's user who runs steps and checks, and may use sudo.",
				Attrs: []schema.Attr{
					{Name: "user", Type: schema.String, Default: word("admin"), Check: userName, Doc: "The user's name."},
					{Name: "password", Type: schema.Secret, Default: word("literal:admin"), Doc: "The user's password; as a rule the well-known one of the public images."},
				},
			}},
			{Mode: schema.List, Labels: []string{"name"}, Block: schema.Block{
				Type: "step", Doc: "Changes the guest: exactly one of run, script and upload. Steps run in order; a build begins with the first that is new or changed. The guest is shut down after each.",
				Attrs: []schema.Attr{
					{Name: "run", Type: schema.String, Doc: "Commands for bash, which ends at the first that fails."},
					{Name: "script", Type: schema.Path, Doc: "A program that is run in the guest, by bash unless its first line names another interpreter."},
					{Name: "upload", Type: schema.Path, Doc: "A file that is put into the guest; it is executable there if it is here."},
					{Name: "to", Type: schema.String, Doc: "Where an upload goes: a path in the guest, from the user's home folder on unless it is absolute."},
					{Name: "env", Type: schema.MapOf(schema.String), Doc: "Variables for run or script. They are shown and stored like all else: no secrets."},
					{Name: "timeout", Type: schema.Span, Default: word("30m"), Check: positive, Doc: "How long it may take."},
					{Name: "sha256", Type: schema.String, Computed: true, Doc: "The hash of what it brings into the guest: commands, program or file."},
				},
			}},
			{Mode: schema.List, Labels: []string{"name"}, Block: schema.Block{
				Type: "check", Doc: "Must succeed before a build becomes the image. A changed check is tried at the next build.",
				Attrs: []schema.Attr{
					{Name: "run", Type: schema.String, Required: true, Check: written, Doc: "Commands for bash, which ends at the first that fails."},
					{Name: "expect", Type: schema.String, Check: pattern, Doc: "A regular expression that what they print must match, without the space around it."},
					{Name: "timeout", Type: schema.Span, Default: word("5m"), Check: positive, Doc: "How long it may take."},
				},
			}},
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
