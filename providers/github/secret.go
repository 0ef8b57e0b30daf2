package github

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/machine"
	"hostler/providers/secret"
)

// Secret is an Actions secret: of several repositories, or of the organization.
type Secret struct {
	Name         string     `cty:"name"`
	Owner        string     `cty:"owner"`
	Repositories []string   `cty:"repositories"`
	Visibility   string     `cty:"visibility"`
	Value        secret.Ref `cty:"value"`
	Fingerprint  string     `cty:"fingerprint"`
}

func (s *Secret) id() string {
	if s.Name == "" {
		return ""
	}
	if s.Visibility != "" {
		return s.Owner + "/" + s.Name
	}
	return s.Owner + "/" + strings.Join(s.Repositories, "+") + "/" + s.Name
}

// foreign is the fingerprint of a value that somebody else has set.
const foreign = "unknown"

// pending stands for the time of a secret that is being set.
const pending = "pending"

func secretBlock() *schema.Block {
	return &schema.Block{
		Type: "secret", Uses: []string{"github"},
		Doc: "An Actions secret, called like the block: of the repositories, or of the organization.",
		Attrs: []schema.Attr{
			{Name: "repositories", Type: schema.ListOf(schema.String), Check: repositoryNames, Doc: "The repositories that have the secret, each for itself."},
			{Name: "visibility", Type: schema.String, Replace: true, Check: schema.OneOf("all", "private"), Doc: "For a secret of the organization: all or private repositories see it."},
			{Name: "value", Type: schema.Secret, Required: true, Doc: "Where the value is; it is read at each plan, sealed for GitHub, and kept nowhere else."},
			{Name: "name", Type: schema.String, Computed: true, Replace: true, Doc: "The block's name, with _KEY where it has for_each."},
			{Name: "owner", Type: schema.String, Computed: true, Replace: true, Doc: "The organization or user."},
			{Name: "fingerprint", Type: schema.String, Computed: true, Doc: "A hash of the value with a key that never leaves the Mac; \"unknown\" when somebody else has set the secret since."},
		},
		Check: func(v cty.Value) error {
			repos, visibility := v.GetAttr("repositories"), v.GetAttr("visibility")
			if repos.IsKnown() && visibility.IsKnown() && repos.IsNull() == visibility.IsNull() {
				return schema.At(cty.GetAttrPath("repositories"), "write either the repositories that have the secret, or visibility for one of the organization")
			}
			return nil
		},
	}
}

// secrets is the CRUD of secret.
type secrets struct {
	*ghaccess.Session
	mac     *machine.Machine
	notesMu sync.Mutex
	last    string // the key of this run
}

func (s *secrets) value(ctx context.Context, want *Secret) (secret.Value, error) {
	v, err := s.mac.Secret(ctx, want.Value)
	if err != nil {
		return v, providers.AttrErrorf("value", "%w", err)
	}
	return v, nil
}

// Resolve completes the wanted secret with the hash of what its value is now.
func (s *secrets) Resolve(ctx context.Context, r *providers.Resolve[Secret]) error {
	want := r.Want
	c, err := s.Open()
	if err != nil {
		return err
	}
	// GitHub allows no '-', which joins a block's name and its key.
	want.Name, want.Owner = strings.ReplaceAll(r.Name, "-", "_"), c.Org()
	slices.Sort(want.Repositories)
	if !regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,199}$`).MatchString(want.Name) || strings.HasPrefix(want.Name, "GITHUB_") {
		return fmt.Errorf("a secret can't be called %q: GitHub allows capital letters, digits and '_', no digit first, and nothing that begins with GITHUB_", want.Name)
	}
	if want.Visibility != "" && c.Repo() != "" {
		return providers.AttrErrorf("visibility", "the owner is the repository %s, and only organizations have secrets of their own; write repositories", c.Owner)
	}
	if want.Value.IsLiteral() {
		r.Warn("value", "a secret that stands in the files is everybody's who can read them; write env:NAME, file:PATH or keychain:SERVICE")
	}
	value, err := s.value(ctx, want)
	if err != nil {
		return err
	}
	if want.Fingerprint, err = s.fingerprint(want.Name, value); err != nil {
		return err
	}
	// What it has is its own, also where it is made anew.
	fresh := want.Repositories
	if have := r.Have; have != nil && have.Name == want.Name && strings.EqualFold(have.Owner, want.Owner) {
		fresh = slices.DeleteFunc(slices.Clone(fresh), func(repo string) bool { return slices.Contains(have.Repositories, repo) })
		if len(fresh) == 0 && (want.Visibility == "" || have.Visibility != "") {
			return nil
		}
	}
	return s.vacant(ctx, c, want, fresh)
}

// vacant wants the name to be free where the secret is new.
func (s *secrets) vacant(ctx context.Context, c *ghapi.Client, want *Secret, repos []string) error {
	places := repos
	if want.Visibility != "" {
		places = []string{""}
	}
	for _, repo := range places {
		list, err := c.Secrets(ctx, repo)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(o ghapi.Secret) bool { return o.Name == want.Name }) {
			at := want.Owner
			if repo != "" {
				at += "/" + repo
			}
			return &providers.ExistsError{What: fmt.Sprintf("secret %s of %s", want.Name, at), ID: want.id()}
		}
	}
	return nil
}

// place is what notes call the secret in one place.
func place(owner, repo, name string) string {
	if repo == "" {
		return owner + "/" + name
	}
	return owner + "/" + repo + "/" + name
}

// put sets the secret everywhere, and notes when GitHub says that was. It
// returns where the secret stands, or may stand, also with an error.
func (s *secrets) put(ctx context.Context, c *ghapi.Client, want *Secret) (set []string, err error) {
	value, err := s.value(ctx, want)
	if err != nil {
		return nil, err
	}
	print, err := s.fingerprint(want.Name, value)
	if err != nil {
		return nil, err
	}
	if print != want.Fingerprint {
		return nil, providers.AttrErrorf("value", "the value is another one than when the plan was made; make a new plan")
	}
	places := want.Repositories
	if want.Visibility != "" {
		places = []string{""}
	}
	for _, repo := range places {
		key := place(c.Org(), repo, want.Name)
		if _, err := s.note(func(n *notes) { n.Updated[key], n.Prints[key] = pending, print }); err != nil {
			return set, err
		}
		err := c.SetSecret(ctx, repo, want.Name, value, want.Visibility, nil)
		if !ghapi.Refused(err) {
			set = append(set, repo)
		}
		if err != nil {
			return set, err
		}
		list, err := c.Secrets(ctx, repo)
		if err != nil {
			return set, err
		}
		at := slices.IndexFunc(list, func(o ghapi.Secret) bool { return o.Name == want.Name })
		if at < 0 {
			return set, fmt.Errorf("secret %s of %s was set, and GitHub does not list it", want.Name, c.Org())
		}
		updated := list[at].Updated.UTC().Format(time.RFC3339)
		if _, err := s.note(func(n *notes) { n.Updated[key] = updated }); err != nil {
			return set, err
		}
	}
	return set, nil
}

// Create sets the secret where none has the name.
func (s *secrets) Create(ctx context.Context, want *Secret) (*Secret, error) {
	c, err := s.Open()
	if err != nil {
		return nil, err
	}
	if err := s.vacant(ctx, c, want, want.Repositories); err != nil {
		return nil, err
	}
	set, err := s.put(ctx, c, want)
	if err == nil {
		return want, nil
	}
	if len(set) == 0 {
		return nil, err
	}
	return want.standing(set), err
}

// standing is the secret that was set in so many places and not finished.
func (s *Secret) standing(places []string) *Secret {
	got := *s
	got.Fingerprint = foreign
	if s.Visibility == "" {
		got.Repositories = places
	}
	return &got
}

// Update sets the secret anew, and removes it where it is not wanted any more.
func (s *secrets) Update(ctx context.Context, have, want *Secret) (*Secret, error) {
	c, err := s.Open()
	if err != nil {
		return nil, err
	}
	set, err := s.put(ctx, c, want)
	for _, repo := range have.Repositories {
		if err == nil && !slices.Contains(want.Repositories, repo) {
			err = s.remove(ctx, c, repo, want.Name)
		}
	}
	if err != nil {
		places := slices.Concat(have.Repositories, set)
		slices.Sort(places)
		return have.standing(slices.Compact(places)), err
	}
	return want, nil
}

func (s *secrets) remove(ctx context.Context, c *ghapi.Client, repo, name string) error {
	if err := c.DeleteSecret(ctx, repo, name); err != nil {
		return err
	}
	key := place(c.Org(), repo, name)
	_, err := s.note(func(n *notes) {
		delete(n.Updated, key)
		delete(n.Prints, key)
		if len(n.Updated) == 0 {
			s.last, n.Key = n.Key, "" // the last one
		}
	})
	return err
}

// Delete removes the secret everywhere.
func (s *secrets) Delete(ctx context.Context, have *Secret) error {
	c, err := s.Open()
	if err != nil {
		return err
	}
	places := have.Repositories
	if have.Visibility != "" {
		places = []string{""}
	}
	for _, repo := range places {
		if err := s.remove(ctx, c, repo, have.Name); err != nil {
			return err
		}
	}
	return nil
}
