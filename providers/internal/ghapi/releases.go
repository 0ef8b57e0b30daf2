package ghapi

import (
	"context"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"
)

// Release is one of GitHub's runner program.
type Release struct {
	Version   string // such as 2.336.0
	Published time.Time
}

// RunnerReleases lists the last hundred releases of the runner program, newest
// first. A GitHub Enterprise Server that mirrors none answers NotFound.
func (c *Client) RunnerReleases(ctx context.Context) ([]Release, error) {
	list, _, err := c.gh.Repositories.ListReleases(ctx, "actions", "runner", &github.ListOptions{PerPage: 100})
	if err != nil {
		return nil, explain(err, "", "list the releases of the runner program")
	}
	var out []Release
	for _, r := range list {
		if !r.GetDraft() && !r.GetPrerelease() {
			out = append(out, Release{strings.TrimPrefix(r.GetTagName(), "v"), r.GetPublishedAt().Time})
		}
	}
	return out, nil
}
