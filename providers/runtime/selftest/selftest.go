// Package selftest looks into a VM that is lent: whether jobs find there what
// they need. What an image does not have is no fault of it.
//
// It reaches the guest as the service does, and only looks: the lease stays the
// service's, whoever asked for it gives it back. Start at Look.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hostler/providers/internal/guest"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/internal/cache"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/internal/vm"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
)

// Outcome is what came of a check.
type Outcome string

// The outcomes.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	Absent Outcome = "absent" // the image does not have it
)

// Result is a check and what came of it.
type Result struct {
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Said    string  `json:"said,omitempty"` // the end of what it printed
	Seconds float64 `json:"seconds"`
}

// absent is the exit status of a check whose program is not there.
const absent = 66

// check is a script for a guest.
type check struct{ name, script string }

// checks are made in this order. They have three minutes together: after that
// the service takes a runner back that got no job.
func checks(api string) []check {
	return []check{
		{"system", "uname -sm; if command -v sw_vers >/dev/null; then sw_vers -productVersion; fi"},
		{"disk", "df -h / | tail -n 1; t=$(mktemp) && dd if=/dev/zero of=\"$t\" bs=1048576 count=64 2>/dev/null && rm \"$t\""},
		{"github", "command -v curl >/dev/null || exit 66\ncurl --fail --silent --show-error --output /dev/null --max-time 20 '" + api + "'"},
		{"git", "command -v git >/dev/null || exit 66\ngit --version"},
		{"node", "command -v node >/dev/null || exit 66\nnode --version && node --eval 'process.exit(6 * 7 === 42 ? 0 : 1)'"},
		{"npm", "command -v npm >/dev/null || exit 66\nnpm --version"},
		{"browser", `for b in "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" google-chrome chromium chromium-browser; do
	command -v "$b" >/dev/null || continue
	page=$("$b" --headless --disable-gpu --no-first-run --user-data-dir="$(mktemp -d)" --dump-dom 'data:text/html,<p>drawn</p>' 2>/dev/null)
	case $page in *drawn*) "$b" --version; exit ;; esac
	echo "$b draws no page"
	exit 1
done
exit 66`},
		{"xcode", "command -v xcodebuild >/dev/null && xcode-select -p >/dev/null 2>&1 || exit 66\nxcodebuild -version"},
		{"flutter", "command -v flutter >/dev/null || exit 66\nflutter --version --suppress-analytics"},
	}
}

// Limits of one check, and of reaching the guest.
const (
	each  = 45 * time.Second
	reach = 30 * time.Second
)

// Look makes all checks in the VM of a lease, and tells each result at once.
// Its error is one of not getting into the guest.
func Look(ctx context.Context, o dispatch.Options, l ledger.Lease, told func(Result)) error {
	g, api, err := enter(ctx, o, l)
	if err != nil {
		return fmt.Errorf("VM %s can't be looked into: %w", l.VM, err)
	}
	for _, c := range checks(api) {
		r, err := try(ctx, g, c)
		if err != nil {
			return fmt.Errorf("check %s: %w", c.name, err)
		}
		told(r)
	}
	return nil
}

// enter reaches the guest in the way that the service does.
func enter(ctx context.Context, o dispatch.Options, l ledger.Lease) (g *guest.Guest, api string, err error) {
	conf, err := status.Installed(o)
	if err != nil {
		return nil, "", err
	}
	api = "https://api.github.com/zen"
	if conf.Access != nil && conf.Access.APIURL != "" {
		api = strings.TrimSuffix(conf.Access.APIURL, "/") + "/zen"
	}
	m := machine.Local(o.Env.Root, o.Env.Environ)
	mac := site.Mac{Machine: m, Tart: tartcli.New(m), Now: o.Clock}
	maker := vm.Maker{Mac: mac, Caches: &cache.Store{Mac: m, Now: o.Clock}}
	spec, _, err := maker.Spec(ctx, l, conf.Profiles[l.Ticket.Profile], dispatch.Logs+"/"+l.ID, guest.Limits{Contact: reach})
	if err != nil {
		return nil, "", err
	}
	if g, err = guest.Adopt(m, mac.Tart, spec, guest.Mark(l.Mark)); err == nil {
		err = g.Reach(ctx, func(guest.Rung) {})
	}
	return g, api, err
}

func try(ctx context.Context, g *guest.Guest, c check) (Result, error) {
	in, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	from := time.Now()
	r, err := g.Run(in, guest.Command{Script: c.script})
	out := Result{Check: c.name, Outcome: Passed, Said: end(r), Seconds: time.Since(from).Seconds()}
	var ended *guest.EndedError
	switch {
	case err != nil && (ctx.Err() != nil || errors.As(err, &ended)):
		return out, err
	case err != nil:
		out.Outcome, out.Said = Failed, err.Error()
	case r.Code == absent:
		out.Outcome, out.Said = Absent, ""
	case r.Code != 0:
		out.Outcome, out.Said = Failed, fmt.Sprintf("exit status %d: %s", r.Code, out.Said)
	}
	return out, nil
}

// end is the end of what was printed.
func end(r guest.Result) string {
	const most = 300
	text := strings.TrimSpace(string(r.Stdout) + "\n" + string(r.Stderr))
	return text[max(0, len(text)-most):]
}
