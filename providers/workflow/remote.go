package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers"
	"hostler/providers/workflow/internal/delivery"
)

// What crud.go does in a folder, in repositories at GitHub.

// repository is one that the file goes to.
func (c *files) repository(f *File, name string) (delivery.Repository, error) {
	api, err := c.Open()
	if err == nil && f.Owner != "" && !strings.EqualFold(f.Owner, api.Org()) {
		err = fmt.Errorf("the file is in repositories of %s, and the github block is for %s", f.Owner, api.Org())
	}
	return delivery.Repository{API: api, Name: name, Branch: f.Branch, Pull: f.Delivery == "pull_request"}, err
}

// standings looks at each repository once. A nil standing is a repository or
// branch that is gone.
func (c *files) standings() func(context.Context, delivery.Repository) (*delivery.Standing, error) {
	type answer struct {
		s   *delivery.Standing
		err error
	}
	known := map[string]answer{}
	return func(ctx context.Context, r delivery.Repository) (*delivery.Standing, error) {
		key := fmt.Sprint(r.Name, " ", r.Branch, " ", r.Pull)
		a, ok := known[key]
		if !ok {
			if a.s, a.err = r.Look(ctx); delivery.Gone(a.err) {
				a = answer{}
			}
			known[key] = a
		}
		return a.s, a.err
	}
}

// placeRemote fills in what is left out.
func (c *files) placeRemote(r *providers.Resolve[File]) error {
	api, err := c.Open()
	if err != nil {
		return err
	}
	w := r.Want
	w.Owner, w.Edits = api.Org(), unedited
	if w.Branch == "" {
		w.Branch = "main"
	}
	if w.Delivery == "" {
		w.Delivery = "pull_request"
	}
	return nil
}

// vacantRemote wants nothing else to stand where the file is new.
func (c *files) vacantRemote(ctx context.Context, r *providers.Resolve[File]) error {
	look := c.standings()
	for i, name := range r.Want.Repositories {
		if have := r.Have; have != nil && have.Path == r.Want.Path && have.Branch == r.Want.Branch && slices.Contains(have.Repositories, name) {
			continue
		}
		err := c.vacantIn(ctx, r.Want, name, look)
		if delivery.Gone(err) {
			err = &providers.AttrError{Path: cty.GetAttrPath("repositories").IndexInt(i), Err: err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *files) vacantIn(ctx context.Context, want *File, name string, look func(context.Context, delivery.Repository) (*delivery.Standing, error)) error {
	repo, err := c.repository(want, name)
	if err != nil {
		return err
	}
	s, err := look(ctx, repo)
	if err == nil && s == nil {
		s, err = repo.Look(ctx) // for its words, or it has come
	}
	if err != nil {
		return err
	}
	if have := s.File(want.Path); have != "" && have != delivery.Hash([]byte(want.Content)) {
		return &providers.ExistsError{What: fmt.Sprintf("file %s in %s/%s", want.Path, want.Owner, name), ID: want.Owner + "/" + name + ":" + want.Path}
	}
	return nil
}

// unedited is the edits of a file that nobody has edited.
const unedited = "none"

// readRemote is the file as it stands: where it is, and where it holds
// something else.
func (c *files) readRemote(ctx context.Context, have *File, look func(context.Context, delivery.Repository) (*delivery.Standing, error)) (*File, error) {
	got, _, err := c.inspectRemote(ctx, have, look)
	return got, err
}

// inspectRemote also tells git's hash of the file in each repository.
func (c *files) inspectRemote(ctx context.Context, have *File, look func(context.Context, delivery.Repository) (*delivery.Standing, error)) (*File, map[string]string, error) {
	got, hashes := *have, map[string]string{}
	got.Repositories = nil
	var edits strings.Builder
	for _, name := range have.Repositories {
		repo, err := c.repository(have, name)
		if err != nil {
			return nil, nil, err
		}
		s, err := look(ctx, repo)
		if err != nil {
			return nil, nil, err
		}
		if s == nil || s.File(have.Path) == "" {
			continue
		}
		got.Repositories = append(got.Repositories, name)
		if hashes[name] = s.File(have.Path); hashes[name] != delivery.Hash([]byte(have.Content)) {
			content, err := repo.Content(ctx, hashes[name])
			if err != nil {
				return nil, nil, err
			}
			fmt.Fprintf(&edits, "%s in %s:\n%s", have.Path, name, cty.NormalizeString(strings.ToValidUTF8(string(content), "\uFFFD")))
		}
	}
	if got.Edits = edits.String(); got.Edits == "" {
		got.Edits = unedited
	}
	if len(got.Repositories) == 0 {
		return nil, hashes, nil
	}
	return &got, hashes, nil
}

func (c *files) createRemote(ctx context.Context, want *File) (*File, error) {
	look := c.standings()
	for _, name := range want.Repositories {
		if err := c.vacantIn(ctx, want, name, look); err != nil {
			return nil, err
		}
	}
	made := *want
	made.Repositories = nil
	for _, name := range want.Repositories {
		err := c.write(ctx, want, name, "", []byte(want.Content))
		if stands(err) {
			made.Repositories = append(made.Repositories, name)
		}
		if err != nil && len(made.Repositories) == 0 {
			return nil, err
		}
		if err != nil {
			return &made, err
		}
	}
	return want, nil
}

// stands reports whether a file that was written is there, or may be.
func stands(err error) bool {
	var exists *providers.ExistsError
	return !errors.As(err, &exists) && !delivery.Refused(err)
}

// write brings the file into one repository; from is what is expected there.
func (c *files) write(ctx context.Context, f *File, name, from string, content []byte) error {
	repo, err := c.repository(f, name)
	if err != nil {
		return err
	}
	verb := "Update"
	switch {
	case content == nil:
		verb = "Remove"
	case from == "":
		verb = "Add"
	}
	err = repo.Write(ctx, delivery.Change{Path: f.Path, From: from, Content: content, Message: fmt.Sprintf("%s %s\n\nManaged by hostler.", verb, f.Path)})
	if from == "" && delivery.IsChanged(err) {
		return &providers.ExistsError{What: fmt.Sprintf("file %s in %s/%s", f.Path, f.Owner, name), ID: f.Owner + "/" + name + ":" + f.Path}
	}
	return err
}

// updateRemote writes the file where it is wanted, and removes it where it is
// not any more, if it holds what the plan saw.
func (c *files) updateRemote(ctx context.Context, have, want *File) (*File, error) {
	now, hashes, err := c.inspectRemote(ctx, have, c.standings())
	if err != nil {
		return have, err
	}
	edits := unedited
	if now != nil {
		edits = now.Edits
	}
	if edits != have.Edits {
		return now, fmt.Errorf("%s was changed in a repository after the plan was made; make a new plan, to see what would be lost", have.Path)
	}
	reached := *have // what stands when the rest fails
	for _, name := range want.Repositories {
		from := hashes[name]
		if have.Delivery != want.Delivery {
			if from, err = c.elsewhere(ctx, have, want, name); err != nil {
				return &reached, err
			}
		}
		err := c.write(ctx, want, name, from, []byte(want.Content))
		if stands(err) && !slices.Contains(reached.Repositories, name) {
			reached.Repositories = slices.Sorted(slices.Values(append(slices.Clone(reached.Repositories), name)))
		}
		if err != nil {
			return &reached, err
		}
		if have.Delivery == "pull_request" && want.Delivery == "commit" {
			repo, err := c.repository(want, name)
			if err == nil {
				err = repo.Withdraw(ctx, want.Path)
			}
			if err != nil {
				return &reached, err
			}
		}
	}
	for _, name := range have.Repositories {
		if slices.Contains(want.Repositories, name) {
			continue
		}
		if err := c.write(ctx, have, name, hashes[name], nil); err != nil && !delivery.Gone(err) {
			return &reached, err
		}
	}
	return want, nil
}

// elsewhere is git's hash of the file where the other delivery brings it: what
// a pull request carries is not on the branch yet.
func (c *files) elsewhere(ctx context.Context, have, want *File, name string) (string, error) {
	repo, err := c.repository(want, name)
	if err != nil {
		return "", err
	}
	s, err := repo.Look(ctx)
	if err != nil {
		return "", err
	}
	hash := s.File(want.Path)
	if hash != "" && hash != delivery.Hash([]byte(have.Content)) {
		return "", &delivery.ChangedError{Repository: name, Path: have.Path}
	}
	return hash, nil
}

// findRemote recognizes the file of an unfinished Create by what it holds.
func (c *files) findRemote(want, got *File, err error) (*File, error) {
	if err == nil && got != nil && got.Edits != unedited {
		return nil, fmt.Errorf("%s stands and is not what the interrupted run was writing; forget the attempt with `hostler state rm` and import it as %q", want.Path, id(want))
	}
	return got, err
}

// importRemote reads OWNER/REPOSITORY+…:PATH on the branch main. All shall hold
// the same.
func (c *files) importRemote(ctx context.Context, owner, repos, path string) (*File, error) {
	f := &File{Owner: owner, Repositories: strings.Split(repos, "+"), Path: path, Branch: "main", Delivery: "pull_request"}
	if err := checkPath(cty.StringVal(path)); err != nil {
		return nil, err
	}
	look := c.standings()
	_, hashes, err := c.inspectRemote(ctx, f, look)
	if err != nil || len(hashes) == 0 {
		return nil, err
	}
	for _, name := range f.Repositories {
		if hashes[name] == "" {
			continue
		}
		repo, err := c.repository(f, name)
		if err != nil {
			return nil, err
		}
		content, err := repo.Content(ctx, hashes[name])
		if err != nil {
			return nil, err
		}
		f.Content = cty.NormalizeString(strings.ToValidUTF8(string(content), "\uFFFD"))
		break
	}
	return c.readRemote(ctx, f, look)
}
