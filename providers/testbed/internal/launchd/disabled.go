package launchd

import (
	"os"
	"strings"

	"howett.net/plist"
)

// overrides is the plist in which launchd keeps what enable and disable said.
func (d domain) overrides() string {
	name := "disabled.plist"
	if _, uid, ok := strings.Cut(d.name, "/"); ok {
		name = "disabled." + uid + ".plist"
	}
	return d.Mac.Path("/var/db/com.apple.xpc.launchd/" + name)
}

// switches are the labels that were ever enabled or disabled; true is disabled.
func (d domain) switches() (map[string]bool, error) {
	all := map[string]bool{}
	data, err := os.ReadFile(d.overrides())
	if os.IsNotExist(err) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = plist.Unmarshal(data, &all)
	return all, err
}

func (d domain) isDisabled(j job) (bool, error) {
	all, err := d.switches()
	if off, ok := all[j.Label]; ok {
		return off, err
	}
	return j.Disabled, err
}

// turn enables or disables a label, known or not.
func (d domain) turn(label string, off bool) error {
	if !d.allowed() {
		return errno(1)
	}
	// The tables' lock also guards the overrides.
	return d.change(func(*tables) error {
		all, err := d.switches()
		if err != nil {
			return err
		}
		all[label] = off
		data, err := plist.MarshalIndent(all, plist.XMLFormat, "\t")
		if err != nil {
			return err
		}
		next := d.overrides() + ".next"
		if err := os.WriteFile(next, data, 0o644); err != nil {
			return err
		}
		return os.Rename(next, d.overrides())
	})
}
