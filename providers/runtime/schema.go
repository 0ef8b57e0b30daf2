package runtime

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers/secret"
)

// Profile is one profile, and the content of its document.
type Profile struct {
	Name     string          `cty:"name" json:"-"`
	Image    string          `cty:"image" json:"image"` // address
	VM       string          `cty:"vm" json:"vm"`
	Memory   schema.Size     `cty:"memory" json:"memory"`
	CPUs     int             `cty:"cpus" json:"cpus"`
	Timeout  schema.Duration `cty:"timeout" json:"timeout"`
	Labels   []string        `cty:"labels" json:"labels"`
	Priority int             `cty:"priority" json:"priority"`
	Trust    string          `cty:"trust" json:"trust"`
	Cache    string          `cty:"cache" json:"cache"`
	Network  string          `cty:"network" json:"network"`
	Allow    []string        `cty:"allow" json:"allow,omitempty"`
	Mounts   []Mount         `cty:"mounts" json:"mounts,omitempty"`
	User     string          `cty:"user" json:"user,omitempty"`
	Password secret.Ref      `cty:"password" json:"password,omitzero"`
	Document string          `cty:"document" json:"-"`
}

// Mount is a folder of the Mac that the VM sees.
type Mount struct {
	Name     string `cty:"name" json:"name"`
	Path     string `cty:"path" json:"path"`
	ReadOnly bool   `cty:"read_only" json:"read_only"`
}

func block() *schema.Block {
	word := cty.StringVal
	return &schema.Block{
		Type: "profile",
		Doc:  "A named size of VM that a job may ask for, and what the job's code is trusted with.",
		Attrs: []schema.Attr{
			{Name: "image", Type: schema.RefTo("image"), Required: true, Doc: "The image that each job's VM is cloned from."},
			{Name: "memory", Type: schema.Bytes, Required: true, Check: wholeMiB, Doc: "Memory of the VM, in whole MiB."},
			{Name: "cpus", Type: schema.Int, Required: true, Check: schema.Between(1, 1024), Doc: "CPUs of the VM."},
			{Name: "timeout", Type: schema.Span, Default: word("1h"), Check: positive, Doc: "How long a job may run before its VM is taken away."},
			{Name: "labels", Type: schema.ListOf(schema.String), Check: labels,
				Doc: "Runner labels by which a job asks for this profile; the profile's name when left out. self-hosted, the system and ARM64 are always added."},
			{Name: "priority", Type: schema.Int, Default: cty.NumberIntVal(0), Check: schema.Between(-1_000_000, 1_000_000), Doc: "Jobs of a higher priority get their VM first; waiting raises it."},
			{Name: "trust", Type: schema.String, Default: word("branch"), Check: schema.OneOf("branch", "pull_request", "agent"),
				Doc: "Whose code runs here: branch (reviewed), pull_request (anybody's) or agent (a model's)."},
			{Name: "cache", Type: schema.String, Default: word("snapshot"), Check: schema.OneOf("snapshot", "read-only", "shared", "none"),
				Doc: "What a VM sees of the profile's cache: a copy of its own (snapshot), the cache itself without (read-only) or with write access (shared), or none."},
			{Name: "network", Type: schema.String, Default: word("nat"), Check: schema.OneOf("nat", "softnet"),
				Doc: "nat, or softnet: a filter that keeps the VM from the networks round the Mac."},
			{Name: "allow", Type: schema.ListOf(schema.String), Check: networks, Doc: "Networks that softnet lets the VM reach nonetheless, such as 10.0.0.0/8."},
			{Name: "mounts", Type: schema.ListOf(schema.ObjectOf(
				schema.Attr{Name: "name", Type: schema.String, Required: true, Check: mountName, Doc: "The folder's name in the VM."},
				schema.Attr{Name: "path", Type: schema.String, Required: true, Check: mountPath, Doc: "The folder on the Mac, as an absolute path."},
				schema.Attr{Name: "read_only", Type: schema.Bool, Default: cty.True, Doc: "Whether the VM may only read it."},
			)), Check: mountedOnce, Doc: "Folders of the Mac that the VM sees."},
			{Name: "name", Type: schema.String, Computed: true, Replace: true, Doc: "The block's name."},
			{Name: "vm", Type: schema.String, Computed: true, Doc: "The image's VM, which each job's VM is cloned from."},
			{Name: "user", Type: schema.String, Computed: true, Doc: "Who logs in by SSH where a VM has no guest agent: the image's login."},
			{Name: "password", Type: schema.Secret, Computed: true, Doc: "The image's login, of that user."},
			{Name: "document", Type: schema.String, Computed: true,
				Doc: "\"ok\", or what is wrong with the document that the runtime reads; apply mends it."},
		},
	}
}

func wholeMiB(v cty.Value) error {
	if n, err := schema.ParseSize(v.AsString()); err != nil || n == 0 || n%(1<<20) != 0 {
		return fmt.Errorf("%s is not a whole number of MiB, in which tart counts memory", v.AsString())
	}
	return nil
}

func positive(v cty.Value) error {
	if d, err := schema.ParseDuration(v.AsString()); err != nil || d == 0 {
		return fmt.Errorf("a timeout of %s ends every job at once; write how long a job may run, such as \"60m\"", v.AsString())
	}
	return nil
}

// eachElement checks the elements of a list of strings.
func eachElement(v cty.Value, check func(string) error) error {
	for i, e := range v.AsValueSlice() {
		if err := check(e.AsString()); err != nil {
			return cty.IndexIntPath(i).NewError(err)
		}
	}
	return nil
}

func labels(v cty.Value) error {
	if v.LengthInt() == 0 {
		return fmt.Errorf("without a label no job can ask for the profile; leave labels out to use the profile's name")
	}
	seen := map[string]bool{}
	return eachElement(v, func(s string) error {
		if seen[fold(s)] {
			return fmt.Errorf("label %q stands twice; GitHub doesn't tell capitals from small letters", s)
		}
		seen[fold(s)] = true
		return checkLabel(s)
	})
}

// fold is what two labels share that are one to GitHub.
func fold(label string) string { return strings.ToLower(label) }

func checkLabel(s string) error {
	bad := func(r rune) bool { return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) }
	switch {
	case s == "":
		return fmt.Errorf("a label can't be empty")
	case strings.ContainsFunc(s, bad):
		return fmt.Errorf("label %q has a comma, a space or a control character, which no runner label can have", s)
	}
	for _, added := range []string{"self-hosted", "macOS", "Linux", "ARM64"} {
		if fold(s) == fold(added) {
			return fmt.Errorf("label %q is added to every runner by itself, so it tells no profile from another; leave it out", s)
		}
	}
	return nil
}

func networks(v cty.Value) error {
	return eachElement(v, func(s string) error {
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			return fmt.Errorf("%q is not a network; write one as address/bits, such as \"10.0.0.0/8\"", s)
		case !p.Addr().Is4():
			return fmt.Errorf("%q is not an IPv4 network, and softnet knows no others", s)
		case p != p.Masked():
			return fmt.Errorf("%q has bits set beyond its first %d; did you mean %q?", s, p.Bits(), p.Masked())
		}
		return nil
	})
}

func mountName(v cty.Value) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(v.AsString()) {
		return fmt.Errorf("the mount name %q may only have letters, digits, '.', '_' and '-', and begins with a letter or a digit", v.AsString())
	}
	return nil
}

func mountPath(v cty.Value) error {
	switch p := v.AsString(); {
	case !path.IsAbs(p):
		return fmt.Errorf("the path %q is not absolute; write it from / on", p)
	case strings.Contains(p, ":"):
		return fmt.Errorf("the path %q has a colon, at which tart would cut it", p)
	}
	return nil
}

func mountedOnce(v cty.Value) error {
	seen := map[string]bool{}
	for i, m := range v.AsValueSlice() {
		name := m.GetAttr("name").AsString()
		if name == "cache" {
			return schema.At(cty.IndexIntPath(i).GetAttr("name"), "the folder cache is that of the profile's cache; call the mount otherwise")
		}
		if seen[name] {
			return schema.At(cty.IndexIntPath(i).GetAttr("name"), "two mounts are called %q; the VM would only see the last one", name)
		}
		seen[name] = true
	}
	return nil
}
