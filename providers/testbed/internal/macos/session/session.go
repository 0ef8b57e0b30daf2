// Package session is the tools that tell of a Mac's login: who is logged in
// when it starts, whether its disk waits for a password first, and whether the
// login keychain is unlocked.
package session

import (
	"fmt"
	"slices"

	"hostler/providers/testbed/internal/mac"
)

// Sysadminctl is the program sysadminctl, which answers on standard error.
func Sysadminctl(p *mac.Process) int {
	switch {
	case slices.Equal(p.Args, []string{"-autologin", "status"}):
		if user := p.Settings.AutoLogin; user != "" {
			return p.Errorf(0, "Automatic login user: %s", user)
		}
		return p.Errorf(0, "Automatic login is OFF.")
	default:
		return p.Errorf(64, "Usage: sysadminctl")
	}
}

// Fdesetup is the program fdesetup: its status.
func Fdesetup(p *mac.Process) int {
	if !slices.Equal(p.Args, []string{"status"}) {
		return p.Errorf(1, "Error: unknown or missing verb.")
	}
	fmt.Fprintln(p.Stdout, map[bool]string{true: "FileVault is On.", false: "FileVault is Off."}[p.Settings.FileVault])
	return 0
}

// Security is the program security: how the login keychain is, in which nothing
// is kept.
func Security(p *mac.Process) int {
	switch {
	case len(p.Args) > 0 && p.Args[0] == "find-generic-password":
		return p.Errorf(44, "security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.")
	case !slices.Equal(p.Args, []string{"show-keychain-info", "login.keychain"}):
		return p.Errorf(2, "Usage: security [-h] [-i] [-l] [-p prompt] [-q] [-v] [command] [opt ...]")
	case !p.Settings.Keychain:
		return p.Errorf(36, "security: SecKeychainCopySettings login.keychain: User interaction is not allowed.")
	}
	return p.Errorf(0, "Keychain \"login.keychain\" no-timeout")
}
