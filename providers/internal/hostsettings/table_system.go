package hostsettings

import (
	"regexp"
	"time"

	"hostler/hcl/schema"
)

const (
	scutil   = "/usr/sbin/scutil"
	defaults = "/usr/bin/defaults"
	firewall = "/usr/libexec/ApplicationFirewall/socketfilterfw"
	devtools = "/usr/sbin/DevToolsSecurity"
	sshd     = "system/com.openssh.sshd"
)

// names is what the Mac is called, and its clock.
func names() []setting {
	name := func(name, key, doc, shape string, fits *regexp.Regexp) setting {
		return setting{
			name: name, doc: doc, typ: schema.String, normal: matching(fits, shape),
			read:    []witness{{userCall(scutil + " --get " + key), scutilName}},
			write:   func(v any) []command { return []command{asRoot(scutil, "--set", key, v.(string))} },
			refusal: managed,
		}
	}
	return []setting{
		name("hostname", "HostName", "The host name, as the command hostname and shells show it.",
			"letters, digits, dots and hyphens", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)),
		name("local_hostname", "LocalHostName", `The name on the local network: "mac-mini-a" is reached as mac-mini-a.local.`,
			"up to 63 letters, digits and hyphens, without .local", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)),
		name("computer_name", "ComputerName", "The name that people see in Finder and in AirDrop.",
			`up to 63 characters, none of them " or \, the first no hyphen`, regexp.MustCompile(`^[^-\s\pC"\\]([^\pC"\\]{0,61}[^\s\pC"\\])?$`)),
		{
			name: "timezone", doc: `The time zone, such as "UTC" or "Europe/Berlin". launchd's calendar goes by it.`, typ: schema.String,
			normal:  matching(regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_+/-]*$`), `the name of a zone, such as "UTC" or "Europe/Berlin"`),
			read:    []witness{{userCall("/usr/bin/readlink /etc/localtime"), zone}},
			write:   func(v any) []command { return []command{asRoot(systemsetup, "-settimezone", v.(string))} },
			refusal: "`sudo systemsetup -listtimezones` lists the zones that this Mac knows",
		},
		{
			name: "network_time", doc: "Whether the clock is set from the network.", typ: schema.Bool,
			read: []witness{{sudoCall(systemsetup + " -getusingnetworktime"), onOff("Network Time")}},
			write: func(v any) []command {
				return []command{asRoot(systemsetup, "-setusingnetworktime", word(v, "on", "off"))}
			},
			refusal: managed,
		},
	}
}

// access is who may come in.
func access() []setting {
	return []setting{
		{
			name: "remote_login", doc: "Whether the Mac can be reached by ssh.", typ: schema.Bool,
			// systemsetup -setremotelogin would need Full Disk Access.
			read: []witness{
				{userCall("/bin/launchctl print " + sshd), loaded},
				{userCall("/bin/launchctl print-disabled system"), enabled("com.openssh.sshd")},
			},
			write: func(v any) []command {
				// The last of them fails where launchd has the service so already.
				if v == true {
					return []command{
						asRoot("/bin/launchctl", "enable", sshd),
						asRoot("/bin/launchctl", "bootstrap", "system", "/System/Library/LaunchDaemons/ssh.plist"),
					}
				}
				return []command{asRoot("/bin/launchctl", "disable", sshd), asRoot("/bin/launchctl", "bootout", sshd)}
			},
			refusal: "switch it in System Settings, General, Sharing, Remote Login",
		},
		{
			name: "firewall", doc: "Whether the application firewall filters incoming connections.", typ: schema.Bool,
			read:    []witness{{userCall(firewall + " --getglobalstate"), saying(phrase{"(State = 0)", false}, phrase{"(State = ", true})}},
			write:   func(v any) []command { return []command{asRoot(firewall, "--setglobalstate", word(v, "on", "off"))} },
			refusal: managed,
		},
		{
			name: "developer_mode", doc: "Whether debuggers and UI tests may attach to programs without asking for a password.", typ: schema.Bool,
			read:    []witness{{userCall(devtools + " -status"), saying(phrase{"currently enabled", true}, phrase{"currently disabled", false})}},
			write:   func(v any) []command { return []command{asRoot(devtools, word(v, "-enable", "-disable"))} },
			refusal: "install Xcode or its command line tools first",
		},
	}
}

// screen is when the screen saver starts.
func screen() []setting {
	saver := func(name, doc string, read call, write command, key string) setting {
		return setting{
			name: name, doc: doc, typ: schema.String, normal: lasting(time.Second, true), refusal: managed,
			read: []witness{{read, pref(seconds(true), key)}},
			write: func(v any) []command {
				return []command{write.with(key, "-int", units(v, time.Second))}
			},
		}
	}
	const login = "/Library/Preferences/com.apple.screensaver"
	return []setting{
		saver("screen_saver", `When the screen saver of the login user starts: "never", or a duration. Needs no root.`,
			userCall(defaults+" -currentHost export com.apple.screensaver -"),
			asUser(defaults, "-currentHost", "write", "com.apple.screensaver"), "idleTime"),
		saver("login_screen_saver", `When the screen saver of the login window starts, while nobody is logged in: "never", or a duration.`,
			exported(login), asRoot(defaults, "write", login), "loginWindowIdleTime"),
	}
}

// updates is what macOS downloads and installs by itself.
func updates() []setting {
	const domain = "/Library/Preferences/com.apple.SoftwareUpdate"
	update := func(name, key, doc string, before func(v any) []command) setting {
		return setting{
			name: name, doc: doc, typ: schema.Bool,
			// softwareupdate --schedule would tell the first of them, but not
			// always the truth.
			read: []witness{{exported(domain), pref(truth, key)}},
			write: func(v any) []command {
				return append(before(v), asRoot(defaults, "write", domain, key, "-bool", word(v, "true", "false")))
			},
			refusal: managed,
		}
	}
	none := func(any) []command { return nil }
	return []setting{
		update("software_update_check", "AutomaticCheckEnabled", "Whether macOS looks for updates by itself.", func(v any) []command {
			return []command{asRoot("/usr/sbin/softwareupdate", "--schedule", word(v, "on", "off"))}
		}),
		update("software_update_download", "AutomaticDownload", "Whether macOS downloads the updates that it found.", none),
		update("software_update_install", "AutomaticallyInstallMacOSUpdates",
			"Whether macOS installs its updates by itself. It then restarts when it likes, in the middle of jobs, and may wait at its screen for a password.", none),
		update("software_update_security", "CriticalUpdateInstall", "Whether macOS installs security responses and system files by itself.", none),
		update("software_update_data", "ConfigDataInstall", "Whether macOS renews the lists of its malware protection by itself.", none),
	}
}
