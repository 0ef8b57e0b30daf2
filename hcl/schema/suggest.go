package schema

import (
	"fmt"
	"slices"

	"github.com/agext/levenshtein"
)

// Nearest returns the candidate that someone who typed given most likely
// meant, or "".
func Nearest(given string, candidates []string) string {
	best, bestDistance := "", 4
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	for _, c := range sorted {
		d := levenshtein.Distance(given, c, nil)
		if d < bestDistance && d < max(len(given), len(c))*2/3 {
			best, bestDistance = c, d
		}
	}
	return best
}

// Suggest is `; did you mean "x"?` for the end of a message, or "" when
// nothing is near.
func Suggest(given string, candidates []string) string {
	if near := Nearest(given, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
