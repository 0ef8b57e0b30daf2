package github

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hostler/providers"
	"hostler/providers/internal/ghapi"
)

// How a secret stands: what GitHub tells of it, and what notes tell of its value.

// Prefetch lists the secrets of each place once.
func (s *secrets) Prefetch(ctx context.Context, have []*Secret) ([]providers.Fetched[Secret], error) {
	c, err := s.Open()
	if err != nil {
		return nil, err
	}
	n, err := s.notes()
	if err != nil {
		return nil, err
	}
	type answer struct {
		list []ghapi.Secret
		err  error
	}
	known := map[string]answer{}
	list := func(repo string) ([]ghapi.Secret, error) {
		a, ok := known[repo]
		if !ok {
			a.list, a.err = c.Secrets(ctx, repo)
			if repo != "" && ghapi.NotFound(a.err) {
				// A repository that is gone has no secrets.
				if _, err := c.Repository(ctx, repo); ghapi.NotFound(err) {
					a = answer{}
				}
			}
			known[repo] = a
		}
		return a.list, a.err
	}
	out := make([]providers.Fetched[Secret], len(have))
	for i, h := range have {
		out[i].Object, out[i].Err = look(h, c.Org(), n, list)
	}
	return out, nil
}

// look is the secret as far as it stands.
func look(have *Secret, org string, n notes, list func(repo string) ([]ghapi.Secret, error)) (*Secret, error) {
	if !strings.EqualFold(have.Owner, org) {
		return nil, nil
	}
	got := *have
	got.Repositories, got.Fingerprint = nil, ""
	places := have.Repositories
	if have.Visibility != "" {
		places = []string{""}
	}
	found := false
	for _, repo := range places {
		all, err := list(repo)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(all, func(o ghapi.Secret) bool { return o.Name == have.Name })
		if at < 0 {
			continue
		}
		found = true
		if repo == "" {
			got.Visibility = all[at].Visibility
		} else {
			got.Repositories = append(got.Repositories, repo)
		}
		key, print := place(org, repo, have.Name), foreign
		if n.Updated[key] == all[at].Updated.UTC().Format(time.RFC3339) && n.Prints[key] != "" {
			print = n.Prints[key]
		}
		if got.Fingerprint != "" && got.Fingerprint != print {
			print = foreign
		}
		got.Fingerprint = print
	}
	if !found {
		return nil, nil
	}
	return &got, nil
}

// Read reads one secret.
func (s *secrets) Read(ctx context.Context, have *Secret) (*Secret, error) {
	all, err := s.Prefetch(ctx, []*Secret{have})
	if err != nil {
		return nil, err
	}
	return all[0].Object, all[0].Err
}

// Find recognizes what an unfinished Create has set by what is noted: each
// place is noted before it is touched.
func (s *secrets) Find(ctx context.Context, want *Secret) (*Secret, error) {
	if err := s.mac.Sweep(s.store().Path(notesFile)); err != nil {
		return nil, err
	}
	got, err := s.Read(ctx, want)
	if err != nil || got == nil {
		return nil, err
	}
	n, err := s.notes()
	if err != nil {
		return nil, err
	}
	places := got.Repositories
	if got.Visibility != "" {
		places = []string{""}
	}
	for _, repo := range places {
		if n.Updated[place(got.Owner, repo, got.Name)] == "" {
			return nil, fmt.Errorf("secret %s stands, and the interrupted run has not set it; remove it, or forget the attempt with `hostler state rm` and import it as %q", got.Name, want.id())
		}
	}
	return got, nil
}

// Import reads OWNER/NAME, or OWNER/REPOSITORY+…/NAME. What its value is can't
// be known.
func (s *secrets) Import(ctx context.Context, id string) (*Secret, error) {
	parts := strings.Split(id, "/")
	c, err := s.Open()
	if err != nil {
		return nil, err
	}
	want := &Secret{Owner: parts[0], Name: parts[len(parts)-1]}
	switch len(parts) {
	case 2:
		want.Visibility = "all"
	case 3:
		want.Repositories = strings.Split(parts[1], "+")
	default:
		return nil, fmt.Errorf("%q is no secret; write OWNER/NAME, or OWNER/REPOSITORY/NAME", id)
	}
	if !strings.EqualFold(want.Owner, c.Org()) {
		return nil, fmt.Errorf("the owner is %s, not %s", c.Org(), want.Owner)
	}
	return s.Read(ctx, want)
}
