package hostsettings

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

func TestSpellings(t *testing.T) {
	block := Block()
	block.Must()
	list := func(words ...string) cty.Value {
		var all []cty.Value
		for _, w := range words {
			all = append(all, cty.StringVal(w))
		}
		if all == nil {
			return cty.ListValEmpty(cty.String)
		}
		return cty.ListVal(all)
	}
	for _, c := range []struct {
		name  string
		write any // string, bool, int or list
		want  any // nil: refused
		says  string
	}{
		{"sleep", "never", "never", ""},
		{"sleep", "60m", "1h", ""},
		{"sleep", "90s", nil, `"90s" is neither "never" nor a number of whole minutes`},
		{"sleep", "0m", nil, `write "never"`},
		{"sleep", "-5m", nil, "neither"},
		{"sleep", "Never", nil, "neither"},
		{"sleep", "10", nil, `such as "30m"`},
		{"screen_saver", "90s", "1m30s", ""},
		{"screen_saver", "1500ms", nil, "whole seconds"},
		{"dhcp_lease", "600s", "10m", ""},
		{"dhcp_lease", "0s", nil, "whole seconds"},
		{"dhcp_lease", "never", nil, "not a duration"},
		{"dhcp_lease", "1ns", nil, "whole seconds"},
		{"hostname", "mini-a.example.org", "mini-a.example.org", ""},
		{"hostname", "-mini", nil, "letters, digits, dots and hyphens"},
		{"hostname", "", nil, "won't do"},
		{"hostname", "mini a", nil, "won't do"},
		{"local_hostname", "mini.local", nil, "without .local"},
		{"computer_name", "Änne's Mac mini (2)", "Änne's Mac mini (2)", ""},
		{"computer_name", "M", "M", ""},
		{"computer_name", "-M", nil, "no hyphen"},
		{"computer_name", `My "Mac"`, nil, "won't do"},
		{"computer_name", "a\nb", nil, "won't do"},
		{"computer_name", " a", nil, "won't do"},
		{"computer_name", strings.Repeat("x", 64), nil, "63"},
		{"timezone", "Etc/GMT+5", "Etc/GMT+5", ""},
		{"timezone", "-listtimezones", nil, "Europe/Berlin"},
		{"timezone", "Central Time", nil, "Europe/Berlin"},
		{"max_open_files", 1024, 1024, ""},
		{"max_open_files", 256, nil, "not between 1024 and 524288"},
		{"max_open_files", 524289, nil, "not between"},
		{"vm_subnet", "192.168.77.0/24", "192.168.77.0/24", ""},
		{"vm_subnet", "172.16.0.0/12", "172.16.0.0/12", ""},
		{"vm_subnet", "192.168.77.1/24", nil, `write the network itself, "192.168.77.0/24"`},
		{"vm_subnet", "192.168.77.0", nil, "no IPv4 network"},
		{"vm_subnet", "fd00::/64", nil, "no IPv4 network"},
		{"vm_subnet", "8.8.8.0/24", nil, "private"},
		{"vm_subnet", "192.168.77.0/30", nil, "16 addresses"},
		{"local_network", list("192.168.64.1/24", "10.0.0.0/8", "10.0.0.0/8", "fd00::1/8"), []string{"10.0.0.0/8", "192.168.64.0/24", "fd00::/8"}, ""},
		{"local_network", list(), nil, "leave local_network out"},
		{"local_network", list("10.0.0.1"), nil, `"10.0.0.1" is no network`},
		{"xcode", "/Applications/Xcode_26.app/Contents/Developer/", "/Applications/Xcode_26.app", ""},
		{"xcode", "/Applications//Xcode 26.app", "/Applications/Xcode 26.app", ""},
		{"xcode", "Xcode.app", nil, "no absolute path"},
		{"rosetta", true, true, ""},
		{"rosetta", false, nil, "leave rosetta out"},
		{"spotlight", false, false, ""},
	} {
		v := cty.NilVal
		switch w := c.write.(type) {
		case string:
			v = cty.StringVal(w)
		case bool:
			v = cty.BoolVal(w)
		case int:
			v = cty.NumberIntVal(int64(w))
		case cty.Value:
			v = w
		}
		written, err := block.Attr(c.name).Normalize(v)
		if c.want == nil {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s = %v: %v, want an error that says %q", c.name, c.write, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s = %v: %v", c.name, c.write, err)
			continue
		}
		got := values(c.name, native(written))
		if err := got.Normalize(); err != nil || !reflect.DeepEqual(got.get(c.name), c.want) {
			t.Errorf("%s = %v: %#v, %v; want %#v", c.name, c.write, got.get(c.name), err, c.want)
		}
		again := values(c.name, got.get(c.name))
		if err := again.Normalize(); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s = %v: its normal form is not stable: %v, %v", c.name, c.write, again.get(c.name), err)
		}
	}
	pointsAt(t, values("sleep", "1s").Normalize(), "sleep", "neither")
	if err := (*Values)(nil).Normalize(); err != nil {
		t.Error(err)
	}
}

// TestTheTableIsWhole holds rows to what the rest of the package takes for
// granted.
func TestTheTableIsWhole(t *testing.T) {
	fields := reflect.TypeFor[Values]()
	if n := len(table()); fields.NumField() != n {
		t.Errorf("%d settings, %d fields", n, fields.NumField())
	}
	for i, s := range table() {
		if f := fields.Field(i); f.Tag.Get("cty") != s.name {
			t.Errorf("field %d is %s, the table has %s", i, f.Name, s.name)
		}
		if s.refusal == "" || strings.HasSuffix(s.refusal, ".") || !strings.HasSuffix(s.doc, ".") || len(s.read) == 0 {
			t.Errorf("%s is not whole: %+v", s.name, s)
		}
		if s.typ.Kind == schema.KindSize {
			t.Errorf("%s has a kind that native does not know", s.name)
		}
		for _, w := range s.read {
			if strings.Fields(w.call.line)[0][0] != '/' {
				t.Errorf("%s: %q is not called by its whole path", s.name, w.call.line)
			}
		}
	}
}

func TestSubnets(t *testing.T) {
	for _, s := range []string{"192.168.77.0/24", "10.0.0.0/8", "172.16.0.16/28", "192.168.4.0/22"} {
		if got := subnetOf(gatewayOf(s)); got != s {
			t.Errorf("%s comes back as %v", s, got)
		}
	}
	for _, c := range [][2]string{{"", ""}, {"192.168.1.1", ""}, {"x", "255.0.0.0"}, {"fd00::1", "255.0.0.0"}} {
		if got := subnetOf(c[0], c[1]); got != nil {
			t.Errorf("%v: %v", c, got)
		}
	}
}

func TestSudoersEscapes(t *testing.T) {
	for word, want := range map[string]string{
		"-a": "-a", "CI’s Mac, no: 1": `CI’s Mac\, no\: 1`, "fd00::/8": `fd00\:\:/8`, `a=b*?[c]!#\d`: `a\=b\*\?\[c\]\!\#\\d`,
	} {
		if got := escape(word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}
