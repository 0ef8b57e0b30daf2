package host

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers/internal/hostsettings"
)

// appleLimit is how many macOS guests Apple's licence and its kernel let run
// on one Mac at a time, whatever tool runs them.
const appleLimit = 2

// Host is one Mac: the content of host.json, and settings of macOS, which the
// Mac itself holds.
type Host struct {
	Name        string               `cty:"name" json:"name"`
	Reserve     Reserve              `cty:"reserve" json:"reserve"`
	MacOSGuests int                  `cty:"macos_guests" json:"macos_guests"`
	Settings    *hostsettings.Values `cty:"settings" json:"-"`
	Document    string               `cty:"document" json:"-"`
}

// Reserve is what macOS keeps for itself.
type Reserve struct {
	Memory schema.Size `cty:"memory" json:"memory"`
	Disk   schema.Size `cty:"disk" json:"disk"`
}

func block() *schema.Block {
	return &schema.Block{
		Type: "host",
		Doc:  "A Mac whose memory, disk and slots for guests are lent to VMs. It is the Mac that hostler runs on.",
		Attrs: []schema.Attr{
			{Name: "macos_guests", Type: schema.Int, Default: cty.NumberIntVal(appleLimit), Check: guests,
				Doc: "How many macOS guests may run at once. Apple's limit is two on a Mac; Linux guests don't count."},
			{Name: "name", Type: schema.String, Computed: true, Doc: "The block's name."},
			{Name: "document", Type: schema.String, Computed: true,
				Doc: "\"ok\", or what is wrong with the document that the runtime reads; apply mends it."},
		},
		Blocks: []schema.Nested{{Mode: schema.Defaulted, Block: schema.Block{
			Type: "reserve",
			Doc:  "What is kept back for macOS itself; the rest is lent to VMs.",
			Attrs: []schema.Attr{
				{Name: "memory", Type: schema.Bytes, Default: cty.StringVal("4GiB"), Doc: "Memory that no VM gets."},
				{Name: "disk", Type: schema.Bytes, Default: cty.StringVal("20GiB"), Doc: "Disk space below which no VM is started."},
			},
		}}, hostsettings.Block()},
	}
}

func guests(v cty.Value) error {
	if n, exact := v.AsBigFloat().Int64(); exact != 0 || n < 0 || n > appleLimit {
		return fmt.Errorf("%s macOS guests can't run on one Mac: Apple's limit is %d at a time, for all tools together; write 0, 1 or 2 (Linux guests don't count)", v.AsBigFloat().Text('f', -1), appleLimit)
	}
	return nil
}
