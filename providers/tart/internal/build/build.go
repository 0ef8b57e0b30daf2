// Package build makes the VM of an image: a clone of what the image is from,
// in which steps and checks are run, one after the other.
//
//  1. A build begins with the checkpoint of the longest beginning that it
//     shares with an earlier one; else with what the image is from.
//  2. After each step the guest is shut down, and what it has become is kept as
//     a checkpoint. A guest whose power had to be cut is no checkpoint.
//  3. All checks pass, or there is no build.
//  4. What fails, or is cancelled, leaves its checkpoints and its log, and
//     nothing that runs.
//  5. The password of the guest's user gets into no log, error or report.
//
// The image itself is not touched; package shelf puts the build in its place.
// Start at Build.
package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"hostler/providers"
	"hostler/providers/internal/guest"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
	"hostler/providers/secret"
	"hostler/providers/tart/internal/shelf"
)

// Builder builds images on one Mac.
type Builder struct {
	Mac   *machine.Machine
	Tart  *tartcli.Tart
	Shelf shelf.Shelf
}

// Job is an image to build.
type Job struct {
	Image  string // the VM that it will be
	Source string // the VM that is cloned; or an image of a registry, by digest
	Remote bool   // the latter
	CPUs   int    // 0 leaves what it has, like the other sizes
	Memory uint64 // bytes
	DiskGB int    // decimal
	Keep   int    // earlier builds, see shelf.Tidy

	User     string
	Password secret.Value
	Public   bool // everybody may know the password
	Steps    []Step
	Checks   []Check
	// Chain is the hash of what is cloned, and one for each step with all that
	// is before it. The last one is that of the build.
	Chain []string
}

// Boots reports whether a guest has to run for it.
func (j Job) Boots() bool { return len(j.Steps)+len(j.Checks) > 0 }

func (j Job) content() string { return j.Chain[len(j.Chain)-1] }

// Step changes the guest in one of three ways.
type Step struct {
	Name    string
	Run     string // commands
	Script  *File  // a program
	Upload  *File  // a file to be put there
	Env     map[string]string
	Timeout time.Duration
}

// File is a file for the guest.
type File struct {
	Path string // there; of a Script only its name
	Data []byte
	Mode fs.FileMode
}

// Check is commands that have to succeed.
type Check struct {
	Name    string
	Run     string
	Expect  string // regular expression that what they print must match; "" for none
	Timeout time.Duration
}

// Made is a finished build: a stopped VM under a name of its own.
type Made struct {
	VM     string
	MAC    string
	Runner string // version of the Actions runner in it; "" when there is none
}

// Build makes the VM.
func (b *Builder) Build(ctx context.Context, j Job) (Made, error) {
	a := &attempt{Builder: b, Job: j}
	made, err := a.build(ctx)
	if err != nil {
		return Made{}, errors.Join(err, a.abandon(ctx))
	}
	return made, nil
}

// attempt is one Build at work.
type attempt struct {
	*Builder
	Job
	vm    string
	guest *guest.Guest // nil while it does not run
	log   *transcript
}

func (a *attempt) build(ctx context.Context) (Made, error) {
	list, err := a.Tart.Relist(ctx)
	if err != nil {
		return Made{}, err
	}
	done, from := a.resume(ctx, list)
	_, cached := list.Cached[a.Source]
	base := ""
	if a.Remote {
		base = a.Source
	}
	if a.vm, err = a.Shelf.Begin(a.Image, a.content(), base, a.Keep, a.Boots()); err != nil {
		return Made{}, err
	}
	if a.Remote && done == 0 && !cached {
		if err := a.Tart.Pull(ctx, from, func(text string) { providers.Report(ctx, "%s", text) }); err != nil {
			return Made{}, err
		}
	}
	if err := a.clone(ctx, from); err != nil {
		return Made{}, err
	}
	runner, err := a.fill(ctx, done)
	if err != nil {
		return Made{}, err
	}
	made, err := a.Tart.Config(a.vm)
	return Made{VM: a.vm, MAC: made.MAC, Runner: runner}, err
}

// fill runs steps and checks in the clone, and returns the runner's version.
func (a *attempt) fill(ctx context.Context, done int) (runner string, err error) {
	if !a.Boots() {
		return "", nil
	}
	hide := a.Password
	if a.Public {
		hide = secret.Value{}
	}
	if a.log, err = openTranscript(a.Mac, shelf.Log(a.Image, a.content()), hide); err != nil {
		return "", err
	}
	if err = a.runSteps(ctx, done); err == nil {
		runner, err = a.prove(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%w\nwhat was printed is in %s", err, a.log.path)
	}
	return runner, errors.Join(a.log.flush(), a.Shelf.Forget(a.vm))
}

// resume finds the checkpoint to begin with: that of the first done steps.
func (a *attempt) resume(ctx context.Context, list tartcli.Listing) (done int, from string) {
	for done = len(a.Steps); done > 0; done-- {
		vm := shelf.CheckpointOf(a.Image, a.Chain[done])
		if list.Local[vm].State == "stopped" {
			providers.Report(ctx, "going on after step %q, which was done before", a.Steps[done-1].Name)
			return done, vm
		}
	}
	return 0, a.Source
}

// clone makes the build's VM, stopped and of the size that it shall have.
func (a *attempt) clone(ctx context.Context, from string) error {
	providers.Report(ctx, "cloning %s", from)
	if err := a.Tart.Clone(ctx, from, a.vm); err != nil {
		return err
	}
	has, err := a.Tart.Config(a.vm)
	if err != nil {
		return err
	}
	list, err := a.Tart.Relist(ctx)
	if err != nil {
		return err
	}
	patch := tartcli.Patch{RandomMAC: true}
	if a.CPUs != has.CPUs {
		patch.CPUs = a.CPUs
	}
	if a.Memory != has.Memory {
		patch.Memory = a.Memory
	}
	// tart counts whole GB: told the size that a disk has, it may find it larger.
	if a.DiskGB != list.Local[a.vm].Disk {
		patch.DiskGB = a.DiskGB
	}
	return a.Tart.Configure(ctx, a.vm, patch)
}

// abandon ends what is left of an attempt, cancelled or not.
func (a *attempt) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	if a.guest != nil {
		errs = append(errs, a.guest.Stop(ctx))
	}
	if a.log != nil {
		errs = append(errs, a.log.flush())
	}
	errs = append(errs, a.Shelf.Clear(ctx, a.Image))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("what was half built stays behind: %w", err)
	}
	return nil
}

// boot starts the guest and waits until it is ready.
func (a *attempt) boot(ctx context.Context) (err error) {
	// Each boot may bring another key: a step can have made the guest new ones.
	if err := a.Mac.Remove(shelf.HostKey(a.vm)); err != nil {
		return err
	}
	providers.Report(ctx, "booting")
	a.guest, err = guest.Start(ctx, a.Mac, a.Tart, guest.Spec{
		VM: a.vm, Log: shelf.Console(a.vm),
		Login: guest.Login{User: a.User, Password: a.Password, Pin: shelf.HostKey(a.vm)},
	})
	if err != nil {
		return err
	}
	return a.guest.Reach(ctx, func(r guest.Rung) { providers.Report(ctx, "booting: %s", r.Name) })
}

// halt shuts the guest down and waits for its end.
func (a *attempt) halt(ctx context.Context) error {
	providers.Report(ctx, "shutting down")
	if err := a.guest.Shutdown(ctx); err != nil {
		return err
	}
	a.guest = nil
	return nil
}

// prove runs the checks and learns the version of the runner.
func (a *attempt) prove(ctx context.Context) (runner string, err error) {
	if err := a.boot(ctx); err != nil {
		return "", err
	}
	for _, c := range a.Checks {
		if err := a.check(ctx, c); err != nil {
			return "", fmt.Errorf("check %q: %w", c.Name, err)
		}
	}
	if runner, err = a.runner(ctx); err != nil {
		return "", err
	}
	return runner, a.halt(ctx)
}

// runner is the version of the Actions runner in the guest, "" without one.
func (a *attempt) runner(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := a.guest.Run(ctx, guest.Command{Script: `# hostler: runner version
listener=$HOME/actions-runner/bin/Runner.Listener
[ ! -x "$listener" ] || "$listener" --version
`})
	if err != nil {
		return "", fmt.Errorf("version of the runner: %w", err)
	}
	version := strings.TrimSpace(string(r.Stdout))
	if r.Code != 0 || strings.ContainsAny(version, " \n") {
		return "", nil // a runner that can't tell is none
	}
	return version, nil
}
