package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hostler/providers/host"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
)

// What is wrong with the service, with what it lends, and with the disk.

const apply = "hostler apply"

func (p *patient) service(ctx context.Context) finding {
	if p.unapplied != nil {
		return failure(p.unapplied.Error(), apply)
	}
	if p.wrong["login-session"] {
		return skipped("nobody is logged in")
	}
	flaw, err := host.Service(ctx, p.Env)
	switch {
	case err != nil && p.answers:
		return sound("the service answers")
	case err != nil:
		return unknown("how the service is", err)
	case p.answers && flaw == "ok":
		return sound("launchd runs the service, and it answers")
	case p.answers:
		return warning("the service answers, but nothing starts it again: its LaunchAgent is "+flaw, apply)
	case flaw != "ok":
		return failure("the service does not run: its LaunchAgent is "+flaw, apply)
	}
	return failure("launchd runs the service, and it does not answer: "+fmt.Sprint(p.unread), "launchctl kickstart -k gui/"+fmt.Sprint(p.facts.UID)+"/dev.hostler.serve; what is lent goes on").by(p.restart)
}

// wait gives a service that was started anew time to answer.
func (p *patient) wait(ctx context.Context) {
	for range 50 {
		if p.ask(ctx); p.answers {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *patient) profiles(context.Context) finding {
	switch {
	case p.unread != nil:
		return skipped("how the service stands is not known")
	case len(p.status.Flaws) > 0:
		return failure(strings.Join(p.status.Flaws, "; "), apply)
	case len(p.status.Stopped) > 0:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(p.status.Stopped)) {
			all = append(all, fmt.Sprintf("profile %s was stopped: %s", name, p.status.Stopped[name]))
		}
		return failure(strings.Join(all, "; "), "mend what is said there, then hostler resume")
	case p.status.Draining:
		return warning("the Mac is draining, and lends nothing", "hostler resume")
	}
	return sound(fmt.Sprintf("all %d are sound", len(p.conf.Profiles)))
}

func (p *patient) quarantine(context.Context) finding {
	if p.unread != nil {
		return skipped("how the service stands is not known")
	}
	if len(p.status.Quarantine) == 0 {
		return sound("nothing is in quarantine")
	}
	var all, mend []string
	for _, q := range p.status.Quarantine {
		all, mend = append(all, fmt.Sprintf("VM %s: %s", q.VM, q.Reason)), append(mend, q.Resolve)
	}
	return warning(strings.Join(all, "; "), strings.Join(mend, "; "))
}

func (p *patient) disk(ctx context.Context) finding {
	_, free, err := p.mac.Room(ctx, p.facts.Home)
	if err != nil {
		return unknown("how much room there is", err)
	}
	reserve := uint64(p.conf.Host.Reserve.Disk)
	text := fmt.Sprintf("%s are free, of which the host keeps %s for itself", size(free), size(reserve))
	const mend = "hostler disk shows what can go, and by which command"
	switch {
	case free < reserve+status.Growth:
		return failure(text+": no job gets a VM", mend)
	case free < reserve+4*status.Growth:
		return warning(text, mend)
	}
	return sound(text)
}

func (p *patient) images(ctx context.Context) finding {
	if p.unbuilt != nil {
		return skipped("the images of this Mac are not known: " + p.unbuilt.Error())
	}
	var old, unasked []string
	n := 0
	for _, b := range p.builds {
		ref, ok := tartcli.ParseRef(b.Source)
		if b.Role != "image" || !ok || strings.HasPrefix(ref.Version, "sha256:") {
			continue
		}
		n++
		switch now, err := p.remote.Resolve(ctx, ref.String()); {
		case err != nil:
			unasked = append(unasked, fmt.Sprintf("%s: %v", b.Image, err))
		case now.Digest != b.Digest:
			old = append(old, fmt.Sprintf("%s was made from an older %s", b.Image, ref))
		}
	}
	switch {
	case len(old) > 0:
		return warning(strings.Join(old, "; "), "hostler apply --upgrade")
	case len(unasked) > 0:
		return warning("whether there are updates can't be told: "+strings.Join(unasked, "; "), "")
	}
	return sound(fmt.Sprintf("all %d that come from a registry are made from what is there now", n))
}

// ours reports whether a runner's name is one that the service of this Mac gives
// to the runner of a lease.
func (p *patient) ours(runner string) bool {
	lease, ok := strings.CutPrefix(runner, ledger.Prefix+p.conf.Host.Name+"-")
	return ok && lease != "" && !strings.Contains(lease, "-")
}

// lent reports whether a lease has the runner.
func (p *patient) lent(runner string) bool {
	return slices.ContainsFunc(p.status.Leases, func(l ledger.Lease) bool { return l.Name == runner })
}
