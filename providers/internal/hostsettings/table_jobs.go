package hostsettings

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"hostler/hcl/schema"
)

// disks is what reads and fills disks beside the jobs, and what a program may
// open.
func disks() []setting {
	return []setting{
		{
			name: "spotlight", doc: "Whether Spotlight indexes the disks. Indexing takes disk and CPU from jobs.", typ: schema.Bool,
			// A disk that is read-only, or in a state that Spotlight does not
			// know, is indexed neither way.
			read: []witness{{userCall("/usr/bin/mdutil -s /"), saying(phrase{"Indexing enabled", true},
				phrase{"Indexing disabled", false}, phrase{"Indexing and searching disabled", false}, phrase{"server is disabled", false},
				phrase{"read-only", nil}, phrase{"indexing state", nil})}},
			write:   func(v any) []command { return []command{asRoot("/usr/bin/mdutil", "-a", "-i", word(v, "on", "off"))} },
			refusal: "`mdutil -s /` says what Spotlight thinks of the disk; one that is read-only can't be indexed",
		},
		{
			name: "time_machine", doc: "Whether Time Machine makes backups by itself. Its local snapshots hold on to the disk space of deleted VMs. Only a program with Full Disk Access may change it.", typ: schema.Bool,
			read:    []witness{{exported("/Library/Preferences/com.apple.TimeMachine"), pref(truth, "AutoBackup")}},
			write:   func(v any) []command { return []command{asRoot("/usr/bin/tmutil", word(v, "enable", "disable"))} },
			refusal: "Time Machine is changed only by programs with Full Disk Access; grant it to the terminal, or to sshd, that runs hostler, in System Settings, Privacy & Security",
		},
		{
			name: "max_open_files", typ: schema.Int, normal: filesLimit,
			doc: "How many files a program may have open unless it asks for more. It is set at once, and at each start by the launchd job " + limitLabel + ". Also the most that any program may ask for.",
			// The second is what holds after a restart.
			read:    []witness{{userCall("/bin/launchctl limit maxfiles"), softLimit}, {fileCall(limitFile), limitJob}},
			write:   writeLimit,
			refusal: "where System Integrity Protection forbids `launchctl limit`, restart the Mac: the job that sets the limit at each start is in place",
		},
	}
}

const (
	limitLabel = "hostler.limit.maxfiles"
	limitFile  = "/Library/LaunchDaemons/" + limitLabel + ".plist"
	// transit is where the job's plist waits for install, which alone gives it
	// to root.
	transit = "~/Library/Caches/" + limitLabel + ".plist"
	// hardLimit is what a program may raise its own limit to.
	hardLimit = 524288
)

// limitCommand is what the job runs.
func limitCommand(n int) []string {
	return []string{"/bin/launchctl", "limit", "maxfiles", strconv.Itoa(n), strconv.Itoa(hardLimit)}
}

func writeLimit(v any) []command {
	limit := limitCommand(v.(int))
	install := asRoot("/usr/bin/install", "-S", "-m", "0644", "-o", "root", "-g", "wheel", transit, limitFile)
	install.staged = limitPlist(limit)
	return []command{install, asRoot(limit[0], limit[1:]...)}
}

// network is how VMs get addresses and are reached.
func network() []setting {
	const (
		sharing = "/Library/Preferences/SystemConfiguration/com.apple.InternetSharing.default"
		vmnet   = "/Library/Preferences/SystemConfiguration/com.apple.vmnet"
		privacy = "com.apple.network.local-network"
	)
	write := asRoot(defaults, "write")
	// Root's own preferences are where macOS looks for these.
	privacyCall := sudoCall(defaults + " export " + privacy + " -")
	return []setting{
		{
			name: "dhcp_lease", typ: schema.Span, normal: lasting(time.Second, false),
			doc:  `How long the address of a VM stays taken. With macOS' default of one day a network of 254 addresses runs dry after some 253 VMs a day; "10m" suits throwaway VMs. It counts for new leases; those of /var/db/dhcpd_leases run on.`,
			read: []witness{{exported(sharing), pref(seconds(false), "bootpd", "DHCPLeaseTimeSecs")}},
			// -dict would drop the other settings of bootpd.
			write: func(v any) []command {
				return []command{write.with(sharing, "bootpd", "-dict-add", "DHCPLeaseTimeSecs", "-int", units(v, time.Second))}
			},
			refusal: "see what `plutil -p " + sharing + ".plist` says of bootpd",
		},
		{
			name: "vm_subnet", typ: schema.String, normal: subnet,
			doc:  `The IPv4 network of VMs with network = "nat", such as "192.168.77.0/24". The Mac itself gets the first address of it. It counts from the next VM that starts while none runs.`,
			read: []witness{{exported(vmnet), vmnetSubnet}},
			write: func(v any) []command {
				gateway, mask := gatewayOf(v.(string))
				return []command{write.with(vmnet, "Shared_Net_Address", "-string", gateway), write.with(vmnet, "Shared_Net_Mask", "-string", mask)}
			},
			refusal: "see what `plutil -p " + vmnet + ".plist` says",
		},
		{
			name: "local_network", typ: schema.ListOf(schema.String), normal: networks, restart: true,
			doc:  `Networks that every program on the Mac may reach without macOS asking at the screen, such as ["192.168.64.0/24"]; macOS 15.5 and later. Without it a program that launchd started may be unable to reach VMs by ssh. It counts from the next restart.`,
			read: []witness{{privacyCall, pref(prefixes, ethernetKey)}, {privacyCall, pref(prefixes, wifiKey)}},
			write: func(v any) []command {
				var all []command
				for _, key := range []string{ethernetKey, wifiKey} {
					all = append(all, write.with(privacy, key, "-array").with(v.([]string)...))
				}
				return all
			},
			refusal: "see what `sudo defaults read " + privacy + "` says",
		},
	}
}

const (
	ethernetKey = "AllowedEthernetLocalNetworkAddresses"
	wifiKey     = "AllowedWiFiLocalNetworkAddresses"
)

// tools is what builds need of the host itself.
func tools() []setting {
	return []setting{
		{
			name: "xcode", typ: schema.String, normal: developerDir,
			doc: `The Xcode in use: the path of an application, such as "/Applications/Xcode_26.app", or "/Library/Developer/CommandLineTools". Of an application the licence is accepted for you, and its components are installed.`,
			// A new Xcode, or an update of the old one, may want its licence
			// accepted again.
			read: []witness{
				{userCall("/usr/bin/xcode-select -p"), selectedXcode},
				{userCall("/usr/bin/xcodebuild -license check"), notUnready},
				{userCall("/usr/bin/xcodebuild -checkFirstLaunchStatus"), notUnready},
			},
			write: func(v any) []command {
				all := []command{asRoot("/usr/bin/xcode-select", "-s", v.(string))}
				if path.Ext(v.(string)) == ".app" {
					all = append(all, asRoot("/usr/bin/xcodebuild", "-license", "accept"), asRoot("/usr/bin/xcodebuild", "-runFirstLaunch"))
				}
				return all
			},
			refusal: "install that Xcode first, or name one that is there",
		},
		{
			name: "rosetta", doc: "That Rosetta is installed, which runs programs for Intel Macs. It can only be true: macOS has no way to remove it.", typ: schema.Bool,
			normal: func(v any) (any, error) {
				if v == false {
					return nil, fmt.Errorf("macOS has no way to remove Rosetta; leave rosetta out")
				}
				return v, nil
			},
			read: []witness{{userCall("/usr/bin/arch -x86_64 /usr/bin/true"), succeeds}},
			write: func(any) []command {
				return []command{asRoot("/usr/sbin/softwareupdate", "--install-rosetta", "--agree-to-license")}
			},
			refusal: "it is downloaded from Apple; see whether this Mac reaches the internet",
		},
	}
}

// exported is the call that tells a domain of preferences. One call tells all
// of its keys, and goes by cfprefsd, which may be ahead of the file.
func exported(domain string) call {
	return userCall(strings.Join([]string{defaults, "export", domain, "-"}, " "))
}
