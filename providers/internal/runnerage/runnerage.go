// Package runnerage owns GitHub's rule about old runner programs: 30 days after
// the release that follows its own, a runner gets no jobs any more.
package runnerage

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-version"

	"hostler/providers/internal/ghapi"
)

// grace is how long GitHub gives jobs to a runner after the release that
// follows its own.
const grace = 30 * 24 * time.Hour

// Warning says what the rule means for a runner of the version; "" for the
// newest, and for what is no version.
func Warning(runner string, releases []ghapi.Release, now time.Time) string {
	next, ok := following(runner, releases)
	if !ok {
		return ""
	}
	end := next.Published.Add(grace)
	days := "since " + end.Format(time.DateOnly) + " it gets none"
	if left := end.Sub(now); left > 0 {
		switch n := int(left / (24 * time.Hour)); n {
		case 1:
			days = "1 day is left"
		default:
			days = fmt.Sprintf("%d days are left", n)
		}
	}
	return fmt.Sprintf("runner %s was followed by %s on %s, and GitHub gives a runner no jobs from 30 days after that on: %s",
		runner, next.Version, next.Published.Format(time.DateOnly), days)
}

// following is the first release after a version.
func following(runner string, releases []ghapi.Release) (next ghapi.Release, ok bool) {
	have, err := version.NewVersion(runner)
	if err != nil {
		return next, false
	}
	for _, r := range releases {
		v, err := version.NewVersion(r.Version)
		if err == nil && v.GreaterThan(have) && (!ok || r.Published.Before(next.Published)) {
			next, ok = r, true
		}
	}
	return next, ok
}
