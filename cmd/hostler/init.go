package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/pipeline"
	"hostler/cmd/internal/view/term"
	"hostler/images"
)

func initFolder(a *app, f *pflag.FlagSet) func([]string) error {
	// What wrappers written for Terraform pass: hostler has no backend, no
	// modules and no plug-ins to fetch.
	fixed(f, "backend", true, "hostler's state is a local file, always")
	fixed(f, "get", true, "hostler has no modules")
	fixed(f, "upgrade", false, "hostler has no plug-ins")
	var scripts bool
	var from, owner string
	var repositories []string
	neverAsks(f)
	f.BoolVar(&scripts, "images", false, "also write the scripts of the golden images that hostler ships, to images/")
	f.StringVar(&from, "from", "", "write the configuration that means what this `FILE` of the old bash tool says, its pipeline.yml")
	f.StringVar(&owner, "owner", "", "begin with jobs of this GitHub `ORGANIZATION`")
	f.StringSliceVar(&repositories, "repository", nil, "and of this repository (`NAME`) of it; may be repeated")
	return func(args []string) error {
		switch {
		case len(args) > 0:
			return usageError("init takes no arguments; use --chdir DIR for another folder")
		case (owner == "") != (len(repositories) == 0):
			return usageError("--owner ORGANIZATION and --repository NAME belong together")
		case owner != "" && !regexp.MustCompile(`^[A-Za-z0-9-]+$`).MatchString(owner):
			return usageError(fmt.Sprintf("--owner: %q is no organization's name", owner))
		case slices.ContainsFunc(repositories, func(r string) bool { return !regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(r) }):
			return usageError(fmt.Sprintf("--repository: %q are not all names of repositories; write them without the owner", repositories))
		case owner != "" && from != "":
			return usageError("--from says the owner already; leave --owner out")
		}
		p := a.open()
		first := func() error { return p.starter(starterFor(owner, repositories)) }
		if from != "" {
			first = func() error { return p.convert(from) }
		}
		if err := first(); err != nil {
			return p.reportError(err)
		}
		if scripts {
			if err := p.imageScripts(); err != nil {
				return p.reportError(err)
			}
		}
		return p.prerequisites()
	}
}

// imageScripts writes the scripts to images/. Files that are there stay: they
// may have been edited.
func (p *project) imageScripts() error {
	kept := 0
	err := fs.WalkDir(images.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := images.FS.ReadFile(name)
		if err != nil {
			return err
		}
		path := filepath.Join(p.dir, "images", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			kept++
			return nil
		}
		if err != nil {
			return err
		}
		_, err = file.Write(data)
		return errors.Join(err, file.Close())
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Wrote the scripts of the golden images to %s; read base/README.md there.\n", relative(filepath.Join(p.dir, "images")))
	if kept > 0 {
		fmt.Fprintf(p.stdout, "%d files that were there already stay as they are.\n", kept)
	}
	return nil
}

// starter writes a first configuration where there is none.
func (p *project) starter(text string) error {
	have, err := p.configured()
	if err != nil || have != "" {
		return err
	}
	name, err := p.begin(text)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Wrote %s: a Mac with one image and one profile. Read it, change it, then:\n%s", name, onward)
	return nil
}

// onward is what to do with a new configuration.
const onward = `
    hostler rehearse    try it on a simulated Mac
    hostler plan        see what it would do to this one

`

// configured is a file of the configuration that there is, "" for none.
func (p *project) configured() (string, error) {
	for _, pattern := range []string{"*.hcl", "*.hcl.json"} {
		if have, err := filepath.Glob(filepath.Join(p.dir, pattern)); err != nil || len(have) > 0 {
			return strings.Join(have[:min(len(have), 1)], ""), err
		}
	}
	return "", nil
}

// begin writes a first configuration.
func (p *project) begin(text string) (name string, err error) {
	name = filepath.Join(p.dir, "hostler.hcl")
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return relative(name), errors.Join(err, file.Close())
}

// convert writes the configuration that means what a pipeline.yml says. Where
// there is a configuration it writes nothing.
func (p *project) convert(from string) error {
	have, err := p.configured()
	if err != nil {
		return err
	}
	if have != "" {
		return fmt.Errorf("There is a configuration already\n\n%s stays as it is; use --chdir DIR for an empty folder.", relative(have))
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	r, err := pipeline.Convert(filepath.Base(from), data)
	if err != nil {
		return fmt.Errorf("It can't be converted\n\n%w", err)
	}
	name, err := p.begin(r.HCL)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Wrote %s. What will be different from %s:\n\n", name, filepath.Base(from))
	for _, n := range r.Notes {
		fmt.Fprintln(p.stdout, "  •", strings.ReplaceAll(strings.TrimRight(term.Wrap(n, 74), "\n"), "\n", "\n    "))
	}
	fmt.Fprintf(p.stdout, "\nThen:\n%s", onward)
	return nil
}

// prerequisites says what this machine lacks for an apply. Looking at files
// and rehearsing needs nothing.
func (p *project) prerequisites() error {
	var missing []string
	for _, program := range []struct{ name, mend string }{
		{"tart", "brew install openai/tools/tart"},
		{"launchctl", "hostler applies to Macs; elsewhere it can validate and rehearse"},
	} {
		if !p.inPath(program.name) {
			missing = append(missing, fmt.Sprintf("  %s is not in PATH: %s\n", program.name, program.mend))
		}
	}
	if len(missing) == 0 {
		fmt.Fprintln(p.stdout, "This machine has what hostler needs.")
		return nil
	}
	fmt.Fprintf(p.stdout, "To plan and apply on this machine, these are missing:\n%s", strings.Join(missing, ""))
	return nil
}

func (p *project) inPath(program string) bool {
	dirs := append(filepath.SplitList(p.getenv("PATH")), "/opt/homebrew/bin", "/usr/local/bin")
	for _, dir := range dirs {
		if info, err := os.Stat(filepath.Join(dir, program)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}
