// Package session is the tools that tell of a Mac's login: who is logged in
// when it starts, whether its disk waits for a password first, and whether the
// login keychain is unlocked.
package session

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

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

// keychainFile is where the login keychain's passwords are.
const keychainFile = "keychain.json"

// Security is the program security: how the login keychain is, and passwords in
// it. One that is to be added without a value is read from standard input.
func Security(p *mac.Process) int {
	word := func(flag string) string {
		if i := slices.Index(p.Args, flag); i >= 0 && i+1 < len(p.Args) {
			return p.Args[i+1]
		}
		return ""
	}
	switch {
	case slices.Equal(p.Args, []string{"show-keychain-info", "login.keychain"}) && p.Settings.Keychain:
		return p.Errorf(0, "Keychain \"login.keychain\" no-timeout")
	case slices.Equal(p.Args, []string{"show-keychain-info", "login.keychain"}):
		return p.Errorf(36, "security: SecKeychainCopySettings login.keychain: User interaction is not allowed.")
	case len(p.Args) > 0 && p.Args[0] == "find-generic-password":
		all, err := mac.Load[map[string]string](p.Mac, keychainFile)
		if err != nil {
			return p.Errorf(70, "security: %v", err)
		}
		value, ok := all[word("-s")]
		switch {
		case !p.Settings.Keychain:
			return p.Errorf(36, "security: SecKeychainSearchCopyNext: User interaction is not allowed.")
		case !ok:
			return p.Errorf(44, "security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.")
		}
		fmt.Fprintln(p.Stdout, value)
		return 0
	case len(p.Args) > 0 && p.Args[0] == "add-generic-password" && p.Args[len(p.Args)-1] == "-w":
		value, err := bufio.NewReader(p.Stdin).ReadString('\n')
		if err != nil {
			return p.Errorf(1, "security: %v", err)
		}
		err = mac.Update(p.Mac, keychainFile, func(all *map[string]string) error {
			if *all == nil {
				*all = map[string]string{}
			}
			(*all)[word("-s")] = strings.TrimSpace(value)
			return nil
		})
		if err != nil {
			return p.Errorf(70, "security: %v", err)
		}
		return 0
	}
	return p.Errorf(2, "Usage: security [-h] [-i] [-l] [-p prompt] [-q] [-v] [command] [opt ...]")
}
