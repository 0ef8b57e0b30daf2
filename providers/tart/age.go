package tart

import (
	"context"
	"fmt"

	"hostler/providers"
	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/runnerage"
)

// Configure is shown how GitHub is reached.
func (c *images) Configure(config providers.Lookup) { c.github.Configure(config) }

// warnOfAge tells how long GitHub still gives jobs to the runner in an image
// that stays as it is. A configuration without GitHub needs no runner, and a
// server that mirrors no releases has a rule of its own.
func (c *images) warnOfAge(ctx context.Context, r *providers.Resolve[Image]) {
	_, ok := r.Config.Get(ghaccess.Sole())
	st, err := c.shelf.Stand(r.Have.VM)
	if !ok || err != nil || st.Build == nil || st.Build.Runner == "" || r.Want.Content != r.Have.Content {
		return
	}
	runner := st.Build.Runner
	releases, err := c.github.RunnerReleases(ctx)
	if text := runnerage.Warning(runner, releases, c.now()); text != "" {
		r.Warn("", text+"; build the image with a newer one (RUNNER_VERSION)")
	}
	if err != nil && !ghapi.NotFound(err) {
		r.Warn("", fmt.Sprintf("how long GitHub gives jobs to runner %s in it is not known: %v", runner, err))
	}
}
