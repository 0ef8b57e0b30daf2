package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"hostler/providers/internal/hostsettings"
	"hostler/providers/internal/launchctl"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
)

// What is wrong with macOS itself, and with tart.

// prints runs a program and returns what it printed, on either stream.
func (p *patient) prints(ctx context.Context, program string, args ...string) (string, error) {
	out, err := p.mac.Run(ctx, machine.Command{Program: program, Args: args})
	return strings.TrimSpace(string(out.Stdout) + string(out.Stderr)), err
}

// sequoia reports whether the Mac has macOS 15 or later.
func (p *patient) sequoia() bool {
	major, _, _ := strings.Cut(p.facts.MacOS, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 15
}

func (p *patient) loginSession(ctx context.Context) finding {
	domain := string(launchctl.Gui(p.facts.UID))
	text, err := p.prints(ctx, "launchctl", "print", domain)
	switch {
	case err == nil:
		return sound(p.facts.User + " is logged in at the screen")
	case strings.Contains(text, "Could not"):
		return failure(fmt.Sprintf("%s is not logged in at the screen: there is no %s", p.facts.User, domain),
			"log in at the screen, and let the Mac do so by itself: sudo sysadminctl -autologin set -userName "+p.facts.User+" -password -")
	}
	return unknown("whether somebody is logged in", err)
}

func (p *patient) keychain(ctx context.Context) finding {
	if !p.sequoia() {
		return sound("macOS " + p.facts.MacOS + " needs none for its guests")
	}
	if p.wrong["login-session"] {
		return skipped("nobody is logged in")
	}
	text, err := p.prints(ctx, "security", "show-keychain-info", "login.keychain")
	var exit *machine.ExitError
	switch {
	case err == nil:
		return sound("the login keychain is unlocked")
	case errors.As(err, &exit):
		return failure("the login keychain is locked or missing: "+text, "security unlock-keychain login.keychain; if there is none: security create-keychain login.keychain && security login-keychain -s login.keychain")
	}
	return unknown("how the login keychain is", err)
}

func (p *patient) fileVault(ctx context.Context) finding {
	text, err := p.prints(ctx, "fdesetup", "status")
	switch {
	case err != nil:
		return unknown("whether FileVault is on", err)
	case strings.Contains(text, "FileVault is On"):
		return warning("FileVault is on", "sudo fdesetup disable, if nobody is near the Mac; else sudo fdesetup authrestart for each restart that is planned")
	}
	return sound("FileVault is off")
}

func (p *patient) autoLogin(ctx context.Context) finding {
	if p.wrong["filevault"] {
		return skipped("with FileVault on there is no automatic login")
	}
	text, err := p.prints(ctx, "sysadminctl", "-autologin", "status")
	mend := "sudo sysadminctl -autologin set -userName " + p.facts.User + " -password -"
	_, user, set := strings.Cut(text, "Automatic login user: ")
	switch {
	case err != nil:
		return unknown("who is logged in when the Mac starts", err)
	case !set:
		return warning("nobody is logged in when the Mac starts", mend)
	case user != p.facts.User:
		return warning(fmt.Sprintf("%s is logged in when the Mac starts, and the service is %s's", user, p.facts.User), mend)
	}
	return sound(user + " is logged in when the Mac starts")
}

// setting looks at one setting of macOS, and mends it by writing it. A host
// block that says otherwise has the last word, at the next apply.
func (p *patient) setting(ctx context.Context, level Level, want *hostsettings.Values, name, words string, fits func(*hostsettings.Values) bool, has func(*hostsettings.Values) string) finding {
	got, err := p.settings.Read(ctx, want)
	if err != nil {
		return unknown(words, err)
	}
	if fits(got) {
		return sound(has(got))
	}
	f := finding{level, has(got), fmt.Sprintf("hostler doctor --fix; to keep it so, write it into the host's settings block: %s", name), nil}
	return f.by(func(ctx context.Context) error {
		_, err := p.macos.Apply(ctx, want)
		return err
	})
}

func (p *patient) sleep(ctx context.Context) finding {
	never := "never"
	return p.setting(ctx, Failure, &hostsettings.Values{Sleep: &never}, `sleep = "never"`, "whether the Mac sleeps",
		func(v *hostsettings.Values) bool { return v.Sleep != nil && *v.Sleep == never },
		func(v *hostsettings.Values) string {
			if v.Sleep == nil {
				return "when the Mac sleeps was never set"
			} else if *v.Sleep == never {
				return "the Mac never sleeps"
			}
			return "the Mac sleeps after " + *v.Sleep
		})
}

func (p *patient) restartAfterPowerLoss(ctx context.Context) finding {
	yes := true
	want := &hostsettings.Values{RestartAfterPowerLoss: &yes}
	if got, err := p.settings.Read(ctx, want); err == nil && got.RestartAfterPowerLoss == nil {
		return sound("this Mac has a battery, and no such setting")
	}
	return p.setting(ctx, Warning, want, "restart_after_power_loss = true", "whether the Mac starts by itself",
		func(v *hostsettings.Values) bool { return *v.RestartAfterPowerLoss },
		func(v *hostsettings.Values) string {
			if *v.RestartAfterPowerLoss {
				return "the Mac starts by itself when the power is back"
			}
			return "the Mac does not start by itself when the power is back"
		})
}

func (p *patient) updates(ctx context.Context) finding {
	no := false
	return p.setting(ctx, Warning, &hostsettings.Values{SoftwareUpdateInstall: &no}, "software_update_install = false", "whether macOS updates itself",
		func(v *hostsettings.Values) bool { return v.SoftwareUpdateInstall == nil || !*v.SoftwareUpdateInstall },
		func(v *hostsettings.Values) string {
			if v.SoftwareUpdateInstall != nil && *v.SoftwareUpdateInstall {
				return "macOS installs its updates by itself"
			}
			return "macOS does not install its updates by itself"
		})
}

func (p *patient) localNetwork(ctx context.Context) finding {
	if !p.sequoia() {
		return sound("macOS " + p.facts.MacOS + " asks nobody")
	}
	return p.setting(ctx, Warning, &hostsettings.Values{LocalNetwork: []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}},
		`local_network = ["192.168.0.0/16"]`, "which local networks are open",
		func(v *hostsettings.Values) bool { return len(v.LocalNetwork) > 0 },
		func(v *hostsettings.Values) string {
			if len(v.LocalNetwork) > 0 {
				return "programs may reach " + strings.Join(v.LocalNetwork, ", ") + " (since the last restart, if it was set before)"
			}
			return "no local network is open to programs that launchd has started"
		})
}

// lasts is how long a VM's address may stay taken.
const lasts = time.Hour

func (p *patient) dhcpLease(ctx context.Context) finding {
	short := "10m"
	return p.setting(ctx, Warning, &hostsettings.Values{DHCPLease: &short}, `dhcp_lease = "10m"`, "how long an address stays taken",
		func(v *hostsettings.Values) bool {
			if v.DHCPLease == nil {
				return false
			}
			d, err := time.ParseDuration(*v.DHCPLease)
			return err == nil && d <= lasts
		},
		func(v *hostsettings.Values) string {
			if v.DHCPLease == nil {
				return "the address of a VM stays taken for a day, which is macOS' default"
			}
			return "the address of a VM stays taken for " + *v.DHCPLease
		})
}

// Where macOS keeps the addresses that VMs were given, and how many there are.
const (
	dhcpLeases = "/var/db/dhcpd_leases"
	addresses  = 253
)

func (p *patient) dhcpRoom(context.Context) finding {
	data, err := p.mac.ReadFile(dhcpLeases)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unknown("how many addresses are taken", err)
	}
	taken := 0
	for line := range strings.Lines(string(data)) {
		if hex, ok := strings.CutPrefix(strings.TrimSpace(line), "lease=0x"); ok {
			if until, err := strconv.ParseInt(hex, 16, 64); err == nil && time.Unix(until, 0).After(p.Clock()) {
				taken++
			}
		}
	}
	text := fmt.Sprintf("%d of %d addresses for VMs are taken", taken, addresses)
	mend := "hostler drain --wait, then sudo rm " + dhcpLeases + ", then hostler resume"
	switch {
	case taken >= addresses:
		return failure(text, mend)
	case taken*10 >= addresses*7:
		return warning(text, mend)
	}
	return sound(text)
}

func (p *patient) tartItself(ctx context.Context) finding {
	_, err := p.tart.List(ctx)
	switch {
	case err == nil:
		return sound("tart answers, and is " + tartcli.MinVersion + " or later")
	case tartcli.Is(err, tartcli.Missing):
		return failure("there is no tart on this Mac", "brew install "+tartcli.Formula)
	case tartcli.Is(err, tartcli.TooOld):
		return failure(err.Error(), "brew upgrade "+tartcli.Formula)
	}
	return failure("tart does not answer as it should: "+err.Error(), "tart list")
}

func (p *patient) softnet(ctx context.Context) finding {
	var users []string
	for _, name := range p.conf.Names() {
		if p.conf.Profiles[name].Network == "softnet" {
			users = append(users, name)
		}
	}
	if len(users) == 0 {
		return sound("no profile uses it")
	}
	const program = "/opt/homebrew/bin/softnet"
	who := "profile " + strings.Join(users, ", ")
	mend := "f=$(realpath " + program + ") && sudo chown root \"$f\" && sudo chmod u+s \"$f\", again after each brew upgrade"
	text, err := p.prints(ctx, "stat", "-L", "-f", "%Su %Sp", program)
	var exit *machine.ExitError
	switch {
	case errors.As(err, &exit):
		return failure("there is no "+program+", and "+who+" uses it", "install it from the tap that tart comes from, then "+mend)
	case err != nil:
		return unknown("whose softnet is", err)
	}
	owner, mode, _ := strings.Cut(text, " ")
	if owner == "root" && len(mode) > 3 && mode[3] == 's' {
		return sound("it is root's, and set-UID")
	}
	if _, err := p.prints(ctx, "sudo", "-n", "true"); err == nil {
		return sound("tart calls it by sudo, which asks for no password")
	}
	return failure(fmt.Sprintf("softnet is %s's and not set-UID, sudo asks for a password, and %s uses it", owner, who), mend)
}
