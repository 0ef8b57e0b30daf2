package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the candidate that someone who typed given most likely
// meant, or "". Capitals do not count.
func Nearest(given string, candidates []string) string {
	best, bestDistance := "", 4
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	for _, c := range sorted {
		if n := len(given) - len(c); n >= bestDistance || -n >= bestDistance {
			continue // every letter more or less is a slip
		}
		d := distance(strings.ToLower(given), strings.ToLower(c))
		if d < bestDistance && 3*d <= 2*max(len(given), len(c)) {
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

// distance counts the slips between two words: a letter more, less or other,
// or two neighbours swapped, which is how fingers err most.
func distance(a, b string) int {
	previous, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			slip := 1
			if a[i] == b[j] {
				slip = 0
			}
			row[j+1] = min(last[j]+slip, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], previous[j-1]+1)
			}
		}
		previous, last, row = last, row, previous
	}
	return last[len(b)]
}
