package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/runnerage"
	"hostler/providers/internal/settings"
)

// What is wrong at GitHub, as the service on this Mac sees it.

// list lists the owner's runners, which is also how GitHub is tried.
func (p *patient) list(ctx context.Context) {
	if p.conf.Access == nil {
		p.unlisted = errors.New("no github block is applied on this Mac")
		return
	}
	if p.github, p.unlisted = ghapi.New(p.mac, p.Env.Web, p.conf.Access.API(), p.Clock); p.unlisted == nil {
		p.runners, p.unlisted = p.github.Runners(ctx, "")
	}
}

// answered reports whether GitHub took the credential and answered, be it no.
func (p *patient) answered() bool {
	s := ghapi.Status(p.unlisted)
	return p.conf.Access != nil && (p.unlisted == nil || s == 403 || s == 404)
}

const unreached = "GitHub was not reached"

func (p *patient) reach(context.Context) finding {
	var credential *ghapi.CredentialError
	switch {
	case p.conf.Access == nil:
		return skipped("no github block is applied on this Mac")
	case p.answered():
		return sound("GitHub answers for " + p.conf.Access.Owner)
	case errors.As(p.unlisted, &credential):
		return failure(p.unlisted.Error(), "store the credential where host.serve.token or the github block says")
	case ghapi.Status(p.unlisted) == 401:
		return failure("GitHub does not take the credential: "+p.unlisted.Error(), "make a new token, and store it where host.serve.token or the github block says")
	}
	return failure(p.unlisted.Error(), "look at the network of this Mac, and at https://www.githubstatus.com")
}

// Beyond these a clock is wrong, and GitHub takes no token of an App.
const (
	slack     = 30 * time.Second
	tolerance = time.Minute
)

func (p *patient) clock(context.Context) finding {
	if p.github == nil {
		return skipped(unreached)
	}
	ahead, ok := p.github.Ahead()
	if !ok {
		return skipped(unreached)
	}
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	text := fmt.Sprintf("this Mac's clock is %v %s GitHub's", ahead.Abs(), word)
	const mend = "sudo systemsetup -setusingnetworktime on && sudo sntp -sS time.apple.com"
	switch {
	case ahead.Abs() > tolerance:
		return failure(text, mend)
	case ahead.Abs() > slack:
		return warning(text, mend)
	}
	return sound("this Mac's clock agrees with GitHub's")
}

// may tells of a permission by what a call that changes nothing came to.
func (p *patient) may(what string, err error) finding {
	var limit *ghapi.LimitError
	switch {
	case err == nil:
		return sound(what + " can be read")
	case errors.As(err, &limit):
		return unknown("whether "+what+" can be read", err)
	}
	return failure(err.Error(), "give the token, or the App, that permission")
}

func (p *patient) mayRunners(context.Context) finding {
	if !p.answered() {
		return skipped(unreached)
	}
	return p.may("runners", p.unlisted)
}

func (p *patient) maySecrets(ctx context.Context) finding {
	return p.mayIn("secrets", p.Secrets, func(repo string) error {
		_, err := p.github.Secrets(ctx, repo)
		return err
	})
}

func (p *patient) mayFiles(ctx context.Context) finding {
	return p.mayIn("workflow files", p.Files, func(repo string) error {
		r, err := p.github.Repository(ctx, repo)
		if err == nil {
			_, err = p.github.Head(ctx, repo, r.Default)
		}
		return err
	})
}

func (p *patient) mayPulls(ctx context.Context) finding {
	return p.mayIn("pull requests", p.Pulls, func(repo string) error {
		_, _, err := p.github.OpenPull(ctx, repo, "hostler", "main")
		return err
	})
}

func (p *patient) mayIn(what string, repos []string, try func(repo string) error) finding {
	if len(repos) == 0 {
		return sound("hostler keeps no " + what + " here")
	}
	if !p.answered() {
		return skipped(unreached)
	}
	for _, repo := range repos {
		if err := try(repo); err != nil {
			return p.may(what, err)
		}
	}
	return p.may(what, nil)
}

func (p *patient) runnerGroup(ctx context.Context) finding {
	switch {
	case !p.answered():
		return skipped(unreached)
	case p.github.Repo() != "":
		return p.repository(ctx)
	}
	groups, err := p.github.Groups(ctx)
	if err != nil {
		return skipped("the runner groups can't be read")
	}
	name := p.conf.Host.Group()
	at := slices.IndexFunc(groups, func(g ghapi.Group) bool { return strings.EqualFold(g.Name, name) })
	if at < 0 {
		return failure(fmt.Sprintf("there is no runner group %q, which host.serve.group names", name), apply)
	}
	const mend = "name a runner_group block in host.serve.group, with the repositories whose jobs may run here"
	switch g := groups[at]; {
	case g.AllowPublic:
		return warning(fmt.Sprintf("public repositories may use the runners of group %s: whoever opens a pull request there runs code in a VM of this Mac", g.Name), "allow_public = false in its runner_group block")
	case g.Visibility == "all":
		return warning(fmt.Sprintf("every repository of %s may use the runners of group %s", p.conf.Access.Owner, g.Name), mend)
	default:
		return sound(fmt.Sprintf("group %s is for %s repositories, none of them public", g.Name, g.Visibility))
	}
}

// repository is runnerGroup where the owner is a single repository.
func (p *patient) repository(ctx context.Context) finding {
	r, err := p.github.Repository(ctx, p.github.Repo())
	switch {
	case err != nil:
		return skipped("the repository can't be read")
	case r.Public:
		return warning(p.conf.Access.Owner+" is public: whoever opens a pull request there runs code in a VM of this Mac", "make it private, or ask for approval of all outside collaborators in its Actions settings")
	}
	return sound(p.conf.Access.Owner + " is private")
}

// registered are what the runner blocks have made on this Mac.
type registered struct {
	Name    string `json:"name"`
	Release string `json:"release"`
	ID      int64  `json:"id"`
}

// coordinators are the runners of this Mac by their documents, and as GitHub has
// them.
func (p *patient) coordinators() (all []registered, at map[int64]ghapi.Runner, err error) {
	at = map[int64]ghapi.Runner{}
	for _, r := range p.runners {
		at[r.ID] = r
	}
	store := settings.Store{Mac: p.mac}
	names, err := p.mac.List(store.Path("runners"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, at, nil
	}
	for _, file := range names {
		name := path.Base(file)
		if !strings.HasSuffix(name, ".json") || strings.HasPrefix(name, ".") {
			continue
		}
		var r registered
		_, readErr := store.Read("runners/"+name, &r)
		if err = errors.Join(err, readErr); readErr == nil {
			all = append(all, r)
		}
	}
	return all, at, err
}

func (p *patient) coordinator(context.Context) finding {
	all, at, err := p.coordinators()
	switch {
	case err != nil:
		return unknown("which runners this Mac has", err)
	case len(all) == 0:
		return sound("this Mac has no runner block")
	case p.unlisted != nil:
		return skipped(unreached)
	case p.wrong["login-session"]:
		return skipped("nobody is logged in")
	}
	for _, r := range all {
		switch now, ok := at[r.ID]; {
		case !ok:
			return failure(fmt.Sprintf("runner %s is not registered at GitHub", r.Name), apply)
		case !now.Online:
			return failure(fmt.Sprintf("runner %s is offline", r.Name), apply+"; its log is in _diag of /Users/Shared/hostler-runners/"+r.Name+"/runner")
		}
	}
	return sound(fmt.Sprintf("all %d of this Mac are online", len(all)))
}

func (p *patient) labels(context.Context) finding {
	all, at, err := p.coordinators()
	if err != nil || p.unlisted != nil {
		return skipped(unreached)
	}
	for _, r := range all {
		mine, ok := at[r.ID]
		if !ok {
			continue
		}
		for _, other := range p.runners {
			if other.ID == r.ID || strings.EqualFold(other.OS, "macOS") && len(other.Own) > 0 {
				continue
			}
			if shared := common(mine.Own, other.Own); len(shared) > 0 {
				return failure(fmt.Sprintf("runner %s, on %s, has the label %s of runner %s, and is no Mac", other.Name, other.OS, strings.Join(shared, ", "), r.Name),
					"give it other labels at GitHub, or another label to this Mac's runner block")
			}
		}
	}
	return sound("no machine that is no Mac has a label of this Mac's runners")
}

func common(a, b []string) (out []string) {
	for _, l := range a {
		if slices.ContainsFunc(b, func(other string) bool { return strings.EqualFold(l, other) }) {
			out = append(out, l)
		}
	}
	return out
}

func (p *patient) registrations(context.Context) finding {
	if p.unlisted != nil || p.unread != nil {
		return skipped("which runners are lent, or are registered, is not known")
	}
	var left []ghapi.Runner
	var names []string
	for _, r := range p.runners {
		if p.ours(r.Name) && !r.Online && !r.Busy && !p.lent(r.Name) {
			left, names = append(left, r), append(names, r.Name)
		}
	}
	if len(left) == 0 {
		return sound("no registration of this Mac's VMs is left over")
	}
	f := warning(fmt.Sprintf("%d registrations of VMs that are gone are left: %s", len(left), strings.Join(names, ", ")), "hostler doctor --fix removes them")
	return f.by(func(ctx context.Context) error {
		for _, r := range left {
			// It may have come back, or have got a job, meanwhile.
			now, err := p.github.Runner(ctx, r.ID)
			if err == nil && (now.Online || now.Busy) || ghapi.NotFound(err) {
				continue
			}
			if err == nil {
				err = p.github.RemoveRunner(ctx, r.ID)
			}
			if err != nil {
				return err
			}
		}
		p.list(ctx)
		return p.unlisted
	})
}

func (p *patient) runnerAge(ctx context.Context) finding {
	if !p.answered() {
		return skipped(unreached)
	}
	releases, err := p.github.RunnerReleases(ctx)
	if ghapi.NotFound(err) {
		return sound("this GitHub lists no releases of the runner program")
	}
	if err != nil {
		return unknown("how old the runner programs are", err)
	}
	var old []string
	say := func(where, version string) {
		if text := runnerage.Warning(version, releases, p.Clock()); text != "" {
			old = append(old, where+": "+text)
		}
	}
	all, _, _ := p.coordinators()
	for _, r := range all {
		say("on this Mac itself", r.Release)
	}
	for _, b := range p.builds {
		if b.Role == "image" {
			say("in image "+b.Image, b.RunnerVersion)
		}
	}
	if len(old) > 0 {
		return warning(strings.Join(old, "; "), "hostler apply --upgrade for the Mac's own; for an image, a newer RUNNER_VERSION in its block")
	}
	return sound("none is older than GitHub allows, or will be within 30 days")
}
