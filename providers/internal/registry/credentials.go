package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"hostler/providers/secret"
)

const (
	variables  = "TART_REGISTRY_USERNAME and TART_REGISTRY_PASSWORD"
	dockerFile = "~/.docker/config.json"
)

// credentials are what a registry may see, and where they were looked for.
type credentials struct {
	user     string
	password secret.Value
	from     string   // "" when there are none
	missed   []string // the places without, each with the reason
}

func (c credentials) authenticator() authn.Authenticator {
	if c.from == "" {
		return authn.Anonymous
	}
	return authn.FromConfig(authn.AuthConfig{Username: c.user, Password: c.password.Reveal()})
}

// credentials looks where tart looks. That something is wrong there is no
// error: for a public image it does not matter.
func (c *Client) credentials(host string) credentials {
	var found credentials
	user, password, only := c.m.Getenv("TART_REGISTRY_USERNAME"), c.m.Getenv("TART_REGISTRY_PASSWORD"), c.m.Getenv("TART_REGISTRY_HOSTNAME")
	switch {
	case user == "" || password == "":
		found.miss(variables, "not set")
	case only != "" && only != host:
		found.miss(variables, "for another host, says TART_REGISTRY_HOSTNAME")
	default:
		found.user, found.password, found.from = user, secret.NewValue(password), variables
		return found
	}
	data, err := c.m.ReadFile(dockerFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.miss(dockerFile, "no such file")
		return found
	case err != nil:
		found.miss(dockerFile, "can't be read")
		return found
	}
	var docker dockerConfig
	if err := json.Unmarshal(data, &docker); err != nil {
		found.miss(dockerFile, "not valid JSON, or of another shape")
		return found
	}
	if user, password, ok := docker.plain(host); ok {
		found.user, found.password, found.from = user, secret.NewValue(password), dockerFile
	} else if helper := docker.helper(host); helper != "" {
		found.miss(dockerFile, fmt.Sprintf("leaves them to the program docker-credential-%s, which hostler does not run", helper))
	} else {
		found.miss(dockerFile, fmt.Sprintf("has none for %s that tart could use", host))
	}
	return found
}

func (c *credentials) miss(place, why string) {
	c.missed = append(c.missed, fmt.Sprintf("%s (%s)", place, why))
}

// dockerConfig is what counts of docker's config.json.
type dockerConfig struct {
	Auths map[string]struct {
		Auth string // base64 of user:password; tart wants no other colon in it
	}
	CredHelpers map[string]string // the program for a host or, with tart, for those a pattern fits
	CredsStore  string            // the program for hosts whose entry in Auths is empty; tart does not ask it
}

func (d dockerConfig) plain(host string) (user, password string, ok bool) {
	data, err := base64.StdEncoding.DecodeString(d.Auths[host].Auth)
	if err != nil {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(data), ":")
	return user, password, ok && user != "" && password != "" && !strings.Contains(password, ":")
}

// helper is the program that knows the credentials, without its prefix.
func (d dockerConfig) helper(host string) string {
	if program := d.CredHelpers[host]; program != "" {
		return program
	}
	for _, pattern := range slices.Sorted(maps.Keys(d.CredHelpers)) {
		if re, err := regexp.Compile("^(?:" + pattern + ")$"); err == nil && re.MatchString(host) {
			return d.CredHelpers[pattern]
		}
	}
	if _, known := d.Auths[host]; known {
		return d.CredsStore
	}
	return ""
}
