package host

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/hostsettings"
	"hostler/providers/secret"
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
	Serve       Serve                `cty:"serve" json:"serve"`
	Document    string               `cty:"document" json:"-"`
	Binary      string               `cty:"binary" json:"-"`
	Service     string               `cty:"service" json:"-"`
}

// Serve is the dispatch service.
type Serve struct {
	Enabled bool       `cty:"enabled" json:"enabled"`
	Token   secret.Ref `cty:"token" json:"token,omitzero"`
	Clients []string   `cty:"clients" json:"clients,omitempty"`
	Group   string     `cty:"group" json:"group,omitempty"` // a group's name, or the address of a block
	Metrics string     `cty:"metrics" json:"metrics,omitempty"`
	Hook    []string   `cty:"hook" json:"hook,omitempty"`
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
			{Name: "binary", Type: schema.String, Computed: true, Doc: "The checksum of the hostler that the Mac carries, in /Users/Shared/hostler/bin."},
			{Name: "service", Type: schema.String, Computed: true, Doc: "\"ok\", or what is wrong with the service's LaunchAgent; apply mends it."},
		},
		Blocks: []schema.Nested{{Mode: schema.Defaulted, Block: schema.Block{
			Type: "reserve",
			Doc:  "What is kept back for macOS itself; the rest is lent to VMs.",
			Attrs: []schema.Attr{
				{Name: "memory", Type: schema.Bytes, Default: cty.StringVal("4GiB"), Doc: "Memory that no VM gets."},
				{Name: "disk", Type: schema.Bytes, Default: cty.StringVal("20GiB"), Doc: "Disk space below which no VM is started."},
			},
		}}, {Mode: schema.Defaulted, Block: schema.Block{
			Type: "serve",
			Doc:  "The dispatch service, which lends VMs to jobs: a LaunchAgent of the login user.",
			Attrs: []schema.Attr{
				{Name: "enabled", Type: schema.Bool, Default: cty.True, Doc: "Whether the Mac carries the service."},
				{Name: "token", Type: schema.Secret, Doc: "How the service itself reaches GitHub, such as \"keychain:hostler\"; as the github block says when left out. It has no environment of yours, so env: references don't reach it."},
				{Name: "clients", Type: schema.ListOf(schema.String), Check: accounts,
					Doc: "Further accounts of the Mac that may ask for VMs, such as the one of the coordinator's runner."},
				{Name: "group", Type: schema.RefOrText("runner_group"), Default: cty.StringVal(ghapi.DefaultGroup),
					Doc: "The runner group of the VMs' runners, as in runner_group.macs, or its name: which repositories' jobs may run in them. Of a repository's runners there is only Default."},
				{Name: "metrics", Type: schema.String, Check: listening,
					Doc: "Where the service shows metrics, at /metrics for Prometheus, and a page for people, as in \"127.0.0.1:9750\"; nowhere when left out. Whoever reaches the address sees names of repositories and jobs."},
				{Name: "hook", Type: schema.ListOf(schema.String), Check: command,
					Doc: "A program and its arguments, called for each event with one JSON object on standard input: queued, started, finished, quarantined, degraded. It may take 30 seconds; jobs never wait for it."},
			},
		}}, hostsettings.Block()},
	}
}

func accounts(v cty.Value) error {
	for i, e := range v.AsValueSlice() {
		if !regexp.MustCompile(`^[a-z_][a-z0-9_.-]*$`).MatchString(e.AsString()) {
			return cty.IndexIntPath(i).NewErrorf("%q is no account's short name", e.AsString())
		}
	}
	return nil
}

// listening wants an address of this Mac itself, and a port.
func listening(v cty.Value) error {
	at, err := netip.ParseAddrPort(v.AsString())
	if err != nil || at.Port() == 0 {
		return fmt.Errorf("%q is no address and port; write them as in 127.0.0.1:9750", v.AsString())
	}
	return nil
}

func command(v cty.Value) error {
	if words := v.AsValueSlice(); len(words) == 0 || !path.IsAbs(words[0].AsString()) {
		return fmt.Errorf("launchd gives the service no PATH of yours; begin with the program's whole path, as in [\"/usr/local/bin/notify\"]")
	}
	return nil
}

func guests(v cty.Value) error {
	if n, exact := v.AsBigFloat().Int64(); exact != 0 || n < 0 || n > appleLimit {
		return fmt.Errorf("%s macOS guests can't run on one Mac: Apple's limit is %d at a time, for all tools together; write 0, 1 or 2 (Linux guests don't count)", v.AsBigFloat().Text('f', -1), appleLimit)
	}
	return nil
}
