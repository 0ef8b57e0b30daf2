package ghapi

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-github/v62/github"
	"golang.org/x/crypto/nacl/box"

	"hostler/providers/secret"
)

// Secret is an Actions secret as GitHub shows it: without its value.
type Secret struct {
	Name       string
	Updated    time.Time
	Visibility string // of an organization's: all, private or selected
}

func secrets(list []*github.Secret) []Secret {
	out := make([]Secret, len(list))
	for i, s := range list {
		out[i] = Secret{Name: s.Name, Updated: s.UpdatedAt.Time, Visibility: s.Visibility}
	}
	return out
}

// Secrets lists the secrets of a repository of the owner, or with "" those of
// the organization.
func (c *Client) Secrets(ctx context.Context, repo string) ([]Secret, error) {
	if repo != "" {
		if err := checkName(repo); err != nil {
			return nil, err
		}
	}
	list, err := pages(func(opt github.ListOptions) ([]*github.Secret, *github.Response, error) {
		var got *github.Secrets
		var resp *github.Response
		var err error
		if repo != "" {
			got, resp, err = c.gh.Actions.ListRepoSecrets(ctx, c.Org(), repo, &opt)
		} else {
			got, resp, err = c.gh.Actions.ListOrgSecrets(ctx, c.Org(), &opt)
		}
		return part(got, resp, err, func(l *github.Secrets) []*github.Secret { return l.Secrets })
	})
	if err != nil {
		return nil, explain(err, needsSecrets, "list the secrets of %s", c.holder(repo))
	}
	return secrets(list), nil
}

func (c *Client) holder(repo string) string {
	if repo == "" {
		return c.Org()
	}
	return c.Org() + "/" + repo
}

// SetSecret seals a value for GitHub and hands it over, to a repository or with
// "" to the organization: visibility and ids say who sees it there.
func (c *Client) SetSecret(ctx context.Context, repo, name string, value secret.Value, visibility string, ids []int64) error {
	doing := fmt.Sprintf("set secret %s of %s", name, c.holder(repo))
	if err := checkNames(name, c.Org()); err != nil {
		return err
	}
	var key *github.PublicKey
	var err error
	if repo != "" {
		if err := checkName(repo); err != nil {
			return err
		}
		key, _, err = c.gh.Actions.GetRepoPublicKey(ctx, c.Org(), repo)
	} else {
		key, _, err = c.gh.Actions.GetOrgPublicKey(ctx, c.Org())
	}
	if err != nil {
		return explain(err, needsSecrets, "read the public key of %s", c.holder(repo))
	}
	sealed, err := seal(key.GetKey(), value)
	if err != nil {
		return &Error{Doing: doing, Err: err}
	}
	s := &github.EncryptedSecret{Name: name, KeyID: key.GetKeyID(), EncryptedValue: sealed}
	if repo != "" {
		_, err = c.gh.Actions.CreateOrUpdateRepoSecret(ctx, c.Org(), repo, s)
	} else {
		s.Visibility = visibility
		if visibility == "selected" {
			s.SelectedRepositoryIDs = append(github.SelectedRepoIDs{}, ids...)
		}
		_, err = c.gh.Actions.CreateOrUpdateOrgSecret(ctx, c.Org(), s)
	}
	return explain(err, needsSecrets, "%s", doing)
}

// seal encrypts for GitHub's public key, so that nobody else can read it.
func seal(key string, value secret.Value) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != 32 {
		return "", errors.New("GitHub's public key can't be read")
	}
	sealed, err := box.SealAnonymous(nil, []byte(value.Reveal()), (*[32]byte)(raw), rand.Reader)
	if err != nil {
		return "", errors.New("the value can't be sealed")
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// DeleteSecret removes a secret; one that is gone is success.
func (c *Client) DeleteSecret(ctx context.Context, repo, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	var err error
	if repo != "" {
		if err := checkName(repo); err != nil {
			return err
		}
		_, err = c.gh.Actions.DeleteRepoSecret(ctx, c.Org(), repo, name)
	} else {
		_, err = c.gh.Actions.DeleteOrgSecret(ctx, c.Org(), name)
	}
	if err = explain(err, needsSecrets, "delete secret %s of %s", name, c.holder(repo)); NotFound(err) {
		return nil
	}
	return err
}

// SecretRepositories lists what sees an organization's secret of selected
// visibility.
func (c *Client) SecretRepositories(ctx context.Context, name string) ([]Repository, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	list, err := pages(func(opt github.ListOptions) ([]*github.Repository, *github.Response, error) {
		got, resp, err := c.gh.Actions.ListSelectedReposForOrgSecret(ctx, c.Org(), name, &opt)
		return part(got, resp, err, func(l *github.SelectedReposList) []*github.Repository { return l.Repositories })
	})
	if err != nil {
		return nil, explain(err, needsSecrets, "list what sees secret %s of %s", name, c.Org())
	}
	return repositories(list), nil
}
