package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers"
	"hostler/providers/tart"
	"hostler/providers/testbed"
)

// rehearsal is one call of rehearse: a project on a simulated Mac.
type rehearsal struct {
	*project
	mac   *testbed.Mac
	cfg   *hcl.Config
	flags applyFlags
	jobs  jobFlags
	acts  int
}

func rehearse(a *app, f *pflag.FlagSet) func([]string) error {
	var vars varFlags
	var keep string
	var jobs jobFlags
	memory := schema.Size(16 << 30)
	cpus := 10
	vars.register(f)
	f.StringVar(&keep, "keep", "", "keep the simulated Mac in `DIR`, which must not exist yet")
	f.TextVar(&memory, "memory", memory, "the simulated Mac's memory")
	f.IntVar(&cpus, "cpus", cpus, "the simulated Mac's CPUs")
	f.IntVar(&jobs.count, "jobs", 0, "after apply, have so many jobs (`N`) go through the dispatch")
	f.Float64Var(&jobs.pace, "pace", 0, "give VMs and jobs the times of a real Mac, passed so many times (`X`) as fast; else both are short")
	return func(args []string) error {
		switch {
		case jobs.count < 0 || jobs.count > 1000:
			return usageError("--jobs is a number of jobs, 1000 at most")
		case jobs.pace < 0 || jobs.pace > 0 && jobs.pace < 1:
			return usageError("--pace is how many times as fast time passes, 1 at least")
		case jobs.pace > 0 && jobs.count == 0:
			return usageError("--pace concerns the jobs; add --jobs N")
		case len(args) > 1:
			return usageError("rehearse takes one folder at most")
		case len(args) == 1:
			a.dir = a.inDir(args[0])
			if info, err := os.Stat(a.dir); err != nil || !info.IsDir() {
				return usageError(fmt.Sprintf("there is no folder %q", args[0]))
			}
		}
		if keep == "" {
			tmp, err := os.MkdirTemp("", "hostler-rehearsal-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(tmp)
			keep = filepath.Join(tmp, "mac")
		}
		return a.rehearseIn(keep, vars, jobs, testbed.Spec{Memory: uint64(memory), CPUs: cpus})
	}
}

// rehearseIn makes a simulated Mac in dir and plays the whole life of the
// configuration on it.
func (a *app) rehearseIn(dir string, vars varFlags, jobs jobFlags, spec testbed.Spec) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	mac, err := testbed.New(dir, exe, spec)
	if err != nil {
		return err
	}
	web, err := mac.Web()
	if err != nil {
		return err
	}
	r := &rehearsal{mac: mac, jobs: jobs, flags: applyFlags{auto: true, shown: true}}
	// The files are read first for the names of their secrets.
	environ := append(mac.Environ(), "GITHUB_TOKEN="+testbed.GitHubToken)
	r.project = a.openWith(providers.Env{Dir: a.dir, Environ: environ, Root: mac.Root(), Web: web})
	if r.cfg, err = r.load(vars); err != nil {
		return err
	}
	r.project = a.openWith(providers.Env{Dir: a.dir, Environ: r.pretend(environ), Root: mac.Root(), Web: web})
	r.files = r.cfg.Files
	r.cfg.State = filepath.Join(dir, "hostler.state.json")
	r.heading("%s on a simulated Mac with %s and %d CPUs. Nothing real is touched.", filepath.Base(a.dir), schema.Size(spec.Memory), spec.CPUs)
	if len(r.cfg.Imports) > 0 {
		r.cfg.Imports = nil
		r.Note("Left out: import blocks, since a new Mac has nothing to import.")
	}
	if err := errors.Join(r.publish(), r.brief(), r.found(), r.people()); err != nil {
		return err
	}
	return r.play()
}

// publish puts the images that the files name into the simulated registry.
func (r *rehearsal) publish() error {
	known := map[string]bool{}
	images, err := r.mac.Images()
	if err != nil {
		return err
	}
	for _, i := range images {
		known[i.Ref] = true
	}
	for _, b := range r.cfg.Blocks {
		if b.Addr.Type != "image" {
			continue
		}
		from := b.Value.GetAttr("from")
		if from.Type() != cty.String || from.IsNull() || !strings.Contains(from.AsString(), "/") || known[from.AsString()] {
			continue
		}
		image := testbed.RemoteImage{Ref: from.AsString(), OS: "darwin", CPUs: 4, CPUMin: 4, Memory: 8 << 30, MemoryMin: 4 << 30, DiskGB: 50}
		for _, distribution := range []string{"ubuntu", "debian", "fedora", "linux"} {
			if strings.Contains(image.Ref, distribution) {
				image.OS, image.CPUMin, image.MemoryMin, image.DiskGB = "linux", 1, 0, 20
			}
		}
		known[image.Ref] = true
		if err := r.mac.Publish(image); err != nil {
			return err
		}
	}
	return nil
}

// pretend adds a value for each secret that the files refer to. A rehearsal
// reads no real one: other references become such variables.
func (r *rehearsal) pretend(environ []string) []string {
	for _, b := range r.cfg.Blocks {
		attrs := b.Value.AsValueMap()
		for _, a := range r.types[b.Addr.Type].Schema.Attrs {
			v := attrs[a.Name]
			if a.Type.Kind != schema.KindSecret || v.IsNull() {
				continue
			}
			name, ok := strings.CutPrefix(v.AsString(), "env:")
			if !ok {
				name = "REHEARSED_SECRET"
				attrs[a.Name] = cty.StringVal("env:" + name)
			}
			value := "rehearsed"
			if b.Addr.Type == "github" {
				value = testbed.GitHubToken
			}
			environ = append(environ, name+"="+value)
		}
		if b.Addr.Type == "github" { // the simulated one stands for every address, and knows no App
			attrs["api_url"] = cty.StringVal("https://api.github.com/")
			attrs["app"] = cty.NullVal(attrs["app"].Type())
		}
		if b.Addr.Type == "host" { // its service reaches GitHub as the github block says
			serve := attrs["serve"].AsValueMap()
			serve["token"] = cty.NullVal(cty.String)
			attrs["serve"] = cty.ObjectVal(serve)
		}
		b.Value = cty.ObjectVal(attrs)
	}
	return environ
}

// found makes the owner and the repositories that the files name, at the
// simulated GitHub.
func (r *rehearsal) found() error {
	gh, owner, err := r.gitHub()
	if err != nil || owner == "" {
		return err
	}
	if err := gh.AddOwner(owner); err != nil {
		return err
	}
	names := map[string]bool{}
	if _, repo, ok := strings.Cut(r.cfg.Block(addr.New("github", "github")).Value.GetAttr("owner").AsString(), "/"); ok {
		names[repo] = true
	}
	for _, b := range r.cfg.Blocks {
		if !b.Value.Type().HasAttribute("repositories") || b.Value.GetAttr("repositories").IsNull() {
			continue
		}
		for _, name := range b.Value.GetAttr("repositories").AsValueSlice() {
			names[name.AsString()] = true
		}
	}
	for name := range names {
		if err := gh.AddRepository(owner+"/"+name, "private", map[string]string{"README.md": "# " + name + "\n"}); err != nil {
			return err
		}
	}
	return nil
}

// brief tells the simulated guests, which execute nothing, what the checks of
// images want to read.
func (r *rehearsal) brief() error {
	answers := map[string]string{}
	for _, b := range r.cfg.Blocks {
		if b.Addr.Type != "image" {
			continue
		}
		for _, check := range b.Value.GetAttr("check").AsValueSlice() {
			if expect := check.GetAttr("expect"); !expect.IsNull() {
				text, _ := sample(expect.AsString())
				answers[strings.TrimSpace(tart.Script(check.GetAttr("run").AsString()))] = text + "\n"
			}
		}
	}
	return r.mac.SetAnswers(answers)
}

// people adds the accounts that the files name.
func (r *rehearsal) people() error {
	for _, b := range r.cfg.Blocks {
		switch b.Addr.Type {
		case "runner":
			if user := schema.Text(b.Value, "user"); user != "" {
				if err := r.mac.AddAccount(user); err != nil {
					return err
				}
			}
		case "host":
			clients := schema.Part(b.Value, "serve").GetAttr("clients")
			if clients.IsNull() {
				continue
			}
			for _, c := range clients.AsValueSlice() {
				if err := r.mac.AddAccount(c.AsString()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *rehearsal) play() error {
	r.act("What apply would do")
	switch err := r.plan(r.cfg, planner.Options{}, 0, "", true); {
	case err == nil:
		return r.reportError(errors.New("Nothing to rehearse\n\nThe configuration declares no objects."))
	case err != exitCode(exitChanges):
		return err
	}
	r.act("Apply")
	if err := r.apply(r.cfg, "apply", planner.Options{Mode: planner.Normal}, r.flags); err != nil {
		return err
	}
	r.act("A second plan")
	if err := r.settled(); err != nil {
		return err
	}
	if r.jobs.count > 0 {
		r.act(fmt.Sprintf("%d jobs", r.jobs.count))
		if err := r.rehearseJobs(r.jobs); err != nil {
			return err
		}
	}
	r.act("Somebody meddles with the Mac")
	meddled, err := r.meddle()
	if err != nil {
		return err
	}
	if meddled > 0 {
		r.act("What plan makes of it")
		if err := r.plan(r.cfg, planner.Options{}, 0, "", true); err != nil && err != exitCode(exitChanges) {
			return err
		}
		r.act("Repair")
		if err := r.apply(r.cfg, "apply", planner.Options{Mode: planner.Normal}, r.flags); err != nil {
			return err
		}
		if err := r.settled(); err != nil {
			return err
		}
	}
	r.act("Destroy")
	if err := r.destroy(); err != nil {
		return err
	}
	calls, err := r.mac.Calls()
	if err != nil {
		return err
	}
	r.heading("The rehearsal went well: planned, applied, drifted, repaired, destroyed, with %d calls of the Mac's tools.", len(calls))
	return nil
}

// settled wants a plan without changes.
func (r *rehearsal) settled() error {
	err := r.plan(r.cfg, planner.Options{}, 0, "", true)
	if err == exitCode(exitChanges) {
		return r.reportError(errors.New("The configuration does not settle\n\nA plan right after an apply should have nothing to change. This is a bug of hostler; the plan above shows where."))
	}
	return err
}

// destroy ends the rehearsal, unless the files forbid it.
func (r *rehearsal) destroy() error {
	for _, b := range r.cfg.Blocks {
		if b.PreventDestroy {
			r.Note(fmt.Sprintf("Left out, since %s has prevent_destroy set.", b.Addr))
			return nil
		}
	}
	return r.apply(r.cfg, "destroy", planner.Options{Mode: planner.Destroy}, r.flags)
}

// act begins a numbered part of the rehearsal.
func (r *rehearsal) act(title string) {
	r.acts++
	r.heading("%d · %s", r.acts, title)
}

func (r *rehearsal) heading(format string, args ...any) {
	s := r.streams()
	text := fmt.Sprintf(format, args...)
	rule := strings.Repeat("━", max(4, s.Width-len([]rune(text))-4))
	if strings.HasSuffix(text, ".") {
		fmt.Fprintf(r.stdout, "\n%s\n", s.Color.With(term.Bold, term.Wrap(text, s.Width)))
		return
	}
	fmt.Fprintf(r.stdout, "\n%s\n", s.Color.With(term.Bold, "━━ "+text+" "+rule))
}
