package ghapi

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

// checkName is for owners, repositories, branches' parts and names of secrets:
// what GitHub allows in them needs no escape in a path.
func checkName(name string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`).MatchString(name) || strings.Trim(name, ".") == "" {
		return fmt.Errorf("%q can't be a name on GitHub: it may have letters, digits, '.', '_' and '-'", name)
	}
	return nil
}

// checkNames is the first error of several.
func checkNames(names ...string) error {
	for _, n := range names {
		if err := checkName(n); err != nil {
			return err
		}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
