package hostsettings

import (
	"time"

	"hostler/hcl/schema"
)

const (
	pmset       = "/usr/bin/pmset"
	systemsetup = "/usr/sbin/systemsetup"
)

// power is what puts a Mac to sleep and wakes it.
func power() []setting {
	const laptop = "MacBooks have no such setting; leave it out for this Mac"
	idle := func(name, key, doc, refusal string) setting {
		return setting{
			name: name, doc: doc, typ: schema.String, normal: lasting(time.Minute, true), refusal: refusal,
			read: []witness{{pmsetCustom, pmsetLine(key, idleMinutes)}},
			write: func(v any) []command {
				return []command{asRoot(pmset, "-a", key, units(v, time.Minute))}
			},
		}
	}
	flag := func(name, key, doc, refusal string) setting {
		return setting{
			name: name, doc: doc, typ: schema.Bool, refusal: refusal,
			read:  []witness{{pmsetCustom, pmsetLine(key, bit)}},
			write: func(v any) []command { return []command{asRoot(pmset, "-a", key, word(v, "1", "0"))} },
		}
	}
	unlisted := "see whether `pmset -g custom` lists it: what it does not list this model does not have"
	return []setting{
		idle("sleep", "sleep", `When the Mac falls asleep if nobody uses it: "never", or whole minutes such as "30m". A sleeping Mac runs no jobs.`, unlisted),
		idle("display_sleep", "displaysleep", `When the display goes dark: "never", or whole minutes.`, unlisted),
		idle("disk_sleep", "disksleep", `When disks stop spinning: "never", or whole minutes.`, unlisted),
		{
			name: "sleep_disabled", typ: schema.Bool,
			doc:     `Whether sleep is switched off altogether, by closed lid and by menu too. It is for MacBooks that serve with their lid closed; elsewhere sleep = "never" will do.`,
			read:    []witness{{pmsetNow, pmsetLine("SleepDisabled", bit)}},
			write:   func(v any) []command { return []command{asRoot(pmset, "-a", "disablesleep", word(v, "1", "0"))} },
			refusal: managed,
		},
		flag("restart_after_power_loss", "autorestart", "Whether the Mac starts by itself when the power is back. MacBooks can't. With FileVault on, the Mac then waits at its screen for a password.", laptop),
		{
			name: "restart_on_freeze", typ: schema.Bool,
			doc:  "Whether the Mac restarts by itself after it froze. Not every model takes it.",
			read: []witness{{sudoCall(systemsetup + " -getrestartfreeze"), onOff("Restart After Freeze")}},
			write: func(v any) []command {
				return []command{asRoot(systemsetup, "-setrestartfreeze", word(v, "on", "off"))}
			},
			refusal: "some models, Apple silicon among them, accept the command and stay as they are; leave the setting out for this Mac",
		},
		flag("wake_on_lan", "womp", "Whether a magic packet from the network wakes the Mac.", unlisted),
		flag("power_nap", "powernap", "Whether the sleeping Mac wakes now and then for mail, backups and updates.", unlisted),
		flag("standby", "standby", "Whether a Mac that has slept for long powers further down.", unlisted),
	}
}
