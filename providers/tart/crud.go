package tart

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/tartcli"
	"hostler/providers/tart/internal/build"
	"hostler/providers/tart/internal/shelf"
)

// tidying bounds what is still done when a run has been cancelled: taking
// away what was half made, and reading what stands.
const tidying = 30 * time.Second

func uncancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidying)
}

// Create builds the VM under its private name and then gives it the image's.
// Whatever fails, no more of it stays than checkpoints and a log.
func (c *images) Create(ctx context.Context, want *Image) (*Image, error) {
	finished, err := c.shelf.Settle(ctx, want.VM)
	if err != nil {
		return nil, named(want, err)
	}
	taken, err := c.tart.Exists(want.VM)
	if err != nil {
		return nil, err
	}
	if taken {
		if finished {
			if got, err := c.see(ctx, want); err == nil && got.Content == want.Content {
				return got, nil
			}
		}
		return nil, exists(want)
	}
	if err := c.build(ctx, want, ""); err != nil {
		return nil, err
	}
	got, err := c.see(ctx, want)
	if err == nil {
		c.tidy(ctx, want)
	}
	return got, err
}

// tidy removes what a new image does not need. That it can't be removed now is
// no flaw of the image.
func (c *images) tidy(ctx context.Context, want *Image) {
	if err := c.shelf.Tidy(ctx, want.VM, want.Keep); err != nil {
		providers.Report(ctx, "some of what is left over stays for now: %v", err)
	}
}

// build makes want's VM the image. old is the MAC address of the VM that is it
// until then, "" when none shall be.
func (c *images) build(ctx context.Context, want *Image, old string) error {
	if err := c.shelf.Clear(ctx, want.VM); err != nil {
		return err
	}
	j, err := c.job(ctx, want)
	if err != nil {
		return err
	}
	made, err := c.builder.Build(ctx, j)
	if err != nil {
		return err
	}
	err = c.shelf.Promote(ctx, want.VM, made.VM, shelf.Build{
		MAC: made.MAC, Source: want.Source, Digest: want.Digest, Content: want.Content,
		DiskGB: int(want.Disk / gigabyte), Chain: j.Chain, Runner: made.Runner,
	}, old)
	if err == nil {
		return nil
	}
	tidy, cancel := uncancelled(ctx)
	defer cancel()
	if left := c.shelf.Clear(tidy, want.VM); left != nil {
		err = errors.Join(err, fmt.Errorf("what was built stays behind: %w", left))
	}
	if old != "" && named(want, err) != err {
		return foreignError(want.VM)
	}
	return named(want, err)
}

// job is what it takes to build want: the files that the plan saw, and the
// password.
func (c *images) job(ctx context.Context, want *Image) (j build.Job, err error) {
	j = build.Job{Image: want.VM, Source: want.Source, Memory: uint64(want.Memory), DiskGB: int(want.Disk / gigabyte), Keep: want.Keep, User: want.user()}
	if want.CPUs != nil {
		j.CPUs = *want.CPUs
	}
	o := origin{name: want.Source, digest: want.Digest}
	if j.Chain = chain(o.base(), want, want.Disk); last(j.Chain) != want.Content {
		return j, errors.New("the plan does not fit together: it was made by another version of hostler; plan again")
	}
	var ref tartcli.Ref
	if ref, j.Remote = tartcli.ParseRef(want.Source); j.Remote {
		ref.Version = want.Digest
		j.Source = ref.String()
	} else if err := c.sameParent(want); err != nil {
		return j, err
	}
	for _, s := range want.Steps {
		step, err := c.step(s)
		if err != nil {
			return j, fmt.Errorf("step %q: %w", s.Name, err)
		}
		j.Steps = append(j.Steps, step)
	}
	for _, k := range want.Checks {
		j.Checks = append(j.Checks, build.Check{Name: k.Name, Run: k.Run, Expect: k.Expect, Timeout: time.Duration(k.Timeout)})
	}
	if j.Boots() && want.Login != nil {
		j.Public = want.Login.Password.IsLiteral()
		if j.Password, err = c.mac.Secret(ctx, want.Login.Password); err != nil {
			return j, fmt.Errorf("the password of the guest's user: %w", err)
		}
	}
	return j, nil
}

// sameParent makes sure that the VM that is cloned is the one that the plan
// counted on.
func (c *images) sameParent(want *Image) error {
	st, err := c.shelf.Stand(want.Source)
	switch {
	case err != nil:
		return err
	case want.Digest != "" && (st.Build == nil || st.Build.Content != want.Digest):
		return fmt.Errorf("VM %q is another build than the one that this plan counts on; plan again", want.Source)
	}
	return nil
}

func (c *images) step(s Step) (build.Step, error) {
	out := build.Step{Name: s.Name, Run: s.Run, Env: s.Env, Timeout: time.Duration(s.Timeout)}
	data, mode, sum, err := c.load(s)
	switch {
	case err != nil:
		return out, err
	case sum != s.SHA256:
		return out, errors.New("what it brings is not what it was when the plan was made; plan again")
	case s.Script != "":
		out.Script = &build.File{Path: path.Base(filepath.ToSlash(s.Script)), Data: data, Mode: mode}
	case s.Upload != "":
		out.Upload = &build.File{Path: s.To, Data: data, Mode: mode}
	}
	return out, nil
}

func exists(i *Image) error {
	return &providers.ExistsError{What: fmt.Sprintf("VM %q", i.VM), ID: i.id()}
}

// named is an error of the shelf in terms of the contract.
func named(want *Image, err error) error {
	var taken *shelf.TakenError
	if errors.As(err, &taken) && taken.VM == want.VM {
		return exists(want)
	}
	return err
}

// see reads what stands after a change, cancelled or not.
func (c *images) see(ctx context.Context, want *Image) (*Image, error) {
	tidy, cancel := uncancelled(ctx)
	defer cancel()
	got, err := c.Read(tidy, want)
	switch {
	case err != nil:
		return want, err
	case got == nil:
		return nil, fmt.Errorf("VM %q is gone: something else deletes VMs on this Mac", want.VM)
	}
	return got, nil
}

// Read reads one image; see Prefetch.
func (c *images) Read(ctx context.Context, have *Image) (*Image, error) {
	got, err := c.Prefetch(ctx, []*Image{have})
	if err != nil {
		return nil, err
	}
	return got[0].Object, got[0].Err
}

// Prefetch reads any number of images with one `tart list`.
func (c *images) Prefetch(ctx context.Context, have []*Image) ([]providers.Fetched[Image], error) {
	list, err := c.tart.Relist(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]providers.Fetched[Image], len(have))
	for i, h := range have {
		out[i] = c.read(h, list)
	}
	return out, nil
}

// read joins what tart lists of a VM with its config.json, with what was noted
// when it was built, and with what only the files know.
func (c *images) read(have *Image, list tartcli.Listing) (f providers.Fetched[Image]) {
	st, err := c.shelf.Stand(have.VM)
	vm, listed := list.Local[st.VM]
	switch {
	case tartcli.Is(err, tartcli.NotFound):
		return f
	case err != nil:
		f.Err = err
		return f
	case !listed:
		f.Err = &tartcli.Error{Kind: tartcli.Corrupt, Op: "list", VM: have.VM, Text: "its folder stands, but tart does not count it as a VM"}
		return f
	case foreign(st, have):
		f.Err = foreignError(have.VM)
		return f
	}
	got := *have
	got.CPUs, got.Memory, got.Disk = &st.Config.CPUs, schema.Size(st.Config.Memory), schema.Size(vm.Disk)*gigabyte
	got.OS, got.MemoryMin = st.Config.OS, schema.Size(st.Config.MinMemory())
	got.Content = ""
	if b := st.Build; b != nil && b.Content != "" && !b.Outdated {
		got.Source, got.Digest, got.Content = b.Source, b.Digest, b.Content
	} else if have.Content != "" {
		got.Content = unknown
	}
	f.Object = &got
	return f
}

// foreign reports whether the VM of an image that hostler built is none of its
// builds. What was imported is what the user says it is.
func foreign(st shelf.Standing, have *Image) bool { return st.Foreign && have.Content != "" }

func foreignError(vm string) error {
	return fmt.Errorf("VM %q is not the one that hostler built: another VM has taken its name. Rename it (`tart rename %s NEW-NAME`) or delete it, then plan again", vm, vm)
}

// Update changes CPUs, memory and disk of the stopped VM, or makes it anew.
func (c *images) Update(ctx context.Context, have, want *Image) (*Image, error) {
	err := c.update(ctx, have, want)
	if err == nil {
		return c.see(ctx, want)
	}
	now, unread := c.see(ctx, have)
	if unread != nil {
		return nil, err
	}
	return now, err
}

func (c *images) update(ctx context.Context, have, want *Image) error {
	if _, err := c.shelf.Settle(ctx, want.VM); err != nil {
		return err
	}
	now, err := c.Read(ctx, have)
	if err != nil {
		return err
	}
	if now == nil {
		return fmt.Errorf("VM %q is gone: something else deletes VMs on this Mac", want.VM)
	}
	if want.Content != "" && (now.Content != want.Content || want.Disk < now.Disk) {
		if err := c.rebuild(ctx, want); err != nil {
			return err
		}
		if now, err = c.see(ctx, want); err != nil {
			return err
		}
	}
	if err := c.adjust(ctx, now, want); err != nil {
		return err
	}
	return c.shelf.Tidy(ctx, want.VM, want.Keep)
}

// rebuild puts a new build in the place of the VM, which must not run.
func (c *images) rebuild(ctx context.Context, want *Image) error {
	st, err := c.shelf.Stand(want.VM)
	if err != nil {
		return err
	}
	switch pid, err := c.tart.Holder(want.VM); {
	case err != nil:
		return err
	case pid != 0:
		return &tartcli.Error{Kind: tartcli.Running, Op: "rename", VM: want.VM}
	}
	return c.build(ctx, want, st.Config.MAC)
}

// adjust changes what can be changed in place.
func (c *images) adjust(ctx context.Context, now, want *Image) error {
	var patch tartcli.Patch
	if want.CPUs != nil && (now.CPUs == nil || *now.CPUs != *want.CPUs) {
		patch.CPUs = *want.CPUs
	}
	if want.Memory != now.Memory {
		patch.Memory = uint64(want.Memory)
	}
	if want.Disk != now.Disk {
		patch.DiskGB = int(want.Disk / gigabyte)
	}
	if patch != (tartcli.Patch{}) {
		if err := c.tart.Configure(ctx, want.VM, patch); err != nil {
			return err
		}
	}
	if now.Content == "" || now.Source == want.Source && now.Digest == want.Digest {
		return nil
	}
	return c.shelf.Relabel(want.VM, want.Source, want.Digest)
}

// Delete deletes the stopped VM and all that belongs to it.
func (c *images) Delete(ctx context.Context, have *Image) error {
	st, err := c.shelf.Stand(have.VM)
	switch {
	case err != nil && !tartcli.Is(err, tartcli.NotFound) && !tartcli.Is(err, tartcli.Corrupt):
		return err
	case foreign(st, have):
		return foreignError(have.VM)
	}
	return c.shelf.Remove(ctx, have.VM)
}
