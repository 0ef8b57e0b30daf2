package github

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/settings"
)

func accessBlock() *schema.Block {
	return &schema.Block{
		Type: "github", Unnamed: true,
		Doc: "How GitHub is reached, by hostler and by the service on the Mac. Without token and app it is env:GITHUB_TOKEN, or what `gh auth token` prints.",
		Attrs: []schema.Attr{
			{Name: "owner", Type: schema.String, Required: true, Check: checkOwner, Doc: "The organization or user, or OWNER/REPOSITORY for runners of that repository alone."},
			{Name: "api_url", Type: schema.String, Default: cty.StringVal(ghapi.DefaultURL), Check: checkURL, Doc: "The address of the API; of GitHub Enterprise Server it is https://HOST/api/v3/."},
			{Name: "token", Type: schema.Secret, Doc: "A personal access token."},
			{Name: "document", Type: schema.String, Computed: true, Doc: "\"ok\", or what is wrong with the document that the runtime reads; apply mends it."},
		},
		Blocks: []schema.Nested{{Mode: schema.Optional, Block: schema.Block{
			Type: "app", Doc: "A GitHub App that acts in a person's stead.",
			Attrs: []schema.Attr{
				{Name: "id", Type: schema.Int, Required: true, Check: schema.Between(1, 1<<53), Doc: "The App's number."},
				{Name: "installation_id", Type: schema.Int, Default: cty.NumberIntVal(0), Check: schema.Between(0, 1<<53), Doc: "The number of its installation; left out, or 0, the one at the owner."},
				{Name: "private_key", Type: schema.Secret, Required: true, Doc: "Its private key in PEM, as in file:~/.config/hostler/app.pem."},
			},
		}}},
		Check: func(v cty.Value) error {
			if !v.GetAttr("token").IsNull() && !v.GetAttr("app").IsNull() {
				return schema.At(cty.GetAttrPath("token"), "GitHub is reached with a token or with an app; write one of them")
			}
			return nil
		},
	}
}

func checkOwner(v cty.Value) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[A-Za-z0-9_.-]{1,100})?$`).MatchString(v.AsString()) {
		return fmt.Errorf("%q is no owner; write the name of an organization or user, or OWNER/REPOSITORY", v.AsString())
	}
	return nil
}

func checkURL(v cty.Value) error {
	u, err := url.Parse(v.AsString())
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
		return fmt.Errorf("%q is not the address of an API; write one such as https://HOST/api/v3/", v.AsString())
	}
	if !strings.HasSuffix(u.Path, "/") {
		return fmt.Errorf("%q must end in a slash", v.AsString())
	}
	return nil
}

// accesses is the CRUD of github: that of its document.
type accesses struct {
	settings.Documents[ghaccess.Access]
	s *ghaccess.Session
}

// Configure is shown the configuration for all types of the provider.
func (a *accesses) Configure(config providers.Lookup) { a.s.Configure(config) }

// Resolve wants the document's place to be free.
func (a *accesses) Resolve(_ context.Context, r *providers.Resolve[ghaccess.Access]) error {
	r.Want.Document = settings.Sound
	if r.Want.Token.IsLiteral() {
		r.Warn("token", "a token that stands in the files is everybody's who can read them; write env:NAME, file:PATH or keychain:SERVICE")
	}
	if r.Have == nil {
		return a.Vacant(r.Want)
	}
	return nil
}

// Import takes the Mac's document into state; id is the owner in it.
func (a *accesses) Import(ctx context.Context, id string) (*ghaccess.Access, error) {
	got, err := a.Read(ctx, &ghaccess.Access{})
	if err == nil && got != nil && got.Owner != id {
		return nil, fmt.Errorf("%s is for the owner %q, not %q; import it under that name", a.Path(ghaccess.File), got.Owner, id)
	}
	return got, err
}
