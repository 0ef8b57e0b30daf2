package hostsettings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostler/hcl/schema"
)

// The spellings of values: what a file may write, and the one of them that is
// kept, compared and shown.

// lasting takes durations of whole units, and "never" if that can be said.
func lasting(unit time.Duration, never bool) func(any) (any, error) {
	name := map[time.Duration]string{time.Minute: "minutes", time.Second: "seconds"}[unit]
	either, or := "not ", ""
	if never {
		either, or = `neither "never" nor `, `"never", or `
	}
	return func(v any) (any, error) {
		if never && v == "never" {
			return v, nil
		}
		d, err := schema.ParseDuration(v.(string))
		if err != nil || d == 0 || time.Duration(d)%unit != 0 {
			return nil, fmt.Errorf(`%q is %sa number of whole %s; write %sa number and a unit, such as "30m"`, v, either, name, or)
		}
		return d.String(), nil
	}
}

// units is how many units a value of lasting has, in decimal.
func units(v any, unit time.Duration) string {
	d, _ := schema.ParseDuration(v.(string)) // "never" is 0
	return strconv.FormatInt(int64(time.Duration(d)/unit), 10)
}

// word is one of two words, for yes and no.
func word(v any, yes, no string) string {
	if v == true {
		return yes
	}
	return no
}

func matching(fits *regexp.Regexp, shape string) func(any) (any, error) {
	return func(v any) (any, error) {
		if !fits.MatchString(v.(string)) {
			return nil, fmt.Errorf("%q won't do; write %s", v, shape)
		}
		return v, nil
	}
}

func filesLimit(v any) (any, error) {
	const least = 1024 // programs of macOS itself have more files open
	if n := v.(int); n < least || n > hardLimit {
		return nil, fmt.Errorf("%d is not between %d and %d", n, least, hardLimit)
	}
	return v, nil
}

// subnet takes an IPv4 network that has room for VMs and is nobody's on the
// internet.
func subnet(v any) (any, error) {
	p, err := netip.ParsePrefix(v.(string))
	switch {
	case err != nil || !p.Addr().Is4():
		return nil, fmt.Errorf(`%q is no IPv4 network; write one such as "192.168.77.0/24"`, v)
	case p != p.Masked():
		return nil, fmt.Errorf("%q is an address within a network; write the network itself, %q", v, p.Masked().String())
	case !p.Addr().IsPrivate() || p.Bits() < 8 || p.Bits() > 28:
		return nil, fmt.Errorf(`%q can't be the network of VMs; write a private one of 16 addresses or more, such as "192.168.77.0/24"`, v)
	}
	return p.String(), nil
}

// gatewayOf are the first address of a subnet, and its mask.
func gatewayOf(subnet string) (gateway, mask string) {
	p := netip.MustParsePrefix(subnet)
	return p.Addr().Next().String(), net.IP(net.CIDRMask(p.Bits(), 32)).String()
}

// subnetOf is the inverse of gatewayOf. Where the gateway is another address
// than the first, it is shown, so that the subnet counts as another one.
func subnetOf(gateway, mask string) any {
	g, err := netip.ParseAddr(gateway)
	m, maskErr := netip.ParseAddr(mask)
	if err != nil || maskErr != nil || !g.Is4() || !m.Is4() {
		return nil
	}
	bits, _ := net.IPMask(m.AsSlice()).Size()
	p := netip.PrefixFrom(g, bits)
	if p.Masked().Addr().Next() == g {
		p = p.Masked()
	}
	return p.String()
}

// networks takes networks in any order.
func networks(v any) (any, error) {
	var all []string
	for _, s := range v.([]string) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf(`%q is no network; write one such as "192.168.64.0/24"`, s)
		}
		all = append(all, p.Masked().String())
	}
	if len(all) == 0 {
		return nil, errors.New("an empty list names no network; leave local_network out")
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// developerDir takes the path of an Xcode, with or without what is inside it.
func developerDir(v any) (any, error) {
	if !path.IsAbs(v.(string)) || strings.ContainsFunc(v.(string), func(r rune) bool { return r < ' ' }) {
		return nil, fmt.Errorf(`%q is no absolute path; write one such as "/Applications/Xcode_26.app"`, v)
	}
	return strings.TrimSuffix(path.Clean(v.(string)), "/Contents/Developer"), nil
}
