package guest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// leaseFile is the file in which macOS's DHCP server keeps its leases.
const (
	leaseFile = "/var/db/dhcpd_leases"
	leaseTime = 24 * time.Hour
)

type lease struct {
	address string
	mac     string // octets without leading zeros
	expires time.Time
}

func unpadded(mac string) string {
	parts := strings.Split(mac, ":")
	for i, p := range parts {
		if parts[i] = strings.TrimLeft(p, "0"); parts[i] == "" {
			parts[i] = "0"
		}
	}
	return strings.Join(parts, ":")
}

func (g Guest) leases() ([]lease, error) {
	f, err := os.Open(g.Mac.Path(leaseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []lease
	var l lease
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		k, v, _ := strings.Cut(line, "=")
		switch {
		case line == "{":
			l = lease{}
		case line == "}":
			all = append(all, l)
		case k == "ip_address":
			l.address = v
		case k == "hw_address":
			l.mac = strings.TrimPrefix(v, "1,")
		case k == "lease":
			sec, err := strconv.ParseInt(strings.TrimPrefix(v, "0x"), 16, 64)
			if err != nil {
				return nil, err
			}
			l.expires = time.Unix(sec, 0)
		}
	}
	return all, nil
}

// lease gives the guest its address: the one its MAC has, or the first free
// one. It is empty when the subnet is full.
func (g Guest) lease(address string) (mine string, err error) {
	unlock, err := mac.Flock(filepath.Join(g.Process.Dir(), "locks", "dhcp"))
	if err != nil {
		return "", err
	}
	defer unlock()
	all, err := g.leases()
	if err != nil {
		return "", err
	}
	now := g.Now()
	all = slices.DeleteFunc(all, func(l lease) bool { return !l.expires.After(now) })
	taken := map[string]bool{}
	for _, l := range all {
		taken[l.address] = true
		if l.mac == unpadded(address) {
			mine = l.address
		}
	}
	for i := 2; mine == "" && i < 255; i++ {
		if a := fmt.Sprintf("192.168.64.%d", i); !taken[a] {
			mine = a
		}
	}
	if mine == "" {
		return "", nil
	}
	all = slices.DeleteFunc(all, func(l lease) bool { return l.address == mine })
	all = append(all, lease{mine, unpadded(address), now.Add(leaseTime)})
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "{\n\tname=guest\n\tip_address=%s\n\thw_address=1,%s\n\tidentifier=1,%s\n\tlease=0x%x\n}\n", l.address, l.mac, l.mac, l.expires.Unix())
	}
	return mine, os.WriteFile(g.Mac.Path(leaseFile), []byte(b.String()), 0o644)
}

// Address is what the lease file says for a MAC address, empty when nothing.
func (g Guest) Address(address string) (string, error) {
	all, err := g.leases()
	if err != nil {
		return "", err
	}
	var best lease
	for _, l := range all {
		if l.mac == unpadded(address) && l.expires.After(g.Now()) && l.expires.After(best.expires) {
			best = l
		}
	}
	return best.address, nil
}
