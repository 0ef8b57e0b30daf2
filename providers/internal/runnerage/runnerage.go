// Package runnerage owns GitHub's rule about old runner programs: 30 days after
// the release that follows its own, a runner gets no jobs any more.
package runnerage

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-version"

	"hostler/providers/internal/ghapi"
)

// Grace is how long GitHub gives jobs to a runner after the release that
// follows its own.
const Grace = 30 * 24 * time.Hour

// Age is how a runner's version stands by the rule. The newest is the zero Age.
type Age struct {
	Next ghapi.Release // the one that followed it
	End  time.Time     // no jobs from then on
}

// Of finds the release that followed a version. What is no version counts as
// the newest.
func Of(runner string, releases []ghapi.Release) (a Age) {
	have, err := version.NewVersion(runner)
	if err != nil {
		return a
	}
	for _, r := range releases {
		v, err := version.NewVersion(r.Version)
		if err == nil && v.GreaterThan(have) && (a.Next.Version == "" || r.Published.Before(a.Next.Published)) {
			a = Age{r, r.Published.Add(Grace)}
		}
	}
	return a
}

// Left is the time that is left; negative when it is over.
func (a Age) Left(now time.Time) time.Duration { return a.End.Sub(now) }

// Warning says what the rule means for a runner of the version; "" for the
// newest.
func Warning(runner string, releases []ghapi.Release, now time.Time) string {
	a := Of(runner, releases)
	if a.Next.Version == "" {
		return ""
	}
	days := "since " + a.End.Format(time.DateOnly) + " it gets none"
	if left := a.Left(now); left > 0 {
		switch n := int(left / (24 * time.Hour)); n {
		case 1:
			days = "1 day is left"
		default:
			days = fmt.Sprintf("%d days are left", n)
		}
	}
	return fmt.Sprintf("runner %s was followed by %s on %s, and GitHub gives a runner no jobs from 30 days after that on: %s",
		runner, a.Next.Version, a.Next.Published.Format(time.DateOnly), days)
}
