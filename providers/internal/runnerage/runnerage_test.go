package runnerage

import (
	"testing"
	"time"

	"hostler/providers/internal/ghapi"
)

func TestWarning(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }
	releases := []ghapi.Release{{Version: "2.340.0", Published: day(20)}, {Version: "2.339.1", Published: day(10)}, {Version: "2.339.0", Published: day(1)}, {Version: "2.338.0", Published: day(0)}}
	const rule = ", and GitHub gives a runner no jobs from 30 days after that on: "
	for _, c := range []struct {
		version string
		now     time.Time
		want    string
	}{
		{"2.340.0", day(60), ""},
		{"2.341.0", day(60), ""},
		{"no version", day(60), ""},
		{"2.339.1", day(21), "runner 2.339.1 was followed by 2.340.0 on 2026-11-20" + rule + "29 days are left"},
		// The first that followed counts, not the latest.
		{"2.339.0", day(21), "runner 2.339.0 was followed by 2.339.1 on 2026-11-10" + rule + "19 days are left"},
		{"2.9.0", day(28), "runner 2.9.0 was followed by 2.338.0 on 2026-10-31" + rule + "2 days are left"},
		{"2.9.0", day(29), "runner 2.9.0 was followed by 2.338.0 on 2026-10-31" + rule + "1 day is left"},
		{"2.9.0", day(30), "runner 2.9.0 was followed by 2.338.0 on 2026-10-31" + rule + "since 2026-11-30 it gets none"},
	} {
		if got := Warning(c.version, releases, c.now); got != c.want {
			t.Errorf("%s at %s: %q; want %q", c.version, c.now, got, c.want)
		}
	}
}
